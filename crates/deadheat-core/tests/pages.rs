//! Compares the documentation's lists with the types: nothing is missing, and nothing is listed that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use deadheat_core::answers::schemas;
use deadheat_core::model::WarningCode;
use deadheat_core::output::Output;
use deadheat_core::protocol::{MicroCode, Reply, Request};
use schemars::{JsonSchema, schema_for};
use serde_json::Value;

const REFERENCE: &str = include_str!("../../../docs/reference.md");
const TROUBLESHOOTING: &str = include_str!("../../../docs/troubleshooting.md");
const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

type Names = BTreeSet<String>;

/// The reference's lists of all values of an enumeration: the text before the list, the text after it, the type.
const LISTS: [(&str, &str, &str); 12] = [
    ("\nWarning codes:", ".\n", "WarningCode"),
    ("none in particular), `reason` (", ")", "MissingReason"),
    ("`inconclusive`, with a `reason`:", ". ", "OpenReason"),
    ("`qualname`, `change` (", ";", "Change"),
    ("`pairs[]`: `order` (", ")", "Order"),
    ("`seed`, `clock` (", ")", "Clock"),
    (
        "use in addition to time: `benchmark`, `resource` (",
        ")",
        "Resource",
    ),
    ("`output` (", ")", "OutputCheck"),
    ("`note` (", ")", "ProfileNote"),
    ("`environment` (", ")", "Environments"),
    ("| `selection` | `rule` (", ")", "SelectionRule"),
    ("`--status STATUS` | with `--record`:", ", instead", "Status"),
];

/// Returns the schema of the report.
fn schema() -> Value {
    let mut schemas = schemas().into_iter();
    let (_, schema) = schemas.find(|(name, _)| *name == "report").unwrap();
    schema
}

/// Returns the text between two others, of which the first must occur on the page once.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    assert_eq!(page.matches(before).count(), 1, "`{before}`");
    let (_, rest) = page.split_once(before).unwrap();
    rest.split_once(after)
        .unwrap_or_else(|| panic!("`{after}` after `{before}`"))
        .0
}

/// Returns the names in the code of a text, without options.
fn named(text: &str) -> Names {
    let code = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| !code.starts_with('-'));
    code.flat_map(|code| {
        code.split(|character: char| !(character.is_ascii_alphanumeric() || character == '_'))
    })
    .filter(|name| is_name(name))
    .map(str::to_owned)
    .collect()
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|character| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_')
}

/// Returns the values of an enumeration without content.
fn values(schema: &Value) -> Names {
    let mut found = Names::new();
    visit(schema, &mut |schema| {
        found.extend(schema.get("const").and_then(Value::as_str).map(str::to_owned));
        let listed = schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        found.extend(listed.filter_map(Value::as_str).map(str::to_owned));
    });
    found
}

/// Returns the names of all fields in a schema.
fn fields(schema: &Value) -> Names {
    let mut found = Names::new();
    visit(schema, &mut |schema| {
        let properties = schema.get("properties").and_then(Value::as_object);
        found.extend(properties.into_iter().flatten().map(|(name, _)| name.clone()));
    });
    found
}

fn visit(schema: &Value, see: &mut impl FnMut(&Value)) {
    see(schema);
    match schema {
        Value::Object(entries) => entries.values().for_each(|value| visit(value, see)),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        _ => {}
    }
}

#[test]
fn the_reference_lists_every_value_of_an_enumeration_and_no_other() {
    let schema = schema();
    for (before, after, name) in LISTS {
        let listed = named(between(REFERENCE, before, after));
        let known = values(&schema["$defs"][name]);
        let missing: Vec<_> = known.difference(&listed).collect();
        let strange: Vec<_> = listed.difference(&known).collect();
        assert!(
            missing.is_empty() && strange.is_empty(),
            "docs/reference.md, after {before:?}: {missing:?} are missing, {strange:?} are not in {name}"
        );
    }
    let counts = between(REFERENCE, "| `summary.counts` |", " |\n");
    assert_eq!(named(counts), fields(&schema["$defs"]["Counts"]));
    let verdicts = named(between(REFERENCE, "\n## Verdicts\n", "\n## "));
    assert!(verdicts.is_superset(&values(&schema["$defs"]["Verdict"])));
}

