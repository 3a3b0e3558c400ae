//! The values of two sides after their imports, compared name by name.
//!
//! `docs/finder.md` has the rules; workers compute the digests and know which code reads which names.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::PerSide;
use crate::protocol::{Name, Observed};

/// The differences between the two sides' values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differing {
    /// The names by path, and for each whether both sides have it.
    pub names: BTreeMap<String, BTreeMap<String, bool>>,
    /// Files that were not loaded, and may read or hold something that differs.
    pub unloaded: BTreeSet<String>,
    /// Changes that an import makes outside the project, in words.
    pub surroundings: BTreeSet<String>,
}

type Digests = BTreeMap<String, String>;

/// The first character of the digest of a value that could only be read in part.
const INCOMPLETE: char = '~';

impl Differing {
    /// Compares the sides' values. `outside` are the files whose code differs outside functions.
    pub fn between(base: &Observed, head: &Observed, outside: &BTreeSet<String>) -> Self {
        let nothing = Digests::new();
        let mut found = Differing::default();
        let paths: BTreeSet<&String> = base.modules.keys().chain(head.modules.keys()).collect();
        for path in paths {
            let [base, head] = [base, head].map(|side| side.modules.get(path).unwrap_or(&nothing));
            // A value that could only be read in part may differ in the rest, if its file does.
            let is_incomplete = |name: &&String| {
                outside.contains(path)
                    && base
                        .get(*name)
                        .is_some_and(|digest| digest.starts_with(INCOMPLETE))
            };
            let names: BTreeMap<String, bool> = differing(base, head)
                .chain(base.keys().filter(is_incomplete))
                .map(|name| (name.clone(), base.contains_key(name) && head.contains_key(name)))
                .collect();
            if !names.is_empty() {
                found.names.insert(path.clone(), names);
            }
        }
        let is_loaded = |path: &String| base.modules.contains_key(path) || head.modules.contains_key(path);
        found.unloaded = outside.iter().filter(|path| !is_loaded(path)).cloned().collect();
        // A module that only one side imported changes nothing by itself.
        let others = differing(&base.others, &head.others)
            .filter(|name| base.others.contains_key(*name) && head.others.contains_key(*name));
        found.surroundings = others
            .map(|name| of_others(name))
            .chain(differing(&base.surroundings, &head.surroundings).cloned())
            .collect();
        found
    }

    /// Removes whatever also differs between two processes of one side, because that says nothing about the
    /// other. Names in a file that changed outside its functions stay nevertheless. Returns whether anything
    /// was removed.
    pub fn leave_out_unstable(
        &mut self,
        one: &Observed,
        again: &Observed,
        outside: &BTreeSet<String>,
    ) -> bool {
        let before = self.clone();
        let nothing = Digests::new();
        for (path, names) in &mut self.names {
            let [one, again] = [one, again].map(|side| side.modules.get(path).unwrap_or(&nothing));
            names.retain(|name, _| outside.contains(path) || one.get(name) == again.get(name));
        }
        self.names.retain(|_, names| !names.is_empty());
        let unstable: BTreeSet<String> = differing(&one.others, &again.others)
            .map(|name| of_others(name))
            .chain(differing(&one.surroundings, &again.surroundings).cloned())
            .collect();
        self.surroundings.retain(|what| !unstable.contains(what));
        *self != before
    }

    /// Returns the names that nothing reads on any side that has them.
    pub fn unread<'a>(&self, by_side: &PerSide<&'a [Name]>) -> BTreeSet<&'a Name> {
        let is_unread = |name: &&Name| {
            let is_on_both = self.names.get(&name.path).and_then(|names| names.get(&name.name));
            is_on_both != Some(&true) || (by_side.base.contains(name) && by_side.head.contains(name))
        };
        by_side
            .base
            .iter()
            .chain(by_side.head)
            .filter(is_unread)
            .collect()
    }
}

fn of_others(module: &str) -> String {
    format!("values of `{module}`")
}

