//! The records of an optimisation loop, in files that people and programs read and write too: experiments, the
//! baseline, the last verdicts. Texts in, texts out; the rest of a file stays as it is.

mod experiment;
mod handoff;
mod history;
mod markdown;
mod prescreen;
mod results;
mod screen;
mod setup;
mod time;

pub use experiment::{Experiment, has_any, status_by_rule};
pub use handoff::{Baseline, read_baseline, write_baseline, write_measurements};
pub use history::{Cumulative, History, Source};
pub use markdown::{read_section, replace_section};
pub use prescreen::{Prescreen, disagreement, newest_for};
pub use results::{NotResults, Results, Row, TOTAL};
pub use screen::{log, status};
pub use setup::write_setup;
pub use time::iso_8601;

/// Turns a text into one line of a file: characters that would end a field or a line become spaces.
///
/// U+2028 and U+2029 are not control characters, but end lines where texts are split by Unicode's rules.
fn tidy(text: &str) -> String {
    let ends_a_line =
        |character: char| character.is_control() || matches!(character, '\u{2028}' | '\u{2029}');
    text.replace(ends_a_line, " ").trim().to_owned()
}
