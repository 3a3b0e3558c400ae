# The contributor's menu. `make demo` and `make test` set up what they need in this folder and nowhere else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := Cargo.toml Cargo.lock pyproject.toml README.md \
	$(shell find crates examples python -type f -not -name '*.pyc' -not -name '*.so')

.PHONY: demo test faults check audit pictures bench evidence evidence-page evidence-quick finder-proof clean

demo: $(VENV)/installed ## compare the two commits of the example project
	$(BIN)/deadheat demo

test: $(VENV)/installed $(VENV)/tools ## run all tests, on every supported Python that is found
	cargo test --workspace --quiet
	$(BIN)/python -m pytest --numprocesses=2

faults: $(VENV)/installed $(VENV)/tools ## the fault tests in their long version: 100 kills, 200 comparisons, 50,000 files
	DEADHEAT_FAULTS=long $(BIN)/python -m pytest tests/faults -p no:xdist

check: $(VENV)/tools ## formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- --deny warnings
	$(BIN)/ruff format --check python tests bench action
	$(BIN)/ruff check python tests bench action

audit: ## hold Cargo.lock against the RustSec advisories (cargo install cargo-audit); ADVISORIES=folder of a clone that is there
	cargo audit --deny warnings $(if $(ADVISORIES),--db $(ADVISORIES) --no-fetch --stale)

pictures: $(VENV)/installed $(VENV)/tools ## take the picture of the HTML report that the README shows, in Chromium
	DEADHEAT_PICTURES=docs $(BIN)/python -m pytest --numprocesses=0 tests/test_html.py -k picture

bench: $(VENV)/installed $(VENV)/tools ## what watching functions costs, on every supported Python that is found; how fast changes are found
	$(BIN)/python bench
	$(PYTHON) bench/finder/speed.py --record $(if $(HISTORIES),--histories $(HISTORIES))

evidence: $(VENV)/installed ## how often verdicts are wrong: records for about an hour, goes on where it stopped, writes docs/evidence.md
	$(BIN)/python bench/lab/record.py target/lab-bank
	$(BIN)/python bench/lab/peers.py target/lab-bank
	$(BIN)/python bench/lab/evidence.py target/lab-bank

evidence-page: $(VENV)/installed ## docs/evidence.md once more, of what was recorded: after `make finder-proof` or `make bench`
	$(BIN)/python bench/lab/evidence.py docs/evidence-bank.json.gz

evidence-quick: $(VENV)/installed ## the same with a tenth of the replicates, into target/
	$(BIN)/python bench/lab/record.py target/lab-bank-quick --quick
	$(BIN)/python bench/lab/peers.py target/lab-bank-quick --quick
	$(BIN)/python bench/lab/evidence.py target/lab-bank-quick --out target

finder-proof: ## hold the finder of changed functions against CPython: half an hour; HISTORIES=folder of clones, OWNER/NAME
	$(PYTHON) bench/finder --record $(if $(HISTORIES),--histories $(HISTORIES))

clean: ## remove what the other targets made
	rm -rf $(VENV) .venvs target

$(VENV)/installed: $(SOURCES) | $(BIN)/python
	@cargo --version >/dev/null 2>&1 || { echo "deadheat needs Rust: https://rustup.rs"; exit 1; }
	$(BIN)/python -m pip install --quiet .
	@touch $@

$(VENV)/tools: tests/requirements.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	@touch $@

# Some systems ship Python without the part of venv that brings pip; pip itself can stand in.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "deadheat needs Python 3.10 or later; choose one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV) || { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install --quiet pip; }
