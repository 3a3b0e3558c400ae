//! Warnings that make the answer of a pre-screen doubtful, with remedies in the user's own code.

use std::collections::BTreeSet;

use deadheat_core::model::{PerSide, Side, Warning, WarningCode};
use deadheat_core::output::Outputs;
use deadheat_core::protocol::ChangedValue;
use deadheat_core::report::quoted;

use crate::cli::micro::MicroTarget;
use crate::passes::measure::ReplicateSet;

/// The longest timed code, in bytes, that a hint repeats.
const LONGEST_REPEATED: usize = 80;

/// Gives a row's warnings the hints that fit the user's options, and adds the warning that only a pre-screen can give.
pub(crate) fn complete(
    mut warnings: Vec<Warning>,
    rounds: &ReplicateSet,
    asked: &MicroTarget,
    names: &PerSide<String>,
) -> Vec<Warning> {
    let unconsumed = PerSide::new(&rounds.outputs.base, &rounds.outputs.head).map(Outputs::unconsumed);
    for warning in &mut warnings {
        if warning.code == WarningCode::OutputNotConsumed {
            warning.hint = Some(consuming(asked, &unconsumed));
        }
    }
    warnings.extend(of_setup(&rounds.changed, asked, names));
    warnings
}

/// Returns the caveats without which a decision must not be read.
pub(crate) fn caveats<'a>(warnings: impl Iterator<Item = &'a Warning>) -> Vec<&'static str> {
    let codes: Vec<WarningCode> = warnings.map(|warning| warning.code).collect();
    let has = |code| codes.contains(&code);
    let mut caveats = Vec::new();
    if has(WarningCode::FirstCallDiffers) {
        caveats.push("only the first call of a process changed, as with a cache");
    }
    if has(WarningCode::OutputDiffers) {
        caveats.push("the two return different values");
    }
    if has(WarningCode::OutputNotConsumed) {
        caveats.push("the value that a call returns is not consumed, so its work is not timed");
    }
    if has(WarningCode::SetupChanged) {
        caveats.push("the calls change the values that they are given, so they do not all get the same");
    }
    caveats
}

fn consuming(asked: &MicroTarget, unconsumed: &PerSide<Option<&str>>) -> String {
    let what = unconsumed.base.or(unconsumed.head).unwrap_or_default();
    let is_async = what.starts_with("async");
    let consumed = |text: &str| {
        if is_async {
            format!("[item async for item in {text}]")
        } else {
            format!("list({text})")
        }
    };
    let option = |name: &str, text: &str| {
        let text = if is_repeatable(text) { text.trim() } else { "..." };
        format!("{name} {}", quoted(&consumed(text)))
    };
    match asked {
        MicroTarget::Function { call, .. } => format!("consume it in the call: {}", option("--call", call)),
        MicroTarget::Statements { a, b, .. } => {
            let options: Vec<String> = [(unconsumed.base, "-a", a), (unconsumed.head, "-b", b)]
                .into_iter()
                .filter(|(what, _, _)| what.is_some())
                .map(|(_, name, text)| option(name, text))
                .collect();
            format!("consume it in the statement: {}", options.join(" "))
        }
        MicroTarget::Script { .. } => format!("consume it in the function: return {}", consumed("...")),
    }
}

fn of_setup(
    changed: &PerSide<BTreeSet<ChangedValue>>,
    asked: &MicroTarget,
    names: &PerSide<String>,
) -> Option<Warning> {
    let all: BTreeSet<&ChangedValue> = changed.base.union(&changed.head).collect();
    let first = *all.first()?;
    let known: BTreeSet<&str> = all.iter().map(|value| value.name.as_str()).collect();
    let values: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let sides: Vec<&str> = Side::BOTH
        .into_iter()
        .filter(|&side| !changed.get(side).is_empty())
        .map(|side| names.get(side).as_str())
        .collect();
    let setup = match asked {
        MicroTarget::Script { .. } => "a script's module level",
        MicroTarget::Function { .. } | MicroTarget::Statements { .. } => "--setup",
    };
    let message = format!(
        "the calls of {} change {}, which {setup} made: {setup} runs once in each process, so every call but \
         the first gets them as the call before left them",
        sides.join(" and of "),
        values.join(", ")
    );
    Some(Warning::new(
        WarningCode::SetupChanged,
        message,
        Some(&copying(first, asked)),
    ))
}

