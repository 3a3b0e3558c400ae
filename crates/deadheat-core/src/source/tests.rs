//! Known answers: changes, and the functions that they touch.

use super::*;

fn changed(path: &str, base: Option<&str>, head: Option<&str>) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        base: base.map(|source| source.as_bytes().to_vec()),
        head: head.map(|source| source.as_bytes().to_vec()),
    }
}

fn compare(files: impl IntoIterator<Item = ChangedFile, IntoIter: Send>) -> Differences {
    super::compare(files, 2)
}

/// Returns `qualname change` for every target of one file whose two versions are given.
fn targets(base: &str, head: &str) -> Vec<String> {
    let differences = compare([changed("pkg/a.py", Some(base), Some(head))]);
    assert_eq!(differences.syntax_errors, []);
    describe(&differences)
}

fn describe(differences: &Differences) -> Vec<String> {
    differences
        .targets
        .iter()
        .map(|target| format!("{} {}", target.qualname, target.change.unwrap()))
        .collect()
}

#[test]
fn a_changed_body_is_a_modification_of_that_function_alone() {
    let base = "def f():\n    return 1\n\ndef g():\n    return 1\n";
    let head = "def f():\n    return 2\n\ndef g():\n    return 1\n";
    assert_eq!(targets(base, head), ["f modified"]);
}

#[test]
fn comments_docstrings_and_formatting_are_no_change() {
    let base = "'''Module.'''\ndef f(a, b):\n    \"\"\"One.\"\"\"\n    return a + b\nclass C:\n    'doc'\n    X = 'y'\n";
    let head = "# new\n\n\ndef f(\n    a,\n    b,\n):\n    '''Two.'''\n    # why\n    return (a\n        + b)\n\n\nclass C:\n    X = \"y\"\n";
    assert_eq!(targets(base, head), Vec::<String>::new());
}

#[test]
fn every_kind_of_function_counts() {
    let source = |n: u32| {
        format!(
            "class C:\n    def method(self):\n        return {n}\n    @property\n    def p(self):\n        return {n}\n    @p.setter\n    def p(self, value):\n        self._p = value\n    @classmethod\n    def k(cls):\n        return {n}\n    class D:\n        def inner(self):\n            return {n}\nasync def co():\n    return {n}\ndef gen():\n    yield {n}\ndef outer():\n    def nested():\n        return {n}\n    class L:\n        def m(self):\n            return {n}\n    return nested\n"
        )
    };
    assert_eq!(
        targets(&source(1), &source(2)),
        [
            "C.method modified",
            "C.p modified",
            "C.k modified",
            "C.D.inner modified",
            "co modified",
            "gen modified",
            "outer.<locals>.nested modified",
            "outer.<locals>.L.m modified",
        ]
    );
}

#[test]
fn decorators_signatures_and_defaults_are_the_functions_own() {
    assert_eq!(
        targets(
            "from functools import cache\ndef f(n):\n    return n\n",
            "from functools import cache\n@cache\ndef f(n):\n    return n\n"
        ),
        ["f modified"]
    );
    assert_eq!(
        targets("def f(n=1): return n", "def f(n=2): return n"),
        ["f modified"]
    );
    assert_eq!(
        targets("def f(*, n=1): return n", "def f(*, n=2): return n"),
        ["f modified"]
    );
    assert_eq!(
        targets("def f(): return 1", "async def f(): return 1"),
        ["f modified"]
    );
}

#[test]
fn lines_include_decorators_and_reach_to_the_last_line() {
    let base = "x = 1\n\ndef f():\n    pass\n";
    let head = "x = 1\n\n@d\n@e(\n    1)\ndef f():\n    return [\n        1,\n    ]\n\ny = 2\n";
    let differences = compare([changed("a.py", Some(base), Some(head))]);
    assert_eq!(differences.targets[0].lines, (3, 9));
}

