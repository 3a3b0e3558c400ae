//! The callbacks that watch calls in the project's interpreter; the counting is in `deadheat-trace`.

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use deadheat_trace::{Entry, ProbeCost, Recorder, Ticks};
use pyo3::prelude::*;

use crate::gil_cell::GilCell;

/// Runs for one calibration; the median is not moved by a few that are disturbed.
const CALIBRATION_RUNS: usize = 7;
/// How often a calibration calls the callback for exceptions.
const CALIBRATION_UNWINDS: u64 = 200;

thread_local! {
    /// This thread's number in the recorder: there is one tracer in a process.
    static THREAD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Addresses of code objects are nearly hashes already.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("only addresses are hashed");
    }

    fn write_usize(&mut self, address: usize) {
        // Fibonacci hashing (Knuth): the low bits of addresses are all alike.
        self.0 = (address as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

struct State {
    recorder: Recorder,
    /// Functions by the address of their code objects.
    watched: HashMap<usize, usize, BuildHasherDefault<AddressHasher>>,
    /// The code objects themselves, so that no other one gets such an address.
    kept: Vec<Py<PyAny>>,
    cost: ProbeCost,
}

impl State {
    fn function(&self, code: &Bound<'_, PyAny>) -> Option<usize> {
        self.watched.get(&(code.as_ptr() as usize)).copied()
    }

    fn thread(&mut self) -> usize {
        THREAD.with(|thread| {
            let mut number = thread.get();
            if number == usize::MAX {
                number = self.recorder.add_thread();
                thread.set(number);
            }
            number
        })
    }
}

/// See `_native.pyi` for the words that Python users see.
#[pyclass(frozen)]
pub(crate) struct Tracer {
    state: GilCell<State>,
    clock: quanta::Clock,
    find: Py<PyAny>,
    disable: Py<PyAny>,
}

/// `function`, `calls`, and in nanoseconds the total time, its probes, the own time, and its probes.
type Row = (usize, u64, f64, f64, f64, f64);

impl Tracer {
    // The clock is read as late as possible on entering and as early as possible on leaving.

    fn enter(&self, py: Python<'_>, function: usize, entry: Entry) {
        let mut state = self.state.borrow_mut(py);
        let thread = state.thread();
        let now = self.clock.raw();
        state.recorder.enter(thread, function, entry, now);
    }

    fn leave(&self, py: Python<'_>, function: usize, now: Ticks) {
        let mut state = self.state.borrow_mut(py);
        let thread = state.thread();
        state.recorder.leave(thread, function, now);
    }

    fn leave_code(&self, code: &Bound<'_, PyAny>) {
        let now = self.clock.raw();
        let mut state = self.state.borrow_mut(code.py());
        if let Some(function) = state.function(code) {
            let thread = state.thread();
            state.recorder.leave(thread, function, now);
        }
    }

    /// Whether the code is watched.
    fn enter_code(&self, code: &Bound<'_, PyAny>, entry: Entry) -> bool {
        let mut state = self.state.borrow_mut(code.py());
        let function = state.function(code);
        if let Some(function) = function {
            let thread = state.thread();
            let now = self.clock.raw();
            state.recorder.enter(thread, function, entry, now);
        }
        function.is_some()
    }

    fn nanoseconds_per_tick(&self) -> f64 {
        const MANY: Ticks = 1 << 40;
        self.clock.delta_as_nanos(0, MANY) as f64 / MANY as f64
    }
}

#[pymethods]
impl Tracer {
    #[new]
    fn new(functions: usize, find: Py<PyAny>, disable: Py<PyAny>) -> Self {
        Tracer {
            state: GilCell::new(State {
                recorder: Recorder::new(functions),
                watched: HashMap::default(),
                kept: Vec::new(),
                cost: ProbeCost::default(),
            }),
            clock: quanta::Clock::new(),
            find,
            disable,
        }
    }

    #[pyo3(signature = (code, _offset, /))]
    fn on_start(&self, code: &Bound<'_, PyAny>, _offset: &Bound<'_, PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let py = code.py();
        if self.enter_code(code, Entry::Call) {
            return Ok(None);
        }
        let Some(function) = self.find.call1(py, (code,))?.extract::<Option<usize>>(py)? else {
            return Ok(Some(self.disable.clone_ref(py)));
        };
        {
            let mut state = self.state.borrow_mut(py);
            state.watched.insert(code.as_ptr() as usize, function);
            state.kept.push(code.clone().unbind());
        }
        self.enter(py, function, Entry::Call);
        Ok(None)
    }

    #[pyo3(signature = (code, _offset, /))]
    fn on_resume(&self, code: &Bound<'_, PyAny>, _offset: &Bound<'_, PyAny>) {
        self.enter_code(code, Entry::Resumption);
    }

    #[pyo3(signature = (code, _offset, _exception, /))]
    fn on_throw(&self, code: &Bound<'_, PyAny>, _offset: &Bound<'_, PyAny>, _exception: &Bound<'_, PyAny>) {
        self.enter_code(code, Entry::Resumption);
    }

    #[pyo3(signature = (code, _offset, _value, /))]
    fn on_leave(&self, code: &Bound<'_, PyAny>, _offset: &Bound<'_, PyAny>, _value: &Bound<'_, PyAny>) {
        self.leave_code(code);
    }

    #[pyo3(signature = (code, _offset, _exception, /))]
    fn on_unwind(&self, code: &Bound<'_, PyAny>, _offset: &Bound<'_, PyAny>, _exception: &Bound<'_, PyAny>) {
        let now = self.clock.raw();
        let mut state = self.state.borrow_mut(code.py());
        let thread = state.thread();
        match state.function(code) {
            Some(function) => state.recorder.leave(thread, function, now),
            None => state.recorder.unwound(thread),
        }
    }

    fn begin(&self, py: Python<'_>) -> u64 {
        let mut state = self.state.borrow_mut(py);
        let now = self.clock.raw();
        state.recorder.begin(now);
        self.clock.delta_as_nanos(0, now)
    }

    fn end(&self, py: Python<'_>) -> u64 {
        let now = self.clock.raw();
        self.state.borrow_mut(py).recorder.end(now);
        self.clock.delta_as_nanos(0, now)
    }

    fn take_record(&self, py: Python<'_>) -> (f64, f64, u64, Vec<Row>) {
        let mut state = self.state.borrow_mut(py);
        let record = state.recorder.take_record();
        let scale = self.nanoseconds_per_tick();
        let rows = record.tallies.iter().enumerate();
        let rows = rows
            .filter(|(_, tally)| tally.calls > 0 || tally.own.activations > 0)
            .map(|(function, tally)| {
                let (total, own) = (state.cost.of(&tally.total), state.cost.of(&tally.own));
                (
                    function,
                    tally.calls,
                    total.corrected * scale,
                    total.probes * scale,
                    own.corrected * scale,
                    own.probes * scale,
                )
            })
            .collect();
        let whole = state.cost.of(&record.whole);
        (
            whole.corrected * scale,
            whole.probes * scale,
            record.unbalanced,
            rows,
        )
    }

    fn take_reached(&self, py: Python<'_>) -> Vec<usize> {
        self.state.borrow_mut(py).recorder.take_reached()
    }

    fn is_idle(&self, py: Python<'_>) -> bool {
        self.state.borrow_mut(py).recorder.is_idle()
    }

    fn calibrate(
        slf: &Bound<'_, Self>,
        watched: &Bound<'_, PyAny>,
        plain: &Bound<'_, PyAny>,
        leaf: usize,
    ) -> PyResult<()> {
        let py = slf.py();
        let tracer = slf.get();
        let unwind = slf.getattr("on_unwind")?;
        let mut costs = Vec::with_capacity(CALIBRATION_RUNS);
        for _ in 0..CALIBRATION_RUNS {
            let start = tracer.clock.raw();
            plain.call0()?;
            let middle = tracer.clock.raw();
            tracer.state.borrow_mut(py).recorder.begin(middle);
            watched.call0()?;
            let end = tracer.clock.raw();
            let record = {
                let mut state = tracer.state.borrow_mut(py);
                state.recorder.end(end);
                state.recorder.take_record()
            };
            for _ in 0..CALIBRATION_UNWINDS {
                unwind.call1((watched, 0, py.None()))?;
            }
            costs.push(ProbeCost {
                unwind: (tracer.clock.raw() - end) as f64 / CALIBRATION_UNWINDS as f64,
                ..ProbeCost::calibrated(&record, leaf, middle - start)
            });
        }
        let median = |part: fn(&ProbeCost) -> f64| {
            let mut values: Vec<f64> = costs.iter().map(part).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        tracer.state.borrow_mut(py).cost = ProbeCost {
            inside: median(|cost| cost.inside),
            outside: median(|cost| cost.outside),
            unwind: median(|cost| cost.unwind),
        };
        Ok(())
    }
}

/// Watches one function from inside its body, if the interpreter has no events for it.
#[pyclass(frozen)]
pub(crate) struct Probe {
    tracer: Py<Tracer>,
    function: usize,
}

#[pymethods]
impl Probe {
    #[new]
    fn new(tracer: Py<Tracer>, function: usize) -> Self {
        Probe { tracer, function }
    }

    fn enter(&self, py: Python<'_>) {
        self.tracer.get().enter(py, self.function, Entry::Call);
    }

    fn leave(&self, py: Python<'_>) {
        let tracer = self.tracer.get();
        let now = tracer.clock.raw();
        tracer.leave(py, self.function, now);
    }

    fn count(&self, py: Python<'_>) {
        let mut state = self.tracer.get().state.borrow_mut(py);
        state.recorder.count(self.function);
    }
}
