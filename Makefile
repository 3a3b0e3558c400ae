# The contributor's menu. `make demo` and `make test` set up what they need in this folder and nowhere else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The tests have their own environment, with a build that takes seconds after a change.
DEVELOP := .venvs/develop
TESTING := $(DEVELOP)/bin/python
# Wheels are built by tools of exactly these versions; zig links against an old C library, and for other processors.
WHEELS := .venvs/wheels
WHEEL_TOOLS := maturin==1.16.0 ziglang==0.17.1
ifeq ($(shell uname),Darwin)
WHEEL_TARGETS := x86_64-apple-darwin aarch64-apple-darwin
else
WHEEL_TARGETS := $(foreach cpu,x86_64 aarch64,$(cpu)-unknown-linux-gnu $(cpu)-unknown-linux-musl)
endif
PARALLEL := $(TESTING) -m pytest --numprocesses=3 --dist=loadgroup
RUST := Cargo.toml Cargo.lock pyproject.toml $(shell find crates examples/demo skills -type f -not -name '*.snap*')
SOURCES := $(RUST) README.md $(shell find python -type f -not -name '*.pyc' -not -name '*.so')

.PHONY: demo develop test test-quick test-times test-long faults mutants check audit wheels example pictures bench evidence evidence-page evidence-quick finder-proof clean

demo: $(VENV)/installed ## compare the two commits of the example project
	$(BIN)/deadheat demo

develop: $(DEVELOP)/built ## build the program that the tests run: $(DEVELOP)/bin/deadheat; seconds after a change
	@echo "$(DEVELOP)/bin/deadheat is up to date"

test: $(DEVELOP)/built ## run the tests: six to nine minutes on two cores
	cargo test --workspace --quiet
	$(PARALLEL)

test-quick: $(DEVELOP)/built ## run the tests that take a minute together: all of Rust's, and some of the whole program
	cargo test --workspace --quiet
	$(PARALLEL) -m "quick and not real"

test-times: $(DEVELOP)/built ## run the tests, and list the slowest ones and the seconds by file
	$(PARALLEL) --durations=40

test-long: $(DEVELOP)/built faults ## run everything on every Python that is found, the long faults, the finder's proof, the mutants
	DEADHEAT_TESTS=long $(PARALLEL) --ignore=tests/faults
	$(PYTHON) bench/finder
	$(MAKE) mutants

faults: $(DEVELOP)/built ## run the fault tests in their long version: 100 kills, 200 comparisons, 50,000 files
	DEADHEAT_TESTS=long $(TESTING) -m pytest tests/faults -p no:xdist

mutants: ## change the deciding code in every way that cargo-mutants knows, and check that a test fails (cargo install cargo-mutants)
	cargo mutants --jobs 2

check: $(DEVELOP)/built ## formatting, lints, types, and the safety of the workflows
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings
	$(DEVELOP)/bin/ruff format --check python tests bench tools action
	$(DEVELOP)/bin/ruff check python tests bench tools action
	$(DEVELOP)/bin/mypy
	$(DEVELOP)/bin/mypy --python-version 3.15
	$(DEVELOP)/bin/stubtest deadheat._native
	$(DEVELOP)/bin/zizmor --offline --quiet .github action.yml action examples/github/bench.yml

