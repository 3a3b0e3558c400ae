//! The functions that the difference between two revisions touches.
//!
//! The two versions of every changed file are parsed and compared as code. A diff's line numbers are not used: they
//! could only narrow the search, and parsing whole files is fast enough without them.

mod compare;
mod decode;
mod literals;
mod nesting;
mod parallel;
mod parse;
mod syntax_error;

pub use compare::{
    ChangedFile, Differences, FileSyntaxError, Unattributed, compare, functions_of, functions_with_lines,
};
pub(crate) use literals::literals_of;
pub use parse::{NamedLines, holds_benchmarks};
pub use syntax_error::SyntaxError;
