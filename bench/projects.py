"""Tries public projects' own suites: `python bench/projects.py FOLDER [--sources FOLDER] [--only NAME]`.

Each project's suite is compared, as it is, at two commits of its history. `FOLDER/NAME.json` is its report; existing
reports are not made again. At the end the tables in `docs/compatibility.md` are written from the existing reports.
`--sources` names a folder with existing clones, `NAME` each; otherwise they come from GitHub.
"""

import argparse
import collections
import json
import os
import re
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PAGE = os.path.join(TOP, "docs", "compatibility.md")

# For each project: the part that is measured, what its suite needs besides pytest, and what is special about it.
PROJECTS = {
    "python-attrs/attrs": {
        "commits": "57f0d544..7369ad9f",
        "needs": ["pytest-codspeed", "hypothesis"],
        "trait": "markers only, no fixture",
    },
    "aio-libs/yarl": {
        "commits": "v1.17.1..v1.18.0",
        "root": "tests",
        "needs": ["pytest-codspeed", "idna", "multidict", "propcache", "hypothesis", "pytest-xdist", "pytest-cov"],
        "environment": {"YARL_NO_EXTENSIONS": "1"},
        "build": "true",
        "trait": "decorator form; xdist, coverage and doctests in `addopts`",
    },
    "jab/bidict": {
        "commits": "ca4a9bd..ddc2871",
        "root": "tests/microbenchmarks.py",
        "needs": ["pytest-benchmark", "pytest-xdist", "hypothesis", "sortedcollections", "typing-extensions"],
        "trait": "`pedantic` with a single call; `-p no:benchmark`",
    },
    "executablebooks/markdown-it-py": {
        "commits": "1a43fa3..c5161b5",
        "root": "benchmarking",
        "needs": ["mdurl", "typing-extensions", "attrs", "pytest-benchmark", "commonmark", "markdown", "mistune"],
        "trait": "files that pytest would not collect; 0.1 to 0.4 s a call",
    },
    "Kludex/python-multipart": {
        "commits": "09cb8c3..d1b5739",
        "root": "tests",
        "needs": ["pytest-codspeed", "pyyaml"],
        "budget": 60,
        "trait": "markers only; each call uses up the parser that its fixture makes",
    },
    "konradhalas/dacite": {
        "commits": "9bf8fea..21c17b4",
        "root": "tests/performance",
        "needs": ["pytest-benchmark"],
        "trait": "`--benchmark-autosave` in `addopts`",
    },
    "graphql-python/graphql-core": {
        "commits": "ec48bb42^..ec48bb42",
        "root": "tests/benchmarks",
        "needs": ["pytest-benchmark", "pytest-asyncio", "pytest-describe", "typing-extensions"],
        "budget": 240,
        "trait": "asyncio; `--benchmark-disable` in `addopts`; up to 1.3 s a call",
    },
    "python-attrs/cattrs": {
        "commits": "39e698f^..39e698f",
        "root": "bench",
        "needs": [
            "attrs",
            "exceptiongroup",
            "typing-extensions",
            "pytest-benchmark",
            "pytest-xdist",
            "hypothesis",
            "immutables",
            "msgspec",
            "orjson",
            "ujson",
            "pymongo",
            "pyyaml",
            "tomlkit",
            "cbor2",
            "msgpack",
        ],
        "trait": "`--benchmark-warmup=true` in `addopts`",
    },
    "slavfox/snecs": {
        "commits": "v1.1.0..v1.2.0",
        "root": "tests",
        "needs": ["pytest-benchmark", "esper<2", "typing-extensions"],
        # Its other benchmarks set up 2,000,000 things in each process.
        "keyword": "snecs and (create or lookups or delete_empty)",
        "budget": 120,
        "trait": "`pedantic` with a setup and 1,000 rounds",
    },
    "aio-libs/multidict": {
        "commits": "v6.4.4..v6.5.0",
        "root": "tests",
        "needs": ["pytest-codspeed", "pytest-xdist", "pytest-cov", "psleak", "objgraph"],
        "environment": {"MULTIDICT_NO_EXTENSIONS": "1"},
        "build": "true",
        "trait": "fixtures of the session; warnings are errors",
    },
    "python-zeroconf/python-zeroconf": {
        "commits": "628b136^..628b136",
        "root": "tests/benchmarks",
        "needs": ["ifaddr", "pytest-asyncio", "pytest-codspeed", "pytest-cov", "pytest-timeout"],
        "build": "true",
        "trait": "asyncio; autouse fixtures; a fixed port",
    },
    "scikit-hep/particle": {
        "commits": "494e2ee^..f1d9823",
        "root": "tests/particle/test_performance.py",
        "needs": ["pytest-benchmark", "attrs", "hepunits", "typing-extensions"],
        "is_built": ["."],
        "budget": 120,
        "trait": "`--benchmark-disable` in a list of `addopts`; a generated version file",
    },
    "meltano/sdk": {
        "commits": "15dbfc56^..15dbfc56",
        "needs": [
            "importlib-metadata",
            "pytest-codspeed",
            "pytest-benchmark",
            "pytest-snapshot",
            "pytest-xdist",
            "pytest-randomly",
            "pytest-timeout",
            "faker",
            "moto",
            "requests-mock",
            "time-machine",
            "msgspec",
            "pyarrow",
            "s3fs",
            "click<9",
            "fsspec",
            "inflection",
            "joblib",
            "jsonpath-ng",
            "jsonschema",
            "packaging",
            "python-backoff",
            "python-dotenv",
            "PyYAML",
            "referencing",
            "requests",
            "simpleeval==1.0.7",
            "simplejson",
            "sqlalchemy",
            "typing-extensions",
            "universal-pathlib",
            "urllib3",
            "backports-zstd",
            "dirty-equals",
            "fastjsonschema",
            "pytz",
            "requests-cache",
            "responses",
            "rfc3339-validator",
            "toolz",
            "xdoctest",
            "pygments",
        ],
        "trait": "a uv workspace; `[tool.pytest]` of pytest 9",
    },
    "fastapi/fastapi": {
        "commits": "87095aa58..7bcb78d10",
        "needs": [
            "pytest-codspeed",
            "pytest-timeout",
            "starlette",
            "pydantic",
            "typing-extensions",
            "annotated-doc",
            "typing-inspection",
            "httpx2",
            "anyio",
            "python-multipart",
            "PyJWT",
            "pyyaml",
            "dirty-equals",
            "flask",
            "sqlmodel",
            "inline-snapshot",
            "orjson",
            "email-validator",
            "strawberry-graphql",
        ],
        "trait": "gated by `--codspeed`; a test client in threads",
    },
    "langchain-ai/langsmith-sdk": {
        "commits": "16376c7f9^..312b3f489",
        "folder": "python",
        "root": "bench",
        "needs": [
            "pytest-benchmark",
            "pytest-codspeed",
            "pydantic<3",
            "requests",
            "orjson",
            "httpx",
            "requests-toolbelt",
            "zstandard",
            "packaging",
            "uuid-utils",
            "xxhash",
            "websockets",
            "anyio",
            "distro",
            "sniffio",
            "typing_extensions",
            "pytest-asyncio",
            "pytest-timeout",
            "pyperf",
            "dataclasses-json",
            "langchain-core",
            "vcrpy",
            "rich",
            "numpy",
        ],
        "trait": "a project in `python/`; threads in the background",
    },
    "aio-libs/aiohttp": {
        "commits": "51698fb1a^..51698fb1a",
        "root": "tests",
        "needs": [
            "pytest-codspeed",
            "multidict",
            "yarl",
            "frozenlist",
            "aiosignal",
            "attrs",
            "propcache",
            "brotli",
            "aiohappyeyeballs",
            "blockbuster",
            "pytest-cov",
            "pytest-mock",
            "pytest-xdist",
            "re-assert",
            "trustme",
            "proxy.py",
            "freezegun",
            "isal",
            "zlib-ng",
        ],
        "environment": {"AIOHTTP_NO_EXTENSIONS": "1"},
        "build": "true",
        # All of its 66 benchmarks take 13 minutes.
        "keyword": "client_request or cookiejar or web_response or http_writer or one_hundred_simple_get_requests_no",
        "trait": "blockbuster in every test; a submodule; xdist and coverage in `addopts`",
    },
    "open-telemetry/opentelemetry-python": {
        "commits": "d840c3b61^..d840c3b61",
        "folder": "opentelemetry-sdk",
        "needs": ["pytest-benchmark"],
        "is_built": [
            "opentelemetry-api",
            "opentelemetry-semantic-conventions",
            "opentelemetry-sdk",
            "tests/opentelemetry-test-utils",
        ],
        "trait": "a namespace package in several projects of one workspace",
    },
    "ormar-orm/ormar": {
        "commits": "bb7b3e97^..bb7b3e97",
        "root": "benchmarks",
        "needs": [
            "pytest<9",
            "pytest-codspeed",
            "pytest-asyncio>=1.1,<2",
            "pydantic<3",
            "SQLAlchemy[asyncio]<2.1",
            "aiosqlite<0.23",
            "nest-asyncio",
            "yappi",
            "orjson",
            "cryptography",
            "email-validator",
            "faker",
            "fastapi",
            "asgi-lifespan",
            "httpx",
            "pydantic-extra-types",
        ],
        "is_built": ["."],
        # All of its 84 benchmarks take 16 minutes.
        "keyword": "get_one or iterate or updating_models_in_bulk or exists or values_list",
        "trait": "an SQLite file by asynchronous fixtures; a fixture around `benchmark`",
    },
    "pylint-dev/pylint": {
        "commits": "dd073057e^..dd073057e",
        "root": "tests/benchmark",
        "needs": [
            "pytest-benchmark",
            "pytest-timeout",
            "gitpython",
            "requests",
            "typing-extensions",
            "pytest-cov",
            "pytest-xdist",
            "astroid>=4.2.0b3,<=4.3",
            "dill",
            "isort<9",
            "mccabe",
            "platformdirs",
            "tomlkit",
        ],
        "trait": "process pools; skips itself on one core",
    },
    "syrupy-project/syrupy": {
        "commits": "1940faa0^..1940faa0",
        "needs": ["pytest-benchmark", "pytest-xdist", "hypothesis", "attrs", "pydantic"],
        "is_built": ["."],
        "trait": "a plugin of pytest's; each call runs pytest, 2 s",
    },
    "strawberry-graphql/strawberry": {
        "commits": "a7bc43d5c^..a7bc43d5c",
        "root": "tests/benchmarks",
        "needs": [
            "pytest<9",
            "pytest-codspeed",
            "pytest-asyncio",
            "graphql-core<3.3",
            "python-dateutil",
            "packaging",
            "typing-extensions",
            "cross-web",
            "lia-web",
            "starlette",
            "pytest-xdist",
            "pytest-emoji",
            "pytest-snapshot",
            "inline-snapshot",
            "pytest-cov",
            "django",
            "pytest-django",
        ],
        "trait": "event loops of its own in each call; 0.1 to 6 s a call",
    },
}