.PHONY: docs
check: docs
docs: $(DEVELOP)/site ## build the documentation site in target/site, and check every link
	rm -rf target/docs target/site && mkdir -p target && cp -r docs target/docs
	rm target/docs/requirements.txt
	cp $(filter-out README.md,$(wildcard *.md)) target/docs
	sed -i.bak 's,](docs/,](,g; s,](\.\./\([A-Z]*\.md\),](\1,g' target/docs/*.md && rm target/docs/*.bak
	$(DEVELOP)/bin/zensical build --clean --strict

$(DEVELOP)/site: docs/requirements.txt | $(TESTING)
	$(TESTING) -m pip install --quiet -r docs/requirements.txt
	@touch $@

audit: ## hold Cargo.lock against the RustSec advisories (cargo install cargo-audit); ADVISORIES=folder of a clone that is there
	cargo audit --deny warnings $(if $(ADVISORIES),--db $(ADVISORIES) --no-fetch --stale)

wheels: $(WHEELS)/tools ## build the files that a release publishes from this platform, into target/wheels: wheels for each processor, and the sources
	rm -rf target/wheels
	rustup target add $(WHEEL_TARGETS)
	for target in $(WHEEL_TARGETS); do \
		case $$target in *-gnu) zig="--zig --compatibility manylinux2014";; *-musl) zig="--zig --compatibility musllinux_1_2";; esac; \
		PATH="$(abspath $(WHEELS))/bin:$$PATH" maturin build --release --locked --target $$target $$zig || exit 1; \
	done
	$(WHEELS)/bin/maturin sdist

example: $(VENV)/installed ## measure the report that the README shows again, and take its picture
	XDG_CACHE_HOME=$(abspath target/example) $(BIN)/deadheat demo -q -o json:target/example.json
	gzip --best --no-name --stdout target/example.json >docs/example.json.gz
	$(MAKE) pictures

pictures: $(DEVELOP)/built ## take the picture of the HTML report that the README shows, in Chromium
	DEADHEAT_PICTURES=1 $(TESTING) -m pytest --numprocesses=0 tests/test_readme.py

bench: $(VENV)/installed ## measure the cost of watching functions on every supported Python that is found, and the speed of finding changes
	$(BIN)/python bench
	$(PYTHON) bench/finder/speed.py --record $(if $(HISTORIES),--histories $(HISTORIES))

evidence: $(VENV)/installed ## measure how often verdicts are wrong: record for about an hour, continue where it stopped, write docs/evidence.md; CLONES=folder of clones, NAME
	$(BIN)/python bench/lab/neutral.py target/lab-bank
	$(BIN)/python bench/lab/record.py target/lab-bank
	$(BIN)/python bench/lab/layout.py target/lab-bank
	$(BIN)/python bench/lab/peers.py target/lab-bank
	$(BIN)/python bench/lab/statements.py target/lab-bank
	$(BIN)/python bench/lab/commits.py target/lab-bank $(if $(CLONES),--sources $(CLONES))
	$(BIN)/python bench/lab/evidence.py target/lab-bank

evidence-page: $(VENV)/installed ## write docs/evidence.md again from the records: after `make finder-proof` or `make bench`
	$(BIN)/python bench/lab/evidence.py docs/evidence-bank.json.gz

evidence-quick: $(VENV)/installed ## the same with a tenth of the replicates, into target/
	$(BIN)/python bench/lab/neutral.py target/lab-bank-quick --quick
	$(BIN)/python bench/lab/record.py target/lab-bank-quick --quick
	$(BIN)/python bench/lab/layout.py target/lab-bank-quick --quick
	$(BIN)/python bench/lab/peers.py target/lab-bank-quick --quick
	$(BIN)/python bench/lab/statements.py target/lab-bank-quick --quick
	$(BIN)/python bench/lab/commits.py target/lab-bank-quick --quick $(if $(CLONES),--sources $(CLONES))
	$(BIN)/python bench/lab/evidence.py target/lab-bank-quick --out target

finder-proof: $(VENV)/installed ## hold the finder of changed functions against CPython, and replay commits: half an hour; HISTORIES=folder of clones, OWNER/NAME; CLONES=the same, NAME
	$(PYTHON) bench/finder --record $(if $(HISTORIES),--histories $(HISTORIES))
	$(BIN)/python bench/finder/replay.py target/projects --record $(if $(CLONES),--sources $(CLONES))

clean: ## remove what the other targets made
	rm -rf $(VENV) .venvs target

$(VENV)/installed: $(SOURCES) | $(BIN)/python
	@cargo --version >/dev/null 2>&1 || { echo "deadheat needs Rust: https://rustup.rs"; exit 1; }
	$(BIN)/python -m pip install --quiet .
	@touch $@

# Not quiet: a first build takes minutes, and shows where it is.
$(DEVELOP)/built: $(RUST) $(DEVELOP)/tools
	@cargo --version >/dev/null 2>&1 || { echo "deadheat needs Rust: https://rustup.rs"; exit 1; }
	VIRTUAL_ENV=$(abspath $(DEVELOP)) $(DEVELOP)/bin/maturin develop
	@touch $@

$(DEVELOP)/tools: tests/requirements.txt | $(TESTING)
	$(TESTING) -m pip install --quiet -r tests/requirements.txt
	@touch $@

$(WHEELS)/tools: Makefile | $(WHEELS)/bin/python
	$(WHEELS)/bin/python -m pip install --quiet $(WHEEL_TOOLS)
	@touch $@

# Some systems ship Python without the part of venv that brings pip; pip itself can stand in.
$(BIN)/python $(TESTING) $(WHEELS)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "deadheat needs Python 3.10 or later; choose one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(@D)/.. || { $(PYTHON) -m venv --clear --without-pip $(@D)/.. && \
		$(PYTHON) -m pip --python $@ install --quiet pip; }
