//! The two compared revisions.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the two compared revisions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Base,
    Head,
}

impl Side {
    pub const BOTH: [Side; 2] = [Side::Base, Side::Head];

    pub fn other(self) -> Side {
        match self {
            Side::Base => Side::Head,
            Side::Head => Side::Base,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Base => "base",
            Side::Head => "head",
        })
    }
}

/// A value for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct PerSide<T> {
    pub base: T,
    pub head: T,
}

impl<T> PerSide<T> {
    pub fn new(base: T, head: T) -> Self {
        PerSide { base, head }
    }

    /// Gives both sides the same value.
    pub fn same(value: T) -> Self
    where
        T: Clone,
    {
        PerSide::new(value.clone(), value)
    }

    pub fn get(&self, side: Side) -> &T {
        match side {
            Side::Base => &self.base,
            Side::Head => &self.head,
        }
    }

    pub fn get_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::Base => &mut self.base,
            Side::Head => &mut self.head,
        }
    }

    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> PerSide<U> {
        PerSide {
            base: f(self.base),
            head: f(self.head),
        }
    }

    /// Makes the value of each side, base first, and stops at the first error.
    pub fn try_from_fn<E>(mut f: impl FnMut(Side) -> Result<T, E>) -> Result<Self, E> {
        Ok(PerSide {
            base: f(Side::Base)?,
            head: f(Side::Head)?,
        })
    }

    pub fn as_ref(&self) -> PerSide<&T> {
        PerSide {
            base: &self.base,
            head: &self.head,
        }
    }
}

/// A revision as typed, and its commit.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
pub struct Revision {
    pub name: String,
    /// The full commit hash.
    pub commit: String,
    /// Whether uncommitted changes lie over the commit (`--working-tree`).
    pub dirty: bool,
}
