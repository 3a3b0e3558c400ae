use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

use super::SyntaxError;
use super::parallel::in_parallel;
use super::parse::{
    Binder, BodyCode, ClassCode, Fingerprint, FunctionCode, ImportedName, Mentions, ModuleCode, NamedLines,
    StatementCode, fingerprint, words,
};
use crate::model::{Change, FunctionPlace, PerSide, Side, TargetFunction};

/// A Python file that differs between the revisions, as each of them has it.
#[derive(Clone, Debug)]
pub struct ChangedFile {
    /// Relative to the repository.
    pub path: String,
    /// The name that it is imported by.
    pub dotted_name: String,
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
    /// The dotted names of files that only base has, by their paths.
    removed_modules: BTreeMap<String, String>,
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
    /// Class attributes, looked for as attributes of whatever object, in every module: an object may get everywhere.
    attributes: BTreeSet<String>,
    /// Classes whose every method is touched: their bases, decorators or fields differ.
    classes: BTreeSet<String>,
    /// Functions that only one side has: what imports them all the same can do without.
    definitions: BTreeSet<String>,
    /// Modules that it has, with all below them: their names are attributes here.
    modules: BTreeSet<String>,
    /// The same of its classes: their names are attributes everywhere.
    modules_of_classes: BTreeSet<String>,
}

/// Every function of a file by its qualified name; the last one where several have the same.
pub fn functions_of(source: &[u8]) -> Result<BTreeMap<String, (u32, u32)>, SyntaxError> {
    let functions = functions_with_lines(source)?.into_iter();
    Ok(functions.map(|(lines, qualname)| (qualname, lines)).collect())
}

/// Every function of a file.
pub fn functions_with_lines(source: &[u8]) -> Result<Vec<NamedLines>, SyntaxError> {
    let module = ModuleCode::parse(source)?;
    let functions = module.functions.into_iter();
    let functions = functions.map(|function| (function.lines, function.qualname));
    Ok(functions.chain(module.never_run).collect())
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
    /// The names of functions whose decorators make something else of them.
    redecorated: TouchedNames,
}

fn compare_file(file: ChangedFile) -> FileChanges {
    let mut found = FileChanges::default();
    let ChangedFile {
        path,
        dotted_name,
        base,
        head,
    } = file;
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
    let (base, module) = match modules {
        (Some(base), Some(module)) => (base, module),
        (base, module) => {
            let on = match (base, module) {
                (Some(_), None) => "head",
                (None, Some(_)) => "base",
                _ => "either side",
            };
            found.changes.unattributed.push(Unattributed {
                path,
                what: format!("cannot be parsed on {on}"),
            });
            return found;
        }
    };
    compare_functions(&path, &base, &module, &mut found);
    compare_statements(&path, &base, &module, &mut found);
    if let Some(source) = head {
        let parsed = (fingerprint(source), module);
        found.changes.heads.insert(path, parsed);
    } else {
        found.changes.removed_modules.insert(path, dotted_name);
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
    let found = |function: &FunctionCode| Found {
        path: path.to_owned(),
        function: function.clone(),
    };
    // A name may be defined more than once in a scope: a property's getter and setter, overloads, branches of an `if`.
    let by_name = by_name(&base.functions, &head.functions, |function| &function.qualname);
    for (before, after) in by_name.into_values() {
        let [before, after] = [before, after].map(|all| all.into_iter().enumerate().collect::<Vec<_>>());
        let (mut pairs, before, after) = pair_up(&before, &after, |(_, function)| function.code);
        let both = before.len().min(after.len());
        pairs.extend(before.iter().copied().zip(after.iter().copied()));
        pairs.sort_by_key(|((place, _), _)| *place);
        let places: Vec<usize> = pairs.iter().map(|(_, (place, _))| *place).collect();
        let mut modified = Vec::new();
        for (((_, on_base), (_, on_head)), crosses) in pairs.into_iter().zip(crossing(&places)) {
            if crosses || on_base.code != on_head.code {
                modified.push((on_base, on_head));
            } else {
                file.changes
                    .unchanged
                    .insert(place(path, on_head), on_base.lines.0);
            }
        }
        for (old, new) in modified {
            let decorators = [old, new].map(|function| function.decorators.as_ref().map(|all| all.code));
            if decorators[0] != decorators[1] {
                file.redecorated.touch_definition(&new.qualname);
            }
            let places = PerSide::new(Some(place(path, old)), Some(place(path, new)));
            let modified = target(path, new, Change::Modified, None, places);
            file.changes.targets.push(modified);
        }
        file.removed
            .extend(before[both..].iter().map(|(_, function)| found(function)));
        file.added
            .extend(after[both..].iter().map(|(_, function)| found(function)));
    }
}

/// What both sides define under each name, in their order.
fn by_name<'a, T>(
    base: &'a [T],
    head: &'a [T],
    name: impl Fn(&T) -> &String,
) -> BTreeMap<&'a str, (Vec<&'a T>, Vec<&'a T>)> {
    let mut found: BTreeMap<&str, (Vec<&T>, Vec<&T>)> = BTreeMap::new();
    for item in base {
        found.entry(name(item)).or_default().0.push(item);
    }
    for item in head {
        found.entry(name(item)).or_default().1.push(item);
    }
    found
}

