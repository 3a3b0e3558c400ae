//! Numbers and foreign text in the form in which people read them, whatever the output is.

mod message;
mod plain;
mod shorten;
mod units;

pub use message::{main_line, without_foreign_frames};
pub use plain::{escaped, plain, short_commit};
pub(crate) use plain::{one_line, sentence};
pub(crate) use shorten::{cut, fitting, shorten, width};
pub(crate) use units::{
    Digits, amount, bounds, bytes, count_of, is_too_wide, short_percent, signed_duration, signed_percent,
};
pub use units::{change_percent, counted, duration, speedup};
