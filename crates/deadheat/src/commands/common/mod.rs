//! The parts that several commands share.

pub(crate) mod conclude;
pub(crate) mod confirm;
pub(crate) mod context;
pub(crate) mod findings;
pub(crate) mod gates;
pub(crate) mod guard;
pub(crate) mod keep_worktrees;
pub(crate) mod row_warnings;
pub(crate) mod suite_origin;

use deadheat_core::model::{Selection, SelectionRule, WarningCode};

use crate::events::Events;

/// Warns that nothing differs, and returns the selection of such a run.
pub(crate) fn nothing_changed(words: &str, events: &dyn Events) -> Selection {
    events.doubt(
        WarningCode::NothingChanged,
        &format!("{words} between the two revisions"),
        Some("--all measures anyway, which shows the noise of this machine"),
    );
    Selection {
        rule: SelectionRule::NothingChanged,
        reason: words.to_owned(),
    }
}
