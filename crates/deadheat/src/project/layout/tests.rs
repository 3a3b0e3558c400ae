use std::path::PathBuf;

use super::*;
use crate::config::settings;

#[test]
fn code_of_a_workspace_is_imported_from_its_members_folder() {
    let folders = ["", "libs/core/src", "libs/core"].map(str::to_owned);
    let of = |path: &str| innermost(&folders, path).unwrap().as_str();
    assert_eq!(of("libs/core/src/core/work.py"), "libs/core/src");
    assert_eq!(of("app/main.py"), "");
}

fn lay_out(paths: &[&str], config: Config, benchmarks_root: Option<&str>) -> Result<ProjectLayout, Failure> {
    let files = FileSet::new(paths.iter().map(|path| (*path).to_owned()));
    let config = Config {
        folder: Path::new("/repo").join(&config.folder),
        ..config
    };
    let root = settings::benchmarks_root(benchmarks_root, &config, Path::new("/repo"))?;
    ProjectLayout::lay_out(&config, Path::new("/repo"), &files, root.as_deref())
}

#[test]
fn a_flat_project() {
    let project = lay_out(
        &[
            "dacite/__init__.py",
            "dacite/core.py",
            "helper.py",
            "setup.py",
            "docs/conf.py",
            "tests/__init__.py",
            "tests/performance/test_a.py",
            "scripts/run.sh",
        ],
        Config::default(),
        Some("tests/performance/"),
    )
    .unwrap();
    assert_eq!(project.module_roots, ["dacite", "helper.py"]);
    assert_eq!(project.import_folders, [""]);
    assert_eq!(project.code_names, ["dacite", "helper"]);
    assert_eq!(project.tests_root.as_deref(), Some("tests"));
    assert_eq!(project.benchmarks_root.as_deref(), Some("tests/performance"));
    assert_eq!(project.test_packages, ["tests"]);
    assert_eq!(
        project.dotted_name("dacite/core.py").as_deref(),
        Some("dacite.core")
    );
    assert_eq!(
        project.dotted_name("dacite/__init__.py").as_deref(),
        Some("dacite")
    );
    assert!(project.is_shared("tests/performance/test_a.py"));
    assert!(project.is_shared("tests/conftest.py"));
    assert!(project.is_shared("conftest.py"));
    assert!(!project.is_shared("tests/other/conftest.py"));
    assert!(!project.is_shared("tests/helpers.py"));
}

#[test]
fn a_project_under_src_with_loose_benchmarks() {
    let project = lay_out(
        &[
            "src/thing/__init__.py",
            "benchmarks/bench_a.py",
            "benchmarks/conftest.py",
        ],
        Config::default(),
        None,
    )
    .unwrap();
    assert_eq!(project.module_roots, ["src/thing"]);
    assert_eq!(project.import_folders, ["src"]);
    assert_eq!(project.benchmarks_root.as_deref(), Some("benchmarks"));
    assert_eq!(project.loose_names, ["bench_a"]);
}

#[test]
fn packages_need_no_mark_where_nothing_else_is_code() {
    for (paths, root, name) in [
        (["src/pkg/core.py", "tools/gen.py"], "src/pkg", "pkg.core"),
        (["pkg/core.py", "tests/test_a.py"], "pkg", "pkg.core"),
    ] {
        let project = lay_out(&paths, Config::default(), None).unwrap();
        assert_eq!(project.module_roots, [root]);
        assert_eq!(project.code_names, [name]);
    }
    let marked = ["pkg/__init__.py", "tools/gen.py"];
    assert_eq!(
        lay_out(&marked, Config::default(), None).unwrap().module_roots,
        ["pkg"]
    );
}

#[test]
fn a_configured_package_is_imported_from_the_folder_above_it() {
    for (root, roots) in [("src/thing", ["src/thing"]), ("src", ["src"])] {
        let config = Config {
            module_root: Some(root.to_owned()),
            ..Config::default()
        };
        let project = lay_out(&["src/thing/__init__.py", "other.py"], config, None).unwrap();
        assert_eq!(project.module_roots, roots);
        assert_eq!(project.import_folders, ["src"]);
        assert_eq!(project.code_names, ["thing"]);
    }
}

#[test]
fn a_project_in_a_folder_of_the_repository() {
    let config = Config {
        folder: PathBuf::from("python"),
        ..Config::default()
    };
    let project = lay_out(
        &["python/pkg/__init__.py", "python/bench/b.py", "top.py"],
        config,
        None,
    )
    .unwrap();
    assert_eq!(project.folder, "python");
    assert_eq!(project.module_roots, ["python/pkg"]);
    assert_eq!(project.benchmarks_root.as_deref(), Some("python/bench"));
    assert_eq!(project.dotted_name("python/pkg/a.py").as_deref(), Some("pkg.a"));
}

#[test]
fn a_namespace_is_shared_and_what_is_inside_is_owned() {
    let project = lay_out(
        &["jar/text/__init__.py", "jar/deep/x/__init__.py"],
        Config::default(),
        None,
    )
    .unwrap();
    assert_eq!(project.module_roots, ["jar"]);
    assert_eq!(project.code_names, ["jar.deep.x", "jar.text"]);
}

#[test]
fn roots_that_cannot_be_are_errors() {
    let config = |root: &str| Config {
        module_root: Some(root.to_owned()),
        ..Config::default()
    };
    assert!(lay_out(&["a/__init__.py"], config("b"), None).is_err());
    assert!(lay_out(&["a/__init__.py"], config("../b"), None).is_err());
    assert!(lay_out(&["a/__init__.py"], config("/etc"), None).is_err());
    let failure = lay_out(&["a/__init__.py", "a/bench/b.py"], Config::default(), Some(".")).unwrap_err();
    assert!(failure.message.contains("both sides would run the same code"));
}