/// Which of one side's places on the other side, in order, have another pair between them that goes the other way.
fn crossing(places: &[usize]) -> Vec<bool> {
    let mut crosses = vec![false; places.len()];
    let mut highest = 0;
    for (&place, crosses) in places.iter().zip(&mut crosses) {
        *crosses |= place < highest;
        highest = highest.max(place);
    }
    let mut lowest = usize::MAX;
    for (&place, crosses) in places.iter().zip(&mut crosses).rev() {
        *crosses |= place > lowest;
        lowest = lowest.min(place);
    }
    crosses
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
    fn codes(statements: &[StatementCode]) -> Vec<Fingerprint> {
        let statements = statements.iter().filter(|statement| !statement.is_import);
        statements.map(|statement| statement.code).collect()
    }
    let (base, head) = (codes(base), codes(head));
    common(&base, &head, |code| *code) != common(&head, &base, |code| *code)
}

/// Those of one list that the other one has as well, as often as it has them.
fn common<'a, T>(these: &'a [T], others: &[T], code: impl Fn(&T) -> Fingerprint) -> Vec<&'a T> {
    let mut left: HashMap<Fingerprint, usize> = HashMap::new();
    for other in others {
        *left.entry(code(other)).or_default() += 1;
    }
    let is_left = |item: &&T| match left.get_mut(&code(item)) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    these.iter().filter(is_left).collect()
}

/// What another order of what gives names a meaning does.
#[derive(Default)]
struct Reordered {
    /// Names that several give a meaning: the last one counts.
    names: BTreeSet<String>,
    /// What a star import binds, or what registers itself, cannot be told.
    is_felt_elsewhere: bool,
}

impl Reordered {
    fn of(base: &BodyCode, head: &BodyCode) -> Self {
        let code = |binder: &Binder| binder.code;
        let before = common(&base.binders, &head.binders, code);
        let after = common(&head.binders, &base.binders, code);
        if before
            .iter()
            .map(|binder| binder.code)
            .eq(after.iter().map(|binder| binder.code))
        {
            return Reordered::default();
        }
        let meanings = |binders: &[&Binder]| {
            let mut meanings: BTreeMap<String, Vec<Fingerprint>> = BTreeMap::new();
            for binder in binders {
                for name in &binder.names {
                    meanings.entry(name.clone()).or_default().push(binder.code);
                }
            }
            meanings
        };
        // What stands before each star import, in whatever order.
        let around_stars = |binders: &[&Binder]| -> Vec<Vec<Fingerprint>> {
            let mut parts: Vec<Vec<Fingerprint>> = binders
                .split_inclusive(|binder| binder.is_star_import)
                .filter(|part| part.last().is_some_and(|last| last.is_star_import))
                .map(|part| part.iter().map(|binder| binder.code).collect())
                .collect();
            for part in &mut parts {
                if let Some((_, rest)) = part.split_last_mut() {
                    rest.sort_unstable();
                }
            }
            parts
        };
        let on_head = meanings(&after);
        Reordered {
            names: meanings(&before)
                .into_iter()
                .filter(|(name, codes)| on_head.get(name) != Some(codes))
                .map(|(name, _)| name)
                .collect(),
            is_felt_elsewhere: around_stars(&before) != around_stars(&after),
        }
    }