# Projects that have to be built or installed for each side.
PREPARED = {
    "aio-libs/multidict": {
        "name": "multidict-built",
        "commits": "6097b6083^..6097b6083",
        "root": "tests/test_multidict_benchmarks.py",
        "needs": ["setuptools", "pytest-codspeed", "pytest-cov", "objgraph"],
        "keyword": "extend or update",
        "build": "python setup.py build_ext --inplace",
        "trait": "C, and other options for the compiler; half of the benchmarks are of pure Python",
    },
    "samuelcolvin/rtoml": {
        "name": "rtoml-built",
        "commits": "dbeda14fd^..dbeda14fd",
        "root": "tests/test_benchmarks.py",
        "needs": ["pytest-benchmark", "maturin>=1,<2", "dirty_equals"],
        "build": "maturin develop --release",
        "trait": "Rust",
    },
    "aio-libs/yarl": {
        "name": "yarl-built",
        "commits": "194ab7018^..194ab7018",
        "root": "tests/test_quoting_benchmarks.py",
        "needs": ["idna", "multidict", "propcache", "pytest-codspeed", "pytest-cov", "pytest-xdist", "hypothesis"],
        "build": "pip install --no-deps --upgrade --target . .",
        "trait": "Cython, by a build back end of its own",
    },
    "pydantic/pydantic": {
        "name": "pydantic-per-ref",
        "commits": "758052697^..758052697",
        "root": "tests/benchmarks",
        "needs": ["uv"],
        "keyword": "attribute_access or model_serialization",
        "env": "per-ref",
        "trait": "`uv.lock`: pydantic-core 2.41.4 → 2.41.5, which refuses to run with the other side's",
    },
    "Bluetooth-Devices/habluetooth": {
        "name": "habluetooth-per-ref",
        "commits": "d1db52ab8^..d1db52ab8",
        "root": "tests",
        "needs": [],
        "keyword": "benchmark_base_scanner and (simple or complex or raw)",
        "env": "per-ref",
        "build": "true",
        "trait": "`poetry.lock`, by pip: bluetooth-data-tools 1.29.18 → 1.29.21",
    },
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--sources")
    parser.add_argument("--only")
    arguments = parser.parse_args()
    os.makedirs(arguments.folder, exist_ok=True)
    for project, about in [*PROJECTS.items(), *PREPARED.items()]:
        report = report_of(arguments.folder, project, about)
        name = os.path.splitext(os.path.basename(report))[0]
        if arguments.only in (None, name) and not os.path.exists(report):
            try_out(project, about, os.path.abspath(arguments.folder), arguments.sources, report)
    write_table(arguments.folder, PROJECTS, "projects", ())
    write_table(arguments.folder, PREPARED, "prepared", ("prepared in, again in",))


def report_of(folder, project, about):
    return os.path.join(folder, f"{about.get('name', project.partition('/')[2])}.json")


def set_up(project, about, folder, sources):
    """Returns the project's clone and the Python of its environment; both are made once."""
    name = project.partition("/")[2]
    clone = os.path.join(folder, "clones", name)
    environment = os.path.join(folder, "environments", about.get("name", name))
    if not os.path.exists(clone):
        source = os.path.join(os.path.abspath(sources), name) if sources else f"https://github.com/{project}"
        subprocess.run(["git", "clone", "--quiet", source, clone], check=True)
    python = os.path.join(environment, "bin", "python")
    if not os.path.exists(python):
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "pytest", *about["needs"]], check=True)
        for part in about.get("is_built", ()):
            # Makes the files that the build writes; the measured code still comes from the commits.
            editable = os.path.join(clone, part)
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--editable", editable], check=True)
    return clone, python


