//! Python source as far as deadheat looks into it. The only module that knows the parser's crates.
//!
//! A file is taken apart into the *own code* of its functions, its classes and its module-level statements. The
//! function's own code is its decorators, signature and body; a nested function leaves only its name behind, so that
//! a change inside it is a change of that function alone. Code is kept as a hash of the syntax tree: comments, blank
//! lines, formatting and docstrings are not in it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use ruff_python_ast::comparable::{
    ComparableDecorator, ComparableExpr, ComparableStmt, ComparableTypeParams,
};
use ruff_python_ast::name::Name;
use ruff_python_ast::visitor::transformer::{self, Transformer};
use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{self as ast, ExceptHandler, Expr, InterpolatedStringElement, Pattern, Stmt};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::decode::{decode, without_surrogates};
use super::nesting;

/// A hash of a syntax tree, wide enough that two different trees of a project do not share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Fingerprint(u64, u64);

pub(super) fn fingerprint(value: impl Hash) -> Fingerprint {
    // Trees are hashed in thousands of small pieces: put together, they are hashed at once.
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

/// What a piece of code refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// Names that it reads and does not bind itself.
    pub names: BTreeSet<Name>,
    /// Attributes that it reads, of whatever object; and what it may look up by a string.
    pub attributes: BTreeSet<Name>,
}

#[derive(Clone, Debug)]
pub(super) struct FunctionCode {
    pub qualname: String,
    /// First and last line, decorators included, from 1.
    pub lines: (u32, u32),
    /// The own code without the function's name, so that a renamed function is recognised.
    pub code: Fingerprint,
    pub mentions: Mentions,
    pub declared_global: BTreeSet<Name>,
    /// What it imports when it is called; or a function around it, if it names that.
    pub imports: Vec<ImportedName>,
    /// Of one outside functions.
    pub decorators: Option<Box<DecoratorCode>>,
}

/// What makes something else of a function.
#[derive(Clone, Debug)]
pub(super) struct DecoratorCode {
    pub code: Fingerprint,
    pub mentions: Mentions,
}

/// A statement of a module's or a class's body.
#[derive(Clone, Debug)]
pub(super) struct StatementCode {
    pub line: u32,
    pub code: Fingerprint,
    /// The names that it gives a value.
    pub binds: Vec<String>,
    pub mentions: Mentions,
    /// The innermost of its body's conditions that it stands under.
    pub condition: Option<usize>,
    /// It does something beside binding names, or binds names that cannot be told.
    pub has_effect: bool,
    pub is_import: bool,
}

/// What decides whether statements run.
#[derive(Clone, Debug)]
pub(super) struct ConditionCode {
    pub mentions: Mentions,
    /// One that comes before it.
    pub outer: Option<usize>,
}