    /// Whether what may register itself stands in another order.
    fn are_registrations(base: &BodyCode, head: &BodyCode) -> bool {
        fn codes(body: &BodyCode) -> Vec<Fingerprint> {
            let binders = body.binders.iter().filter(|binder| binder.may_register);
            binders.map(|binder| binder.code).collect()
        }
        let (base, head) = (codes(base), codes(head));
        common(&base, &head, |code| *code) != common(&head, &base, |code| *code)
    }
}

fn compare_statements(path: &str, base: &ModuleCode, head: &ModuleCode, file: &mut FileChanges) {
    let mut touched = std::mem::take(&mut file.redecorated);
    let changes = &mut file.changes;
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
    let order = Reordered::of(&base.body, &head.body);
    touched.names.extend(order.names);
    let mut reordered = is_reordered(&base.body.statements, &head.body.statements)
        || order.is_felt_elsewhere
        || Reordered::are_registrations(&base.body, &head.body);
    // Branches may define the same class several times.
    let by_name = by_name(&base.classes, &head.classes, |class| &class.qualname);
    for (qualname, (before, after)) in by_name {
        let mut left: Vec<usize> = (0..after.len()).collect();
        let mut places: Vec<Option<usize>> = Vec::new();
        for class in &before {
            let same = left.iter().position(|&index| is_same_class(class, after[index]));
            places.push(same.map(|index| left.remove(index)));
        }
        if before.len() != after.len() {
            touched.touch_definition(qualname);
        }
        let mut left = left.into_iter();
        let mut others = Vec::new();
        for (old, place) in before.into_iter().zip(&mut places) {
            if place.is_none()
                && let Some(index) = left.next()
            {
                *place = Some(index);
                others.push((old, after[index]));
            }
        }
        let places: Vec<usize> = places.into_iter().flatten().collect();
        if crossing(&places).contains(&true) {
            touched.classes.insert(qualname.to_owned());
            touched.touch_definition(qualname);
        }
        for (old, new) in others {
            let mut whole = old.header != new.header;
            for (_, statement) in differing(&old.body.statements, &new.body.statements) {
                touched.attributes.extend(statement.binds.iter().cloned());
                whole |= shapes_instances(statement, new);
            }
            let order = Reordered::of(&old.body, &new.body).names;
            whole |= !order.is_empty() && (new.is_made || order.iter().any(|name| name.starts_with("__")));
            touched.attributes.extend(order);
            if is_reordered(&old.body.statements, &new.body.statements) {
                // Fields in another order make other instances.
                whole |= new.is_made;
                reordered |= !new.is_made;
            }
            if whole {
                touched.classes.insert(qualname.to_owned());
                touched.touch_definition(qualname);
            }
        }
    }
    if reordered {
        changes.unattributed.push(Unattributed {
            path: path.to_owned(),
            what: "has statements outside its functions in another order".to_owned(),
        });
    }
    let one_sided = file
        .removed
        .iter()
        .chain(&file.added)
        .map(|found| &found.function.qualname);
    let one_sided = one_sided.filter(|qualname| !qualname.contains('.'));
    touched.definitions.extend(one_sided.cloned());
    if touched != TouchedNames::default() {
        // Who named on base what head does not have any more is a changed function itself.
        let nothing = Elsewhere::default();
        let named = base
            .functions
            .iter()
            .flat_map(|function| touched.mentioned_in(&function.mentions, &nothing));
        let named = named.map(|name| (path.to_owned(), name.to_owned()));
        changes.named_on_base.extend(named);
        changes.touched.insert(path.to_owned(), touched);
    }
}

/// Slots and fields shape the instances, whoever makes them.
fn shapes_instances(statement: &StatementCode, class: &ClassCode) -> bool {
    statement.has_effect
        || statement.binds.is_empty()
        || statement.binds.iter().any(|name| name.starts_with("__"))
        || (class.is_made && !statement.is_import)
}

