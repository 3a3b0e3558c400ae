//! The result of a race between several candidates: the fastest, or those that are tied.

mod answer;
mod report;
mod terminal;

pub use answer::{RaceAnswer, RaceVerdict, answer};
pub use report::{RaceCandidate, RaceReport, RaceRow, RaceSettings, RaceStatus, raced, unraced};
pub use terminal::lines;
