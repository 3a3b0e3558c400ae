//! Known answers: a change is written down, and the functions that it touches.

use super::*;

fn changed(path: &str, base: Option<&str>, head: Option<&str>) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        dotted_name: path.trim_end_matches(".py").replace('/', "."),
        base: base.map(|source| source.as_bytes().to_vec()),
        head: head.map(|source| source.as_bytes().to_vec()),
    }
}

/// `qualname change` of every target of one file whose two versions are given.
fn targets(base: &str, head: &str) -> Vec<String> {
    let mut changes = compare([changed("pkg/a.py", Some(base), Some(head))]);
    assert_eq!(changes.syntax_errors, []);
    changes.attribute([module("pkg/a.py", "pkg.a", head)]);
    describe(&changes)
}

fn module(path: &str, dotted_name: &str, source: &str) -> ModuleFile {
    ModuleFile {
        path: path.to_owned(),
        dotted_name: dotted_name.to_owned(),
        source: source.as_bytes().to_vec(),
    }
}

fn describe(changes: &Changes) -> Vec<String> {
    changes
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
    let changes = compare([changed("a.py", Some(base), Some(head))]);
    assert_eq!(changes.targets[0].lines, (3, 9));
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
    // Another place in the same scope is no change.
    assert_eq!(
        targets(
            "def f(): return 1\ndef g(): return 2\n",
            "def g(): return 2\ndef f(): return 1\n"
        ),
        Vec::<String>::new()
    );
    let changes = compare([
        changed("a.py", Some("def f(a):\n    return a * 7\n"), None),
        changed(
            "b.py",
            None,
            Some("class C:\n    def f(a):\n        return a * 7\n"),
        ),
    ]);
    assert_eq!(describe(&changes), ["C.f moved"]);
    assert_eq!(changes.targets[0].detail.as_deref(), Some("was a.py::f"));
}

#[test]
fn a_getter_and_a_setter_share_a_name_and_are_compared_each() {
    let source = |getter: u32, setter: u32| {
        format!(
            "class C:\n    @property\n    def p(self):\n        return {getter}\n    @p.setter\n    def p(self, v):\n        self.v = {setter}\n"
        )
    };
    let changes = compare([changed("a.py", Some(&source(1, 1)), Some(&source(1, 2)))]);
    assert_eq!(changes.targets.len(), 1);
    assert_eq!(changes.targets[0].lines, (5, 7));
}

#[test]
fn a_constant_touches_the_functions_that_name_it() {
    let base = "import re\nSIZE = 1\nDOUBLE = SIZE * 2\nOTHER = 3\ndef f(): return SIZE\ndef g(): return OTHER\ndef h(): return DOUBLE\ndef shadow(SIZE): return SIZE\n";
    let head = base.replace("SIZE = 1", "SIZE = 5");
    assert_eq!(targets(base, &head), ["f module level", "h module level"]);
}

#[test]
fn an_import_touches_only_those_who_name_the_name_that_changed() {
    let base = "from typing import List\nimport re\ndef f(): return re.compile('a')\ndef g(x: List): return len(x)\n";
    let head = base
        .replace("import List", "import List, Optional")
        .replace("import re", "import regex as re");
    assert_eq!(targets(base, &head), ["f module level"]);
}

#[test]
fn imports_for_type_checkers_touch_nobody() {
    let base = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\ndef f(): return a\n";
    assert_eq!(
        targets(base, &base.replace("import a", "import b as a")),
        Vec::<String>::new()
    );
}

#[test]
fn class_attributes_and_class_headers() {
    let base =
        "class C:\n    limit = 1\n    def uses(self): return self.limit\n    def other(self): return 2\n";
    assert_eq!(
        targets(base, &base.replace("limit = 1", "limit = 2")),
        ["C.uses module level"]
    );
    assert_eq!(
        targets(base, &base.replace("class C:", "class C(dict):")),
        ["C.uses module level", "C.other module level"]
    );
    assert_eq!(
        targets(
            base,
            &base.replace("limit = 1", "limit = 1\n    __slots__ = ('a',)")
        ),
        ["C.uses module level", "C.other module level"]
    );
}

