//! Python source as far as deadheat reads it. Together with `literals`, the only module that uses the
//! parser's crates.
//!
//! A file is split into the *own code* of its functions and the rest. A function's own code is its decorators,
//! signature and body; a nested function leaves only its name behind, so that a change inside it is a change of that
//! function alone. Code is kept as a hash of the syntax tree, without comments, blank lines, formatting and docstrings.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use ruff_python_ast::comparable::ComparableStmt;
use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::transformer::{self, Transformer};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, Expr, InterpolatedStringElement, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::decode::{decode, without_surrogates};
use super::nesting;
use super::syntax_error::SyntaxError;

/// A hash of a syntax tree, wide enough that two different trees of a project do not share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Fingerprint(u64, u64);

pub(super) fn fingerprint(value: impl Hash) -> Fingerprint {
    // Trees are hashed in thousands of small pieces, which are joined to be hashed at once.
    let mut pieces = Pieces::default();
    value.hash(&mut pieces);
    let mut first = DefaultHasher::new();
    first.write(&pieces.0);
    let mut second = DefaultHasher::new();
    second.write_u64(0x5eed);
    second.write(&pieces.0);
    Fingerprint(first.finish(), second.finish())
}

#[derive(Default)]
struct Pieces(Vec<u8>);

impl Hasher for Pieces {
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the pieces are hashed by another")
    }
}

#[derive(Clone, Debug)]
pub(super) struct FunctionCode {
    pub qualname: String,
    /// First and last line, decorators included, from 1.
    pub lines: (u32, u32),
    /// The own code without the function's name, so that a renamed function is recognised.
    pub code: Fingerprint,
    pub is_decorated: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ModuleCode {
    pub functions: Vec<FunctionCode>,
    /// Everything that is not a function's own code.
    pub outside: Fingerprint,
}

/// First and last line of a function, decorators included, and its qualified name.
pub type NamedLines = ((u32, u32), String);

impl ModuleCode {
    pub(super) fn parse(source: &[u8]) -> Result<Self, SyntaxError> {
        let text = decode(source)?;
        let outline = nesting::outline(&text)?;
        let text = without_surrogates(text, &outline.numbered_characters);
        with_stack_for(outline.depth, || Self::of(&text)).unwrap_or_else(|| {
            Err(SyntaxError {
                line: 1,
                message: "there is not enough memory for code that is nested this deeply".to_owned(),
            })
        })
    }

    fn of(text: &str) -> Result<Self, SyntaxError> {
        let lines = LineIndex::new(text);
        let parsed = ruff_python_parser::parse_module(text).map_err(|error| SyntaxError {
            line: lines.line_of(error.location.start().to_usize()),
            message: error.error.to_string(),
        })?;
        let mut body = parsed.into_suite();
        drop_docstring(&mut body);
        let harvest = Harvest {
            lines: &lines,
            declared_global: RefCell::default(),
            refused: Cell::new(None),
            prefix: RefCell::new(String::new()),
            functions: RefCell::default(),
        };
        for statement in &mut body {
            harvest.visit_stmt(statement);
        }
        if let Some((place, message)) = harvest.refused.get() {
            return Err(SyntaxError {
                line: lines.line_of(place.to_usize()),
                message: message.to_owned(),
            });
        }
        let statements: Vec<ComparableStmt> = body.iter().map(Into::into).collect();
        Ok(ModuleCode {
            functions: harvest.functions.into_inner(),
            outside: fingerprint(statements),
        })
    }
}

/// Does work that traverses, compares and drops trees by recursion. For ordinary depths, the current stack is
/// enough; `None` if the system has no room for a larger one.
#[expect(
    clippy::disallowed_methods,
    reason = "the thread ends in here; only its stack matters"
)]
pub(super) fn with_stack_for<T: Send>(depth: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    const ORDINARY: usize = 100;
    const BYTES_PER_LEVEL: usize = 32 << 10;
    if depth <= ORDINARY {
        return Some(work());
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(depth * BYTES_PER_LEVEL)
            .spawn_scoped(scope, work)
            .ok()?;
        Some(
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
        )
    })
}

/// Whether a file that pytest does not collect by its name holds benchmarks: test functions that take the fixture or
/// carry the marker.
pub fn holds_benchmarks(source: &[u8]) -> bool {
    let contains = |part: &[u8]| source.windows(part.len()).any(|window| window == part);
    if !contains(b"benchmark") {
        return false;
    }
    // pytest reports the error.
    let if_broken = contains(b"def test");
    let Ok((text, depth)) = decode(source).and_then(|text| {
        let outline = nesting::outline(&text)?;
        Ok((text, outline.depth))
    }) else {
        return if_broken;
    };
    with_stack_for(depth, || {
        ruff_python_parser::parse_module(&text).map_or(if_broken, |parsed| {
            suite_holds_benchmarks(&parsed.into_suite(), &text)
        })
    })
    .unwrap_or(if_broken)
}

