//! The arguments of `deadheat micro`.

use crate::cli::args::shared::{OUTPUT, OutputArgs, PlaceArgs, ProcessArgs};
use crate::cli::values::{parse_percent, parse_seconds};

const MICRO_HELP: &str = concat!(
    "\
Examples:
  deadheat micro pkg/core.py::parse --setup \"text = 'a,b'\" --call \"parse(text)\"
                                         the function as in HEAD against the working tree
  deadheat micro try.py                  a script's functions bench_a and bench_b
  deadheat micro -a \"','.join(x)\" -b \"'%s,%s' % x\" --setup \"x = ('a', 'b')\"
  deadheat micro -a \"x + y\" -b \"'%s%s' % (x, y)\" -b \"f'{x}{y}'\" --setup \"x, y = 'ab'\"
                                         the fastest of three
  deadheat micro try.py --gate && git commit

The answer begins with `go`, `stop` or `no answer`, and says why; of more than two variants, it names the fastest.

",
    exit_codes!()
);

#[derive(Debug, clap::Args)]
#[command(after_help = MICRO_HELP, args_override_self = true)]
pub(crate) struct MicroArgs {
    /// A script with functions `bench_a` and `bench_b` (and `bench_c`, ... for more variants), or one that takes `a` or
    /// `b` as its argument and is run whole; or a function, which is compared as in HEAD with the working tree's (with
    /// --call)
    #[arg(
        value_name = "SCRIPT.py|FILE.py::FUNCTION",
        required_unless_present = "statement_a",
        conflicts_with_all = ["statement_a", "statements_b"]
    )]
    pub(crate) target: Option<String>,
    /// The first variant: a statement or an expression
    #[arg(
        short = 'a',
        value_name = "STMT",
        requires = "statements_b",
        allow_hyphen_values = true
    )]
    pub(crate) statement_a: Option<String>,
    /// The second variant: a statement or an expression. Repeated, the fastest of all variants is looked for
    #[arg(
        short = 'b',
        value_name = "STMT",
        requires = "statement_a",
        allow_hyphen_values = true
    )]
    pub(crate) statements_b: Vec<String>,
    /// The call to time, in the function's module: `f(x)`, `C().m()`; a result that can be awaited is awaited
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub(crate) call: Option<String>,
    /// Run this set-up code once in each process, not timed. It is not run again between calls: mutated values stay
    /// mutated
    #[arg(long, value_name = "CODE", allow_hyphen_values = true)]
    pub(crate) setup: Option<String>,
    /// Take the function's module from this ref [default: HEAD]
    #[arg(long, value_name = "REF")]
    pub(crate) base: Option<String>,
    /// Set the smallest speedup that counts as `go`, in percent
    #[arg(long, value_name = "PCT", default_value = "20", value_parser = parse_percent, allow_negative_numbers = true)]
    pub(crate) worth: f64,
    /// Also compare the peak of the memory that one call needs (by the standard library's tracemalloc)
    #[arg(long)]
    pub(crate) memory: bool,
    /// Exit with 0 for `go` and with 1 for `stop`
    #[arg(long)]
    pub(crate) gate: bool,
    /// Limit the time of the whole command
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = parse_seconds, allow_negative_numbers = true)]
    pub(crate) timeout: f64,
    #[command(flatten)]
    pub(crate) process: ProcessArgs,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Include every sample in the JSON
    #[arg(help_heading = OUTPUT, long, requires = "json")]
    pub(crate) samples: bool,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
}