#[test]
fn added_removed_and_moved() {
    assert_eq!(
        targets(
            "def f(): return 1\ndef old(): return 2\n",
            "def f(): return 1\ndef new(): return 3\n"
        ),
        ["new added", "old removed"]
    );
    assert_eq!(
        targets("def old(a): return a * 2\n", "def new(a): return a * 2\n"),
        ["new moved"]
    );
    // Another place in the same scope is not a change.
    assert_eq!(
        targets(
            "def f(): return 1\ndef g(): return 2\n",
            "def g(): return 2\ndef f(): return 1\n"
        ),
        Vec::<String>::new()
    );
    let differences = compare([
        changed("a.py", Some("def f(a):\n    return a * 7\n"), None),
        changed(
            "b.py",
            None,
            Some("class C:\n    def f(a):\n        return a * 7\n"),
        ),
    ]);
    assert_eq!(describe(&differences), ["C.f moved"]);
    assert_eq!(differences.targets[0].detail.as_deref(), Some("was a.py::f"));
}

#[test]
fn a_getter_and_a_setter_share_a_name_and_are_compared_each() {
    let source = |getter: u32, setter: u32| {
        format!(
            "class C:\n    @property\n    def p(self):\n        return {getter}\n    @p.setter\n    def p(self, v):\n        self.v = {setter}\n"
        )
    };
    let differences = compare([changed("a.py", Some(&source(1, 1)), Some(&source(1, 2)))]);
    assert_eq!(differences.targets.len(), 1);
    assert_eq!(differences.targets[0].lines, (5, 7));
}

#[test]
fn a_syntax_error_is_named_with_its_side_and_line() {
    let differences = compare([changed("a.py", Some("x = 1\n"), Some("x = 1\ny = 2\ndef f(:\n"))]);
    assert_eq!(differences.syntax_errors.len(), 1);
    assert_eq!(differences.syntax_errors[0].side, Side::Head);
    assert_eq!(differences.syntax_errors[0].error.line, 3);
    assert_eq!(differences.unattributed.len(), 1);
}

#[test]
fn other_encodings_and_line_endings_are_read() {
    let base = b"# -*- coding: latin-1 -*-\r\ndef f():\r\n    return '\xe9'\r\n".to_vec();
    let head = b"# -*- coding: latin-1 -*-\r\ndef f():\r\n    return '\xe8'\r\n".to_vec();
    let differences = compare([ChangedFile {
        path: "a.py".to_owned(),
        base: Some(base),
        head: Some(head),
    }]);
    assert_eq!(describe(&differences), ["f modified"]);
    assert_eq!(differences.targets[0].lines, (2, 3));
}

#[test]
fn benchmark_files_are_recognised_by_their_tests() {
    use super::super::parse::holds_benchmarks;
    assert!(holds_benchmarks(
        b"def test_a(benchmark):\n    benchmark(len, [])\n"
    ));
    assert!(holds_benchmarks(
        b"class TestA:\n    def test_a(self, benchmark): pass\n"
    ));
    assert!(holds_benchmarks(
        b"import pytest\npytestmark = pytest.mark.benchmark\ndef test_a(): pass\n"
    ));
    assert!(holds_benchmarks(b"@pytest.mark.benchmark\ndef test_a(): pass\n"));
    assert!(!holds_benchmarks(b"def run(benchmark): pass\nrun(1)\n"));
    assert!(!holds_benchmarks(b"def test_a(): pass\n"));
}

/// Returns the qualified names of all functions of a source.
fn qualnames(source: &str) -> Vec<String> {
    let functions = functions_with_lines(source.as_bytes()).unwrap();
    functions.into_iter().map(|(_, qualname)| qualname).collect()
}

fn refused_line(source: &str) -> u32 {
    functions_with_lines(source.as_bytes()).unwrap_err().line
}

