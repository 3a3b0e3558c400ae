use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use super::SyntaxError;
use super::parallel::in_parallel;
use super::parse::{
    BodyCode, ClassCode, Fingerprint, FunctionCode, Mentions, ModuleCode, StatementCode, fingerprint,
};
use crate::model::{Change, FunctionPlace, PerSide, Side, TargetFunction};

/// A Python file that differs between the revisions, as each of them has it.
#[derive(Clone, Debug)]
pub struct ChangedFile {
    /// Relative to the repository.
    pub path: String,
    pub base: Option<Vec<u8>>,
    pub head: Option<Vec<u8>>,
}

/// A Python file of head, changed or not, with the name that it is imported by.
#[derive(Clone, Debug)]
pub struct ModuleFile {
    pub path: String,
    pub dotted_name: String,
    pub source: Vec<u8>,
}

/// What a module is told by once its source is parsed.
struct Importable {
    path: String,
    dotted_name: String,
}

/// A change whose consequences cannot be told: any benchmark may feel it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unattributed {
    pub path: String,
    pub what: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSyntaxError {
    pub path: String,
    pub side: Side,
    pub error: SyntaxError,
}

/// What [`compare`] found.
#[derive(Debug, Default)]
pub struct Changes {
    /// Sorted by path and line.
    pub targets: Vec<TargetFunction>,
    pub unattributed: Vec<Unattributed>,
    pub syntax_errors: Vec<FileSyntaxError>,
    touched: BTreeMap<String, TouchedNames>,
    /// Touched names with their files.
    named_on_base: BTreeSet<(String, String)>,
    /// Where base has the functions of the changed files that are the same on both sides, by head's place.
    unchanged: BTreeMap<FunctionPlace, u32>,
    /// Head's changed files by path, each with the fingerprint of its source: they are not parsed twice.
    heads: BTreeMap<String, (Fingerprint, ModuleCode)>,
}

/// Names of one module that do not mean on head what they meant on base.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct TouchedNames {
    names: BTreeSet<String>,
    /// Class attributes, looked for as attributes of whatever object.
    attributes: BTreeSet<String>,
    /// Classes whose every method is touched: their bases, decorators or fields differ.
    classes: BTreeSet<String>,
}

/// Every function of a file by its qualified name; the last one where several have the same.
pub fn functions_of(source: &[u8]) -> Result<BTreeMap<String, (u32, u32)>, SyntaxError> {
    let functions = functions_with_lines(source)?.into_iter();
    Ok(functions.map(|(lines, qualname)| (qualname, lines)).collect())
}

/// First and last line of a function, decorators included, and its qualified name.
pub type NamedLines = ((u32, u32), String);

/// Every function of a file.
pub fn functions_with_lines(source: &[u8]) -> Result<Vec<NamedLines>, SyntaxError> {
    let module = ModuleCode::parse(source)?;
    let functions = module.functions.into_iter();
    Ok(functions
        .map(|function| (function.lines, function.qualname))
        .collect())
}

/// Compares the two versions of every changed file. [`Changes::attribute`] adds what follows for other files.
///
/// Files are asked for one by one, so that not all of them are in memory at once.
pub fn compare(files: impl IntoIterator<Item = ChangedFile, IntoIter: Send>) -> Changes {
    let mut changes = Changes::default();
    let mut removed = Vec::new();
    let mut added = Vec::new();
    for of_file in in_parallel(files.into_iter(), compare_file) {
        changes.add(of_file.changes);
        removed.extend(of_file.removed);
        added.extend(of_file.added);
    }
    if !changes.touches_names() {
        changes.heads.clear();
    }
    match_moved(&removed, &added, &mut changes.targets);
    sort(&mut changes.targets);
    changes
}

/// What one file alone tells.
#[derive(Default)]
struct FileChanges {
    changes: Changes,
    /// Functions that are only on one side: they may have gone to another file.
    removed: Vec<Found>,
    added: Vec<Found>,
}

fn compare_file(file: ChangedFile) -> FileChanges {
    let mut found = FileChanges::default();
    let ChangedFile { path, base, head } = file;
    let mut parse = |side, source: Option<&[u8]>| match source.map(ModuleCode::parse) {
        None => Some(ModuleCode::default()),
        Some(Ok(module)) => Some(module),
        Some(Err(error)) => {
            found.changes.syntax_errors.push(FileSyntaxError {
                path: path.clone(),
                side,
                error,
            });
            None
        }
    };
    let modules = (
        parse(Side::Base, base.as_deref()),
        parse(Side::Head, head.as_deref()),
    );
    let (Some(base), Some(module)) = modules else {
        found.changes.unattributed.push(Unattributed {
            path,
            what: "cannot be parsed on both sides".to_owned(),
        });
        return found;
    };
    compare_functions(&path, &base, &module, &mut found);
    compare_statements(&path, &base, &module, &mut found.changes);
    if let Some(source) = head {
        found.changes.heads.insert(path, (fingerprint(source), module));
    }
    found
}