/// A statement, function or class as far as it gives names a meaning, which another one may take away again.
#[derive(Clone, Debug)]
pub(super) struct Binder {
    /// Of functions and classes: the name and the condition.
    pub code: Fingerprint,
    pub names: Vec<String>,
    pub is_star_import: bool,
    /// A decorator, a base or a keyword of it may write down that it was defined.
    pub may_register: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct BodyCode {
    pub statements: Vec<StatementCode>,
    pub conditions: Vec<ConditionCode>,
    pub binders: Vec<Binder>,
}

#[derive(Clone, Debug)]
pub(super) struct ClassCode {
    pub qualname: String,
    /// Decorators, bases and keywords.
    pub header: Fingerprint,
    pub header_mentions: Mentions,
    pub body: BodyCode,
    pub imports: Vec<ImportedName>,
    /// What is in the body may shape the instances: it has decorators, bases or keywords (dataclasses, enums, named
    /// tuples).
    pub is_made: bool,
}

/// `from module import name as alias`, or `import module as alias` where `name` is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ImportedName {
    /// Leading dots of a relative import.
    pub level: u32,
    pub module: String,
    /// `*` for a star import.
    pub name: Option<String>,
    pub alias: String,
    /// Of `import module as alias`.
    pub is_renamed: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ModuleCode {
    pub functions: Vec<FunctionCode>,
    pub classes: Vec<ClassCode>,
    pub body: BodyCode,
    pub imports: Vec<ImportedName>,
    /// Functions under a condition that is never met.
    pub never_run: Vec<NamedLines>,
}

/// First and last line of a function, decorators included, and its qualified name.
pub type NamedLines = ((u32, u32), String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct SyntaxError {
    pub line: u32,
    pub message: String,
}

impl ModuleCode {
    pub(super) fn parse(source: &[u8]) -> Result<Self, SyntaxError> {
        let text = decode(source)?;
        let outline = nesting::outline(&text)?;
        let text = without_surrogates(text, &outline.numbered_characters);
        with_stack_for(outline.depth, || Self::of(&text))
    }

    fn of(text: &str) -> Result<Self, SyntaxError> {
        let lines = LineIndex::new(text);
        let parsed = ruff_python_parser::parse_module(text).map_err(|error| SyntaxError {
            line: lines.line_of(error.location.start().to_usize()),
            message: error.error.to_string(),
        })?;
        let mut body = parsed.into_suite();
        drop_docstring(&mut body);
        let conditions = Conditions::of(&body);
        let harvest = Harvest {
            lines: &lines,
            conditions,
            is_never_run: Cell::new(false),
            decorated: RefCell::default(),
            declared_global: RefCell::default(),
            refused: Cell::new(None),
            prefix: RefCell::new(String::new()),
            scope: RefCell::new(Scope::Module),
            module: RefCell::default(),
        };
        for statement in &mut body {
            harvest.visit_stmt(statement);
        }
        if let Some(place) = harvest.refused.get() {
            return Err(SyntaxError {
                line: lines.line_of(place.to_usize()),
                message: "cannot use assignment expressions with a name in parentheses".to_owned(),
            });
        }
        let mut flat = Flattened::new(&harvest, Scope::Module);
        flat.add_body(&body, Fingerprint(0, 0));
        let (body, imports) = (flat.body, flat.imports);
        Ok(ModuleCode {
            body,
            imports,
            ..harvest.module.into_inner()
        })
    }
}

/// Trees are walked, compared and dropped by recursion. Ordinary depths need no more than the stack that is there.
fn with_stack_for<T: Send>(depth: usize, work: impl FnOnce() -> T + Send) -> T {
    const ORDINARY: usize = 100;
    const BYTES_PER_LEVEL: usize = 32 << 10;
    if depth <= ORDINARY {
        return work();
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new()
            .stack_size(depth * BYTES_PER_LEVEL)
            .spawn_scoped(scope, work)
            .expect("the system has room for a thread")
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Whether a file that pytest does not collect by its name holds benchmarks: test functions that take the fixture or
/// carry the marker.
pub fn holds_benchmarks(source: &[u8]) -> bool {
    let contains = |part: &[u8]| source.windows(part.len()).any(|window| window == part);
    if !contains(b"benchmark") {
        return false;
    }
    // Let pytest say what is wrong with it.
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

/// Byte offsets to line numbers.
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    Module,
    Class,
    Function,
}

/// Takes functions and classes out of a tree, innermost first, and leaves their names.
struct Harvest<'a> {
    lines: &'a LineIndex,
    conditions: Conditions,
    /// What is being visited stands under a condition that is never met.
    is_never_run: Cell<bool>,
    /// Where decorated functions began: their decorators go with them.
    decorated: RefCell<BTreeSet<TextSize>>,
    prefix: RefCell<String>,
    /// Names that are global in the innermost function or class: what is defined under them has no path.
    declared_global: RefCell<BTreeSet<String>>,
    /// Code that the parser lets through and Python does not.
    refused: Cell<Option<TextSize>>,
    /// Where the statement that is being visited stands; a class inside a function is part of the function.
    scope: RefCell<Scope>,
    module: RefCell<ModuleCode>,
}

impl Harvest<'_> {
    fn qualname(&self, name: &str) -> String {
        if self.declared_global.borrow().contains(name) {
            return name.to_owned();
        }
        format!("{}{name}", self.prefix.borrow())
    }

    fn inside(&self, prefix: String, scope: Scope, body: &mut [Stmt]) {
        let mut globals = GlobalVisitor::default();
        globals.visit_body(body);
        let outer_globals = self.declared_global.replace(globals.names);
        let outer_prefix = self.prefix.replace(prefix);
        let outer_scope = self.scope.replace(scope);
        for statement in body {
            self.visit_stmt(statement);
        }
        self.declared_global.replace(outer_globals);
        self.prefix.replace(outer_prefix);
        self.scope.replace(outer_scope);
    }

    fn take_function(&self, function: &mut ast::StmtFunctionDef) {
        let qualname = self.qualname(&function.name);
        let first_nested = self.module.borrow().functions.len();
        self.inside(
            format!("{qualname}.<locals>."),
            Scope::Function,
            &mut function.body,
        );
        drop_docstring(&mut function.body);

        let start = function
            .decorator_list
            .iter()
            .map(|decorator| decorator.start())
            .fold(function.start(), |first, start| first.min(start));
        let lines = (
            self.lines.line_of(start.to_usize()),
            self.lines.line_of(function.end().to_usize().saturating_sub(1)),
        );
        let mut mentions = MentionVisitor::default();
        mentions.visit_function(function);
        self.hide_names(first_nested, &mentions.bound(), &mentions.imports);
        let mut decorators = None;
        if !function.decorator_list.is_empty() {
            self.decorated.borrow_mut().insert(function.start());
            if *self.scope.borrow() != Scope::Function {
                decorators = Some(Box::new(self.decorators_of(function)));
            }
        }
        let is_in_class = *self.scope.borrow() == Scope::Class;
        let declared_global = mentions.declared_global.clone();

        // What is left behind in the scope around it: that a function of this name is defined there.
        let whole = std::mem::replace(
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
        if self.is_never_run.get() {
            self.module.borrow_mut().never_run.push((lines, qualname));
            return;
        }
        let mut whole = Stmt::FunctionDef(whole);
        if let Stmt::FunctionDef(function) = &mut whole {
            function.name.id = Name::empty();
        }
        self.module.borrow_mut().functions.push(FunctionCode {
            qualname,
            lines,
            code: fingerprint(ComparableStmt::from(&whole)),
            imports: std::mem::take(&mut mentions.imports),
            decorators,
            mentions: mentions.into_mentions(is_in_class),
            declared_global,
        });
    }

    fn decorators_of(&self, function: &ast::StmtFunctionDef) -> DecoratorCode {
        let mut mentions = MentionVisitor::default();
        for decorator in &function.decorator_list {
            mentions.visit_decorator(decorator);
        }
        let decorators: Vec<ComparableDecorator> = function.decorator_list.iter().map(Into::into).collect();
        let mut mentions = mentions.into_mentions(false);
        if *self.scope.borrow() == Scope::Class {
            mentions.look_up_in_class();
        }
        DecoratorCode {
            code: fingerprint(decorators),
            mentions,
        }
    }

    /// Keeps names of the scope around from being looked for at module level; what it imports under them is followed.
    fn hide_names(&self, first_nested: usize, bound: &BTreeSet<Name>, imports: &[ImportedName]) {
        for nested in &mut self.module.borrow_mut().functions[first_nested..] {
            let FunctionCode {
                mentions,
                declared_global,
                imports: own_imports,
                ..
            } = nested;
            let is_named = |alias: &str| mentions.names.contains(alias) && !declared_global.contains(alias);
            let named = imports.iter().filter(|import| is_named(&import.alias));
            own_imports.extend(named.cloned());
            mentions
                .names
                .retain(|name| declared_global.contains(name) || !bound.contains(name));
        }
    }

    fn take_class(&self, class: &mut ast::StmtClassDef) {
        let in_function = *self.scope.borrow() == Scope::Function;
        let qualname = self.qualname(&class.name);
        // The statements of a class inside a function run with the function: they stay part of it.
        let scope = if in_function {
            Scope::Function
        } else {
            Scope::Class
        };
        let first_nested = self.module.borrow().functions.len();
        self.inside(format!("{qualname}."), scope, &mut class.body);
        self.hide_names(first_nested, &names_of(class.type_params.as_deref()), &[]);
        drop_docstring(&mut class.body);
        if in_function || self.is_never_run.get() {
            return;
        }
        let mut flat = Flattened::new(self, Scope::Class);
        flat.add_body(&class.body, Fingerprint(0, 0));
        for statement in &mut flat.body.statements {
            statement.mentions.look_up_in_class();
        }
        for condition in &mut flat.body.conditions {
            condition.mentions.look_up_in_class();
        }
        class.body.clear();
        let mut header = MentionVisitor::default();
        header.visit_class(class);
        let mut header_mentions = header.into_mentions(false);
        if *self.scope.borrow() == Scope::Class {
            header_mentions.look_up_in_class();
        }
        let arguments = class.arguments.as_deref().map(|arguments| {
            let positional: Vec<ComparableExpr> = arguments.args.iter().map(Into::into).collect();
            let keywords: Vec<_> = arguments
                .keywords
                .iter()
                .map(|keyword| {
                    (
                        keyword.arg.as_ref().map(|name| name.as_str()),
                        ComparableExpr::from(&keyword.value),
                    )
                })
                .collect();
            (positional, keywords)
        });
        // `class A():` is `class A:`.
        let arguments =
            arguments.filter(|(positional, keywords)| !(positional.is_empty() && keywords.is_empty()));
        let type_parameters = class.type_params.as_ref().map(ComparableTypeParams::from);
        let decorators: Vec<ComparableDecorator> = class.decorator_list.iter().map(Into::into).collect();
        self.module.borrow_mut().classes.push(ClassCode {
            qualname,
            is_made: is_made(class),
            header: fingerprint((decorators, arguments, type_parameters)),
            header_mentions,
            body: flat.body,
            imports: flat.imports,
        });
    }
}

impl Harvest<'_> {
    fn visit_branches(&self, branches: &mut ast::StmtIf) {
        let visit_under = |test: Option<&mut Expr>, body: &mut [Stmt]| {
            let outside = self.is_never_run.get();
            if let Some(test) = test {
                self.visit_expr(test);
                self.is_never_run
                    .set(outside || self.conditions.are_never_met(test));
            }
            self.visit_body(body);
            self.is_never_run.set(outside);
        };
        visit_under(Some(&mut branches.test), &mut branches.body);
        for clause in &mut branches.elif_else_clauses {
            visit_under(clause.test.as_mut(), &mut clause.body);
        }
    }
}

impl Transformer for Harvest<'_> {
    fn visit_stmt(&self, statement: &mut Stmt) {
        match statement {
            Stmt::FunctionDef(function) => self.take_function(function),
            Stmt::ClassDef(class) => self.take_class(class),
            Stmt::If(branches) if *self.scope.borrow() != Scope::Function => self.visit_branches(branches),
            _ => transformer::walk_stmt(self, statement),
        }
        if let Stmt::If(branches) = statement {
            join_else_if(branches);
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
            self.refused.set(Some(named.start()));
        }
        transformer::walk_expr(self, expression);
    }

    fn visit_f_string(&self, f_string: &mut ast::FString) {
        transformer::walk_f_string(self, f_string);
        write_out_debug_texts(&mut f_string.elements);
    }
}

/// `f"{a=}"` is `f"a={a!r}"`, and text beside text is one text.
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

/// The parser keeps `elif` and an `if` alone under `else` apart; they are the same code.
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

/// The parser keeps large integers as they are written.
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
    // From the least significant.
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

/// The statements of a module or class body, those inside `if` and `try` one by one together with the conditions that
/// they stand under. Without functions and classes: those are compared for themselves.
struct Flattened<'a> {
    harvest: &'a Harvest<'a>,
    /// Annotations of a class's fields are what decorators and bases read.
    is_class: bool,
    body: BodyCode,
    imports: Vec<ImportedName>,
    /// That the next statement stands under.
    condition: Option<usize>,
}