#[test]
fn importers_of_a_changed_constant_are_touched_over_several_steps() {
    let head = "TABLE = {1: 3}\n";
    let mut changes = compare([changed("src/pkg/data.py", Some("TABLE = {1: 2}\n"), Some(head))]);
    assert!(changes.touches_names());
    changes.attribute([
        module("src/pkg/data.py", "pkg.data", head),
        module(
            "src/pkg/__init__.py",
            "pkg",
            "from .data import TABLE as T\nfrom . import data\n",
        ),
        module(
            "src/pkg/user.py",
            "pkg.user",
            "from pkg import T\ndef direct(): return T\ndef no(): return 1\n",
        ),
        module(
            "src/pkg/other.py",
            "pkg.other",
            "from . import data\ndef qualified(): return data.TABLE\n",
        ),
        module(
            "src/pkg/third.py",
            "pkg.third",
            "import pkg.data\ndef dotted(): return pkg.data.TABLE\n",
        ),
        module(
            "src/pkg/far.py",
            "pkg.far",
            "TABLE = 1\ndef unrelated(): return TABLE\n",
        ),
    ]);
    assert_eq!(
        describe(&changes),
        [
            "qualified module level",
            "dotted module level",
            "direct module level"
        ]
    );
}

#[test]
fn statements_with_effects_cannot_be_attributed() {
    let changes = compare([changed("a.py", Some("f()\n"), Some("f()\ng()\n"))]);
    assert_eq!(changes.unattributed.len(), 1);
    assert!(changes.unattributed[0].what.contains("line 2 of head"));
    let changes = compare([changed("a.py", Some("x = 1\n"), Some("x = 1\nx.y = 2\n"))]);
    assert_eq!(changes.unattributed.len(), 1);
    let script = "if __name__ == '__main__':\n    main()\n";
    let changes = compare([changed(
        "a.py",
        Some("x = 1\n"),
        Some(&format!("x = 1\n{script}")),
    )]);
    assert_eq!(changes.unattributed, []);
}

#[test]
fn a_syntax_error_is_named_with_its_side_and_line() {
    let changes = compare([changed("a.py", Some("x = 1\n"), Some("x = 1\ny = 2\ndef f(:\n"))]);
    assert_eq!(changes.syntax_errors.len(), 1);
    assert_eq!(changes.syntax_errors[0].side, Side::Head);
    assert_eq!(changes.syntax_errors[0].error.line, 3);
    assert_eq!(changes.unattributed.len(), 1);
}

#[test]
fn other_encodings_and_line_endings_are_read() {
    let base = b"# -*- coding: latin-1 -*-\r\ndef f():\r\n    return '\xe9'\r\n".to_vec();
    let head = b"# -*- coding: latin-1 -*-\r\ndef f():\r\n    return '\xe8'\r\n".to_vec();
    let changes = compare([ChangedFile {
        dotted_name: "a".to_owned(),
        path: "a.py".to_owned(),
        base: Some(base),
        head: Some(head),
    }]);
    assert_eq!(describe(&changes), ["f modified"]);
    assert_eq!(changes.targets[0].lines, (2, 3));
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

/// How many files have changes that could not be attributed, of one file whose two versions are given.
fn unattributed(base: &str, head: &str) -> usize {
    let mut changes = compare([changed("pkg/a.py", Some(base), Some(head))]);
    changes.attribute([module("pkg/a.py", "pkg.a", head)]);
    assert_eq!(describe(&changes), Vec::<String>::new());
    let paths: BTreeSet<&String> = changes.unattributed.iter().map(|change| &change.path).collect();
    paths.len()
}

#[test]
fn a_change_that_nobody_is_seen_to_use_is_never_nothing() {
    // Looked up while running, swapped, behind another exception, an annotation that makes a field.
    assert_eq!(unattributed("LIMIT = 1\n", "LIMIT = 2\n"), 1);
    assert_eq!(unattributed("A = 1\nA = 2\n", "A = 2\nA = 1\n"), 1);
    assert_eq!(
        unattributed(
            "try:\n    import x\nexcept ImportError:\n    pass\n",
            "try:\n    import x\nexcept Exception:\n    pass\n"
        ),
        1
    );
    assert_eq!(
        unattributed("class A:\n    x = 1\n", "class A[T]:\n    x = 1\n"),
        1
    );
    // Imports in another order, and parentheses, are none.
    assert_eq!(unattributed("import a\nimport b\n", "import b\nimport a\n"), 0);
    assert_eq!(unattributed("class A: x = 1\n", "class A(): x = 1\n"), 0);
}

#[test]
fn a_default_is_read_in_the_scope_around() {
    let base = "limit = 1\ndef f(limit=limit): return limit\ndef g(limit): return limit\n";
    assert_eq!(
        targets(base, &base.replace("limit = 1", "limit = 2")),
        ["f module level"]
    );
}

#[test]
fn a_condition_touches_what_stands_under_it() {
    let base = "FAST = True\nif FAST:\n    SIZE = 1\nelse:\n    SIZE = 2\ndef f(): return SIZE\n";
    assert_eq!(targets(base, &base.replace("True", "False")), ["f module level"]);
    let base =
        "FAST = True\nif FAST:\n    def f(): return 1\nelse:\n    def f(): return 2\ndef g(): return f()\n";
    assert_eq!(targets(base, &base.replace("True", "False")), ["g module level"]);
}

#[test]
fn a_field_more_makes_other_instances() {
    let base =
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef make(): return P(1)\n";
    assert_eq!(
        targets(base, &base.replace("x: int", "x: int\n    y: int = 0")),
        ["make module level"]
    );
}

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
    // Another scope's declaration is no matter.
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
            let changes = compare([changed("a.py", Some("x = 1\n"), Some(&source))]);
            assert_eq!(changes.targets.len() + changes.syntax_errors.len(), 1, "{unit}");
        }
    }
    let chain = format!(
        "def f(a):\n    if a: pass\n{}",
        "    elif a: pass\n".repeat(5_000)
    );
    assert_eq!(qualnames(&chain), ["f"]);
}

