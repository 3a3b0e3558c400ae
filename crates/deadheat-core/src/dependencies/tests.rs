//! Known answers.

use super::poetry::poetry_ranges;
use super::*;

fn changes(name: &str, base: &str, head: &str) -> Vec<String> {
    let declaration = Declaration::of_file(name).unwrap();
    let found = differences(declaration, PerSide::new(Some(base), Some(head))).unwrap();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn files_that_declare_dependencies_are_known_by_their_names() {
    for name in [
        "requirements-dev.txt",
        "test_requirements.txt",
        "requirements.in",
        "pylock.toml",
        "pylock.dev.toml",
    ] {
        assert!(Declaration::of_file(name).is_some(), "{name}");
    }
    for name in ["README.txt", "tox.ini", "requirements.md", "lock.toml"] {
        assert_eq!(Declaration::of_file(name), None, "{name}");
    }
}

#[test]
fn requirements_are_compared_by_name() {
    let base = "# all\nNumPy==1.26.4 \\\n    --hash=sha256:abc\nattrs>=20 ; python_version < '3.12'\n-r more.txt\nsix\n";
    let head = "numpy==2.0\nattrs>=20 ; python_version < '3.12'  # why\nrich[all]>=13\n-e .\n";
    assert_eq!(
        changes("requirements.txt", base, head),
        [
            "numpy ==1.26.4 → ==2.0",
            "rich none → [all]>=13",
            "six any → none"
        ]
    );
}

#[test]
fn a_pyproject_that_only_formats_itself_declares_the_same() {
    let base = "[project]\nname='a'\nversion='1'\ndependencies=['attrs>=1']\n[tool.poetry.dependencies]\npython='^3.9'\n";
    let head = "[project]\nversion='2'\nname = 'a'\ndependencies = [\n 'attrs>=1',\n]\n[tool.poetry.dependencies]\npython='^3.9'\n";
    assert_eq!(changes("pyproject.toml", base, head), Vec::<String>::new());
    let head = "[project]\ndependencies=['attrs>=2']\n[dependency-groups]\ntest=['pytest', {include-group='x'}]\n\
                [tool.poetry.group.dev.dependencies]\nmypy={version='^1', optional=true}\n";
    let found = changes("pyproject.toml", base, head);
    assert_eq!(found[0], "attrs >=1 → >=2");
    assert!(found[1].starts_with("mypy none → {"));
    assert_eq!(found[2..], ["pytest none → any", "python ^3.9 → none"]);
}

#[test]
fn a_requirement_that_is_only_reformatted_is_the_same() {
    for (base, head) in [
        ("attrs>=1", "attrs >= 1"),
        ("attrs>=1", "Attrs (>=1)"),
        ("attrs>=1,<2,!=1.5", "attrs != 1.5, <2 ,>=1,"),
        ("attrs[b,a-x]>=1", "attrs [A_x, b] >=1"),
        ("attrs[]", "attrs"),
        (
            "attrs ; python_version<\"3.12\"",
            "attrs;python_version  <  '3.12'",
        ),
        (
            "attrs>=1 ; (os_name=='nt' and extra in \"a b\") or python_version >= '3.9'",
            "attrs >=1; ( os_name == \"nt\" and extra in 'a b' )or python_version>=\"3.9\"",
        ),
        ("attrs @ https://host/a.zip", "attrs@https://host/a.zip"),
        (
            "attrs@https://host/a;b.zip ; os_name=='nt'",
            "attrs @  https://host/a;b.zip  ;os_name == \"nt\"",
        ),
        ("attrs===1.0-x", "attrs === 1.0-x"),
    ] {
        assert_eq!(changes("requirements.txt", base, head), Vec::<String>::new());
        let project = |text: &str| {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("[project]\ndependencies = [\"{text}\"]\n")
        };
        assert_eq!(
            changes("pyproject.toml", &project(base), &project(head)),
            Vec::<String>::new()
        );
    }
    let poetry = |said: &str| format!("[tool.poetry.dependencies]\na = {said}\n");
    for (base, head) in [
        ("'>=1,<2'", "'<2, >= 1'"),
        ("'^1 || ^2'", "'^2||^1'"),
        ("'^1'", "{version = '^1'}"),
        (
            "{version='>=1,<2', markers=\"os_name=='nt'\"}",
            "{markers='os_name == \"nt\"', version='<2,>=1'}",
        ),
    ] {
        assert_eq!(
            changes("pyproject.toml", &poetry(base), &poetry(head)),
            Vec::<String>::new()
        );
    }
}

#[test]
fn a_requirement_that_means_something_else_is_another_one() {
    for (base, head) in [
        ("attrs>=1", "attrs>1"),
        ("attrs>=1", "attrs>=1.1"),
        ("attrs>=1", "attrs"),
        ("attrs>=1", "attrs>=1,<2"),
        ("attrs==1.0", "attrs===1.0"),
        ("attrs~=1.4", "attrs~=1.4.0"),
        ("attrs[a]", "attrs[b]"),
        ("attrs[a]", "attrs"),
        ("attrs ; os_name == 'nt'", "attrs"),
        ("attrs ; os_name == 'nt'", "attrs ; os_name != 'nt'"),
        ("attrs ; os_name == 'a b'", "attrs ; os_name == 'ab'"),
        (
            "attrs ; (os_name == 'a' or os_name == 'b') and extra == 'c'",
            "attrs ; os_name == 'a' or (os_name == 'b' and extra == 'c')",
        ),
        (
            "attrs ; platform_version == 'not in'",
            "attrs ; platform_version not in ''",
        ),
        ("attrs @ https://host/a.zip", "attrs @ https://host/b.zip"),
        ("attrs @ https://host/a;x", "attrs @ https://host/a;y"),
    ] {
        assert_eq!(changes("requirements.txt", base, head).len(), 1, "{base} {head}");
    }
    let poetry = |said: &str| format!("[tool.poetry.dependencies]\na = {said}\n");
    for (base, head) in [
        ("'^1'", "'~1'"),
        ("'>=1,<2'", "'>=1 || <2'"),
        ("'^1 || ^2'", "'^1 || ^3'"),
        ("'^1'", "{version='^1', optional=true}"),
    ] {
        assert_eq!(
            changes("pyproject.toml", &poetry(base), &poetry(head)).len(),
            1,
            "{base} {head}"
        );
    }
}

#[test]
fn what_is_reformatted_can_still_be_installed() {
    let cfg = "[options]\ninstall_requires =\n    Attrs [ b,a ] ( <2, >= 1 ) ; python_version<\"3.12\"\n    six @ https://host/a;b\n";
    assert_eq!(
        declared_in_setup_cfg(cfg),
        [
            "attrs[a,b]>=1,<2 ; python_version < '3.12'",
            "six@ https://host/a;b"
        ]
    );
}

#[test]
fn poetrys_alternatives_are_no_single_range() {
    for (said, range) in [
        (">=1,<2 || >=3,<4", ""),
        ("^1 | ^2", ""),
        (">=1,<2", ">=1,<2"),
        ("^1.2, !=1.3.0", ">=1.2,<2,!=1.3.0"),
        ("*", ""),
    ] {
        assert_eq!(poetry_ranges(said), range, "{said}");
    }
}

#[test]
fn lock_files_are_compared_by_version() {
    let lock = |version: &str| {
        format!(
            "version = 1\n[[package]]\nname = 'me'\nsource = {{ editable = '.' }}\n[[package]]\nname = 'attrs'\nversion = '{version}'\n"
        )
    };
    assert_eq!(
        changes("uv.lock", &lock("23.1"), &lock("24.2")),
        ["attrs 23.1 → 24.2"]
    );
    let pipfile = |version: &str| format!("{{\"default\": {{\"attrs\": {{\"version\": \"=={version}\"}}}}}}");
    assert_eq!(
        changes("Pipfile.lock", &pipfile("23.1"), &pipfile("24.2")),
        ["attrs ==23.1 → ==24.2"]
    );
    assert_eq!(
        differences(Declaration::TomlLock, PerSide::new(Some("= broken"), Some(""))),
        None
    );
    assert_eq!(
        constraints(Declaration::TomlLock, &lock("23.1")).unwrap(),
        "attrs==23.1\n"
    );
    assert_eq!(
        constraints(Declaration::PipfileLock, &pipfile("23.1")).unwrap(),
        "attrs==23.1\n"
    );
}

#[test]
fn setup_files_are_read_where_they_are_written_out() {
    let cfg = |pin: &str| {
        format!(
            "[metadata]\nname = a==1\n[options]\ninstall_requires =\n    attrs{pin}\n    # six\n[options.extras_require]\ntest = pytest\n"
        )
    };
    assert_eq!(
        changes("setup.cfg", &cfg(">=1"), &cfg(">=2")),
        ["attrs >=1 → >=2"]
    );
    let py = |pin: &str| {
        format!(
            "from setuptools import setup\nextras_require = {{'test': [\"pytest\"]}}\nsetup(name='x==1', install_requires=['attrs{pin}', 'six'],\n    python_requires='>=3', version='{pin}')\n"
        )
    };
    assert_eq!(changes("setup.py", &py(">=1"), &py(">=2")), ["attrs >=1 → >=2"]);
    let commented = |pin: &str| {
        format!(
            "setup(\n    install_requires=[\n        # isn't it\n        'attrs{pin}',\n        \"six\",\n    ],\n)\n"
        )
    };
    assert_eq!(
        changes("setup.py", &commented(">=1"), &commented(">=2")),
        ["attrs >=1 → >=2"]
    );
}

#[test]
fn what_working_on_a_project_takes() {
    let table: Table = "[project]\ndependencies=['attrs']\n[project.optional-dependencies]\ntest=['pytest']\ndocs=['sphinx']\n\
        [dependency-groups]\nbench=['rich', {include-group='common'}]\ncommon=['six']\n"
        .parse()
        .unwrap();
    let found = declared(&table);
    assert_eq!(found.requirements, ["attrs", "pytest", "rich", "six"]);
    assert!(found.is_static);
    assert_eq!(
        (found.extras, found.groups),
        (vec!["test".to_owned()], vec!["bench".to_owned()])
    );
    let own: Table = "[project]\nname='Me.x'\n[project.optional-dependencies]\ndev=['me-x[test, fast]']\ntest=['pytest']\n\
        fast=['me_x[dev]', 'numpy']\n"
        .parse()
        .unwrap();
    assert_eq!(declared(&own).requirements, ["numpy", "pytest"]);
    assert_eq!(
        declared_in_pipfile("[packages]\nattrs='==23.1'\nsix='*'\n[requires]\npython_version='3'\n"),
        ["attrs==23.1", "six"]
    );
    assert_eq!(
        declared_in_setup_cfg("[options]\ninstall_requires =\n    attrs>=1\n"),
        ["attrs>=1"]
    );
    let dynamic: Table = "[project]\ndynamic=['dependencies']\n".parse().unwrap();
    assert!(!declared(&dynamic).is_static);
    assert!(!declared(&Table::new()).is_static);
}

#[test]
fn poetrys_own_dependencies_count_beside_the_standards_table() {
    let table: Table = "[project]\nname='a'\n[tool.poetry.dependencies]\npython='^3.9'\nbleak='>=3'\n"
        .parse()
        .unwrap();
    let found = declared(&table);
    assert_eq!(
        (found.requirements, found.is_static),
        (vec!["bleak>=3".to_owned()], true)
    );
}

#[test]
fn poetrys_ranges_become_those_of_pep_508() {
    let table: Table = "[tool.poetry.dependencies]\npython='^3.9'\na='^1.2.3'\nb='^0.2.3'\nc='~1.4'\nd='*'\ne='1.0'\n\
        f={version='>=2,<3', extras=['x'], markers=\"sys_platform == 'linux'\"}\ng={git='https://host/g', tag='v1'}\n\
        h={path='../h'}\ni={version='1', optional=true}\n[tool.poetry.group.test.dependencies]\npytest='^8'\n"
        .parse()
        .unwrap();
    assert_eq!(
        declared(&table).requirements,
        [
            "a>=1.2.3,<2",
            "b>=0.2.3,<0.3",
            "c>=1.4,<1.5",
            "d",
            "e==1.0",
            "f[x]>=2,<3 ; sys_platform == 'linux'",
            "g @ git+https://host/g@v1",
            "pytest>=8,<9"
        ]
    );
}