impl<'a> Flattened<'a> {
    fn new(harvest: &'a Harvest<'a>, scope: Scope) -> Self {
        Flattened {
            harvest,
            is_class: scope == Scope::Class,
            body: BodyCode::default(),
            imports: Vec::new(),
            condition: None,
        }
    }

    /// Adds a body that runs under a condition.
    fn add_branch(&mut self, statement: &Stmt, body: &[Stmt], context: Fingerprint) {
        let before = self.body.statements.len();
        self.add_body(body, context);
        if self.body.statements.len() == before {
            // Nothing says what the condition is for; it may still do something.
            self.push(
                statement,
                fingerprint((context, "nothing")),
                Vec::new(),
                true,
                Mentions::default(),
            );
        }
    }

    /// Adds what follows the body of a `try`. With nothing in it, it does nothing, whatever happens before.
    fn add_part(&mut self, statement: &Stmt, body: &[Stmt], context: Fingerprint) {
        let before = self.body.statements.len();
        self.add_branch(statement, body, context);
        if let [.., last] = &mut self.body.statements[before..]
            && last.code == fingerprint((context, "nothing"))
        {
            last.condition = None;
        }
    }

    fn add_condition(&mut self, condition: &Expr) {
        let mut mentions = MentionVisitor::default();
        mentions.visit_expr(condition);
        self.push_condition(mentions.into_mentions(false));
    }

