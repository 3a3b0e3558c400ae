//! The records of an optimisation loop, in files that people and programs also read and write: experiments,
//! the baseline, the last verdicts. Texts in, texts out; the rest of a file stays as it is.

mod brief;
mod cells;
mod experiment;
mod foreign;
mod handoff;
mod handover;
mod history;
mod markdown;
mod prescreen;
mod results;
mod row;
mod screen;
mod setup;
mod tidy;
mod time;

pub use brief::{brief_log, brief_status};
pub use experiment::{Experiment, has_any, status_by_rule};
pub use foreign::StatusEffect;
pub use handoff::{Baseline, read_baseline, write_baseline, write_measurements};
pub use handover::write_handover;
pub use history::{Cumulative, History, Source, baseline_of, is_commit};
pub use markdown::{read_section, replace_section};
pub use prescreen::{Prescreen, disagreement, newest_for};
pub use results::{NotResults, Results};
pub use row::{Row, TOTAL};
pub use screen::{log, status};
pub use setup::write_setup;
pub use time::iso_8601;