#[test]
fn an_inner_scope_hides_a_name_of_the_module_in_itself_alone() {
    let base = "
x = 1
def comprehension(): return [x for x in ()], x
def first_iterable(): return [x for x in x]
def lambda_(): return (lambda x: x), x
def default(): return lambda x=x: x
def hidden(): return [x for x in ()], (lambda x: x)
def walrus(): return [x := 1 for _ in ()], x
def generic[x](): return x
class C[x]:
    def method(self): return x
def own():
    x = 2
    def nested():
        global x
        return x
    return x
def increment():
    global x
    x += 1
def annotated():
    x: int
    return x
def not_bound():
    (x): int
    return x
";
    assert_eq!(
        targets(base, &base.replacen("x = 1", "x = 3", 1)),
        [
            "comprehension module level",
            "first_iterable module level",
            "lambda_ module level",
            "default module level",
            "own.<locals>.nested module level",
            "increment module level",
            "not_bound module level",
        ]
    );
}

#[test]
fn a_class_body_reads_its_own_names() {
    let base = "
class C:
    size = 1
    double = size * 2
    def f(self, n=size): return n
    def g(self): return self.double
    def h(self): return 1
";
    assert_eq!(
        targets(base, &base.replace("size = 1", "size = 5")),
        ["C.f module level", "C.g module level"]
    );
    // A nested class is an attribute.
    let base = "
class C:
    class D:
        x = 1
    def f(self): return self.D()
def D(): pass
def g(): return D()
";
    assert_eq!(
        targets(base, &base.replace("class D:", "class D(dict):")),
        ["C.f module level"]
    );
    // Both of two classes of one name are looked at.
    let base = "
if a:
    class C:
        x = 1
else:
    class C:
        x = 2
def f(): return C.x
";
    assert_eq!(targets(base, &base.replace("x = 1", "x = 3")), ["f module level"]);
}

#[test]
fn every_condition_before_a_branch_touches_it() {
    let base = "
A = 1
if A:
    x = 1
elif B:
    x = 2
else:
    y = 3
def f(): return y
";
    assert_eq!(targets(base, &base.replace("A = 1", "A = 2")), ["f module level"]);
    // A statement more under `else` is no other condition for those that were there.
    let base = "
if a:
    x = 1
else:
    if b:
        y = 1
def f(): return y
def g(): return z
";
    assert_eq!(
        targets(base, &base.replace("else:\n", "else:\n    z = 1\n")),
        ["g module level"]
    );
    // Nor does a block for type checkers count as `elif`.
    let base = "
if a:
    x = 1
elif TYPE_CHECKING:
    import y
def f(): return y
";
    assert_eq!(
        targets(base, &base.replace("import y", "import z as y")),
        Vec::<String>::new()
    );
}