def command_of(about, base, head, python):
    command = [sys.executable, "-m", "deadheat", "compare", base, head, "--python", python]
    command += ["--benchmarks-root", about["root"]] if "root" in about else []
    command += ["-k", about["keyword"]] if "keyword" in about else []
    command += ["--budget", str(about["budget"])] if "budget" in about else []
    command += ["--build", about["build"]] if "build" in about else []
    command += ["--env", about["env"]] if "env" in about else []
    return command


def try_out(project, about, folder, sources, report):
    clone, python = set_up(project, about, folder, sources)
    started_in = os.path.join(clone, about.get("folder", ""))
    command = command_of(about, *about["commits"].split(".."), python)
    print(" ".join(command), flush=True)
    took, variables = [], {**os.environ, **about.get("environment", {})}
    if "name" in about:
        # Times the environments and builds alone, in a cache that is empty at first.
        variables["XDG_CACHE_HOME"] = os.path.join(folder, "caches", about["name"])
        for _ in range(2):
            started = time.monotonic()
            subprocess.run(
                [*command, "--dry-run"], cwd=started_in, env=variables, check=False, stdout=subprocess.DEVNULL
            )
            took.append(time.monotonic() - started)
    subprocess.run([*command, "-o", os.path.abspath(report)], cwd=started_in, env=variables, check=False)
    with open(f"{os.path.splitext(report)[0]}.seconds", "w") as file:
        json.dump(took, file)