fn suite_holds_benchmarks(body: &[Stmt], text: &str) -> bool {
    let marked = body.iter().any(|statement| {
        matches!(statement, Stmt::Assign(assign) if assign.targets.iter().any(|target| matches!(target, Expr::Name(name) if name.id == "pytestmark")))
            && text[statement.range()].contains("benchmark")
    });
    any_benchmark(body, marked, text)
}

fn any_benchmark(body: &[Stmt], marked: bool, text: &str) -> bool {
    let mentions = |range: TextRange| text[range].contains("benchmark");
    body.iter().any(|statement| match statement {
        Stmt::FunctionDef(function) => {
            function.name.starts_with("test")
                && (marked
                    || function
                        .parameters
                        .iter()
                        .any(|parameter| parameter.name().contains("benchmark"))
                    || function
                        .decorator_list
                        .iter()
                        .any(|decorator| mentions(decorator.range())))
        }
        Stmt::ClassDef(class) => {
            let marked = marked
                || class
                    .decorator_list
                    .iter()
                    .any(|decorator| mentions(decorator.range()));
            any_benchmark(&class.body, marked, text)
        }
        _ => false,
    })
}

/// A map from byte offsets to line numbers.
struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|&(_, byte)| byte == b'\n');
        LineIndex {
            starts: std::iter::once(0)
                .chain(ends.map(|(index, _)| index + 1))
                .collect(),
        }
    }

    fn line_of(&self, offset: usize) -> u32 {
        self.starts.partition_point(|&start| start <= offset) as u32
    }
}

fn drop_docstring(body: &mut ast::Suite) {
    if let Some(Stmt::Expr(statement)) = body.first()
        && statement.value.is_string_literal_expr()
    {
        body.remove(0);
    }
}

/// Takes functions out of a tree, innermost first, and leaves their names.
struct Harvest<'a> {
    lines: &'a LineIndex,
    prefix: RefCell<String>,
    /// Names that are global in the innermost function or class: their definitions have no path.
    declared_global: RefCell<BTreeSet<String>>,
    /// The place of code that the parser accepts and Python does not.
    refused: Cell<Option<(TextSize, &'static str)>>,
    functions: RefCell<Vec<FunctionCode>>,
}

impl Harvest<'_> {
    fn qualname(&self, name: &str) -> String {
        if self.declared_global.borrow().contains(name) {
            return name.to_owned();
        }
        format!("{}{name}", self.prefix.borrow())
    }

    fn inside(&self, prefix: String, body: &mut ast::Suite) {
        let mut globals = GlobalVisitor::default();
        globals.visit_body(body);
        let outer_globals = self.declared_global.replace(globals.names);
        let outer_prefix = self.prefix.replace(prefix);
        for statement in body.iter_mut() {
            self.visit_stmt(statement);
        }
        self.declared_global.replace(outer_globals);
        self.prefix.replace(outer_prefix);
        drop_docstring(body);
    }

    fn take_function(&self, function: &mut ast::StmtFunctionDef) {
        let qualname = self.qualname(&function.name);
        self.inside(format!("{qualname}.<locals>."), &mut function.body);
        let start = function
            .decorator_list
            .iter()
            .map(|decorator| decorator.start())
            .fold(function.start(), |first, start| first.min(start));
        let lines = (
            self.lines.line_of(start.to_usize()),
            self.lines.line_of(function.end().to_usize().saturating_sub(1)),
        );
        // Only the definition of a function with this name is left behind in the scope around it.
        let mut whole = std::mem::replace(
            function,
            ast::StmtFunctionDef {
                node_index: Default::default(),
                range: function.range,
                is_async: false,
                decorator_list: Default::default(),
                name: function.name.clone(),
                type_params: None,
                parameters: Default::default(),
                returns: None,
                body: Default::default(),
            },
        );
        let is_decorated = !whole.decorator_list.is_empty();
        whole.name.id = Name::empty();
        self.functions.borrow_mut().push(FunctionCode {
            qualname,
            lines,
            code: fingerprint(ComparableStmt::from(&Stmt::FunctionDef(whole))),
            is_decorated,
        });
    }
}

impl Transformer for Harvest<'_> {
    fn visit_stmt(&self, statement: &mut Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.take_function(function),
            Stmt::ClassDef(class) => {
                let qualname = self.qualname(&class.name);
                let mut body = std::mem::take(&mut class.body);
                self.inside(format!("{qualname}."), &mut body);
                transformer::walk_stmt(self, statement);
                if let Stmt::ClassDef(class) = statement {
                    class.body = body;
                }
            }
            _ => transformer::walk_stmt(self, statement),
        }
        if let Stmt::If(branches) = statement {
            join_else_if(branches);
        }
        if let Stmt::AnnAssign(assignment) = statement
            && is_illegal_for_annotation(assignment)
        {
            let message = "illegal target for annotation";
            self.refused.set(Some((assignment.start(), message)));
        }
    }

    fn visit_expr(&self, expression: &mut Expr) {
        if let Expr::NumberLiteral(literal) = expression
            && let ast::Number::Int(value) = &mut literal.value
            && value.as_u64().is_none()
        {
            *value = canonical(value);
        }
        if let Expr::Named(named) = expression
            && named.target.start() != named.start()
        {
            let message = "cannot use assignment expressions with a name in parentheses";
            self.refused.set(Some((named.start(), message)));
        }
        transformer::walk_expr(self, expression);
    }

    fn visit_f_string(&self, f_string: &mut ast::FString) {
        transformer::walk_f_string(self, f_string);
        write_out_debug_texts(&mut f_string.elements);
    }
}