#[test]
fn another_order_is_never_nothing() {
    let base = "A = 1\nA = 2\ndef f(): return 1\n";
    let head = "A = 2\nA = 1\ndef f(): return 2\n";
    let mut changes = compare([changed("a.py", Some(base), Some(head))]);
    changes.attribute([module("a.py", "a", head)]);
    assert_eq!(describe(&changes), ["f modified"]);
    assert_eq!(changes.unattributed.len(), 1);
    assert_eq!(
        unattributed(
            "class C:\n    a = 1\n    a = 2\n",
            "class C:\n    a = 2\n    a = 1\n"
        ),
        1
    );
}

#[test]
fn a_handler_that_does_nothing_is_never_nothing() {
    let source = |handler: &str| format!("try: import x\n{handler}\n");
    let base = source("except E: pass");
    for other in [
        "except* E: pass",
        "except E as e: pass",
        "except F: pass",
        "except E: pass\nelse: pass",
    ] {
        assert_eq!(unattributed(&base, &source(other)), 1, "{other}");
    }
}

#[test]
fn an_attribute_of_the_same_name_is_no_use_of_a_name() {
    let base = "size = 1\ndef f(self): return self.size\n";
    assert_eq!(unattributed(base, &base.replace("= 1", "= 2")), 1);
    // Who used what is gone has changed itself.
    let head = "def f(): return 1\n";
    let mut changes = compare([changed(
        "a.py",
        Some("from old import zip\ndef f(): return zip()\n"),
        Some(head),
    )]);
    changes.attribute([module("a.py", "a", head)]);
    assert_eq!(describe(&changes), ["f modified"]);
    assert_eq!(changes.unattributed, []);
}

#[test]
fn a_setter_is_touched_whose_getter_changed_too() {
    let base = "
LIMIT = 1
class C:
    @property
    def p(self): return 1
    @p.setter
    def p(self, v): self.v = LIMIT
";
    let head = base
        .replace("LIMIT = 1", "LIMIT = 2")
        .replace("return 1", "return 2");
    assert_eq!(targets(base, &head), ["C.p modified", "C.p module level"]);
}

#[test]
fn imports_of_packages_and_by_star() {
    let head = "_LIMIT = 2\n";
    let mut changes = compare([changed("pkg/__init__.py", Some("_LIMIT = 1\n"), Some(head))]);
    changes.attribute([
        module("pkg/__init__.py", "pkg", head),
        module("a.py", "a", "import pkg.data\ndef package(): return pkg._LIMIT\n"),
        module(
            "b.py",
            "b",
            "import pkg.data as d\ndef renamed(): return d._LIMIT\n",
        ),
        module("c.py", "c", "from pkg import *\ndef star(): return _LIMIT\n"),
    ]);
    assert_eq!(describe(&changes), ["package module level", "star module level"]);
}

#[test]
fn a_module_and_a_package_of_one_name_hide_nothing_of_each_other() {
    let base = "class C:\n    def m(self): pass\n";
    let head = "class C(dict):\n    def m(self): pass\n";
    let mut changes = compare([changed("a.py", Some(base), Some(head))]);
    changes.attribute([
        module("a.py", "a", head),
        module("a/__init__.py", "a", "from .b import C\n"),
        module("z.py", "z", "import a\ndef f(): return a.C\n"),
    ]);
    assert_eq!(describe(&changes), ["C.m module level", "f module level"]);
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
    assert_eq!(targets(&chain, &chain.replace("1\n", "2\n")), ["f module level"]);
    let modified = targets(&same_name, &same_name.replace("1\n", "2\n"));
    assert_eq!(modified.len(), 30_000);
    assert!(modified.iter().all(|change| change == "f modified"));
    let moved = targets(&same_code, &same_code.replace("def f", "def g"));
    assert_eq!(moved.len(), 30_000);
    assert!(moved.iter().all(|change| change.ends_with(" moved")));
}

/// The files whose changes cannot be attributed, when one file of a package changes and the others are as given.
fn told_of(
    path: &str,
    base: &str,
    head: Option<&str>,
    others: &[(&str, &str, &str)],
) -> (Vec<String>, Vec<String>) {
    let mut changes = compare([changed(path, Some(base), head)]);
    let own = head.map(|head| {
        module(
            path,
            path.trim_end_matches(".py").replace('/', ".").as_str(),
            head,
        )
    });
    let others = others
        .iter()
        .map(|(path, name, source)| module(path, name, source));
    changes.attribute(own.into_iter().chain(others).collect::<Vec<_>>());
    let unattributed = changes.unattributed.iter().map(|change| change.path.clone());
    (describe(&changes), unattributed.collect())
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
    // One that goes leaves the others where they are.
    assert_eq!(targets("def f(): 1\ndef f(): 2\n", "def f(): 2\n"), ["f removed"]);
    let class =
        |first: &str, second: &str| format!("class A:\n    {first}\nclass A:\n    {second}\ndef g(): A.x\n");
    assert_eq!(
        targets(&class("x = 1", "x = 2"), &class("x = 2", "x = 1")),
        ["g module level"]
    );
}

