//! The parts that all plots share.

use maud::Markup;

/// The inner pictures' width and height.
pub(super) const INNER: f64 = 1000.0;

/// A drawing and the words about it.
pub(in crate::report::html) struct Plot {
    pub(in crate::report::html) svg: Markup,
    /// The explanation that a reader needs.
    pub(in crate::report::html) caption: String,
}

/// Formats a coordinate in percent, without digits that cannot be seen.
pub(super) fn at(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(at(50.0), "50%");
        assert_eq!(at(12.345), "12.35%");
        assert_eq!(at(0.1), "0.1%");
    }
}