struct Found {
    path: String,
    function: FunctionCode,
}

fn place(path: &str, function: &FunctionCode) -> FunctionPlace {
    FunctionPlace {
        path: path.to_owned(),
        qualname: function.qualname.clone(),
        line: function.lines.0,
    }
}

fn target(
    path: &str,
    function: &FunctionCode,
    change: Change,
    detail: Option<String>,
    places: PerSide<Option<FunctionPlace>>,
) -> TargetFunction {
    TargetFunction {
        path: path.to_owned(),
        qualname: function.qualname.clone(),
        change: Some(change),
        lines: function.lines,
        detail,
        places,
        reached_by: Vec::new(),
    }
}

fn sort(targets: &mut [TargetFunction]) {
    targets.sort_by(|a, b| (&a.path, a.lines, &a.qualname).cmp(&(&b.path, b.lines, &b.qualname)));
}

fn compare_functions(path: &str, base: &ModuleCode, head: &ModuleCode, file: &mut FileChanges) {
    // A name may be defined more than once in a scope: a property's getter and setter, overloads, branches of an `if`.
    let mut by_name: BTreeMap<&str, (Vec<&FunctionCode>, Vec<&FunctionCode>)> = BTreeMap::new();
    for function in &base.functions {
        by_name.entry(&function.qualname).or_default().0.push(function);
    }
    for function in &head.functions {
        by_name.entry(&function.qualname).or_default().1.push(function);
    }
    let found = |function: &FunctionCode| Found {
        path: path.to_owned(),
        function: function.clone(),
    };
    for (before, after) in by_name.into_values() {
        let (same, before, after) = pair_up(&before, &after, |function| function.code);
        for (on_base, on_head) in same {
            file.changes
                .unchanged
                .insert(place(path, on_head), on_base.lines.0);
        }
        let both = before.len().min(after.len());
        for (old, new) in before.iter().zip(&after) {
            let places = PerSide::new(Some(place(path, old)), Some(place(path, new)));
            let modified = target(path, new, Change::Modified, None, places);
            file.changes.targets.push(modified);
        }
        file.removed
            .extend(before[both..].iter().map(|function| found(function)));
        file.added
            .extend(after[both..].iter().map(|function| found(function)));
    }
}

/// Pairs those with the same key, one to one, in the order of both; then what is left of each.
fn pair_up<T: Copy, K: Hash + Eq>(
    before: &[T],
    after: &[T],
    key: impl Fn(T) -> K,
) -> (Vec<(T, T)>, Vec<T>, Vec<T>) {
    let mut places: HashMap<K, VecDeque<usize>> = HashMap::new();
    for (index, &item) in after.iter().enumerate() {
        places.entry(key(item)).or_default().push_back(index);
    }
    let mut is_taken = vec![false; after.len()];
    let mut pairs = Vec::new();
    let mut lost = Vec::new();
    for &item in before {
        match places.get_mut(&key(item)).and_then(VecDeque::pop_front) {
            Some(index) => {
                is_taken[index] = true;
                pairs.push((item, after[index]));
            }
            None => lost.push(item),
        }
    }
    let left = after.iter().zip(is_taken).filter(|(_, is_taken)| !is_taken);
    let gained = left.map(|(&item, _)| item).collect();
    (pairs, lost, gained)
}

/// Pairs what one side lost with what the other gained, one to one, the most alike first.
fn match_moved(removed: &[Found], added: &[Found], targets: &mut Vec<TargetFunction>) {
    fn leaf(found: &Found) -> &str {
        found.function.qualname.rsplit('.').next().unwrap_or_default()
    }
    /// The file and the name that have to be the same beside the code.
    type Alike = for<'a> fn(&'a Found) -> (Option<&'a str>, Option<&'a str>);
    let degrees: [Alike; 4] = [
        |found| (None, Some(&found.function.qualname)),
        |found| (Some(&found.path), Some(leaf(found))),
        |found| (None, Some(leaf(found))),
        |_| (None, None),
    ];
    let mut removed: Vec<&Found> = removed.iter().collect();
    let mut added: Vec<&Found> = added.iter().collect();
    for alike in degrees {
        let moved;
        (moved, removed, added) = pair_up(&removed, &added, |found| (found.function.code, alike(found)));
        for (old, new) in moved {
            let from = if new.path == old.path {
                old.function.qualname.clone()
            } else {
                format!("{}::{}", old.path, old.function.qualname)
            };
            targets.push(target(
                &new.path,
                &new.function,
                Change::Moved,
                Some(format!("was {from}")),
                PerSide::new(
                    Some(place(&old.path, &old.function)),
                    Some(place(&new.path, &new.function)),
                ),
            ));
        }
    }
    for old in removed {
        let places = PerSide::new(Some(place(&old.path, &old.function)), None);
        targets.push(target(&old.path, &old.function, Change::Removed, None, places));
    }
    for new in added {
        let places = PerSide::new(None, Some(place(&new.path, &new.function)));
        targets.push(target(&new.path, &new.function, Change::Added, None, places));
    }
}

