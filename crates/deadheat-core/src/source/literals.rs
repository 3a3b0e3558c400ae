//! The texts that a file writes out under certain names, without running it.

use ruff_python_ast::visitor::{Visitor, walk_expr, walk_stmt};
use ruff_python_ast::{Expr, PySourceType, Stmt};

use super::nesting;
use super::parse::with_stack_for;

/// Returns the string literals that are assigned, added or passed under a wanted name; `None` if the file
/// cannot be read at all. Of a file with syntax errors (of Python 2, say), the readable part counts.
pub(crate) fn literals_of(text: &str, is_wanted: impl Fn(&str) -> bool + Send) -> Option<Vec<String>> {
    let outline = nesting::outline(text).ok()?;
    with_stack_for(outline.depth, || {
        let parsed = ruff_python_parser::parse_unchecked_source(text, PySourceType::Python);
        let mut named = Named {
            is_wanted,
            literals: Literals::default(),
        };
        named.visit_body(parsed.suite());
        named.literals.0
    })
}

/// Finds values with a wanted name.
struct Named<F> {
    is_wanted: F,
    literals: Literals,
}

impl<F: Fn(&str) -> bool> Named<F> {
    fn is_wanted(&self, target: &Expr) -> bool {
        match target {
            Expr::Name(name) => (self.is_wanted)(&name.id),
            Expr::Attribute(attribute) => (self.is_wanted)(&attribute.attr),
            Expr::Subscript(item) => self.is_wanted(&item.value),
            _ => false,
        }
    }
}

impl<'a, F: Fn(&str) -> bool> Visitor<'a> for Named<F> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let (targets, value) = match statement {
            Stmt::Assign(assign) => (&assign.targets[..], Some(&assign.value)),
            Stmt::AnnAssign(assign) => (std::slice::from_ref(&*assign.target), assign.value.as_ref()),
            Stmt::AugAssign(assign) => (std::slice::from_ref(&*assign.target), Some(&assign.value)),
            _ => (&[][..], None),
        };
        if let Some(value) = value.filter(|_| targets.iter().any(|target| self.is_wanted(target))) {
            self.literals.visit_expr(value);
        }
        walk_stmt(self, statement);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => {
                for keyword in &call.arguments.keywords {
                    if keyword.arg.as_ref().is_some_and(|name| (self.is_wanted)(name)) {
                        self.literals.visit_expr(&keyword.value);
                    }
                }
                // `install_requires.append("…")`.
                if let Expr::Attribute(method) = &*call.func
                    && self.is_wanted(&method.value)
                {
                    self.literals.visit_arguments(&call.arguments);
                }
            }
            Expr::Dict(dict) => {
                for item in &dict.items {
                    if let Some(Expr::StringLiteral(key)) = &item.key
                        && (self.is_wanted)(key.value.to_str())
                    {
                        self.literals.visit_expr(&item.value);
                    }
                }
            }
            _ => {}
        }
        walk_expr(self, expression);
    }
}

/// Collects the string literals of an expression. Keys of dictionaries name groups of them.
#[derive(Default)]
struct Literals(Vec<String>);

impl<'a> Visitor<'a> for Literals {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::StringLiteral(literal) => self.0.push(literal.value.to_str().to_owned()),
            Expr::Dict(dict) => dict.items.iter().for_each(|item| self.visit_expr(&item.value)),
            Expr::Subscript(item) => self.visit_expr(&item.value),
            _ => walk_expr(self, expression),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        literals_of(text, |name| name == "wanted").unwrap()
    }

    #[test]
    fn texts_are_found_by_the_name_that_they_have() {
        assert_eq!(found("f(wanted=['a', 'b' 'c'], other=['x'])\n"), ["a", "bc"]);
        assert_eq!(
            found("wanted = ('a',) + ['b'] if x else {'k': ['c']}\n"),
            ["a", "b", "c"]
        );
        assert_eq!(found("wanted: list = ['a']\nwanted += ['b']\n"), ["a", "b"]);
        assert_eq!(found("if x:\n    wanted['k'] = ['a']\n"), ["a"]);
        assert_eq!(found("wanted.append('a')\nother.append('x')\n"), ["a"]);
        assert_eq!(found("f(**{'wanted': ['a'], 'other': ['x']})\n"), ["a"]);
    }

    #[test]
    fn only_code_counts() {
        // An apostrophe in a comment ends no text.
        assert_eq!(
            found("f(wanted=[\n    'a',  # that's why\n    # 'x',\n    \"b\",\n])\n\"wanted = ['x']\"\n"),
            ["a", "b"]
        );
    }

    #[test]
    fn a_file_of_python_2_is_read() {
        assert_eq!(found("print 'x'\nf(wanted=['a'])\n"), ["a"]);
    }

    #[test]
    fn deep_files_need_no_deep_stack() {
        let deep = format!("wanted = {}'a'{}\n", "[".repeat(5_000), "]".repeat(5_000));
        assert!(literals_of(&deep, |name| name == "wanted").is_none_or(|found| found == ["a"]));
    }
}
