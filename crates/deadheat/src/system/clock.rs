//! The time of day.

use std::time::SystemTime;

use deadheat_core::records::iso_8601;

/// Returns the current time in the format of the files.
pub(crate) fn now() -> String {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    iso_8601(since.map_or(0, |since| since.as_secs()))
}
