//! From samples to verdicts: values in, values out, and no form of output.

pub mod balance;
mod breakdown;
pub mod gate;
pub mod machine_words;
pub mod machines;
mod many_machines;
pub mod merge;
mod process_pairs;
pub mod profile;
pub mod race;
pub mod resource;
pub mod sequential;
mod settings;
pub mod stats;
mod stored;
mod summary;
pub mod thresholds;
mod verdicts;

pub use breakdown::{ProfileReplicates, explain, survey};
pub use stored::{Unsound, judge_again};
pub use summary::{controls, controls_moved, count, noise};
pub use verdicts::{MeasuredBenchmark, confirm, judge, judge_on_machines, judge_total};
