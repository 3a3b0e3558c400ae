//! `deadheat._native`: the program inside the Python package. The only crate that knows PyO3.

mod gil_cell;
mod tracer;

use pyo3::prelude::*;

/// See `_native.pyi` for the words that Python users see.
#[pymodule]
mod _native {
    use std::ffi::OsString;
    use std::path::PathBuf;

    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::tracer::{Probe, Tracer};

    #[pyfunction]
    fn main(
        py: Python<'_>,
        arguments: Vec<OsString>,
        package_folder: PathBuf,
        interpreter: PathBuf,
        extension: PathBuf,
        ignores_hangup: bool,
    ) -> i32 {
        let installation = deadheat::Installation {
            package_folder,
            interpreter,
            extension,
            ignores_hangup,
        };
        py.detach(|| deadheat::main(arguments, &installation))
    }
}