    /// What may raise in the body of a `try` decides about what follows, and what it binds shows what changed in it.
    fn add_attempt(&mut self, body: &[Stmt]) {
        let mut visitor = MentionVisitor {
            counts_annotations: self.is_class,
            ..MentionVisitor::default()
        };
        visitor.visit_body(body);
        let (bound, looked_up) = (visitor.bound(), visitor.looked_up());
        let mut mentions = Mentions {
            names: visitor.read,
            attributes: visitor.attributes,
        };
        mentions.names.extend(bound);
        mentions.add_looked_up(looked_up);
        self.push_condition(mentions);
    }

    fn push_condition(&mut self, mentions: Mentions) {
        self.body.conditions.push(ConditionCode {
            mentions,
            outer: self.condition,
        });
        self.condition = Some(self.body.conditions.len() - 1);
    }

    fn add_body(&mut self, body: &[Stmt], context: Fingerprint) {
        for statement in body {
            self.add(statement, context);
        }
    }

    fn add(&mut self, statement: &Stmt, context: Fingerprint) {
        match statement {
            Stmt::Pass(_) => {}
            Stmt::FunctionDef(ast::StmtFunctionDef { name, .. })
            | Stmt::ClassDef(ast::StmtClassDef { name, .. }) => {
                let names = vec![name.to_string()];
                if context != Fingerprint(0, 0) {
                    // Under a condition, its existence is a statement like any other.
                    let code = fingerprint((context, name.as_str()));
                    self.push_statement(statement, code, names.clone(), false, Mentions::default());
                }
                let code = fingerprint((context, name.as_str(), statement.is_class_def_stmt()));
                self.bind(code, names, false, self.may_register(statement));
            }
            // It says how the file is read.
            Stmt::ImportFrom(import)
                if import
                    .module
                    .as_ref()
                    .is_some_and(|module| module == "__future__") => {}
            Stmt::Import(_) | Stmt::ImportFrom(_) => {
                for import in imported_names(statement) {
                    let is_star = import.name.as_deref() == Some("*");
                    let code = fingerprint((context, "import", &import));
                    let binds = if is_star {
                        Vec::new()
                    } else {
                        vec![import.alias.clone()]
                    };
                    self.push(statement, code, binds, is_star, Mentions::default());
                    if let Some(statement) = self.body.statements.last_mut() {
                        statement.is_import = true;
                    }
                    if is_star {
                        self.bind(code, Vec::new(), true, false);
                    }
                    self.imports.push(import);
                }
            }
            Stmt::If(branches) => self.add_if(statement, branches, context),
            Stmt::Try(attempt) => {
                self.add_branch(statement, &attempt.body, fingerprint((context, "try")));
                let outside = self.condition;
                self.add_attempt(&attempt.body);
                let attempted = self.condition;
                for ExceptHandler::ExceptHandler(handler) in &attempt.handlers {
                    let kind = handler.type_.as_deref();
                    let name = handler.name.as_ref().map(|name| name.as_str());
                    let under = fingerprint((
                        context,
                        "except",
                        attempt.is_star,
                        kind.map(ComparableExpr::from),
                        name,
                    ));
                    // None of those before it has taken the exception.
                    if let Some(kind) = kind {
                        self.add_condition(kind);
                    }
                    self.add_part(statement, &handler.body, under);
                }
                for (body, what, condition) in [
                    (&attempt.orelse, "else", attempted),
                    (&attempt.finalbody, "finally", outside),
                ] {
                    self.condition = condition;
                    if !body.is_empty() {
                        self.add_part(statement, body, fingerprint((context, what)));
                    }
                }
                self.condition = outside;
            }
            Stmt::Expr(expression) if expression.value.is_literal_expr() => {}
            _ => {
                let code = fingerprint((context, ComparableStmt::from(statement)));
                let mut visitor = MentionVisitor {
                    counts_annotations: self.is_class,
                    ..MentionVisitor::default()
                };
                visitor.visit_stmt(statement);
                let binds = visitor.bound().iter().map(ToString::to_string).collect();
                self.imports.append(&mut visitor.imports);
                let looked_up = visitor.looked_up();
                let mut mentions = Mentions {
                    names: visitor.read,
                    attributes: visitor.attributes,
                };
                mentions.add_looked_up(looked_up);
                self.push(statement, code, binds, has_effect(statement), mentions);
            }
        }
    }

