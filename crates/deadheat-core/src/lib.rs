//! The pure half of deadheat: values in, values out.
//!
//! Everything that touches the world (processes, files, clocks) is in the `deadheat` crate, which calls this one.

#![forbid(unsafe_code)]

pub mod answers;
pub mod dependencies;
pub mod judge;
pub mod micro;
pub mod model;
pub mod observed;
pub mod output;
pub mod protocol;
pub mod race;
pub mod records;
pub mod report;
pub mod script_output;
pub mod source;
pub mod test_profile;
#[cfg(test)]
mod testing;
pub mod text;
