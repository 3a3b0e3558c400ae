//! The pure half of deadheat: values in, values out.
//!
//! Everything that touches the world (processes, files, clocks) is in the `deadheat` crate, which calls this one.

#![forbid(unsafe_code)]

pub mod dependencies;
pub mod gate;
pub mod merge;
pub mod micro;
pub mod model;
pub mod observed;
pub mod output;
pub mod partition;
pub mod profile;
pub mod protocol;
pub mod records;
pub mod report;
pub mod resource;
pub mod script_output;
pub mod sequential;
pub mod source;
pub mod stats;
pub mod test_profile;
pub mod thresholds;
