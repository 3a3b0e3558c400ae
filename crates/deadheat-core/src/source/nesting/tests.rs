//! Known answers: how deep a source is nested, and where it is refused.

use super::*;

fn line(text: &str) -> Option<u32> {
    outline(text).err().map(|error| error.line)
}

#[test]
fn what_python_nests_is_let_through() {
    let brackets = format!("x = {}{}\n", "(".repeat(200), ")".repeat(200));
    assert_eq!(line(&brackets), None);
    assert_eq!(line(&format!("x = 1{}\n", " + 1".repeat(9_990))), None);
    let many = format!("x = [{}]\n", "-1, ".repeat(50_000));
    assert!(outline(&many).unwrap().depth < 10);
    let many = format!("x = [{}]\n", "lambda a, b: a + b, ".repeat(50_000));
    assert!(outline(&many).unwrap().depth < 10);
    let many = "def f(a):\n    if a:\n        return -1\n".repeat(10_000);
    assert!(outline(&many).unwrap().depth < 10);
    let many = r#"x = f"{f"{a:{b}>{c!r}}" + '('}}}" f'\N{LEFT PARENTHESIS}{{' rf"\N{a}" ')'"#;
    assert!(outline(&format!("{many}\n").repeat(10_000)).unwrap().depth < 20);
    assert_eq!(line("x = f'''{\n  a  # }\n:\n}'''\n"), None);
    assert_eq!(line("x = f'{lambda_}' f'{a if (lambda x: 1) else 2:>3}'\n"), None);
}

#[test]
fn what_no_python_nests_is_refused_with_its_line() {
    assert_eq!(line(&format!("\nx = {}", "(".repeat(201))), Some(2));
    assert_eq!(line(&format!("\nx = {}", "f'{".repeat(201))), Some(2));
    for operator in [
        "-",
        "not ",
        "1 + ",
        "a.",
        "a()",
        "a[0]",
        "lambda: ",
        "lambda a, b: ",
        "a if a else ",
        "2 << ",
    ] {
        let source = format!("\n\nx = {}a", operator.repeat(10_001));
        assert_eq!(line(&source), Some(3), "{operator}");
    }
    let deep: String = (0..100)
        .map(|depth| format!("{}if a:\n", " ".repeat(depth)))
        .collect();
    assert_eq!(line(&deep), None);
    let deep: String = (0..102)
        .map(|depth| format!("{}if a:\n", " ".repeat(depth)))
        .collect();
    assert_eq!(line(&deep), Some(101));
}

#[test]
fn indentation_that_depends_on_the_width_of_a_tab_is_refused() {
    assert_eq!(line("if a:\n\tb\n        c\n"), Some(3));
    assert_eq!(line("if a:\n    b\n  c\n"), Some(3));
    assert_eq!(line("if a:\n\tif b:\n\t    c\n\td\n\x0cif e:\n\x0c    f\n"), None);
    assert_eq!(line("if a:\n    b\n\t# comment\n\n  \nc\n"), None);
}

#[test]
fn characters_are_numbered_in_text_only() {
    let places = |text: &str| outline(text).unwrap().numbered_characters;
    assert_eq!(places(r"'\u' '\uD800' u'\U0000D800'"), [1, 6, 16]);
    assert_eq!(places(r"f'\uD800{f'\U'}'"), [2, 11]);
    assert_eq!(places(r"r'\uD800' b'\uD800' rb'\u' rf'\u'"), Vec::<usize>::new());
    assert_eq!(places(r"# \u"), Vec::<usize>::new());
}

#[test]
fn broken_strings_and_brackets_are_refused() {
    assert_eq!(line("x = 1\ny = 'abc\n"), Some(2));
    assert_eq!(line("x = 1\ny = '''abc\n\n"), Some(2));
    assert_eq!(line("x = (\n1\n"), Some(1));
    assert_eq!(line("x = (\n1]\n"), Some(2));
    assert_eq!(line("x = f'{a:\n'"), Some(1));
    assert_eq!(line("x = f'{a:'\n"), Some(1));
    assert_eq!(line("x = f'{a'\n"), Some(1));
    assert_eq!(line("x = f'a"), Some(1));
    assert_eq!(line("\\"), None);
}
