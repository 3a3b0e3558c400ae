//! The JSON answers of the commands that have no report, and the schemas of all answers.

mod forms;
mod next;
mod schemas;

pub use forms::{
    Check, Detected, Failed, Fallback, HandedOff, InstalledSkill, LoggedRow, LoopLog, LoopStatus, Problem,
    Skills, Started,
};
pub use next::{Checkout, next_after_profile, next_after_start, next_in_loop};
pub use schemas::schemas;
