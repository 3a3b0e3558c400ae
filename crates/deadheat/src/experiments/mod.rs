//! The records of an optimisation loop.

pub(crate) mod checkout;
pub(crate) mod record;
pub(crate) mod store;