/// Returns the names whose digests differ.
fn differing<'a>(base: &'a Digests, head: &'a Digests) -> impl Iterator<Item = &'a String> {
    let names: BTreeSet<&String> = base.keys().chain(head.keys()).collect();
    names
        .into_iter()
        .filter(|name| base.get(*name) != head.get(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(modules: &[(&str, &str, &str)]) -> Observed {
        let mut observed = Observed::default();
        for (path, name, digest) in modules {
            let names = observed.modules.entry((*path).to_owned()).or_default();
            names.insert((*name).to_owned(), (*digest).to_owned());
        }
        observed
    }

    fn names(differing: &Differing) -> Vec<(&str, &str, bool)> {
        let of_file = |(path, names): (&'_ String, &'_ BTreeMap<String, bool>)| {
            let names = names.iter().map(|(name, both)| (name.clone(), *both));
            names.map(|name| (path.clone(), name)).collect::<Vec<_>>()
        };
        let all: Vec<_> = differing.names.iter().flat_map(of_file).collect();
        all.into_iter()
            .map(|(path, (name, both))| (&*path.leak(), &*name.leak(), both))
            .collect()
    }

    #[test]
    fn names_with_another_digest_or_on_one_side_differ() {
        let base = observed(&[("a.py", "X", "1"), ("a.py", "Y", "1"), ("a.py", "Z", "1")]);
        let head = observed(&[("a.py", "X", "1"), ("a.py", "Y", "2"), ("b.py", "W", "1")]);
        let outside = BTreeSet::from(["b.py".to_owned(), "c.py".to_owned()]);
        let found = Differing::between(&base, &head, &outside);
        assert_eq!(
            names(&found),
            [("a.py", "Y", true), ("a.py", "Z", false), ("b.py", "W", false)]
        );
        assert_eq!(found.unloaded, BTreeSet::from(["c.py".to_owned()]));
        assert_eq!(found.surroundings, BTreeSet::new());
    }

    #[test]
    fn modules_of_others_count_where_both_sides_have_them() {
        let side = |json: f64, only: Option<&str>, limit: u32| {
            let mut observed = Observed::default();
            observed.others.insert("json".to_owned(), json.to_string());
            observed
                .others
                .extend(only.map(|name| (name.to_owned(), "1".to_owned())));
            observed
                .surroundings
                .insert("the recursion limit".to_owned(), limit.to_string());
            observed
        };
        let found = Differing::between(
            &side(1.0, Some("csv"), 1000),
            &side(2.0, None, 3000),
            &BTreeSet::new(),
        );
        assert_eq!(
            found.surroundings.into_iter().collect::<Vec<_>>(),
            ["the recursion limit", "values of `json`"]
        );
    }

    #[test]
    fn what_differs_between_processes_of_one_side_is_left_out_of_files_that_are_the_same() {
        let outside = BTreeSet::from(["changed.py".to_owned()]);
        let base = observed(&[
            ("a.py", "NOW", "1"),
            ("changed.py", "NOW", "1"),
            ("a.py", "X", "1"),
        ]);
        let head = observed(&[
            ("a.py", "NOW", "2"),
            ("changed.py", "NOW", "2"),
            ("a.py", "X", "2"),
        ]);
        let again = observed(&[
            ("a.py", "NOW", "3"),
            ("changed.py", "NOW", "3"),
            ("a.py", "X", "1"),
        ]);
        let mut found = Differing::between(&base, &head, &outside);
        assert!(found.leave_out_unstable(&base, &again, &outside));
        assert_eq!(names(&found), [("a.py", "X", true), ("changed.py", "NOW", true)]);
        assert!(!found.leave_out_unstable(&base, &again, &outside));
    }

    #[test]
    fn a_name_is_unread_where_no_side_that_has_it_reads_it() {
        let base = observed(&[("a.py", "X", "1"), ("a.py", "Y", "1"), ("a.py", "ONE", "1")]);
        let head = observed(&[("a.py", "X", "2"), ("a.py", "Y", "2")]);
        let found = Differing::between(&base, &head, &BTreeSet::new());
        let [x, y, one] = ["X", "Y", "ONE"].map(|name| Name {
            path: "a.py".to_owned(),
            name: name.to_owned(),
        });
        let sides = PerSide::new(vec![x.clone(), y.clone(), one.clone()], vec![x.clone()]);
        let unread = found.unread(&sides.as_ref().map(Vec::as_slice));
        assert_eq!(unread.into_iter().collect::<Vec<_>>(), [&one, &x]);
    }
}
