//! Call accounting: which of the watched functions ran, how often and for how long. Pure: readings of a clock go in,
//! counts and ticks come out.
//!
//! Every thread has a stack of *activations*. A call enters its function; a return, an exception that leaves it, and a
//! generator's or coroutine's suspension all leave it; a resumption enters it again without being a call. A suspended
//! activation is not on any stack, so one that is abandoned needs no event.

#![forbid(unsafe_code)]

mod cost;
mod recorder;

pub use cost::{FunctionTime, ProbeCost};
pub use recorder::{Entry, Record, Recorder, Spent, Tally};

/// A reading of the clock, or a difference of two, in the clock's own unit.
pub type Ticks = u64;
