//! Asks both sides for the values that they hold after their imports, and finds the functions that read differing ones.
//!
//! `docs/finder.md` has the rules. A function whose own code differs is known from the source; this module finds those
//! that read another value, class or wrapped function than on the other side, whatever code caused the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use deadheat_core::model::{Change, FunctionPlace, PerSide, Side, TargetFunction};
use deadheat_core::observed::Differing;
use deadheat_core::protocol::{Name, Observed, Reader, Reply, Request};
use deadheat_core::source::{self, Unattributed};

use crate::passes::workers::WorkerPool;
use crate::project::changes::Changes;
use crate::worker::session::Session;

/// The consequences of values that differ.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Affected {
    /// Functions whose own code is the same on both sides.
    pub(crate) functions: Vec<TargetFunction>,
    /// Changes that may affect any benchmark.
    pub(crate) unattributed: Vec<Unattributed>,
}

/// Asks the open workers. `paths` are all Python files of the project.
pub(crate) fn look(
    workers: &mut WorkerPool,
    differences: &Changes,
    paths: &BTreeSet<String>,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Affected> {
    match ask(workers, differences, paths, checkouts)? {
        Ok(seen) => Ok(seen.affected(differences, paths, checkouts)),
        Err(problem) => Ok(Affected {
            functions: Vec::new(),
            unattributed: vec![differences.because(format!(
                "differs, and the values in the modules cannot be compared ({problem})"
            ))],
        }),
    }
}

/// One side's answer about the names that differ.
#[derive(Debug, Default)]
struct Readers {
    functions: Vec<Reader>,
    unread: Vec<Name>,
}

type Asked<T> = Result<T, String>;

/// The answers of both sides, and their comparison.
struct Seen {
    observed: PerSide<Observed>,
    differing: Differing,
    readers: PerSide<Readers>,
}

fn ask(
    workers: &mut WorkerPool,
    differences: &Changes,
    paths: &BTreeSet<String>,
    checkouts: PerSide<&Path>,
) -> anyhow::Result<Asked<Seen>> {
    let request = Request::Observe {
        changed: differences.changed.clone(),
    };
    let observed = match ask_both(workers, &request, |reply| match reply {
        Reply::Observed(observed) => Some(observed),
        _ => None,
    })? {
        Ok(observed) => observed,
        Err(problem) => return Ok(Err(problem)),
    };
    let outside = &differences.outside;
    let mut differing = Differing::between(&observed.base, &observed.head, outside);
    let late = paths.iter().filter(|path| !is_loaded(&observed, path));
    let late = naming(late, &differing, checkouts);
    differing.unloaded.extend(late);
    let mut readers = ask_for_readers(workers, &differing)?;
    if readers.as_ref().is_ok_and(|readers| is_felt(&differing, readers)) {
        let [again] = workers.open(&workers.spec.clone(), [Side::Base]);
        if let Ok((mut session, _)) = again {
            let limit = workers.until.saturating_duration_since(Instant::now());
            if let Ok(Reply::Observed(again)) = session.ask(&request, limit)?
                && differing.leave_out_unstable(&observed.base, &again, outside)
            {
                readers = ask_for_readers(workers, &differing)?;
            }
            session.stop();
        }
    }
    Ok(readers.map(|readers| Seen {
        observed,
        differing,
        readers,
    }))
}

fn is_loaded(observed: &PerSide<Observed>, path: &str) -> bool {
    let mut sides = Side::BOTH.into_iter();
    sides.all(|side| observed.get(side).modules.contains_key(path))
}

/// Returns the files whose text contains a name that differs.
fn naming<'a>(
    paths: impl Iterator<Item = &'a String>,
    differing: &Differing,
    checkouts: PerSide<&Path>,
) -> Vec<String> {
    let names = differing.names.values().flat_map(BTreeMap::keys);
    let names: BTreeSet<&str> = names.filter_map(|name| name.rsplit('.').next()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let is_named = |path: &&String| {
        Side::BOTH.into_iter().any(|side| {
            let text = std::fs::read(checkouts.get(side).join(path)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let mut words = text.split(|part: char| !part.is_alphanumeric() && part != '_');
            words.any(|word| names.contains(word))
        })
    };
    paths.filter(is_named).cloned().collect()
}

fn ask_for_readers(
    workers: &mut WorkerPool,
    differing: &Differing,
) -> anyhow::Result<Asked<PerSide<Readers>>> {
    if differing.names.is_empty() && differing.unloaded.is_empty() {
        return Ok(Ok(PerSide::default()));
    }
    let request = Request::Readers {
        differing: differing.names.clone(),
        unloaded: differing.unloaded.iter().cloned().collect(),
    };
    ask_both(workers, &request, |reply| match reply {
        Reply::Readers { functions, unread } => Some(Readers { functions, unread }),
        _ => None,
    })
}

/// Whether anything may run differently because of the differences.
fn is_felt(differing: &Differing, readers: &PerSide<Readers>) -> bool {
    let is_silent = |readers: &Readers| readers.functions.is_empty() && readers.unread.is_empty();
    !(differing.surroundings.is_empty() && is_silent(&readers.base) && is_silent(&readers.head))
}

fn ask_both<T>(
    workers: &mut WorkerPool,
    request: &Request,
    expected: impl Fn(Reply) -> Option<T>,
) -> anyhow::Result<Asked<PerSide<T>>> {
    let limit = workers.until.saturating_duration_since(Instant::now());
    let mut answers = PerSide::<Option<T>>::default();
    let mut sides: Vec<(Side, &mut Session)> = Vec::new();
    let PerSide { base, head } = &mut workers.opened;
    sides.extend(base.as_mut().map(|session| (Side::Base, session)));
    sides.extend(head.as_mut().map(|session| (Side::Head, session)));
    for (_, session) in &mut sides {
        // A worker that is gone is noticed when its answer is read.
        let _ = session.send(request);
    }
    for (side, session) in sides {
        match session.receive(limit)? {
            Ok(Reply::NotObserved { problem }) => return Ok(Err(format!("on {side}, {problem}"))),
            Ok(reply) => *answers.get_mut(side) = expected(reply),
            Err(problem) => return Ok(Err(format!("on {side}, {problem}"))),
        }
    }
    match answers {
        PerSide {
            base: Some(base),
            head: Some(head),
        } => Ok(Ok(PerSide::new(base, head))),
        _ => Ok(Err("the workers did not answer".to_owned())),
    }
}

impl Seen {
    fn affected(
        &self,
        differences: &Changes,
        paths: &BTreeSet<String>,
        checkouts: PerSide<&Path>,
    ) -> Affected {
        let mut affected = Affected::default();
        for what in &self.differing.surroundings {
            let what = format!("changes {what} when it is imported");
            affected.unattributed.push(differences.because(what));
        }
        let unread = self.readers.as_ref().map(|readers| readers.unread.as_slice());
        for name in self.differing.unread(&unread) {
            affected.unattributed.push(Unattributed {
                path: name.path.clone(),
                what: format!(
                    "gives `{}` another value, and the functions that read it cannot be determined",
                    name.name
                ),
            });
        }
        let mut functions = Functions::new(differences, checkouts);
        for side in Side::BOTH {
            for reader in &self.readers.get(side).functions {
                functions.add(side, reader);
            }
        }
        let unloaded = &self.differing.unloaded;
        if let Some(first) = unloaded.first() {
            for path in paths
                .union(unloaded)
                .filter(|path| !is_loaded(&self.observed, path))
            {
                functions.add_all_of(path, first);
            }
        }
        affected.functions = functions.found.into_values().collect();
        affected
    }
}

/// The affected functions, by head's place, or by base's if head lacks them.
struct Functions<'a> {
    differences: &'a Changes,
    checkouts: PerSide<&'a Path>,
    /// Head's places by base's, in files that differ.
    on_head: BTreeMap<FunctionPlace, &'a FunctionPlace>,
    known: BTreeSet<&'a FunctionPlace>,
    lines: BTreeMap<(Side, String), BTreeMap<(u32, String), u32>>,
    found: BTreeMap<FunctionPlace, TargetFunction>,
}

impl<'a> Functions<'a> {
    fn new(differences: &'a Changes, checkouts: PerSide<&'a Path>) -> Self {
        let on_head = differences.unchanged.iter().map(|(place, &line)| {
            let on_base = FunctionPlace {
                line,
                ..place.clone()
            };
            (on_base, place)
        });
        let targets = differences.targets.iter().chain(&differences.in_benchmarks);
        Functions {
            differences,
            checkouts,
            on_head: on_head.collect(),
            known: targets
                .flat_map(|target| [&target.places.base, &target.places.head])
                .flatten()
                .collect(),
            lines: BTreeMap::new(),
            found: BTreeMap::new(),
        }
    }

    fn add(&mut self, side: Side, reader: &Reader) {
        let place = FunctionPlace {
            path: reader.path.clone(),
            qualname: reader.qualname.clone(),
            line: reader.line,
        };
        let Name { path, name } = &reader.reads;
        let detail = match name.as_str() {
            "" => of_late(path),
            name if name == reader.qualname => "is defined with other values".to_owned(),
            name => format!("reads `{name}` of {path}, which differs"),
        };
        self.add_at(side, place, detail);
    }

    fn add_all_of(&mut self, path: &str, changed: &str) {
        for side in Side::BOTH {
            for (line, qualname) in self.lines_of(side, path).clone().into_keys() {
                let place = FunctionPlace {
                    path: path.to_owned(),
                    qualname,
                    line,
                };
                self.add_at(side, place, of_late(changed));
            }
        }
    }

    fn add_at(&mut self, side: Side, place: FunctionPlace, detail: String) {
        // Its own code differs, so it is already a target.
        if self.known.contains(&place) {
            return;
        }
        let is_changed = self.differences.changed.contains_key(&place.path);
        let places = match (side, is_changed) {
            (_, false) => PerSide::new(Some(place.clone()), Some(place.clone())),
            (Side::Head, true) => {
                let on_base = self.differences.unchanged.get(&place).map(|&line| FunctionPlace {
                    line,
                    ..place.clone()
                });
                PerSide::new(on_base, Some(place.clone()))
            }
            (Side::Base, true) => PerSide::new(
                Some(place.clone()),
                self.on_head.get(&place).map(|&place| place.clone()),
            ),
        };
        let key = places.head.clone().unwrap_or_else(|| place.clone());
        if self.found.contains_key(&key) {
            return;
        }
        let of = if places.head.is_some() {
            Side::Head
        } else {
            Side::Base
        };
        let Some(&last) = self
            .lines_of(of, &key.path)
            .get(&(key.line, key.qualname.clone()))
        else {
            // The file has no function of this name there, for example because pytest has rewritten it.
            return;
        };
        let target = TargetFunction {
            path: key.path.clone(),
            qualname: key.qualname.clone(),
            change: Some(Change::Affected),
            lines: (key.line, last),
            detail: Some(detail),
            places,
            reached_by: Vec::new(),
        };
        self.found.insert(key, target);
    }

    /// Returns the last lines of a file's functions, by first line and name.
    fn lines_of(&mut self, side: Side, path: &str) -> &BTreeMap<(u32, String), u32> {
        let checkout = self.checkouts.get(side);
        let read = || {
            let text = std::fs::read(checkout.join(path)).unwrap_or_default();
            let functions = source::functions_with_lines(&text).unwrap_or_default();
            functions
                .into_iter()
                .map(|((first, last), qualname)| ((first, qualname), last))
                .collect()
        };
        self.lines.entry((side, path.to_owned())).or_insert_with(read)
    }
}

/// Returns the detail of a function that runs or imports modules that are loaded late.
fn of_late(path: &str) -> String {
    format!("may read values of `{path}`, which is imported while benchmarks run")
}

impl Changes {
    /// Returns a change with unknown consequences, named after the first file that can have caused it.
    fn because(&self, what: String) -> Unattributed {
        let first = self.outside.iter().chain(self.changed.keys()).next();
        Unattributed {
            path: first.cloned().unwrap_or_default(),
            what,
        }
    }
}

#[cfg(test)]
#[path = "observed_tests.rs"]
mod tests;