#[test]
fn of_several_that_bind_a_name_the_last_counts() {
    let base = "try:\n    from fast import f\nexcept ImportError:\n    pass\ndef f(): pass\ndef g(): f()\n";
    let head = "def f(): pass\ntry:\n    from fast import f\nexcept ImportError:\n    pass\ndef g(): f()\n";
    assert_eq!(targets(base, head), ["g module level"]);
    assert_eq!(
        targets(
            "from a import f\nfrom b import f\ndef g(): f()\n",
            "from b import f\nfrom a import f\ndef g(): f()\n"
        ),
        ["g module level"]
    );
    assert_eq!(
        targets(
            "import a\nimport b\ndef g(): a\n",
            "import b\nimport a\ndef g(): a\n"
        ),
        [""; 0]
    );
}

#[test]
fn an_order_that_others_may_feel_cannot_be_attributed() {
    let unattributed = |base: &str, head: &str| told_of("a.py", base, Some(head), &[]).1;
    assert_eq!(
        unattributed(
            "from a import *\nfrom b import *\n",
            "from b import *\nfrom a import *\n"
        ),
        ["a.py"]
    );
    assert_eq!(
        unattributed("from a import *\ndef f(): 1\n", "def f(): 1\nfrom a import *\n"),
        ["a.py"]
    );
    assert_eq!(
        unattributed(
            "@r\ndef f(): 1\n@r\ndef g(): 2\n",
            "@r\ndef g(): 2\n@r\ndef f(): 1\n"
        ),
        ["a.py"]
    );
    assert_eq!(
        unattributed("class A(B): x\nclass C(B): y\n", "class C(B): y\nclass A(B): x\n"),
        ["a.py"]
    );
    assert!(unattributed("def f(): 1\ndef g(): 2\n", "def g(): 2\ndef f(): 1\n").is_empty());
}

#[test]
fn imports_are_followed_wherever_they_stand() {
    let user = "\
def lazy():
    from a import S
    return S

def through_module():
    import a
    def inner():
        return a.S
    return inner

class K:
    from a import S
    def method(self): return self.S

def other(): return K
";
    let (targets, unattributed) = told_of(
        "a.py",
        "S = 1\ndef own(): return S\n",
        Some("S = 2\ndef own(): return S\n"),
        &[("b.py", "b", user)],
    );
    assert_eq!(
        targets,
        [
            "own module level",
            "lazy module level",
            "through_module.<locals>.inner module level",
            "K.method module level",
        ]
    );
    assert!(unattributed.is_empty());
}

#[test]
fn what_a_removed_module_had_is_missed_by_those_that_import_it() {
    let user = "try:\n    from a import S\nexcept ImportError:\n    S = 1\ndef f(): return S\n";
    let (targets, _) = told_of(
        "a.py",
        "S = 2\ndef own(): return S\n",
        None,
        &[("b.py", "b", user)],
    );
    assert_eq!(targets, ["own removed", "f module level"]);
}

#[test]
fn class_attributes_are_felt_wherever_an_object_gets() {
    let (targets, _) = told_of(
        "a.py",
        "class C:\n    size = 1\n",
        Some("class C:\n    size = 2\n"),
        &[("b.py", "b", "def f(c): return c.size\n")],
    );
    assert_eq!(targets, ["f module level"]);
}

#[test]
fn statements_that_do_something_with_what_changed_cannot_be_attributed() {
    let source = |limit: u32| format!("import r\nL = {limit}\ndef d(): return L\nr.T['x'] = L\n");
    let (targets, unattributed) = told_of("a.py", &source(1), Some(&source(2)), &[]);
    assert_eq!(
        (targets, unattributed),
        (vec!["d module level".to_owned()], vec!["a.py".to_owned()])
    );
}