fn is_same_class(one: &ClassCode, other: &ClassCode) -> bool {
    one.header == other.header
        && one.body.statements.len() == other.body.statements.len()
        && differing(&one.body.statements, &other.body.statements)
            .next()
            .is_none()
        && !is_reordered(&one.body.statements, &other.body.statements)
        && Reordered::of(&one.body, &other.body).names.is_empty()
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
        self.removed_modules.extend(other.removed_modules);
        self.named_on_base.extend(other.named_on_base);
        self.unchanged.extend(other.unchanged);
        self.heads.extend(other.heads);
    }

    /// Adds the functions that name what changed at module or class level: in the module itself, in those of `modules` (all
    /// of head's) that import it from there, over as many steps as it takes, and of class attributes everywhere.
    pub fn attribute(&mut self, modules: impl IntoIterator<Item = ModuleFile, IntoIter: Send>) {
        let mut heads = std::mem::take(&mut self.heads);
        let modules = modules.into_iter().map(|file| {
            let head = heads.remove(&file.path);
            (file, head)
        });
        let parsed = in_parallel(modules, |(file, head)| {
            let ModuleFile {
                path,
                dotted_name,
                source,
            } = file;
            let module = match head {
                Some((of, module)) if of == fingerprint(&source) => Ok(module),
                _ => ModuleCode::parse(&source).map_err(|_| source),
            };
            (Importable { path, dotted_name }, module)
        });
        let mut unreadable = Vec::new();
        let mut readable: Vec<(Importable, ModuleCode)> = Vec::new();
        for (file, module) in parsed {
            match module {
                Ok(module) => readable.push((file, module)),
                Err(source) => unreadable.push((file.path, source)),
            }
        }
        let spread = Spread::over(&readable, self.seeds(&readable));
        self.add_touched_functions(&readable, &spread);
        self.add_felt_statements(&readable, &spread);
        self.add_unseen(&readable, &spread);
        for (path, source) in unreadable {
            let text = String::from_utf8_lossy(&source);
            let words: BTreeSet<&str> = words(&text).collect();
            if let Some(name) = spread.all_names().find(|name| words.contains(name.as_str())) {
                self.cannot_attribute(
                    path,
                    format!("cannot be read, and has `{name}` in it, which changed"),
                );
            }
        }
    }

    /// What the files themselves touch, by dotted name.
    fn seeds(&self, modules: &[(Importable, ModuleCode)]) -> BTreeMap<String, TouchedNames> {
        let of_head = modules.iter().map(|(file, _)| (&file.path, &file.dotted_name));
        let still_there: BTreeSet<&String> = of_head.clone().map(|(_, dotted_name)| dotted_name).collect();
        let mut seeds: BTreeMap<String, TouchedNames> = BTreeMap::new();
        for (path, dotted_name) in of_head.chain(&self.removed_modules) {
            if let Some(names) = self.touched.get(path) {
                let seed = seeds.entry(dotted_name.clone()).or_default();
                seed.add(names);
                if !still_there.contains(dotted_name) {
                    // What imported the whole module can do without it, too.
                    seed.names.extend(names.definitions.iter().cloned());
                }
            }
        }
        seeds
    }

    fn add_touched_functions(&mut self, modules: &[(Importable, ModuleCode)], spread: &Spread) {
        // With the line: a getter and a setter share a name.
        let known: BTreeSet<FunctionPlace> = self
            .targets
            .iter()
            .filter_map(|target| target.places.head.clone())
            .collect();
        for (file, module) in modules {
            for function in &module.functions {
                let head = place(&file.path, function);
                if known.contains(&head) {
                    continue;
                }
                if let Some(reason) = spread.reason_for(file, function) {
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
    }

    /// Statements that name what is touched and do something with it that no name shows.
    fn add_felt_statements(&mut self, modules: &[(Importable, ModuleCode)], spread: &Spread) {
        for (file, module) in modules {
            let names = spread.in_module(&file.dotted_name);
            let bodies = std::iter::once(&module.body).chain(module.classes.iter().map(|class| &class.body));
            let felt = bodies.flat_map(|body| names.statements_of(body, &spread.elsewhere));
            let mut stars = module
                .imports
                .iter()
                .filter(|import| import.name.as_deref() == Some("*"));
            if stars.any(|import| {
                spread
                    .in_module(&file.source_of(import))
                    .names
                    .contains("__all__")
            }) {
                let what = "imports what the `__all__` of another module names, which changed".to_owned();
                self.cannot_attribute(file.path.clone(), what);
            }
            if let Some(statement) = felt.into_iter().find(|statement| statement.has_effect) {
                let line = statement.line;
                let what = format!(
                    "the statement at line {line} of head names what changed, and has effects of its own"
                );
                self.cannot_attribute(file.path.clone(), what);
            }
        }
    }

    /// What no function is seen to name may be looked up by `getattr`, `vars` and the like.
    fn add_unseen(&mut self, modules: &[(Importable, ModuleCode)], spread: &Spread) {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (file, module) in modules {
            let names = spread.in_module(&file.dotted_name);
            for function in &module.functions {
                seen.extend(names.mentioned_in(&function.mentions, &spread.elsewhere));
                for import in &function.imports {
                    seen.extend(spread.named_through(file, function, import));
                }
            }
        }
        let mut unseen = Vec::new();
        for (path, names) in &self.touched {
            let mut names = names.names.iter().chain(&names.attributes);
            let is_explained = names.all(|name| {
                seen.contains(name.as_str())
                    || METADATA.contains(&name.as_str())
                    || self.named_on_base.contains(&(path.clone(), name.clone()))
            });
            if !is_explained {
                unseen.push(path.clone());
            }
        }
        for path in unseen {
            let what = "changed outside its functions, and what uses it cannot be told".to_owned();
            self.cannot_attribute(path, what);
        }
    }

    /// The first reason of a file is enough.
    fn cannot_attribute(&mut self, path: String, what: String) {
        if !self.unattributed.iter().any(|other| other.path == path) {
            self.unattributed.push(Unattributed { path, what });
        }
    }
}

/// What a module says about the program, not to it.
const METADATA: [&str; 6] = [
    "__version__",
    "__author__",
    "__copyright__",
    "__license__",
    "__date__",
    "__email__",
];

/// What is touched in which module.
struct Spread {
    touched: BTreeMap<String, TouchedNames>,
    elsewhere: Elsewhere,
}

/// What one module knows of the others.
#[derive(Default)]
struct Elsewhere {
    /// Class attributes of all modules.
    attributes: BTreeSet<String>,
    /// Modules that classes have.
    modules: BTreeSet<String>,
    /// Which modules have a touched name.
    modules_of: HashMap<String, Vec<String>>,
}

impl Elsewhere {
    fn of(touched: &BTreeMap<String, TouchedNames>) -> Self {
        let mut elsewhere = Elsewhere::default();
        for (module, names) in touched {
            elsewhere.attributes.extend(names.attributes.iter().cloned());
            elsewhere.modules.extend(names.modules_of_classes.iter().cloned());
            for name in &names.names {
                let modules = elsewhere.modules_of.entry(name.clone()).or_default();
                modules.push(module.clone());
            }
        }
        elsewhere
    }

    /// Whether one of these modules, or one below them, has this touched name.
    fn is_in(&self, modules: &BTreeSet<String>, name: &str) -> bool {
        let mut having = self.modules_of.get(name).into_iter().flatten();
        having.any(|module| {
            let ends = module.match_indices('.').map(|(end, _)| end);
            let mut around = ends.chain([module.len()]);
            around.any(|end| modules.contains(&module[..end]))
        })
    }
}

static NOTHING: TouchedNames = TouchedNames {
    names: BTreeSet::new(),
    attributes: BTreeSet::new(),
    classes: BTreeSet::new(),
    definitions: BTreeSet::new(),
    modules: BTreeSet::new(),
    modules_of_classes: BTreeSet::new(),
};

impl Spread {
    fn over(modules: &[(Importable, ModuleCode)], seeds: BTreeMap<String, TouchedNames>) -> Self {
        let mut spread = Spread {
            elsewhere: Elsewhere::of(&seeds),
            touched: seeds,
        };
        loop {
            let mut grown = spread.touched.clone();
            for (file, module) in modules {
                let mut names = spread.in_module(&file.dotted_name).clone();
                spread.by_import(file, module, &mut names);
                spread.within(module, &mut names);
                if names != NOTHING {
                    // `a.py` and `a/__init__.py` have the same name.
                    grown.entry(file.dotted_name.clone()).or_default().add(&names);
                }
            }
            if grown == spread.touched {
                return spread;
            }
            spread.elsewhere = Elsewhere::of(&grown);
            spread.touched = grown;
        }
    }

    fn in_module(&self, dotted_name: &str) -> &TouchedNames {
        self.touched.get(dotted_name).unwrap_or(&NOTHING)
    }

    fn all_names(&self) -> impl Iterator<Item = &String> {
        let names = self.touched.values().flat_map(|names| &names.names);
        names.chain(&self.elsewhere.attributes)
    }

    /// `B = A + 1`: what is computed from a touched name is touched.
    fn within(&self, module: &ModuleCode, touched: &mut TouchedNames) {
        let elsewhere = &self.elsewhere;
        loop {
            let before = touched.clone();
            for statement in touched.statements_of(&module.body, elsewhere) {
                touched.names.extend(statement.binds.iter().cloned());
            }
            for class in &module.classes {
                if touched.touches(&class.header_mentions, elsewhere) {
                    touched.classes.insert(class.qualname.clone());
                    touched.touch_definition(&class.qualname);
                }
                for statement in touched.statements_of(&class.body, elsewhere) {
                    touched.attributes.extend(statement.binds.iter().cloned());
                    if shapes_instances(statement, class) {
                        touched.classes.insert(class.qualname.clone());
                        touched.touch_definition(&class.qualname);
                    }
                }
            }
            for function in &module.functions {
                let decorators = function.decorators.as_ref();
                if decorators.is_some_and(|all| touched.touches(&all.mentions, elsewhere)) {
                    touched.touch_definition(&function.qualname);
                }
            }
            if *touched == before {
                return;
            }
        }
    }

    fn by_import(&self, file: &Importable, module: &ModuleCode, own: &mut TouchedNames) {
        for import in &module.imports {
            if import.name.as_deref() == Some("*") {
                let source = self.in_module(&file.source_of(import));
                own.names.extend(source.names.union(&source.definitions).cloned());
            } else if self.is_touched(file, import) {
                own.names.insert(import.alias.clone());
            }
            self.add_modules(file, import, &mut own.modules);
        }
        for import in module.classes.iter().flat_map(|class| &class.imports) {
            if self.is_touched(file, import) {
                own.attributes.insert(import.alias.clone());
            }
            self.add_modules(file, import, &mut own.modules_of_classes);
        }
    }

    /// Whether the very name that is imported is touched where it comes from.
    fn is_touched(&self, file: &Importable, import: &ImportedName) -> bool {
        let name = import.name.as_ref();
        name.is_some_and(|name| {
            let source = self.in_module(&file.source_of(import));
            source.names.contains(name) || source.definitions.contains(name)
        })
    }

    /// Adds what is imported as a module where anything in it is touched, and the modules that come along with it.
    fn add_modules(&self, file: &Importable, import: &ImportedName, modules: &mut BTreeSet<String>) {
        let source = file.source_of(import);
        let top = match &import.name {
            Some(name) => {
                modules.extend(self.in_module(&source).modules.iter().cloned());
                // `from package import module`.
                let submodule = format!("{source}.{name}");
                submodule.trim_start_matches('.').to_owned()
            }
            // `import a.b` gives `a` as well, through which whatever of it was imported is reached.
            None if !import.is_renamed => source.split('.').next().unwrap_or_default().to_owned(),
            None => source,
        };
        let below = format!("{top}.");
        let touched_below = self.touched.range(below.clone()..);
        let touched_below = touched_below.take_while(|(module, _)| module.starts_with(&below));
        let mut is_touched = false;
        for (_, names) in self.touched.get_key_value(&top).into_iter().chain(touched_below) {
            is_touched = true;
            // With the topmost one, all below it are there.
            let others = names
                .modules
                .iter()
                .filter(|module| **module != top && !module.starts_with(&below));
            modules.extend(others.cloned());
        }
        if is_touched {
            modules.insert(top);
        }
    }

    /// What is touched of what a function imports: the name itself, and names of modules.
    fn named_through<'a>(
        &self,
        file: &Importable,
        function: &'a FunctionCode,
        import: &'a ImportedName,
    ) -> Vec<&'a str> {
        let mut modules = BTreeSet::new();
        self.add_modules(file, import, &mut modules);
        let attributes = function.mentions.attributes.iter().map(|name| name.as_str());
        let itself = import.name.as_deref().filter(|_| self.is_touched(file, import));
        itself
            .into_iter()
            .chain(attributes.filter(|name| self.elsewhere.is_in(&modules, name)))
            .collect()
    }

    fn reason_for(&self, file: &Importable, function: &FunctionCode) -> Option<String> {
        let names = self.in_module(&file.dotted_name);
        if let Some(name) = names.mentioned_in(&function.mentions, &self.elsewhere).next() {
            return Some(format!("names `{name}`, which changed"));
        }
        for import in &function.imports {
            if let Some(name) = self.named_through(file, function, import).into_iter().next() {
                return Some(format!("imports or names `{name}`, which changed"));
            }
        }
        let mut classes = names.classes.iter();
        let class = classes.find(|class| {
            let rest = function.qualname.strip_prefix(class.as_str());
            rest.is_some_and(|rest| rest.starts_with('.'))
        })?;
        Some(format!("belongs to class `{class}`, which changed"))
    }
}

