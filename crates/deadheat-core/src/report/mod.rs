//! The forms of a report, one file each.

mod breakdown;
mod brief;
mod csv;
mod explain;
mod html;
mod machines;
mod markdown;
mod metrics;
mod names;
mod next;
mod parts;
mod pytest_benchmark;
mod race_brief;
mod reproduce;
mod terminal;
mod warnings;
mod within;
mod without_samples;
mod words;

pub use brief::{BRIEF_BYTES, BriefReport, brief};
pub use csv::csv;
pub use explain::{Explained, ExplainedPart, ExplainedVerdict, Numbers, Subject, explain, find};
pub use html::html;
pub use markdown::markdown;
pub use metrics::metrics;
pub use next::{Surroundings, lines as next_lines, next_steps};
pub use pytest_benchmark::pytest_benchmark;
pub use race_brief::race_brief;
pub use reproduce::quoted;
pub(crate) use terminal::bare_table;
pub use terminal::{Style, render, render_explained, render_race, render_tests};
pub use within::within;
pub use without_samples::without_samples;