#[test]
fn names_in_strings_count_where_names_are_looked_up() {
    let source =
        |value: u32| format!("S = {value}\ndef f(): return globals()['S']\ndef g(): return {{'S': 1}}\n");
    assert_eq!(
        told_of("a.py", &source(1), Some(&source(2)), &[]).0,
        ["f module level"]
    );
}

#[test]
fn annotations_count_where_something_may_read_them() {
    let source = |value: &str| {
        format!(
            "N = {value}\n@reads\ndef f(x: N): 1\ndef g(x: N): 1\nclass M(Model):\n    x: N\n    def m(self): 1\n"
        )
    };
    let (targets, _) = told_of("a.py", &source("int"), Some(&source("str")), &[]);
    assert_eq!(targets, ["f module level", "M.m module level"]);
    let reader = ("b.py", "b", "def h(o): return o.x\n");
    let (targets, _) = told_of("a.py", &source("int"), Some(&source("str")), &[reader]);
    assert_eq!(targets, ["f module level", "M.m module level", "h module level"]);
}

#[test]
fn what_a_condition_keeps_from_running_is_not_there() {
    let plain = "def f(): return 1\n";
    assert_eq!(
        targets(plain, "if TYPE_CHECKING:\n    def f(): return 1\n"),
        ["f removed"]
    );
    let given =
        |value: u32| format!("TYPE_CHECKING = True\nif TYPE_CHECKING:\n    S = {value}\ndef f(): return S\n");
    assert_eq!(targets(&given(1), &given(2)), ["f module level"]);
    let never = |value: u32| {
        format!("TYPE_CHECKING = False\nif TYPE_CHECKING:\n    S = {value}\ndef f(): return S\n")
    };
    assert_eq!(targets(&never(1), &never(2)), [""; 0]);
}

#[test]
fn a_module_that_cannot_be_read_may_use_what_changed() {
    let source = |value: u32| format!("S = {value}\ndef f(): return S\n");
    let with = |other: &str| told_of("a.py", &source(1), Some(&source(2)), &[("b.py", "b", other)]).1;
    assert_eq!(with("# coding: iso-2022-jp\nfrom a import S\n"), ["b.py"]);
    assert!(with("# coding: iso-2022-jp\nfrom a import T\n").is_empty());
}

#[test]
fn what_says_something_about_the_program_is_used_by_nobody() {
    let (targets, unattributed) = told_of("a.py", "__version__ = '1'\n", Some("__version__ = '2'\n"), &[]);
    assert!(targets.is_empty() && unattributed.is_empty());
    let (targets, unattributed) = told_of(
        "a.py",
        "x = 1\n",
        Some("from __future__ import annotations\nx = 1\n"),
        &[],
    );
    assert!(targets.is_empty() && unattributed.is_empty());
}