/// The statements that only one of the two bodies has, whatever their order.
fn differing<'a>(
    base: &'a [StatementCode],
    head: &'a [StatementCode],
) -> impl Iterator<Item = (Side, &'a StatementCode)> {
    let (before, after): (Vec<_>, Vec<_>) = (base.iter().collect(), head.iter().collect());
    let (_, lost, gained) = pair_up(&before, &after, |statement| statement.code);
    let on_base = lost.into_iter().map(|statement| (Side::Base, statement));
    on_base.chain(gained.into_iter().map(|statement| (Side::Head, statement)))
}

/// Whether the statements that both bodies have stand in another order. That of imports is theirs to choose.
fn is_reordered(base: &[StatementCode], head: &[StatementCode]) -> bool {
    let in_order = |statements: &[StatementCode], others: &[StatementCode]| -> Vec<_> {
        let mut left: HashMap<_, usize> = HashMap::new();
        for other in others {
            *left.entry(other.code).or_default() += 1;
        }
        let statements = statements.iter().filter(|statement| !statement.is_import);
        let common = statements.filter(|statement| match left.get_mut(&statement.code) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        });
        common.map(|statement| statement.code).collect()
    };
    in_order(base, head) != in_order(head, base)
}

fn compare_statements(path: &str, base: &ModuleCode, head: &ModuleCode, changes: &mut Changes) {
    let mut touched = TouchedNames::default();
    for (side, statement) in differing(&base.body.statements, &head.body.statements) {
        if statement.has_effect {
            changes.unattributed.push(Unattributed {
                path: path.to_owned(),
                what: format!(
                    "the statement at line {} of {side} has effects of its own",
                    statement.line
                ),
            });
        }
        touched.names.extend(statement.binds.iter().cloned());
    }
    let mut reordered = is_reordered(&base.body.statements, &head.body.statements);
    // Branches may define the same class several times.
    let mut by_name: BTreeMap<&str, (Vec<&ClassCode>, Vec<&ClassCode>)> = BTreeMap::new();
    for class in &base.classes {
        by_name.entry(&class.qualname).or_default().0.push(class);
    }
    for class in &head.classes {
        by_name.entry(&class.qualname).or_default().1.push(class);
    }
    for (qualname, (mut before, mut after)) in by_name {
        before.retain(|class| {
            let same = after.iter().position(|other| is_same_class(class, other));
            if let Some(index) = same {
                after.remove(index);
            }
            same.is_none()
        });
        if before.len() != after.len() {
            touched.touch_class_name(qualname);
        }
        for (old, new) in before.into_iter().zip(after) {
            let mut whole = old.header != new.header;
            for (_, statement) in differing(&old.body.statements, &new.body.statements) {
                touched.attributes.extend(statement.binds.iter().cloned());
                // Slots and fields shape the instances, whoever makes them.
                whole |= statement.has_effect
                    || statement.binds.is_empty()
                    || statement.binds.iter().any(|name| name.starts_with("__"))
                    || (new.is_made && !statement.is_import);
            }
            if is_reordered(&old.body.statements, &new.body.statements) {
                // Fields in another order make other instances.
                whole |= new.is_made;
                reordered |= !new.is_made;
            }
            if whole {
                touched.classes.insert(qualname.to_owned());
                touched.touch_class_name(qualname);
            }
        }
    }
    if reordered {
        changes.unattributed.push(Unattributed {
            path: path.to_owned(),
            what: "has statements outside its functions in another order".to_owned(),
        });
    }
    if touched != TouchedNames::default() {
        // Who named on base what head does not have any more is a changed function itself.
        let named = base
            .functions
            .iter()
            .flat_map(|function| touched.mentioned_in(&function.mentions));
        let named = named.map(|name| (path.to_owned(), name.to_owned()));
        changes.named_on_base.extend(named);
        changes.touched.insert(path.to_owned(), touched);
    }
}