    fn add_if(&mut self, statement: &Stmt, branches: &ast::StmtIf, context: Fingerprint) {
        let outside = self.condition;
        let first = std::iter::once((Some(&*branches.test), &branches.body));
        let others = branches
            .elif_else_clauses
            .iter()
            .map(|clause| (clause.test.as_ref(), &clause.body));
        // What a branch stands under is its condition and that those before it are not met.
        let mut around = context;
        for (test, body) in first.chain(others) {
            match test {
                Some(test) if self.harvest.conditions.are_never_met(test) => {
                    around = fingerprint((around, "else of never"))
                }
                Some(test) => {
                    self.add_condition(test);
                    let test = ComparableExpr::from(test);
                    self.add_branch(statement, body, fingerprint((around, "if", &test)));
                    around = fingerprint((around, "else", &test));
                }
                None => self.add_branch(statement, body, around),
            }
        }
        self.condition = outside;
    }

    fn may_register(&self, definition: &Stmt) -> bool {
        match definition {
            Stmt::FunctionDef(function) => self.harvest.decorated.borrow().contains(&function.start()),
            Stmt::ClassDef(class) => is_made(class),
            _ => false,
        }
    }

    fn bind(&mut self, code: Fingerprint, names: Vec<String>, is_star_import: bool, may_register: bool) {
        self.body.binders.push(Binder {
            code,
            names,
            is_star_import,
            may_register,
        });
    }

    fn push(
        &mut self,
        statement: &Stmt,
        code: Fingerprint,
        binds: Vec<String>,
        has_effect: bool,
        mentions: Mentions,
    ) {
        if !binds.is_empty() {
            self.bind(code, binds.clone(), false, false);
        }
        self.push_statement(statement, code, binds, has_effect, mentions);
    }

    fn push_statement(
        &mut self,
        statement: &Stmt,
        code: Fingerprint,
        binds: Vec<String>,
        has_effect: bool,
        mentions: Mentions,
    ) {
        self.body.statements.push(StatementCode {
            line: self.harvest.lines.line_of(statement.start().to_usize()),
            code,
            binds,
            mentions,
            condition: self.condition,
            has_effect,
            is_import: false,
        });
    }
}

/// Whether a decorator, a base or a keyword has a say in what the class is.
fn is_made(class: &ast::StmtClassDef) -> bool {
    let arguments = class.arguments.as_deref();
    !class.decorator_list.is_empty()
        || arguments.is_some_and(|arguments| !(arguments.args.is_empty() && arguments.keywords.is_empty()))
}

fn first_part(dotted: &str) -> &str {
    dotted.split('.').next().unwrap_or(dotted)
}

/// What an import statement imports, name by name.
fn imported_names(statement: &Stmt) -> Vec<ImportedName> {
    let (names, from) = match statement {
        Stmt::Import(import) => (&import.names, None),
        Stmt::ImportFrom(import) => (&import.names, Some(import)),
        _ => return Vec::new(),
    };
    let imported = names.iter().map(|alias| {
        let name = alias.name.as_str();
        let bound = match (&alias.asname, from) {
            (Some(other), _) => other.as_str(),
            (None, Some(_)) => name,
            (None, None) => first_part(name),
        };
        let module = match from {
            Some(from) => from.module.as_ref().map_or("", |module| module.as_str()),
            None => name,
        };
        ImportedName {
            level: from.map_or(0, |from| from.level),
            module: module.to_owned(),
            name: from.map(|_| name.to_owned()),
            alias: bound.to_owned(),
            is_renamed: from.is_none() && alias.asname.is_some(),
        }
    });
    imported.collect()
}

