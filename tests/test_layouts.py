"""Projects with another layout than one package next to one folder of benchmarks."""

import pytest

pytestmark = pytest.mark.counted

SLOW = """\
    def work(n=300):
        total = 0
        for i in range(n):
            total += i * i
        return total
    """
FAST = """\
    def work(n=300):
        return (n - 1) * n * (2 * n - 1) // 6
    """
BENCHMARK = """\
    from pkg.core import work


    def test_work(benchmark):
        benchmark(work)
    """


def becomes_faster(repository, code, files):
    """Makes two commits; in the second, the file `code` is fast."""
    package = code.rpartition("/")[0]
    repository.commit({f"{package}/__init__.py": "", code: SLOW, **files})
    repository.commit({code: FAST})


def test_scripts_under_a_usual_name_hide_no_benchmarks(repository, compare):
    files = {"bench/run.py": "print('a script')\n", "tests/benchmarks/test_b.py": BENCHMARK}
    becomes_faster(repository, "pkg/core.py", files)
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}
    assert outcome.report["settings"]["benchmarks_root"] == "tests/benchmarks"


@pytest.mark.parametrize("name", ["benchmark", "speed"])
def test_benchmarks_may_be_a_package_of_any_name(repository, compare, name):
    becomes_faster(repository, "pkg/core.py", {f"{name}/__init__.py": "", f"{name}/test_b.py": BENCHMARK})
    outcome = compare("HEAD^", "HEAD", "--benchmarks-root", name)
    assert outcome.clearly_faster() == {"test_work"}
    assert outcome.report["settings"]["module_roots"] == ["pkg"]


@pytest.mark.parametrize(
    ("folder", "configuration"),
    [
        ("python", None),
        ("pysrc", ""),
        ("rust/py", "[tool.maturin]\npython-source = 'rust/py'\n"),
        ("code", "[tool.setuptools.packages.find]\nwhere = ['code']\n"),
        ("server", "[tool.pytest.ini_options]\npythonpath = ['server', 'tests']\n"),
        ("serving", "[pytest]\npythonpath = serving\n"),
    ],
)
def test_packages_lie_where_the_project_says_or_in_a_usual_folder(repository, compare, folder, configuration):
    files = {"src/lib.rs": "// Rust\n", "tests/benchmarks/test_b.py": BENCHMARK}
    if configuration is not None:
        files["pytest.ini" if configuration.startswith("[pytest]") else "pyproject.toml"] = configuration
    becomes_faster(repository, f"{folder}/pkg/core.py", files)
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}
    assert outcome.targets() == {"work": "modified"}
    assert "project_not_imported" not in outcome.warnings()


def test_a_vendored_package_in_lib_is_not_the_code(repository, compare):
    becomes_faster(repository, "pkg/core.py", {"lib/other/__init__.py": "", "benchmarks/test_b.py": BENCHMARK})
    assert compare("HEAD^", "HEAD").clearly_faster() == {"test_work"}


def test_a_project_in_a_subfolder_needs_no_pyproject(repository, compare):
    files = {"python/benchmarks/test_b.py": BENCHMARK, "python/setup.cfg": "", "unrelated/__init__.py": ""}
    becomes_faster(repository, "python/pkg/core.py", files)
    folder = repository.folder / "python"
    for arguments in ([], ["--benchmarks-root", "benchmarks"]):
        outcome = compare("HEAD^", "HEAD", *arguments, folder=folder)
        assert outcome.clearly_faster() == {"test_work"}, outcome.err


@pytest.mark.parametrize(
    "configuration",
    [
        "[tool.uv.sources]\nmy-core = { path = '../core', editable = true }\n",
        "[tool.uv.sources]\nmy-core = { workspace = true }\n",
        "[tool.poetry.group.main.dependencies]\nmy-core = { path = '../core', develop = true }\n",
    ],
)
def test_a_change_in_a_sibling_of_the_workspace_is_seen(repository, compare, configuration):
    files = {
        "pyproject.toml": "[tool.uv.workspace]\nmembers = ['libs/*']\n",
        "libs/core/pyproject.toml": "[project]\nname = 'my_core'\nversion = '1'\n",
        "libs/app/pyproject.toml": f"[project]\nname = 'app'\nversion = '1'\n{configuration}",
        "libs/app/app/__init__.py": "from core.work import work\n",
        "libs/app/benchmarks/test_b.py": BENCHMARK.replace("pkg.core", "app"),
    }
    becomes_faster(repository, "libs/core/src/core/work.py", files)
    outcome = compare("HEAD^", "HEAD", folder=repository.folder / "libs" / "app")
    assert outcome.clearly_faster() == {"test_work"}, outcome.err
    assert [row["path"] for row in outcome.report["target_functions"]] == ["libs/core/src/core/work.py"]


