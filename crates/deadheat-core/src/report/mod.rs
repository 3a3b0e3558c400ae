//! The forms of a report, one file each.

mod breakdown;
mod brief;
mod csv;
mod html;
mod markdown;
mod names;
mod next;
mod parts;
mod pytest_benchmark;
mod race_brief;
mod reproduce;
mod schema;
mod terminal;
mod warnings;
mod without_samples;
mod words;

pub use brief::brief;
pub use csv::csv;
pub use html::html;
pub use markdown::markdown;
pub use next::{Surroundings, next_steps};
pub use pytest_benchmark::pytest_benchmark;
pub use race_brief::race_brief;
pub use reproduce::quoted;
pub use schema::schema;
pub(crate) use terminal::bare_table;
pub use terminal::{Style, render, render_race, render_tests};
pub use without_samples::without_samples;