/// Which conditions are not met when a benchmark imports the module.
struct Conditions {
    /// The module gives `TYPE_CHECKING` a value of its own.
    is_type_checking_given: bool,
}

impl Conditions {
    fn of(body: &[Stmt]) -> Self {
        let mut conditions = Conditions {
            is_type_checking_given: false,
        };
        conditions.visit_body(body);
        conditions
    }

    fn are_never_met(&self, test: &Expr) -> bool {
        match test {
            Expr::Name(name) => name.id == "TYPE_CHECKING" && !self.is_type_checking_given,
            Expr::Attribute(attribute) => attribute.attr.as_str() == "TYPE_CHECKING",
            Expr::Compare(compare) => {
                matches!(&*compare.left, Expr::Name(name) if name.id == "__name__")
                    && matches!(&*compare.ops, [ast::CmpOp::Eq])
                    && matches!(&*compare.comparators, [Expr::StringLiteral(text)] if text.value.to_str() == "__main__")
            }
            _ => false,
        }
    }
}

/// Looks through the statements of a module for values of `TYPE_CHECKING`.
impl<'a> Visitor<'a> for Conditions {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) => {}
            Stmt::Assign(assign)
                if is_false(&assign.value) && assign.targets.iter().all(Expr::is_name_expr) => {}
            Stmt::AnnAssign(assign) if assign.value.as_deref().is_none_or(is_false) => {}
            _ => visitor::walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression
            && name.ctx.is_store()
            && name.id == "TYPE_CHECKING"
        {
            self.is_type_checking_given = true;
        }
        visitor::walk_expr(self, expression);
    }
}

/// `False` or `0`.
fn is_false(value: &Expr) -> bool {
    match value {
        Expr::BooleanLiteral(literal) => !literal.value,
        Expr::NumberLiteral(literal) => {
            matches!(&literal.value, ast::Number::Int(value) if value.as_u64() == Some(0))
        }
        _ => false,
    }
}

/// Whether a statement does something that a search for its names would not show.
fn has_effect(statement: &Stmt) -> bool {
    match statement {
        Stmt::Assign(assign) => assign.targets.iter().any(|target| !binds_names_only(target)),
        Stmt::AnnAssign(assign) => !binds_names_only(&assign.target),
        Stmt::AugAssign(assign) => !binds_names_only(&assign.target),
        Stmt::TypeAlias(_) => false,
        _ => true,
    }
}

fn binds_names_only(target: &Expr) -> bool {
    match target {
        Expr::Name(_) => true,
        Expr::Starred(starred) => binds_names_only(&starred.value),
        Expr::Tuple(tuple) => tuple.elts.iter().all(binds_names_only),
        Expr::List(list) => list.elts.iter().all(binds_names_only),
        _ => false,
    }
}

impl Mentions {
    /// A name that is read in a class body is looked up there first.
    fn look_up_in_class(&mut self) {
        self.attributes.extend(self.names.iter().cloned());
    }

    fn add_looked_up(&mut self, names: BTreeSet<Name>) {
        self.names.extend(names.iter().cloned());
        self.attributes.extend(names);
    }
}

/// Functions that look a name up, or a module.
fn looks_up(name: &str) -> bool {
    matches!(
        name,
        "getattr"
            | "setattr"
            | "hasattr"
            | "delattr"
            | "globals"
            | "locals"
            | "vars"
            | "attrgetter"
            | "methodcaller"
            | "import_module"
            | "__import__"
            | "eval"
            | "exec"
            | "format"
            | "format_map"
    )
}

/// Attributes that are tables of names.
fn is_table(attribute: &str) -> bool {
    matches!(attribute, "__dict__" | "__globals__")
}

/// What could be names in a text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| character != '_' && !character.is_alphanumeric())
        .filter(|word| !word.is_empty() && !word.starts_with(|first: char| first.is_ascii_digit()))
}

fn names_of(type_parameters: Option<&ast::TypeParams>) -> BTreeSet<Name> {
    let parameters = type_parameters.into_iter().flat_map(|all| all.iter());
    parameters.map(|parameter| parameter.name().id.clone()).collect()
}

/// Collects what a piece of code reads and binds in one scope. Annotations count only where something may read them:
/// elsewhere nothing is slower or faster for them.
#[derive(Default)]
struct MentionVisitor {
    read: BTreeSet<Name>,
    written: BTreeSet<Name>,
    /// Names that `global` and `nonlocal` take out of the scope.
    declared: BTreeSet<Name>,
    declared_global: BTreeSet<Name>,
    attributes: BTreeSet<Name>,
    /// Read outside the scope whose bindings are collected.
    read_around: BTreeSet<Name>,
    /// What `:=` binds in a comprehension is a name of the scope around it.
    is_comprehension: bool,
    bound_around: BTreeSet<Name>,
    imports: Vec<ImportedName>,
    /// Texts, each in a line of its own: their words may be names.
    texts: String,
    looks_up: bool,
    counts_annotations: bool,
}