#[test]
fn the_reference_names_every_field_of_every_answer() {
    let known = named(REFERENCE);
    for (name, schema) in schemas() {
        let missing: Vec<String> = fields(&schema).difference(&known).cloned().collect();
        assert_eq!(missing, Vec::<String>::new(), "of {name}");
    }
}

#[test]
fn the_reference_lists_every_next_step() {
    let table = between(REFERENCE, "\n### Next steps\n", "\n## ");
    let listed: Names = rows(table).iter().flat_map(|row| named(row[0])).collect();
    assert_eq!(listed, values(&schema()["$defs"]["Action"]));
}

/// The fields of each variant of an enumeration with a tag, and those of the types that they hold.
struct Variants {
    own: BTreeMap<String, Names>,
    inner: BTreeMap<String, Names>,
    definitions: Value,
}

fn variants<T: JsonSchema>(tag: &str) -> Variants {
    let schema = schema_for!(T).to_value();
    let definitions = schema.get("$defs").cloned().unwrap_or_default();
    let mut found = Variants {
        own: BTreeMap::new(),
        inner: BTreeMap::new(),
        definitions,
    };
    for variant in schema["oneOf"].as_array().unwrap() {
        let name = variant["properties"][tag]["const"].as_str().unwrap();
        let held = variant.get("$ref").map(|reference| found.definition(reference));
        let mut own = Names::new();
        let mut inner = Names::new();
        for object in [Some(variant), held].into_iter().flatten() {
            let properties = object.get("properties").and_then(Value::as_object);
            for (field, value) in properties
                .into_iter()
                .flatten()
                .filter(|(field, _)| *field != tag)
            {
                own.insert(field.clone());
                found.add_inner(value, &mut inner);
            }
        }
        found.own.insert(name.to_owned(), own);
        found.inner.insert(name.to_owned(), inner);
    }
    found
}

impl Variants {
    fn definition(&self, reference: &Value) -> &Value {
        let name = reference.as_str().unwrap().rsplit('/').next().unwrap();
        &self.definitions[name]
    }

    /// Adds the fields of the types that a field holds, except for types with their own section of the page.
    fn add_inner(&self, value: &Value, into: &mut Names) {
        let mut references = Vec::new();
        visit(value, &mut |schema| {
            references.extend(schema.get("$ref").cloned())
        });
        for reference in &references {
            let elsewhere =
                ["MicroCode", "Output"].contains(&reference.as_str().unwrap().rsplit('/').next().unwrap());
            if !elsewhere {
                let definition = self.definition(reference);
                into.extend(fields(definition));
                self.add_inner(definition, into);
            }
        }
    }
}

/// Returns the rows of a table, cell by cell, without its header.
fn rows(section: &str) -> Vec<Vec<&str>> {
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// Returns the text about each name that is introduced as "`name`:" or "`name` has".
fn introduced<'a>(text: &'a str, names: &BTreeMap<String, Names>) -> BTreeMap<&'a str, &'a str> {
    let mut starts: Vec<(usize, &str)> = Vec::new();
    for (start, _) in text.match_indices('`') {
        let Some((name, rest)) = text[start + 1..].split_once('`') else {
            continue;
        };
        if names.contains_key(name) && (rest.starts_with(':') || rest.starts_with(" has ")) {
            starts.push((start, name));
        }
    }
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([text.len()]);
    let each = starts.iter().zip(ends);
    each.map(|((start, name), end)| (*name, &text[start + name.len() + 2..end]))
        .collect()
}

