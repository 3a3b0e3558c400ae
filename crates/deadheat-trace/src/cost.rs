use crate::Ticks;
use crate::recorder::{Record, Spent};

/// The cost of watching, in ticks, as measured in the same process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProbeCost {
    /// The cost of one activation between the two readings of the clock: it falls into the function's own time.
    pub inside: f64,
    /// The cost of one activation before the first and after the second reading: it falls into the caller's time.
    pub outside: f64,
    /// The cost of an exception that leaves an unwatched function.
    pub unwind: f64,
}

/// One function's time, and the probes' part of it, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FunctionTime {
    /// The time without the probes; may be negative if nearly all of it was probes.
    pub corrected: f64,
    pub probes: f64,
}

impl ProbeCost {
    /// Computes the costs from a program of only watched functions, and the time that it takes when none is watched.
    ///
    /// `leaf` is the number of a function that does nothing and calls none.
    pub fn calibrated(watched: &Record, leaf: usize, plain: Ticks) -> Self {
        let leaf = &watched.tallies[leaf].own;
        let whole = (watched.whole.ticks as f64 - plain as f64).max(0.0) / watched.whole.nested.max(1) as f64;
        let inside = (leaf.ticks as f64 / leaf.activations.max(1) as f64).min(whole);
        ProbeCost {
            inside,
            outside: whole - inside,
            unwind: 0.0,
        }
    }

    pub fn of(&self, spent: &Spent) -> FunctionTime {
        let probes = self.inside * spent.activations as f64
            + (self.inside + self.outside) * spent.nested as f64
            + self.outside * spent.bordering as f64
            + self.unwind * spent.unwinds as f64;
        FunctionTime {
            corrected: spent.ticks as f64 - probes,
            probes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, Recorder};

    /// A machine on which time passes only in functions and probes: exact costs in, exact times out.
    struct Machine {
        recorder: Recorder,
        now: Ticks,
    }

    const INSIDE: Ticks = 30;
    const OUTSIDE: Ticks = 50;
    const COST: ProbeCost = ProbeCost {
        inside: INSIDE as f64,
        outside: OUTSIDE as f64,
        unwind: 0.0,
    };

    impl Machine {
        fn call(&mut self, function: usize, body: impl FnOnce(&mut Machine)) {
            self.now += OUTSIDE / 2;
            self.recorder.enter(0, function, Entry::Call, self.now);
            self.now += INSIDE;
            body(self);
            self.recorder.leave(0, function, self.now);
            self.now += OUTSIDE / 2;
        }
    }

    fn run(program: impl FnOnce(&mut Machine)) -> Record {
        let mut machine = Machine {
            recorder: Recorder::new(2),
            now: 0,
        };
        machine.recorder.add_thread();
        machine.recorder.begin(0);
        program(&mut machine);
        machine.recorder.end(machine.now);
        machine.recorder.take_record()
    }

    #[test]
    fn the_cost_of_nested_probes_is_taken_out_of_every_time() {
        let record = run(|machine| {
            machine.now += 7;
            machine.call(0, |machine| {
                for _ in 0..1000 {
                    machine.now += 3;
                    machine.call(1, |machine| machine.now += 10);
                }
            });
        });
        let [many, tiny] = &record.tallies[..] else {
            panic!()
        };
        assert_eq!(COST.of(&many.total).corrected, 13_000.0);
        assert_eq!(COST.of(&many.own).corrected, 3_000.0);
        assert_eq!(COST.of(&tiny.total).corrected, 10_000.0);
        assert_eq!(COST.of(&tiny.own).probes, 30_000.0);
        assert_eq!(COST.of(&record.whole).corrected, 13_007.0);
    }

    #[test]
    fn the_cost_of_recursion_is_taken_out_once() {
        fn descend(machine: &mut Machine, left: u32) {
            machine.call(0, |machine| {
                machine.now += 5;
                if left > 0 {
                    descend(machine, left - 1);
                }
            });
        }
        let record = run(|machine| descend(machine, 9));
        assert_eq!(COST.of(&record.tallies[0].total).corrected, 50.0);
        assert_eq!(COST.of(&record.tallies[0].own).corrected, 50.0);
        assert_eq!(COST.of(&record.whole).corrected, 50.0);
    }

    #[test]
    fn calibration_finds_the_cost_of_a_probe() {
        let record = run(|machine| {
            machine.call(1, |machine| {
                for _ in 0..1000 {
                    machine.now += 20;
                    machine.call(0, |_| {});
                }
            });
        });
        assert_eq!(ProbeCost::calibrated(&record, 0, 20_000), COST);
    }
}