impl Importable {
    /// The module that an import names, as Python resolves it.
    fn source_of(&self, import: &ImportedName) -> String {
        let is_package = self.path.ends_with("/__init__.py");
        absolute_name(&self.dotted_name, is_package, import.level, &import.module)
    }
}

impl TouchedNames {
    fn add(&mut self, other: &TouchedNames) {
        self.names.extend(other.names.iter().cloned());
        self.attributes.extend(other.attributes.iter().cloned());
        self.classes.extend(other.classes.iter().cloned());
        self.definitions.extend(other.definitions.iter().cloned());
        self.modules.extend(other.modules.iter().cloned());
        self.modules_of_classes
            .extend(other.modules_of_classes.iter().cloned());
    }

    /// What stands in a class is reached by the class around it.
    fn touch_definition(&mut self, qualname: &str) {
        match qualname.rsplit_once('.') {
            Some((_, name)) => self.attributes.insert(name.to_owned()),
            None => self.names.insert(qualname.to_owned()),
        };
    }

    fn mentioned_in<'a>(
        &self,
        mentions: &'a Mentions,
        elsewhere: &Elsewhere,
    ) -> impl Iterator<Item = &'a str> {
        let names = mentions.names.iter().map(|name| name.as_str());
        let attributes = mentions.attributes.iter().map(|name| name.as_str());
        let is_touched = |name: &&str| {
            self.attributes.contains(*name)
                || elsewhere.attributes.contains(*name)
                || elsewhere.is_in(&self.modules, name)
                || elsewhere.is_in(&elsewhere.modules, name)
        };
        names
            .filter(|name| self.names.contains(*name))
            .chain(attributes.filter(is_touched))
    }

    fn touches(&self, mentions: &Mentions, elsewhere: &Elsewhere) -> bool {
        self.mentioned_in(mentions, elsewhere).next().is_some()
    }

    /// Those that name something touched, or whose conditions do.
    fn statements_of<'a>(&self, body: &'a BodyCode, elsewhere: &Elsewhere) -> Vec<&'a StatementCode> {
        let mut is_touched: Vec<bool> = Vec::with_capacity(body.conditions.len());
        for condition in &body.conditions {
            let by_outer = condition.outer.is_some_and(|outer| is_touched[outer]);
            is_touched.push(by_outer || self.touches(&condition.mentions, elsewhere));
        }
        let statements = body.statements.iter();
        statements
            .filter(|statement| {
                statement.condition.is_some_and(|condition| is_touched[condition])
                    || self.touches(&statement.mentions, elsewhere)
            })
            .collect()
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