fn copying(value: &ChangedValue, asked: &MicroTarget) -> String {
    let name = &value.name;
    let copy = match value.type_name.as_str() {
        "list" | "dict" | "set" | "bytearray" => format!("{}({name})", value.type_name),
        "deque" | "ndarray" | "OrderedDict" | "defaultdict" | "Counter" => format!("{name}.copy()"),
        _ => return format!("make a new `{name}` in the timed code, on both sides"),
    };
    let on_both = "its cost is then in both times";
    let option = |option: &str, text: &str| {
        let own = with_word(text, name, &copy);
        match own {
            Some(own) if is_repeatable(text) => format!("{option} {}", quoted(own.trim())),
            _ => format!("{option} '... {copy} ...'"),
        }
    };
    match asked {
        MicroTarget::Function { call, .. } => {
            format!(
                "give each call its own copy: {}; {on_both}",
                option("--call", call)
            )
        }
        MicroTarget::Statements { a, b, .. } => format!(
            "give each call its own copy: {} {}; {on_both}",
            option("-a", a),
            option("-b", b)
        ),
        MicroTarget::Script { .. } => {
            format!("give each call its own copy, {copy} in both functions; {on_both}")
        }
    }
}

/// Whether a text is one short expression that can be put into another one.
fn is_repeatable(text: &str) -> bool {
    text.len() <= LONGEST_REPEATED && !text.contains(['\n', ';'])
}

/// Returns `text` with every standalone `word` replaced; `None` if there is none.
fn with_word(text: &str, word: &str, replacement: &str) -> Option<String> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut result = String::new();
    let mut rest = text;
    let mut last = None;
    let mut found = false;
    while let Some(place) = rest.find(word) {
        let (before, after) = (&rest[..place], &rest[place + word.len()..]);
        let preceding = before.chars().next_back().or(last);
        result.push_str(before);
        let stands_alone =
            !preceding.is_some_and(|c| is_part(c) || c == '.') && !after.chars().next().is_some_and(is_part);
        result.push_str(if stands_alone { replacement } else { word });
        found |= stands_alone;
        last = word.chars().next_back();
        rest = after;
    }
    result.push_str(rest);
    found.then_some(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(call: &str) -> MicroTarget {
        MicroTarget::Function {
            file: "a.py".to_owned(),
            qualname: "f".to_owned(),
            call: call.to_owned(),
            setup: None,
            base: "HEAD".to_owned(),
        }
    }

    fn changed(name: &str, type_name: &str) -> ChangedValue {
        ChangedValue {
            name: name.to_owned(),
            type_name: type_name.to_owned(),
        }
    }

    #[test]
    fn the_way_out_is_in_the_users_words() {
        let generator = PerSide::new(None, Some("generator"));
        assert_eq!(
            consuming(&function("g(10000)"), &generator),
            "consume it in the call: --call 'list(g(10000))'"
        );
        let statements = MicroTarget::Statements {
            a: "f('x')".to_owned(),
            b: "g('x')".to_owned(),
            more: Vec::new(),
            setup: None,
        };
        assert_eq!(
            consuming(&statements, &generator),
            "consume it in the statement: -b \"list(g('x'))\""
        );
        let of_async = PerSide::new(Some("async generator"), None);
        assert!(consuming(&function("g()"), &of_async).ends_with("--call '[item async for item in g()]'"),);
        assert!(
            copying(&changed("xs", "list"), &function("f(xs, axs, o.xs)"))
                .contains("--call 'f(list(xs), axs, o.xs)'")
        );
        assert!(
            copying(&changed("xs", "list"), &function("xs.sort(); g(xs)"))
                .contains("--call '... list(xs) ...'")
        );
        assert!(copying(&changed("n", "int"), &function("n")).contains("make a new `n`"));
    }

    #[test]
    fn one_warning_names_the_sides_and_the_values() {
        let names = PerSide::new("HEAD".to_owned(), "working tree".to_owned());
        let none = PerSide::<BTreeSet<ChangedValue>>::default();
        assert_eq!(of_setup(&none, &function("f()"), &names), None);
        let values = PerSide::new(
            BTreeSet::new(),
            BTreeSet::from([changed("b", "dict"), changed("a", "list")]),
        );
        let warning = of_setup(&values, &function("f(a, b)"), &names).unwrap();
        assert!(
            warning
                .message
                .starts_with("the calls of working tree change `a`, `b`, which --setup made"),
            "{}",
            warning.message
        );
    }
}
