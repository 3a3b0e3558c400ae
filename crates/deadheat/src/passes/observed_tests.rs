use std::fs;

use tempfile::TempDir;

use super::*;

const OLD: &str = "LIMIT = 1\n\n\ndef f():\n    return LIMIT\n\n\ndef g():\n    return LIMIT, 1\n";
const NEW: &str = "# Longer.\nLIMIT = 2\n\n\ndef f():\n    return LIMIT\n\n\ndef g():\n    return LIMIT, 2\n";
const LATE: &str = "def late():\n    return 1\n";

/// Two checkouts in which `a.py` differs, and `late.py` is the same.
struct Checkouts(PerSide<TempDir>);

impl Checkouts {
    fn new() -> Self {
        let folders = PerSide::new(TempDir::new().unwrap(), TempDir::new().unwrap());
        for (side, text) in [(Side::Base, OLD), (Side::Head, NEW)] {
            fs::write(folders.get(side).path().join("a.py"), text).unwrap();
            fs::write(folders.get(side).path().join("late.py"), LATE).unwrap();
        }
        Checkouts(folders)
    }

    fn affected(&self, seen: &Seen) -> Affected {
        let paths = ["a.py", "late.py"].map(str::to_owned);
        seen.affected(
            &differences(),
            &BTreeSet::from(paths),
            self.0.as_ref().map(TempDir::path),
        )
    }
}

fn differences() -> Changes {
    let file = source::ChangedFile {
        path: "a.py".to_owned(),
        base: Some(OLD.into()),
        head: Some(NEW.into()),
    };
    let changes = source::compare([file], 1);
    Changes {
        targets: changes.targets,
        changed: BTreeMap::from([("a.py".to_owned(), BTreeSet::new())]),
        outside: changes.outside,
        unchanged: changes.unchanged,
        ..Changes::default()
    }
}

fn name(path: &str, name: &str) -> Name {
    Name {
        path: path.to_owned(),
        name: name.to_owned(),
    }
}

/// Returns a side's answer: the readers of `LIMIT` by name and line, and the names that nothing reads.
fn readers(functions: &[(&str, u32)], unread: &[Name]) -> Readers {
    let reader = |&(qualname, line): &(&str, u32)| Reader {
        path: "a.py".to_owned(),
        qualname: qualname.to_owned(),
        line,
        reads: name("a.py", "LIMIT"),
    };
    Readers {
        functions: functions.iter().map(reader).collect(),
        unread: unread.to_vec(),
    }
}

fn seen(readers: PerSide<Readers>) -> Seen {
    let observed = |limit: &str| Observed {
        modules: BTreeMap::from([(
            "a.py".to_owned(),
            BTreeMap::from([("LIMIT".to_owned(), limit.to_owned())]),
        )]),
        ..Observed::default()
    };
    let observed = PerSide::new(observed("1"), observed("2"));
    let differing = Differing::between(&observed.base, &observed.head, &differences().outside);
    Seen {
        observed,
        differing,
        readers,
    }
}

#[test]
fn a_reader_is_one_function_on_both_sides_wherever_its_lines_are() {
    let seen = seen(PerSide::new(
        readers(&[("f", 4), ("g", 8)], &[]),
        readers(&[("f", 5), ("g", 9)], &[]),
    ));
    let affected = Checkouts::new().affected(&seen);
    // The code of `g` itself differs, so it is already a target.
    let [f] = affected.functions.as_slice() else {
        panic!("{affected:?}");
    };
    assert_eq!(
        (f.qualname.as_str(), f.change, f.lines),
        ("f", Some(Change::Affected), (5, 6))
    );
    assert_eq!(f.detail.as_deref(), Some("reads `LIMIT` of a.py, which differs"));
    let lines = f
        .places
        .as_ref()
        .map(|place| place.as_ref().map(|place| place.line));
    assert_eq!(lines, PerSide::new(Some(4), Some(5)));
    assert_eq!(affected.unattributed, []);
}

#[test]
fn a_value_that_nothing_reads_may_be_felt_by_everything() {
    let unread = [name("a.py", "LIMIT")];
    let both = seen(PerSide::new(readers(&[], &unread), readers(&[], &unread)));
    let affected = Checkouts::new().affected(&both);
    assert_eq!(
        affected.unattributed,
        [Unattributed {
            path: "a.py".to_owned(),
            what: "gives `LIMIT` another value, and the functions that read it cannot be determined"
                .to_owned(),
        }]
    );
    let one = seen(PerSide::new(readers(&[], &unread), readers(&[("f", 5)], &[])));
    assert_eq!(Checkouts::new().affected(&one).unattributed, []);
}

#[test]
fn functions_of_modules_that_are_loaded_late_may_read_a_changed_file_that_is() {
    let mut late = seen(PerSide::default());
    late.differing.unloaded.insert("a.py".to_owned());
    for side in Side::BOTH {
        late.observed.get_mut(side).modules.clear();
    }
    let affected = Checkouts::new().affected(&late);
    let names: Vec<&str> = affected
        .functions
        .iter()
        .map(|target| target.qualname.as_str())
        .collect();
    assert_eq!(names, ["f", "late"]);
}

#[test]
fn surroundings_are_named_with_a_file_that_can_have_changed_them() {
    let mut seen = seen(PerSide::default());
    seen.differing
        .surroundings
        .insert("the recursion limit".to_owned());
    assert_eq!(
        Checkouts::new().affected(&seen).unattributed,
        [Unattributed {
            path: "a.py".to_owned(),
            what: "changes the recursion limit when it is imported".to_owned(),
        }]
    );
}