fn is_same_class(one: &ClassCode, other: &ClassCode) -> bool {
    one.header == other.header
        && one.body.statements.len() == other.body.statements.len()
        && differing(&one.body.statements, &other.body.statements)
            .next()
            .is_none()
        && !is_reordered(&one.body.statements, &other.body.statements)
}

impl Changes {
    /// Whether a module-level change may touch functions of other files, so that [`Changes::attribute`] is needed.
    pub fn touches_names(&self) -> bool {
        !self.touched.is_empty()
    }

    fn add(&mut self, other: Changes) {
        self.targets.extend(other.targets);
        self.unattributed.extend(other.unattributed);
        self.syntax_errors.extend(other.syntax_errors);
        self.touched.extend(other.touched);
        self.named_on_base.extend(other.named_on_base);
        self.unchanged.extend(other.unchanged);
        self.heads.extend(other.heads);
    }

    /// Adds the functions that name what changed at module or class level: in the module itself, and in those of
    /// `modules` (all of head's) that import it from there, over as many steps as it takes.
    pub fn attribute(&mut self, modules: impl IntoIterator<Item = ModuleFile, IntoIter: Send>) {
        let mut heads = std::mem::take(&mut self.heads);
        let modules = modules.into_iter().map(|file| {
            let head = heads.remove(&file.path);
            (file, head)
        });
        let parsed = in_parallel(modules, |(file, head)| {
            let module = match head {
                Some((source, module)) if source == fingerprint(&file.source) => Some(module),
                _ => ModuleCode::parse(&file.source).ok(),
            };
            let ModuleFile {
                path, dotted_name, ..
            } = file;
            Some((Importable { path, dotted_name }, module?))
        });
        let parsed: Vec<(Importable, ModuleCode)> = parsed.into_iter().flatten().collect();
        let mut touched: BTreeMap<&str, TouchedNames> = BTreeMap::new();
        for (file, _) in &parsed {
            if let Some(names) = self.touched.get(&file.path) {
                touched.entry(&file.dotted_name).or_default().add(names);
            }
        }
        loop {
            let mut grown = touched.clone();
            for (file, module) in &parsed {
                let mut names = touched
                    .get(file.dotted_name.as_str())
                    .cloned()
                    .unwrap_or_default();
                let is_package = file.path.ends_with("/__init__.py");
                spread_by_import(file, is_package, module, &touched, &mut names);
                spread_within(module, &mut names);
                if names != TouchedNames::default() {
                    // `a.py` and `a/__init__.py` have the same name.
                    grown.entry(&file.dotted_name).or_default().add(&names);
                }
            }
            if grown == touched {
                break;
            }
            touched = grown;
        }
        // With the line: a getter and a setter share a name.
        let known: BTreeSet<FunctionPlace> = self
            .targets
            .iter()
            .filter_map(|target| target.places.head.clone())
            .collect();
        for (file, module) in &parsed {
            let Some(names) = touched.get(file.dotted_name.as_str()) else {
                continue;
            };
            for function in &module.functions {
                let head = place(&file.path, function);
                if known.contains(&head) {
                    continue;
                }
                if let Some(reason) = names.reason_for(function) {
                    // A file that is not among the changed ones has the same lines on both sides.
                    let base = FunctionPlace {
                        line: self.unchanged.get(&head).copied().unwrap_or(head.line),
                        ..head.clone()
                    };
                    let places = PerSide::new(Some(base), Some(head));
                    self.targets.push(target(
                        &file.path,
                        function,
                        Change::ModuleLevel,
                        Some(reason),
                        places,
                    ));
                }
            }
        }
        sort(&mut self.targets);
        // What no function is seen to name may be looked up by `getattr`, `vars` and the like.
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (file, module) in &parsed {
            let Some(names) = touched.get(file.dotted_name.as_str()) else {
                continue;
            };
            for function in &module.functions {
                seen.extend(names.mentioned_in(&function.mentions));
            }
        }
        for (path, names) in &self.touched {
            let is_explained = names.names.iter().chain(&names.attributes).all(|name| {
                seen.contains(name.as_str()) || self.named_on_base.contains(&(path.clone(), name.clone()))
            });
            if !is_explained && !self.unattributed.iter().any(|other| &other.path == path) {
                self.unattributed.push(Unattributed {
                    path: path.clone(),
                    what: "changed outside its functions, and what uses it cannot be told".to_owned(),
                });
            }
        }
    }
}

impl TouchedNames {
    fn add(&mut self, other: &TouchedNames) {
        self.names.extend(other.names.iter().cloned());
        self.attributes.extend(other.attributes.iter().cloned());
        self.classes.extend(other.classes.iter().cloned());
    }

