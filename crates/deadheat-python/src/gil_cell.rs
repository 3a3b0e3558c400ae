//! A cell that the interpreter's lock protects: a mutex would double the cost of watching a call.

use std::cell::{RefCell, RefMut};

use pyo3::Python;

pub(crate) struct GilCell<T>(RefCell<T>);

impl<T> GilCell<T> {
    pub(crate) fn new(value: T) -> Self {
        GilCell(RefCell::new(value))
    }

    /// Must be given back before any Python code runs, which could come back here: that would be a panic.
    pub(crate) fn borrow_mut<'py>(&'py self, _holds_the_lock: Python<'py>) -> RefMut<'py, T> {
        self.0.borrow_mut()
    }
}

// SAFETY: this crate is built for the stable ABI (abi3), which builds of Python without the lock do not have. The only
// way to the `RefCell` asks for the token that proves that this thread holds the interpreter's lock, so that its flag and
// its content are never touched by two threads at once. A thread that gives the lock up while it still borrows makes the
// next one panic, never race.
#[expect(unsafe_code, reason = "the compiler cannot know of the interpreter's lock")]
unsafe impl<T: Send> Sync for GilCell<T> {}