#[test]
fn warnings_about_the_machine_are_under_their_heading() {
    let codes = values(&schema()["$defs"]["WarningCode"])
        .into_iter()
        .filter(|code| {
            let code: WarningCode = serde_json::from_value(code.as_str().into()).unwrap();
            code.is_about_machine()
        });
    let section = between(TROUBLESHOOTING, "\n## Warnings about the machine\n", "\n## ");
    let listed: Names = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned))
        .collect();
    assert_eq!(listed, codes.collect::<Names>(), "docs/troubleshooting.md");
}

#[test]
fn the_page_of_the_protocol_has_every_field_of_every_message_and_no_other() {
    let requests = variants::<Request>("request");
    let replies = variants::<Reply>("reply");
    let section = between(PROTOCOL, "\n## Requests and replies\n", "\n## ");
    let everywhere = named(section);
    // Other names that may occur: the messages themselves, the values of fields, and the names of other things.
    let mut others: Names = requests.own.keys().chain(replies.own.keys()).cloned().collect();
    for definition in ["TracePurpose", "Clock", "MicroWatch"] {
        others.extend(values(&requests.definitions[definition]));
    }
    others.extend(values(&replies.definitions["TestOutcome"]));
    others.extend(["setup", "call", "teardown", "profile_tests", "py"].map(str::to_owned));
    let check = |what: &str, said: &str, own: &Names, inner: &Names| {
        let said = named(said);
        let missing: Vec<_> = own.difference(&said).collect();
        assert!(missing.is_empty(), "{what} has {missing:?}, too");
        let missing: Vec<_> = inner.difference(&everywhere).collect();
        assert!(missing.is_empty(), "something in {what} has {missing:?}, too");
        let strange: Vec<_> = said
            .iter()
            .filter(|name| !own.contains(*name) && !inner.contains(*name) && !others.contains(*name))
            .collect();
        assert!(strange.is_empty(), "{what} has no {strange:?}");
    };

    let mut asked = Names::new();
    let mut answered = Names::new();
    let mut check_replies = |text: &str| {
        for (name, said) in introduced(text, &replies.own) {
            assert!(answered.insert(name.to_owned()), "`{name}` stands twice");
            check(name, said, &replies.own[name], &replies.inner[name]);
        }
    };
    for row in rows(section) {
        let [request, said, answers] = row[..] else {
            panic!("{row:?}");
        };
        let name = request.split('`').nth(1).unwrap();
        assert!(requests.own.contains_key(name), "there is no request `{name}`");
        assert!(asked.insert(name.to_owned()), "`{name}` stands twice");
        check(name, said, &requests.own[name], &requests.inner[name]);
        check_replies(answers);
    }
    for paragraph in section.split("\n\n").filter(|text| text.starts_with("`failed`")) {
        check_replies(paragraph);
    }
    assert_eq!(asked, requests.own.keys().cloned().collect());
    let with_fields = replies.own.iter().filter(|(_, fields)| !fields.is_empty());
    assert_eq!(answered, with_fields.map(|(name, _)| name.clone()).collect());
}

#[test]
fn the_page_of_the_protocol_has_every_form_of_code_and_every_kind_of_output() {
    let forms = variants::<MicroCode>("form");
    let section = between(PROTOCOL, "\n## Workers without pytest\n", "\n## ");
    let documented: BTreeMap<String, Names> = rows(section)
        .into_iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), named(row[1])))
        .collect();
    assert_eq!(documented, forms.own);
    for inner in forms.inner.values() {
        assert!(named(section).is_superset(inner), "{inner:?}");
    }
    let kinds = variants::<Output>("kind");
    let section = named(between(PROTOCOL, "\n## What a benchmark returned\n", "\n| node"));
    for (kind, fields) in &kinds.own {
        assert!(section.contains(kind), "{kind}");
        assert!(section.is_superset(fields), "{kind}: {fields:?}");
    }
}