#[test]
fn what_is_declared_global_has_no_path() {
    assert_eq!(
        qualnames(
            "def f():\n    global g, C\n    def g():\n        def h(): pass\n    class C:\n        def m(self): pass\n"
        ),
        ["g.<locals>.h", "g", "C.m", "f"]
    );
    assert_eq!(
        qualnames("class A:\n    global f\n    if 1:\n        def f(): pass\n    def g(): pass\n"),
        ["f", "A.g"]
    );
    // Another scope's declaration does not matter.
    assert_eq!(
        qualnames("def f():\n    def g(): global h\n    def h(): pass\n"),
        ["f.<locals>.g", "f.<locals>.h", "f"]
    );
}

#[test]
fn other_words_for_the_same_code_are_no_change() {
    let body = |code: &str| format!("def f(a, b):\n{code}\n");
    for (one, other) in [
        (
            "    if a:\n        b\n    elif b:\n        a\n    else:\n        c",
            "    if a:\n        b\n    else:\n        if b:\n            a\n        else:\n            c",
        ),
        (
            "    return 0xFFFF_FFFF_FFFF_FFFF_FFFF",
            "    return 1208925819614629174706175",
        ),
        (
            "    return 0XABCDEFABCDEFABCDEF",
            "    return 0xabcdefabcdefabcdef",
        ),
        (
            "    return f'{a=}{b = !s}{a=:>3}'",
            "    return f'a={a!r}b = {b!s}a={a:>3}'",
        ),
        ("    return f'{a:>{b=}}'", "    return f'{a:>b={b!r}}'"),
        (
            "    return rb'\\ud800', r'\\ud800'",
            "    return b'\\\\ud800', '\\\\ud800'",
        ),
        ("    return '''x\ny'''", "    return '''x\r\ny'''"),
        ("    return '''x\ny'''", "    return 'x' '\\ny'"),
    ] {
        assert_eq!(targets(&body(one), &body(other)), Vec::<String>::new(), "{one}");
    }
    for (one, other) in [
        ("    return '\\ud800'", "    return '\\ud801'"),
        ("    return f'\\ud800{a}'", "    return f'\\ud801{a}'"),
        (
            "    return 18446744073709551616",
            "    return 18446744073709551617",
        ),
        ("    return 1", "    return 1.0"),
    ] {
        assert_eq!(targets(&body(one), &body(other)), ["f modified"], "{one}");
    }
}

#[test]
fn what_python_refuses_is_refused() {
    assert_eq!(refused_line("x = 1\ny = (\n((z) := 2))\n"), 3);
    assert_eq!(refused_line("if x:\n    y\n\tz\n"), 3);
    for target in [
        "(a).b",
        "((a)).b",
        "(a[0]).b",
        "(a().b).c",
        "((a).b).c",
        "(a).b().c",
        "(a)[0].c",
    ] {
        assert_eq!(
            refused_line(&format!("x = 1\n{target}: int = 1\n")),
            2,
            "{target}"
        );
    }
    for target in ["(a.b()).c", "((a).b)", "(a, b).c", "f((a)).b", "a[(b).c]"] {
        assert!(
            ModuleCode::parse(format!("{target}: int = 1\n").as_bytes()).is_ok(),
            "{target}"
        );
    }
    assert_eq!(refused_line(&format!("\nx = {}1\n", "f(".repeat(300))), 2);
    assert_eq!(functions_with_lines(b"x = 1\ny = '\xe9'\n").unwrap_err().line, 2);
}

#[test]
fn deep_sources_neither_overflow_the_stack_nor_fill_the_memory() {
    for unit in [
        "-",
        "not ",
        "1 + ",
        "a.",
        "lambda: ",
        "f(",
        "[",
        "f'{",
        "a if a else ",
        "yield ",
    ] {
        for times in [150, 9_000, 200_000] {
            let source = format!("def f():\n    return {}a\n", unit.repeat(times));
            let differences = compare([changed("a.py", Some("x = 1\n"), Some(&source))]);
            assert_eq!(
                differences.targets.len() + differences.syntax_errors.len(),
                1,
                "{unit}"
            );
        }
    }
    let chain = format!(
        "def f(a):\n    if a: pass\n{}",
        "    elif a: pass\n".repeat(5_000)
    );
    assert_eq!(qualnames(&chain), ["f"]);
}

