//! More than two variants.

use deadheat_core::micro::Form;
use deadheat_core::protocol::{HelloRequest, MicroCode};

use crate::cli::micro::MicroTarget;
use crate::commands::micro::script;
use crate::commands::micro::variants::VariantContext;
use crate::error::Failure;

/// The most variants that race.
const MOST: usize = 20;

/// The variants of a race, the first one being the reference.
pub(super) struct Several {
    pub(super) form: Form,
    pub(super) target: String,
    pub(super) base_commit: Option<String>,
    /// Each as a person knows it.
    pub(super) names: Vec<String>,
    pub(super) codes: Vec<MicroCode>,
    pub(super) hello: HelloRequest,
}

/// Returns the variants, if there are more than two.
pub(super) fn find(asked: &MicroTarget, around: &VariantContext<'_>) -> anyhow::Result<Option<Several>> {
    let (form, target, names, codes, folder) = match asked {
        MicroTarget::Statements { a, b, more, setup } if !more.is_empty() => {
            let statements = [a, b].into_iter().chain(more);
            let statements: Vec<String> = statements.cloned().collect();
            let codes = statements.iter().map(|statement| MicroCode::Statement {
                setup: setup.clone(),
                statement: statement.clone(),
            });
            let target = format!("-a {a} -b {}", statements[1..].join(" -b "));
            let names = told_apart(&statements);
            (Form::Statements, target, names, codes.collect(), None)
        }
        MicroTarget::Script { script } => {
            let names = script::lettered_functions(script, around);
            if names.len() <= 2 {
                return Ok(None);
            }
            let (codes, folder) = script::functions(script, &names, around)?;
            (Form::Script, script.clone(), names, codes, Some(folder))
        }
        _ => return Ok(None),
    };
    if names.len() > MOST {
        return Err(Failure::usage(format!("{} variants are too many", names.len()))
            .hint(format!("compare at most {MOST} at a time"))
            .into());
    }
    let first: Vec<_> = folder.into_iter().collect();
    Ok(Some(Several {
        form,
        target,
        base_commit: around.head_commit()?,
        names,
        codes,
        hello: around.hello(around.project_if_any()?, &first),
    }))
}

/// Returns the statements as names, with a number where the same one was given before.
fn told_apart(statements: &[String]) -> Vec<String> {
    let name = |(index, statement): (usize, &String)| {
        let earlier = statements[..index]
            .iter()
            .filter(|other| *other == statement)
            .count();
        match earlier {
            0 => statement.clone(),
            _ => format!("{statement}  # {}", earlier + 1),
        }
    };
    statements.iter().enumerate().map(name).collect()
}