    /// A nested class is reached by the class around it.
    fn touch_class_name(&mut self, qualname: &str) {
        match qualname.rsplit_once('.') {
            Some((_, name)) => self.attributes.insert(name.to_owned()),
            None => self.names.insert(qualname.to_owned()),
        };
    }

    fn mentioned_in<'a>(&self, mentions: &'a Mentions) -> impl Iterator<Item = &'a str> {
        let names = mentions.names.iter().map(|name| name.as_str());
        let attributes = mentions.attributes.iter().map(|name| name.as_str());
        names
            .filter(|name| self.names.contains(*name))
            .chain(attributes.filter(|name| self.attributes.contains(*name)))
    }

    fn touches(&self, mentions: &Mentions) -> bool {
        self.mentioned_in(mentions).next().is_some()
    }

    /// Those that name something touched, or whose conditions do.
    fn statements_of<'a>(&self, body: &'a BodyCode) -> Vec<&'a StatementCode> {
        let mut is_touched: Vec<bool> = Vec::with_capacity(body.conditions.len());
        for condition in &body.conditions {
            let by_outer = condition.outer.is_some_and(|outer| is_touched[outer]);
            is_touched.push(by_outer || self.touches(&condition.mentions));
        }
        let statements = body.statements.iter();
        statements
            .filter(|statement| {
                statement.condition.is_some_and(|condition| is_touched[condition])
                    || self.touches(&statement.mentions)
            })
            .collect()
    }

    fn reason_for(&self, function: &FunctionCode) -> Option<String> {
        if let Some(name) = self.mentioned_in(&function.mentions).next() {
            return Some(format!("names `{name}`, which changed"));
        }
        self.classes
            .iter()
            .find(|class| {
                function
                    .qualname
                    .strip_prefix(class.as_str())
                    .is_some_and(|rest| rest.starts_with('.'))
            })
            .map(|class| format!("belongs to class `{class}`, which changed"))
    }
}

/// `B = A + 1`: what is computed from a touched name is touched.
fn spread_within(module: &ModuleCode, touched: &mut TouchedNames) {
    loop {
        let before = touched.clone();
        for statement in touched.statements_of(&module.body) {
            touched.names.extend(statement.binds.iter().cloned());
        }
        for class in &module.classes {
            if touched.touches(&class.header_mentions) {
                touched.classes.insert(class.qualname.clone());
                touched.touch_class_name(&class.qualname);
            }
            for statement in touched.statements_of(&class.body) {
                touched.attributes.extend(statement.binds.iter().cloned());
            }
        }
        if *touched == before {
            return;
        }
    }
}

fn spread_by_import(
    file: &Importable,
    is_package: bool,
    module: &ModuleCode,
    touched: &BTreeMap<&str, TouchedNames>,
    own: &mut TouchedNames,
) {
    for import in &module.imports {
        let source = absolute_name(&file.dotted_name, is_package, import.level, &import.module);
        match &import.name {
            Some(name) => {
                if let Some(names) = touched.get(source.as_str()) {
                    if name == "*" {
                        own.names.extend(names.names.iter().cloned());
                    } else if names.names.contains(name) {
                        own.names.insert(import.alias.clone());
                    }
                    own.attributes.extend(names.attributes.iter().cloned());
                }
                // `from package import module`, whose names are then its attributes.
                let submodule = format!("{source}.{name}");
                if let Some(names) = touched.get(submodule.trim_start_matches('.')) {
                    own.attributes.extend(names.names.iter().cloned());
                    own.attributes.extend(names.attributes.iter().cloned());
                }
            }
            None => {
                // `import a.b` gives `a` as well, whose names are reached through it.
                let ends = source.match_indices('.').map(|(end, _)| end);
                let outer = ends.filter(|_| !import.is_renamed).map(|end| &source[..end]);
                for names in outer
                    .chain([source.as_str()])
                    .filter_map(|module| touched.get(module))
                {
                    own.attributes.extend(names.names.iter().cloned());
                    own.attributes.extend(names.attributes.iter().cloned());
                }
            }
        }
    }
}

/// The module that a relative import means, as Python resolves it.
fn absolute_name(importer: &str, is_package: bool, level: u32, module: &str) -> String {
    if level == 0 {
        return module.to_owned();
    }
    let mut parts: Vec<&str> = importer.split('.').collect();
    let up = level as usize - usize::from(is_package);
    parts.truncate(parts.len().saturating_sub(up));
    if !module.is_empty() {
        parts.push(module);
    }
    parts.join(".")
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