#[test]
fn a_function_that_moved_within_its_file_is_matched_there_first() {
    let code = |name: &str| format!("def {name}():\n    return 1 + 2\n");
    let changes = compare([
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
    let moved: Vec<_> = changes
        .targets
        .iter()
        .filter_map(|target| target.detail.clone())
        .collect();
    assert_eq!(moved, ["was a.py::old"]);
}

#[test]
fn what_decorators_make_of_a_function_is_touched_with_them() {
    let user = "def g(): return f()\n";
    let redecorated = targets(
        &format!("@a\ndef f(): 1\n{user}"),
        &format!("@b\ndef f(): 1\n{user}"),
    );
    assert_eq!(redecorated, ["f modified", "g module level"]);
    let source = |size: u32| format!("N = {size}\n@cache(N)\ndef f(): 1\n{user}");
    assert_eq!(
        targets(&source(1), &source(2)),
        ["f module level", "g module level"]
    );
}

#[test]
fn what_a_try_imports_decides_about_its_handlers() {
    let user = "try:\n    from a import S\n    HAS = True\nexcept Exception:\n    HAS = False\ndef f(): return HAS\n";
    let (targets, _) = told_of(
        "a.py",
        "S = 1\ndef own(): S\n",
        Some("S = 2\ndef own(): S\n"),
        &[("b.py", "b", user)],
    );
    assert_eq!(targets, ["own module level", "f module level"]);
}

#[test]
fn a_class_and_a_function_of_one_name_trade_places() {
    let (function, class) = ("def K(): 1\n", "class K: pass\n");
    let user = "def f(): return K()\n";
    let found = targets(
        &format!("{function}{class}{user}"),
        &format!("{class}{function}{user}"),
    );
    assert_eq!(found, ["f module level"]);
}

#[test]
fn patterns_name_the_attributes_that_they_look_at() {
    let (targets, _) = told_of(
        "a.py",
        "class C:\n    size = 1\n",
        Some("class C:\n    size = 2\n"),
        &[(
            "b.py",
            "b",
            "def f(o):\n    match o:\n        case object(size=1): return 1\n",
        )],
    );
    assert_eq!(targets, ["f module level"]);
}

#[test]
fn a_class_that_trades_places_differs_though_the_other_one_changed_too() {
    let source = |first: &str, second: &str| {
        format!(
            "if x:\n    class A:\n        {first}\nelse:\n    class A:\n        {second}\ndef f(): return A\n"
        )
    };
    let found = targets(&source("a = 1", "b = 2"), &source("b = 2", "a = 3"));
    assert_eq!(found, ["f module level"]);
}

#[test]
fn a_handler_stands_under_those_before_it() {
    let user = "from a import E\ntry:\n    pass\nexcept E:\n    A = 1\nexcept KeyError:\n    B = 2\nelse:\n    C = 3\ndef f(): return B\ndef g(): return C\n";
    let (targets, _) = told_of(
        "a.py",
        "E = KeyError\n",
        Some("E = ValueError\n"),
        &[("b.py", "b", user)],
    );
    assert_eq!(targets, ["f module level"]);
}

#[test]
fn annotations_in_the_try_of_a_class_may_raise() {
    let user = "from a import N\nclass C:\n    try:\n        a: N = 1\n    except Exception:\n        b = 2\ndef f(c): return c.b\n";
    let (targets, _) = told_of("a.py", "N = 1\n", Some("N = 2\n"), &[("b.py", "b", user)]);
    assert_eq!(targets, ["f module level"]);
}

#[test]
fn functions_of_a_removed_module_are_missed_by_those_that_import_it_whole() {
    let user = "try:\n    import a\nexcept ImportError:\n    a = None\ndef f(): return a and a.size()\n";
    let (targets, _) = told_of("a.py", "def size(): 1\n", None, &[("b.py", "b", user)]);
    assert_eq!(targets, ["size removed", "f module level"]);
}

#[test]
fn a_function_of_one_side_is_imported_by_star_as_well() {
    let user = "def size(): return 1\nfrom a import *\ndef f(): return size()\n";
    let (targets, _) = told_of(
        "a.py",
        "def size(): return 2\n",
        Some("def other(): return 3\n"),
        &[("b.py", "b", user)],
    );
    assert_eq!(targets, ["other added", "size removed", "f module level"]);
}

#[test]
fn what_a_module_below_an_imported_one_imports_is_reached() {
    let (targets, _) = told_of(
        "c.py",
        "X = 1\n",
        Some("X = 2\n"),
        &[
            ("a/__init__.py", "a", ""),
            ("a/b.py", "a.b", "import c\n"),
            ("d.py", "d", "import a.b\ndef f(): return a.b.c.X\n"),
        ],
    );
    assert_eq!(targets, ["f module level"]);
}

#[test]
fn texts_beside_each_other_are_one_text_whose_words_are_named() {
    let source = |n: u32| format!("XY = {n}\ndef f(o): return getattr(o, \"X\" f\"Y{{n}}\")\n");
    assert_eq!(targets(&source(1), &source(2)), ["f module level"]);
    let source = |n: u32| format!("X = {n}\ndef f(o): return getattr(o, \"X\" f\"Y{{n}}\")\n");
    assert_eq!(targets(&source(1), &source(2)), Vec::<String>::new());
}

#[test]
fn what_a_try_binds_tells_what_changed_in_it() {
    let source = |text: &str, handler: &str| {
        format!(
            "try:\n    n = int('{text}')\nexcept ValueError:\n    {handler}\ndef f(): return OTHER\ndef g(): return n\n"
        )
    };
    let found = targets(&source("1", "OTHER = 1"), &source("x", "OTHER = 1"));
    assert_eq!(found, ["f module level", "g module level"]);
    // It does nothing in either case.
    let (base, head) = (source("1", "pass"), source("x", "pass"));
    let (targets, unattributed) = told_of("a.py", &base, Some(&head), &[]);
    assert_eq!(
        (targets, unattributed),
        (vec!["g module level".to_owned()], Vec::new())
    );
}
