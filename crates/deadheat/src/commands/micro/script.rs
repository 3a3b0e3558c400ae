//! A script that holds both variants: as two functions, or as a program that reads its argument.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use deadheat_core::micro::Form;
use deadheat_core::model::PerSide;
use deadheat_core::protocol::{GivenModule, MicroCode};
use deadheat_core::source;

use crate::commands::micro::variants::{VariantContext, Variants, existing};
use crate::error::Failure;
use crate::system::paths::file_name;

const VARIANTS: PerSide<&str> = PerSide {
    base: "bench_a",
    head: "bench_b",
};

pub(super) fn variants(script: &str, around: &VariantContext<'_>) -> anyhow::Result<Variants> {
    let path = existing(script, around)?;
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let functions = source::functions_of(&text)
        .map_err(|error| Failure::usage(format!("{script} cannot be parsed: {error}")))?;
    let functions = functions.keys().map(String::as_str).collect();
    let file = path.display().to_string();
    let source = around.keep("script.py", &text)?;
    let (names, code) = match form_of_script(script, &text, &functions)? {
        ScriptForm::Functions => {
            let module = GivenModule {
                name: name_of_script(&path),
                file,
                source,
            };
            let code = VARIANTS.map(|name| MicroCode::Script {
                module: module.clone(),
                function: name.to_owned(),
            });
            (VARIANTS.map(str::to_owned), code)
        }
        ScriptForm::Program => {
            let code = PerSide::new("a", "b").map(|argument| MicroCode::Program {
                script: script.to_owned(),
                argument: argument.to_owned(),
                file: file.clone(),
                source: source.clone(),
            });
            let name = file_name(script);
            (PerSide::new(format!("{name} a"), format!("{name} b")), code)
        }
    };
    let folder = path.parent().unwrap_or(around.folder).to_owned();
    Ok(Variants {
        form: Form::Script,
        target: script.to_owned(),
        base_commit: around.head_commit()?,
        path: None,
        function: None,
        names,
        code,
        hello: around.hello(around.project_if_any()?, &[folder]),
        warnings: Vec::new(),
        lacking: None,
    })
}

/// How a script holds its two variants.
enum ScriptForm {
    /// As functions of the names in [`VARIANTS`].
    Functions,
    /// It reads its argument.
    Program,
}

fn form_of_script(script: &str, text: &[u8], functions: &BTreeSet<&str>) -> Result<ScriptForm, Failure> {
    let has = VARIANTS.map(|name| functions.contains(name));
    let (present, absent) = match (has.base, has.head) {
        (true, true) => return Ok(ScriptForm::Functions),
        (false, false) if looks_at_arguments(&String::from_utf8_lossy(text)) => {
            return Ok(ScriptForm::Program);
        }
        (false, false) => return Err(without_variants(script, functions.iter().copied())),
        (true, false) => (VARIANTS.base, VARIANTS.head),
        (false, true) => (VARIANTS.head, VARIANTS.base),
    };
    let others = functions
        .iter()
        .copied()
        .filter(|name| *name != present && !name.contains('.'));
    Err(
        Failure::usage(format!("{script} has a function {present} but no {absent}"))
            .hint(format!(
                "{present} and {absent} are the two variants, each called without arguments: also write \
                 {absent}"
            ))
            .near(absent, others),
    )
}

/// The words in a script's text by which it reads its argument: the list itself, or a library that reads it.
const READERS_OF_ARGUMENTS: [&str; 9] = [
    "argv",
    "orig_argv",
    "argparse",
    "click",
    "typer",
    "fire",
    "docopt",
    "getopt",
    "optparse",
];

fn looks_at_arguments(text: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| READERS_OF_ARGUMENTS.contains(&word))
}

fn without_variants<'a>(script: &str, functions: impl Iterator<Item = &'a str>) -> Failure {
    let failure = Failure::usage(format!(
        "{script} neither has functions bench_a and bench_b nor reads its argument (`a` or `b`): there are \
         not two variants"
    ));
    let top_level: Vec<&str> = functions.filter(|name| !name.contains('.')).collect();
    match top_level.as_slice() {
        [] => failure.hint(
            "write the two variants as functions bench_a and bench_b, or have it choose by sys.argv[1]; two statements are \
             compared with -a STMT -b STMT",
        ),
        [first, ..] => failure.hint(format!(
            "did you mean `{script}::{first}`, as in HEAD against the working tree? deadheat micro {script}::{first} --call \
             \"{first}(...)\""
        )),
    }
}

/// Returns the script's code for each of these functions of its.
pub(super) fn functions(
    script: &str,
    names: &[String],
    around: &VariantContext<'_>,
) -> anyhow::Result<(Vec<MicroCode>, PathBuf)> {
    let path = existing(script, around)?;
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let module = GivenModule {
        name: name_of_script(&path),
        file: path.display().to_string(),
        source: around.keep("script.py", &text)?,
    };
    let codes = names.iter().map(|name| MicroCode::Script {
        module: module.clone(),
        function: name.clone(),
    });
    let folder = path.parent().unwrap_or(around.folder).to_owned();
    Ok((codes.collect(), folder))
}

/// Returns the functions `bench_a`, `bench_b`, `bench_c`, ... of a script, as far as it has them; none if it cannot be
/// read.
pub(super) fn lettered_functions(script: &str, around: &VariantContext<'_>) -> Vec<String> {
    let text = existing(script, around).ok().and_then(|path| fs::read(path).ok());
    let functions = text
        .and_then(|text| source::functions_of(&text).ok())
        .unwrap_or_default();
    let names = ('a'..='z').map(|letter| format!("bench_{letter}"));
    names
        .take_while(|name| functions.contains_key(name.as_str()))
        .collect()
}

/// Returns the name that a script is imported by: its own with a prefix, because other code could mean a module of its
/// own name.
fn name_of_script(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    format!(
        "deadheat_script_{}",
        stem.replace(|c: char| !c.is_alphanumeric(), "_")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_a_script_looks_at_its_argument() {
        assert!(looks_at_arguments("import sys\nrun(sys.argv[1])"));
        assert!(looks_at_arguments("from argparse import ArgumentParser"));
        assert!(looks_at_arguments("@click.command()"));
        assert!(!looks_at_arguments("def fired(clicks): pass"));
        let hint = |names: &[&str]| without_variants("util.py", names.iter().copied()).hint.unwrap();
        assert!(hint(&["helper", "C.m"]).starts_with("did you mean `util.py::helper`"));
        assert!(hint(&["C.m"]).contains("bench_a"));
    }

    #[test]
    fn a_script_has_a_name_that_nobody_else_has() {
        assert_eq!(
            name_of_script(Path::new("/x/json.try-1.py")),
            "deadheat_script_json_try_1"
        );
    }
}
