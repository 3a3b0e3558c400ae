//! The options of a pre-screen, before the configuration is read.

use std::path::PathBuf;
use std::time::Duration;

use crate::cli::args::MicroArgs;
use crate::cli::options::{Verbosity, verbosity};
use crate::error::Failure;
use crate::system::cpu_pinning::Pinning;

/// The options of one `deadheat micro`.
#[derive(Clone, Debug)]
pub(crate) struct MicroOptions {
    /// The folder that deadheat was started in.
    pub(crate) folder: PathBuf,
    pub(crate) asked: MicroTarget,
    pub(crate) worth_percent: f64,
    pub(crate) memory: bool,
    pub(crate) gate: bool,
    pub(crate) timeout: Duration,
    pub(crate) seed: Option<u64>,
    pub(crate) pinning: Pinning,
    pub(crate) python: Option<String>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) json: bool,
    pub(crate) samples: bool,
    pub(crate) verbosity: Verbosity,
}

/// The code to compare; paths as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MicroTarget {
    Script {
        script: String,
    },
    Function {
        file: String,
        qualname: String,
        call: String,
        setup: Option<String>,
        base: String,
    },
    Statements {
        a: String,
        b: String,
        /// The variants after the first two.
        more: Vec<String>,
        setup: Option<String>,
    },
}

impl MicroOptions {
    pub(crate) fn new(args: MicroArgs, folder: PathBuf) -> Result<Self, Failure> {
        let asked = MicroTarget::new(
            args.target,
            args.statement_a.map(|a| (a, args.statements_b)),
            args.call,
            args.setup,
            args.base,
        )?;
        Ok(MicroOptions {
            folder,
            asked,
            worth_percent: args.worth,
            memory: args.memory,
            gate: args.gate,
            timeout: Duration::from_secs_f64(args.timeout),
            seed: args.process.seed,
            pinning: Pinning::asked(args.process.no_pin, args.process.cpu),
            python: args.place.python,
            config_file: args.place.config_file,
            json: args.output.json,
            samples: args.samples,
            verbosity: verbosity(&args.output),
        })
    }
}

impl MicroTarget {
    fn new(
        target: Option<String>,
        statements: Option<(String, Vec<String>)>,
        call: Option<String>,
        setup: Option<String>,
        base: Option<String>,
    ) -> Result<Self, Failure> {
        let for_functions = match (&call, &base) {
            (Some(_), _) => Some("--call"),
            (_, Some(_)) => Some("--base"),
            _ => None,
        };
        let function = target.as_deref().and_then(|target| target.split_once("::"));
        if let (Some(option), None) = (for_functions, function)
            && (target.is_some() || statements.is_some())
        {
            return Err(
                Failure::usage(format!("{option} needs a function of a file: FILE.py::FUNCTION"))
                    .hint("for example: deadheat micro pkg/core.py::parse --call \"parse('a,b')\""),
            );
        }
        match (function, target.as_deref(), statements) {
            (Some((file, qualname)), _, _) => {
                let Some(call) = call.filter(|call| !call.trim().is_empty()) else {
                    return Err(
                        Failure::usage(format!("{file}::{qualname}: how is it called? --call is missing"))
                            .hint(format!("for example: --call \"{qualname}(1000)\"")),
                    );
                };
                Ok(MicroTarget::Function {
                    file: file.to_owned(),
                    qualname: qualname.to_owned(),
                    call,
                    setup,
                    base: base.unwrap_or_else(|| "HEAD".to_owned()),
                })
            }
            (None, Some(_), _) if setup.is_some() => Err(Failure::usage(
                "--setup: a script does its set-up itself, at its module level",
            )
            .hint(
                "write it into the script, above bench_a and bench_b; --setup goes with FILE.py::FUNCTION and with -a STMT \
                 -b STMT",
            )),
            (None, Some(script), _) => Ok(MicroTarget::Script {
                script: script.to_owned(),
            }),
            (None, None, Some((a, others))) => {
                not_empty("-a", &a)?;
                others.iter().try_for_each(|other| not_empty("-b", other))?;
                let mut others = others.into_iter();
                Ok(MicroTarget::Statements {
                    a,
                    b: others.next().unwrap_or_default(),
                    more: others.collect(),
                    setup,
                })
            }
            (None, None, None) => Err(Failure::usage("nothing to compare")
                .hint("name a script or FILE.py::FUNCTION, or give two statements: -a STMT -b STMT")),
        }
    }
}

fn not_empty(option: &str, statement: &str) -> Result<(), Failure> {
    if statement.trim().is_empty() {
        return Err(Failure::usage(format!("{option}: there is nothing to run"))
            .hint("for example: -a \"','.join(x)\" -b \"'%s,%s' % x\" --setup \"x = ('a', 'b')\""));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(target: Option<&str>, call: Option<&str>, setup: Option<&str>) -> Result<MicroTarget, Failure> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        MicroTarget::new(own(target), None, own(call), own(setup), None)
    }

    #[test]
    fn the_form_is_told_by_the_target() {
        assert_eq!(
            asked(Some("try.py"), None, None).unwrap(),
            MicroTarget::Script {
                script: "try.py".to_owned()
            }
        );
        assert_eq!(
            asked(Some("a/b.py::C.m"), Some("C().m()"), None).unwrap(),
            MicroTarget::Function {
                file: "a/b.py".to_owned(),
                qualname: "C.m".to_owned(),
                call: "C().m()".to_owned(),
                setup: None,
                base: "HEAD".to_owned(),
            }
        );
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert!(
            asked(Some("a.py::f"), None, None)
                .unwrap_err()
                .message
                .contains("--call")
        );
        assert!(asked(Some("a.py::f"), Some("  "), None).is_err());
        assert!(asked(Some("try.py"), Some("f()"), None).is_err());
        assert!(asked(Some("try.py"), None, Some("x = 1")).is_err());
        let blank = Some(("1".to_owned(), vec!["2".to_owned(), " ".to_owned()]));
        assert!(MicroTarget::new(None, blank, None, None, None).is_err());
    }
}