impl MentionVisitor {
    fn visit_function(&mut self, function: &ast::StmtFunctionDef) {
        // Decorators and defaults are evaluated in the scope around: a parameter of the same name does not hide them.
        let mut around = MentionVisitor::default();
        for decorator in &function.decorator_list {
            around.visit_decorator(decorator);
        }
        around.visit_parameters(&function.parameters);
        let type_parameters = names_of(function.type_params.as_deref());
        if !function.decorator_list.is_empty() {
            // A decorator may read them.
            let mut annotations = MentionVisitor {
                written: type_parameters.clone(),
                ..MentionVisitor::default()
            };
            let parameters = function
                .parameters
                .iter()
                .filter_map(|parameter| parameter.annotation());
            for annotation in parameters.chain(function.returns.as_deref()) {
                annotations.visit_expr(annotation);
            }
            around.add_inner(annotations);
        }
        self.read_around.append(&mut around.read);
        self.attributes.append(&mut around.attributes);
        self.texts.push_str(&around.texts);
        self.looks_up |= around.looks_up;
        self.written.extend(type_parameters);
        self.bind_parameters(&function.parameters);
        self.visit_body(&function.body);
    }

    /// What stands before the colon of a class.
    fn visit_class(&mut self, class: &ast::StmtClassDef) {
        for decorator in &class.decorator_list {
            self.visit_decorator(decorator);
        }
        if let Some(arguments) = &class.arguments {
            let mut inner = MentionVisitor {
                written: names_of(class.type_params.as_deref()),
                ..MentionVisitor::default()
            };
            inner.visit_arguments(arguments);
            self.add_inner(inner);
        }
    }

    fn bind_parameters(&mut self, parameters: &ast::Parameters) {
        let names = parameters.iter().map(|parameter| parameter.name().id.clone());
        self.written.extend(names);
    }

    /// Adds a scope that is part of this code: what it does not bind itself is looked up in this one.
    fn add_inner(&mut self, mut inner: MentionVisitor) {
        let bound = inner.bound();
        self.read
            .extend(inner.read.into_iter().filter(|name| !bound.contains(name)));
        self.attributes.append(&mut inner.attributes);
        self.texts.push_str(&inner.texts);
        self.looks_up |= inner.looks_up;
        self.imports.append(&mut inner.imports);
        if self.is_comprehension {
            self.bound_around.append(&mut inner.bound_around);
        } else {
            self.written.append(&mut inner.bound_around);
        }
    }

    fn visit_comprehensions(&mut self, elements: &[&Expr], generators: &[ast::Comprehension]) {
        let mut inner = MentionVisitor {
            is_comprehension: true,
            ..MentionVisitor::default()
        };
        for (index, generator) in generators.iter().enumerate() {
            // The outermost is evaluated in the scope around.
            let place = if index == 0 { &mut *self } else { &mut inner };
            place.visit_expr(&generator.iter);
            inner.visit_expr(&generator.target);
            for condition in &generator.ifs {
                inner.visit_expr(condition);
            }
        }
        for element in elements {
            inner.visit_expr(element);
        }
        self.add_inner(inner);
    }

    fn add_text(&mut self, text: &str) {
        self.texts.push_str(text);
        self.texts.push('\n');
    }

    /// Adds texts up to the last field; the text after it is left, as more of it may follow.
    fn visit_elements(&mut self, elements: &ast::InterpolatedStringElements, text: &mut String) {
        for element in elements {
            match element {
                InterpolatedStringElement::Literal(literal) => text.push_str(&literal.value),
                InterpolatedStringElement::Interpolation(field) => {
                    self.add_text(&std::mem::take(text));
                    self.visit_expr(&field.expression);
                    if let Some(format) = &field.format_spec {
                        let mut text = String::new();
                        self.visit_elements(&format.elements, &mut text);
                        self.add_text(&text);
                    }
                }
            }
        }
    }

    /// Words of strings, where there is something that looks names up, wherever that comes from.
    fn looked_up(&self) -> BTreeSet<Name> {
        match self.looks_up {
            true => words(&self.texts).map(Name::new).collect(),
            false => BTreeSet::new(),
        }
    }

    /// The names that are local to the code.
    fn bound(&self) -> BTreeSet<Name> {
        self.written.difference(&self.declared).cloned().collect()
    }

    fn into_mentions(self, is_in_class: bool) -> Mentions {
        let (bound, looked_up) = (self.bound(), self.looked_up());
        let mut around = Mentions {
            names: self.read_around,
            attributes: self.attributes,
        };
        if is_in_class {
            around.look_up_in_class();
        }
        let own = self.read.into_iter().filter(|name| !bound.contains(name));
        around.names.extend(own);
        around.add_looked_up(looked_up);
        around
    }
}

