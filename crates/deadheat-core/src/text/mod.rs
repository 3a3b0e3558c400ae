//! Numbers and foreign text in the form in which people read them, whatever the output is.

mod message;
mod plain;
mod shorten;
mod units;

pub use message::{main_line, without_foreign_frames};
pub(crate) use plain::sentence;
pub use plain::{plain, plain_lines, short_commit};
pub(crate) use shorten::{cut, fitting, shorten, width};
pub(crate) use units::{
    Digits, amount, bounds, bytes, change, change_bounded, count_of, is_too_wide, number, short_percent,
    signed_duration, signed_percent,
};
pub use units::{change_percent, counted, duration, speedup};