@pytest.mark.parametrize("requirements", ["", "-e ./libs/core\n"])
def test_a_workspace_without_a_package_of_its_own_measures_its_members(repository, compare, requirements):
    files = {
        "pyproject.toml": "[project]\nname = 'all'\nversion = '1'\n[tool.uv]\npackage = false\n"
        "[tool.uv.sources]\nmy-core = { workspace = true }\n[tool.uv.workspace]\nmembers = ['libs/*']\n",
        "dev-requirements.txt": requirements,
        "libs/core/pyproject.toml": "[project]\nname = 'my_core'\nversion = '1'\n",
        "benchmarks/test_b.py": BENCHMARK.replace("pkg.core", "core.work"),
        "benchmarks/test_never.py": "def test_never(benchmark):\n    benchmark(len, [])\n",
    }
    becomes_faster(repository, "libs/core/src/core/work.py", files)
    outcome = compare("HEAD^", "HEAD")
    assert outcome.clearly_faster() == {"test_work"}, outcome.err
    assert outcome.missing() == {"test_never": ("not_reached", None)}


def test_benchmarks_may_lie_outside_the_projects_folder(repository, compare):
    files = {"app/pyproject.toml": "[project]\nname = 'app'\n", "perf/benchmarks/test_b.py": BENCHMARK}
    becomes_faster(repository, "app/pkg/core.py", files)
    arguments = ("HEAD^", "HEAD", "--benchmarks-root", "../perf/benchmarks")
    outcome = compare(*arguments, folder=repository.folder / "app")
    assert outcome.clearly_faster() == {"test_work"}, outcome.err


def test_code_that_the_interpreter_takes_from_the_repository_is_no_code_that_cannot_run(repository, compare):
    """However the code got onto the path: nothing in the project's files says how."""
    files = {
        "app/pyproject.toml": "[project]\nname = 'app'\nversion = '1'\ndependencies = ['util']\n",
        "app/app/__init__.py": "from util.work import work\n",
        "app/benchmarks/test_b.py": BENCHMARK.replace("pkg.core", "app"),
    }
    becomes_faster(repository, "util/src/util/work.py", files)
    environment = {"PYTHONPATH": str(repository.folder / "util" / "src")}
    outcome = compare("HEAD^", "HEAD", folder=repository.folder / "app", environment=environment)
    assert outcome.clearly_faster() == {"test_work"}, outcome.err
    assert "`util/src/util/work.py` is in a part of the repository" in outcome.report["selection"]["reason"]


def test_other_distributions_may_extend_a_package(repository, compare, tmp_path):
    extended = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"
    other = tmp_path / "site" / "ns"
    (other / "other").mkdir(parents=True)
    (other / "__init__.py").write_text(extended)
    (other / "other" / "__init__.py").write_text("VALUE = 1\n")
    files = {
        "ns/__init__.py": extended,
        "benchmarks/test_b.py": "    import ns.other\n" + BENCHMARK.replace("pkg.core", "ns.mine.core"),
    }
    becomes_faster(repository, "ns/mine/core.py", files)
    environment = {"PYTHONPATH": str(other.parent)}
    assert compare("HEAD^", "HEAD", environment=environment).clearly_faster() == {"test_work"}


@pytest.mark.parametrize("lacking", ["blob:none", "tree:0"])
def test_a_partial_clone_is_explained(repository, compare, deadheat_command, tmp_path, lacking):
    becomes_faster(repository, "pkg/core.py", {"benchmarks/test_b.py": BENCHMARK})
    repository.git("config", "uploadpack.allowFilter", "true")
    part = tmp_path / "part"
    repository.git("clone", "--quiet", f"--filter={lacking}", f"file://{repository.folder}", str(part))
    repository.folder.rename(tmp_path / "gone")
    outcome = deadheat_command("compare", "HEAD^", "HEAD", folder=part)
    assert outcome.code == 2
    assert "this is a partial clone" in outcome.err
    assert "git fetch --refetch --no-filter" in outcome.err