impl<'a> Visitor<'a> for MentionVisitor {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.written.insert(function.name.id.clone());
            }
            Stmt::ClassDef(class) => {
                self.written.insert(class.name.id.clone());
                self.visit_class(class);
                let mut inner = MentionVisitor {
                    counts_annotations: true,
                    ..MentionVisitor::default()
                };
                for inside in &class.body {
                    inner.visit_stmt(inside);
                }
                // What the body binds is the class's own, but it may be read before: then the scope around has it.
                inner.written = names_of(class.type_params.as_deref());
                self.add_inner(inner);
            }
            Stmt::Global(ast::StmtGlobal { names, .. }) => {
                let names = names.iter().map(|name| name.id.clone());
                self.declared_global.extend(names.clone());
                self.declared.extend(names);
            }
            Stmt::Nonlocal(ast::StmtNonlocal { names, .. }) => {
                self.declared.extend(names.iter().map(|name| name.id.clone()));
            }
            // `(x): int` binds nothing.
            Stmt::AnnAssign(assign)
                if !assign.simple && assign.value.is_none() && assign.target.is_name_expr() => {}
            Stmt::AugAssign(assign) => {
                if let Expr::Name(name) = &*assign.target {
                    self.read.insert(name.id.clone());
                }
                visitor::walk_stmt(self, statement);
            }
            Stmt::TypeAlias(alias) => {
                let mut inner = MentionVisitor {
                    written: names_of(alias.type_params.as_deref()),
                    ..MentionVisitor::default()
                };
                inner.visit_expr(&alias.value);
                self.add_inner(inner);
                self.visit_expr(&alias.name);
            }
            _ => {
                self.imports.extend(imported_names(statement));
                visitor::walk_stmt(self, statement);
            }
        }
    }

    fn visit_annotation(&mut self, annotation: &'a Expr) {
        if self.counts_annotations {
            self.visit_expr(annotation);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => {
                let set = if name.ctx.is_load() {
                    self.looks_up |= looks_up(&name.id);
                    &mut self.read
                } else {
                    &mut self.written
                };
                set.insert(name.id.clone());
            }
            Expr::Attribute(attribute) => {
                let name = &attribute.attr.id;
                self.looks_up |= looks_up(name) || is_table(name);
                self.attributes.insert(name.clone());
                visitor::walk_expr(self, expression);
            }
            Expr::StringLiteral(literal) => self.add_text(literal.value.to_str()),
            Expr::FString(literal) => {
                // Text beside text is one text.
                let mut text = String::new();
                for part in &literal.value {
                    match part {
                        ast::FStringPart::Literal(part) => text.push_str(part),
                        ast::FStringPart::FString(part) => self.visit_elements(&part.elements, &mut text),
                    }
                }
                self.add_text(&text);
            }
            Expr::TString(literal) => {
                let mut text = String::new();
                for part in &literal.value {
                    self.visit_elements(&part.elements, &mut text);
                }
                self.add_text(&text);
            }
            Expr::Named(named) if self.is_comprehension => {
                self.visit_expr(&named.value);
                if let Expr::Name(name) = &*named.target {
                    self.bound_around.insert(name.id.clone());
                }
            }
            Expr::Lambda(lambda) => {
                let mut inner = MentionVisitor::default();
                if let Some(parameters) = &lambda.parameters {
                    // Defaults are evaluated in the scope around.
                    self.visit_parameters(parameters);
                    inner.bind_parameters(parameters);
                }
                inner.visit_expr(&lambda.body);
                self.add_inner(inner);
            }
            Expr::ListComp(comprehension) => {
                self.visit_comprehensions(&[&comprehension.elt], &comprehension.generators);
            }
            Expr::SetComp(comprehension) => {
                self.visit_comprehensions(&[&comprehension.elt], &comprehension.generators);
            }
            Expr::Generator(comprehension) => {
                self.visit_comprehensions(&[&comprehension.elt], &comprehension.generators);
            }
            Expr::DictComp(comprehension) => {
                let elements: Vec<&Expr> = comprehension
                    .key
                    .iter()
                    .map(|key| &**key)
                    .chain([&*comprehension.value])
                    .collect();
                self.visit_comprehensions(&elements, &comprehension.generators);
            }
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn visit_alias(&mut self, alias: &'a ast::Alias) {
        let name = alias.asname.as_ref().map_or_else(
            || Name::new(first_part(alias.name.as_str())),
            |name| name.id.clone(),
        );
        self.written.insert(name);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.written.insert(name.id.clone());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchStar(star) => star.name.as_ref(),
            Pattern::MatchAs(capture) => capture.name.as_ref(),
            Pattern::MatchMapping(mapping) => mapping.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.written.insert(name.id.clone());
        }
        if let Pattern::MatchClass(class) = pattern {
            let attributes = class.arguments.keywords.iter();
            self.attributes
                .extend(attributes.map(|keyword| keyword.attr.id.clone()));
        }
        visitor::walk_pattern(self, pattern);
    }
}
