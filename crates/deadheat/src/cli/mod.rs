//! The command line: arguments, the options that they become, and the values of both.

pub(crate) mod args;
pub(crate) mod format;
pub(crate) mod micro;
pub(crate) mod options;
#[cfg(test)]
mod page;
pub(crate) mod values;