#[test]
fn files_of_many_parts_are_compared() {
    let many = |line: fn(usize) -> String| -> String { (0..30_000).map(line).collect() };
    let chain = format!(
        "if a: pass\n{}def f(): return y7\n",
        many(|n| format!("elif x{n}: y{n} = 1\n"))
    );
    let same_name = many(|n| format!("def f(): return {n}, 1\n"));
    let same_code = many(|n| format!("def f{n}(): return 1\n"));
    assert_eq!(targets(&chain, &chain.replace("1\n", "2\n")), [""; 0]);
    let modified = targets(&same_name, &same_name.replace("1\n", "2\n"));
    assert_eq!(modified.len(), 30_000);
    assert!(modified.iter().all(|change| change == "f modified"));
    let moved = targets(&same_code, &same_code.replace("def f", "def g"));
    assert_eq!(moved.len(), 30_000);
    assert!(moved.iter().all(|change| change.ends_with(" moved")));
}

#[test]
fn definitions_that_trade_places_have_changed() {
    let fast = "    def f(): return 1\n";
    let slow = "    def f(): return 2\n";
    let source = |first: &str, second: &str| format!("if X:\n{first}else:\n{second}");
    assert_eq!(
        targets(&source(fast, slow), &source(slow, fast)),
        ["f modified", "f modified"]
    );
    // Removing one leaves the others in place.
    assert_eq!(targets("def f(): 1\ndef f(): 2\n", "def f(): 2\n"), ["f removed"]);
}

#[test]
fn a_function_that_moved_within_its_file_is_matched_there_first() {
    let code = |name: &str| format!("def {name}():\n    return 1 + 2\n");
    let differences = compare([
        changed("a.py", Some(&code("old")), Some("x = 1\n")),
        changed(
            "b.py",
            Some(&format!(
                "class K:\n    {}",
                code("old").replace("\n ", "\n     ")
            )),
            Some(&code("old")),
        ),
    ]);
    let moved: Vec<_> = differences
        .targets
        .iter()
        .filter_map(|target| target.detail.clone())
        .collect();
    assert_eq!(moved, ["was a.py::old"]);
}

#[test]
fn code_outside_functions_is_told_apart_from_theirs() {
    let differs = |base: Option<&str>, head: Option<&str>| {
        let differences = compare([changed("a.py", base, head)]);
        !differences.outside.is_empty()
    };
    let of = |base, head| differs(Some(base), Some(head));
    assert!(!of("def f(): return 1\n", "def f(a=2): return 2\n"));
    assert!(!of(
        "class C:\n    'doc'\n    def f(self): 1\n",
        "class C:\n    def f(self): 2\n"
    ));
    assert!(of("X = 1\n", "X = 2\n"));
    assert!(of("class C:\n    x = 1\n", "class C:\n    x = 2\n"));
    assert!(of("class C(A): x = 1\n", "class C(B): x = 1\n"));
    assert!(of("import a\n", "import b\n"));
    assert!(of("def f(): 1\ndef g(): 2\n", "def g(): 2\ndef f(): 1\n"));
    assert!(of("if a:\n    def f(): 1\n", "if b:\n    def f(): 1\n"));
    assert!(differs(None, Some("")));
    assert!(differs(Some("# only a comment\n"), None));
}

#[test]
fn functions_of_one_name_are_ambiguous_unless_decorators_tell_them_apart() {
    let ambiguous = |source: &str| {
        let differences = compare([changed("a.py", Some("X = 1\n"), Some(source))]);
        differences.ambiguous.into_values().flatten().collect::<Vec<_>>()
    };
    assert_eq!(ambiguous("if X:\n    def f(): 1\nelse:\n    def f(): 2\n"), ["f"]);
    let property = "class C:\n    @property\n    def p(self): 1\n    @p.setter\n    def p(self, value): 2\n";
    assert_eq!(ambiguous(property), [""; 0]);
}