def write_table(folder, projects, section, more):
    begin, end = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    rows, judged, open_ones, dates, report = [], 0, 0, set(), None
    for project, about in projects.items():
        file = report_of(folder, project, about)
        if not os.path.exists(file):
            continue
        with open(file) as text:
            report = json.load(text)
        dates.add(time.strftime("%Y-%m-%d", time.gmtime(os.path.getmtime(file))))
        counts = report["summary"]["counts"]
        measured = len(report["comparisons"])
        judged += measured
        open_ones += counts["inconclusive"]
        base, head = (report["revisions"][side]["commit"][:9] for side in ("base", "head"))
        verdicts = [
            f"{counts[verdict]} {verdict}" for verdict in ("improved", "regressed", "unchanged", "inconclusive")
        ]
        chosen = f"; `-k '{about['keyword']}'`" if "keyword" in about else ""
        chosen += f"; `--budget {about['budget']}`" if "budget" in about else ""
        chosen += f"; `--env {about['env']}`" if "env" in about else ""
        chosen += f"; `--build '{about['build']}'`" if "build" in about else ""
        with open(f"{os.path.splitext(file)[0]}.seconds") as text:
            took = [f"{seconds:.0f} s" for seconds in json.load(text)]
        rows.append(
            [
                f"[{project}](https://github.com/{project})",
                about["trait"] + chosen,
                f"`{base}..{head}`",
                measured + len(report["missing"]),
                measured,
                counts["failed"],
                ", ".join(verdict for verdict in verdicts if not verdict.startswith("0 ")) or "-",
                why_missing(report),
                *([", ".join(took)] if more else []),
            ]
        )
    headings = [
        "project",
        "particular",
        "commits",
        "collected",
        "measured",
        "failed",
        "verdicts",
        "not measured because",
        *more,
    ]
    lines = [headings, ["---"] * len(headings), *rows]
    table = "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
    share = 100 * (judged - open_ones) / max(judged, 1)
    if report is None:
        return
    machine, version = report["machine"], report["python"]["head"]["version"]
    about = f"deadheat {report['tool_version']}, CPython {version}, {machine['processor']}, {machine['cores']} cores"
    table = f"{' to '.join(sorted(dates))}, {about} ({machine['system']}, a shared virtual machine):\n\n{table}"
    table += f"\n\n{share:.0f} % of the {judged} measured rows have a verdict other than inconclusive."
    with open(PAGE) as page:
        before, _, rest = page.read().partition(begin)
    _, _, after = rest.partition(end)
    with open(PAGE, "w") as page:
        page.write(f"{before}{begin}\n{table}\n{end}{after}")
    print(table)


def why_missing(report):
    """Returns the reasons with their counts, each with the first row's words if these are pytest's."""
    found = collections.defaultdict(list)
    for row in report["missing"]:
        found[row["reason"]].append(row)
    words = []
    for reason, rows in found.items():
        text = f"{len(rows)} {reason.replace('_', ' ')}"
        if reason not in ("not_reached", "only_base", "only_head"):
            lines = rows[0]["message"].strip().splitlines() or [""]
            marked = [line[1:].strip() for line in lines if line.startswith("E ")]
            text += f" ({re.sub(r'[|`]', ' ', (marked or lines)[0])[:100]})"
        words.append(text)
    return "; ".join(words) or "-"


if __name__ == "__main__":
    main()