/// Whether an annotated target begins with parentheses around something that could be a target by itself, as in
/// `(a).b: int`, which Python refuses and the parser does not.
fn is_illegal_for_annotation(assignment: &ast::StmtAnnAssign) -> bool {
    let start = assignment.start();
    let mut part = &*assignment.target;
    if part.start() != start {
        // All of it is in parentheses.
        return false;
    }
    loop {
        let inner = match part {
            Expr::Attribute(attribute) => &attribute.value,
            Expr::Subscript(subscript) => &subscript.value,
            Expr::Call(call) => &call.func,
            _ => return false,
        };
        if inner.start() != start {
            return matches!(**inner, Expr::Name(_) | Expr::Attribute(_) | Expr::Subscript(_));
        }
        part = inner;
    }
}

/// Writes `f"{a=}"` as `f"a={a!r}"`, and joins adjacent texts.
fn write_out_debug_texts(elements: &mut ast::InterpolatedStringElements) {
    if elements.interpolations().next().is_none() {
        return;
    }
    let mut written: Vec<InterpolatedStringElement> = Vec::new();
    for element in elements.iter() {
        let mut element = element.clone();
        if let InterpolatedStringElement::Interpolation(field) = &mut element {
            if let Some(text) = field.debug_text.take() {
                push_text(&mut written, field.range, text.as_str());
                if field.conversion == ast::ConversionFlag::None && field.format_spec.is_none() {
                    field.conversion = ast::ConversionFlag::Repr;
                }
            }
            if let Some(format) = &mut field.format_spec {
                write_out_debug_texts(&mut format.elements);
            }
        }
        match element {
            InterpolatedStringElement::Literal(literal) => {
                push_text(&mut written, literal.range, &literal.value);
            }
            InterpolatedStringElement::Interpolation(_) => written.push(element),
        }
    }
    *elements = written.into();
}

fn push_text(elements: &mut Vec<InterpolatedStringElement>, range: TextRange, text: &str) {
    if let Some(InterpolatedStringElement::Literal(last)) = elements.last_mut() {
        last.value = format!("{}{text}", last.value).into();
        return;
    }
    elements.push(InterpolatedStringElement::Literal(
        ast::InterpolatedStringLiteralElement {
            range,
            node_index: Default::default(),
            value: text.into(),
        },
    ));
}

/// Makes an `if` alone under `else` an `elif`: the parser keeps them apart, but they are the same code.
fn join_else_if(branches: &mut ast::StmtIf) {
    if let Some(last) = branches.elif_else_clauses.last_mut()
        && last.test.is_none()
        && matches!(&*last.body, [Stmt::If(_)])
        && let Some(Stmt::If(inner)) = last.body.pop()
    {
        last.test = Some(*inner.test);
        last.body = inner.body;
        branches.elif_else_clauses.extend(inner.elif_else_clauses);
    }
}

/// Returns the canonical form of a large integer, which the parser keeps as written.
fn canonical(value: &ast::Int) -> ast::Int {
    let text = value.to_string().replace('_', "").to_ascii_lowercase();
    let (digits, base) = match text.get(..2) {
        Some("0x") => (&text[2..], 16),
        Some("0o") => (&text[2..], 8),
        Some("0b") => (&text[2..], 2),
        _ => (text.as_str(), 10),
    };
    // Python itself reads no more than 4,300 decimal digits.
    if digits.len() > 20_000 {
        return value.clone();
    }
    // The least significant word is the first.
    let mut words: Vec<u32> = Vec::new();
    for digit in digits.chars().filter_map(|digit| digit.to_digit(base)) {
        let mut carry = u64::from(digit);
        for word in &mut words {
            carry += u64::from(*word) * u64::from(base);
            *word = carry as u32;
            carry >>= 32;
        }
        if carry > 0 {
            words.push(carry as u32);
        }
    }
    let hexadecimal: String = words.iter().rev().map(|word| format!("{word:08x}")).collect();
    ast::Int::from_str_radix(&hexadecimal, 16, &format!("0x{hexadecimal}")).unwrap_or_else(|_| value.clone())
}

/// The names that the code of one scope declares global.
#[derive(Default)]
struct GlobalVisitor {
    names: BTreeSet<String>,
}

impl<'a> Visitor<'a> for GlobalVisitor {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::Global(global) => self.names.extend(global.names.iter().map(ToString::to_string)),
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, _expression: &'a Expr) {}
}
