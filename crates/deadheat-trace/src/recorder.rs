use crate::Ticks;

/// The way in which a function starts to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    Call,
    /// A generator or coroutine resumes where it was suspended.
    Resumption,
}

/// One function's raw figures in a record, probes included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub calls: u64,
    /// Time between entering and leaving, of outermost activations only: recursion is not counted twice.
    pub total: Spent,
    /// Time in the function's activations, without that in other activations.
    pub own: Spent,
}

/// A time, and the probes that took up part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub ticks: Ticks,
    /// Activations whose own probe ran at both ends of this time.
    pub activations: u64,
    /// Activations inside it whose probe is entirely within this time.
    pub nested: u64,
    /// Activations inside it of which only the part of the probe that lies outside them falls into this time.
    pub bordering: u64,
    /// Exceptions that left unwatched functions.
    pub unwinds: u64,
}

/// The record between every [`Recorder::begin`] and [`Recorder::end`] since the last [`Recorder::take_record`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The functions' tallies, by number.
    pub tallies: Vec<Tally>,
    /// The whole time, with every probe of every thread in it.
    pub whole: Spent,
    /// The number of exits from functions that were not entered last, as when greenlets switch stacks without
    /// Python's knowledge.
    pub unbalanced: u64,
}

impl Record {
    fn empty(functions: usize) -> Self {
        Record {
            tallies: vec![Tally::default(); functions],
            ..Record::default()
        }
    }
}

/// The time from entering a function to leaving it.
#[derive(Clone, Copy, Debug)]
struct Activation {
    function: usize,
    entered: Ticks,
    /// Time in activations directly inside this one.
    inner: Ticks,
    direct: u64,
    nested: u64,
    unwinds: u64,
    nested_unwinds: u64,
}

impl Activation {
    fn new(function: usize, entered: Ticks) -> Self {
        Activation {
            function,
            entered,
            inner: 0,
            direct: 0,
            nested: 0,
            unwinds: 0,
            nested_unwinds: 0,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct Thread {
    stack: Vec<Activation>,
    /// The number of activations on the stack, by function.
    depths: Vec<u32>,
}

/// The call accounts of all threads.
#[derive(Clone, Debug)]
pub struct Recorder {
    functions: usize,
    threads: Vec<Thread>,
    is_recording: bool,
    began: Ticks,
    record: Record,
    reached: Vec<bool>,
}

impl Recorder {
    /// Creates a recorder for functions that are numbered from 0.
    pub fn new(functions: usize) -> Self {
        Recorder {
            functions,
            threads: Vec::new(),
            is_recording: false,
            began: 0,
            record: Record::empty(functions),
            reached: vec![false; functions],
        }
    }

    /// Adds a stack for one more thread, and returns its number for the other methods.
    pub fn add_thread(&mut self) -> usize {
        self.threads.push(Thread {
            stack: Vec::new(),
            depths: vec![0; self.functions],
        });
        self.threads.len() - 1
    }

    #[inline]
    pub fn enter(&mut self, thread: usize, function: usize, entry: Entry, now: Ticks) {
        self.reached[function] = true;
        if self.is_recording && entry == Entry::Call {
            self.record.tallies[function].calls += 1;
        }
        let thread = &mut self.threads[thread];
        thread.depths[function] += 1;
        thread.stack.push(Activation::new(function, now));
    }

    /// Counts a call of a function whose time cannot be followed.
    pub fn count(&mut self, function: usize) {
        self.reached[function] = true;
        if self.is_recording {
            self.record.tallies[function].calls += 1;
        }
    }

    #[inline]
    pub fn leave(&mut self, thread: usize, function: usize, now: Ticks) {
        let number = thread;
        let thread = &mut self.threads[number];
        if thread.stack.last().is_none_or(|top| top.function != function) {
            self.record.unbalanced += u64::from(self.is_recording);
            if thread.depths[function] == 0 {
                return;
            }
            while self.threads[number]
                .stack
                .last()
                .is_some_and(|top| top.function != function)
            {
                self.pop(number, now);
            }
        }
        self.pop(number, now);
    }

    /// Counts an exception that left an unwatched function.
    pub fn unwound(&mut self, thread: usize) {
        match self.threads[thread].stack.last_mut() {
            Some(top) => top.unwinds += 1,
            None => self.record.whole.unwinds += u64::from(self.is_recording),
        }
    }

    /// Whether no watched function is running, on any thread.
    pub fn is_idle(&self) -> bool {
        self.threads.iter().all(|thread| thread.stack.is_empty())
    }

    /// Starts or resumes recording. Activations that are under way count from now on, and not as calls.
    pub fn begin(&mut self, now: Ticks) {
        for thread in &mut self.threads {
            for activation in &mut thread.stack {
                *activation = Activation::new(activation.function, now);
            }
        }
        self.began = now;
        self.is_recording = true;
    }

    /// Stops recording. Activations that are under way count up to now.
    pub fn end(&mut self, now: Ticks) {
        if !self.is_recording {
            return;
        }
        for number in 0..self.threads.len() {
            let under_way: Vec<usize> = self.threads[number]
                .stack
                .iter()
                .map(|activation| activation.function)
                .collect();
            while !self.threads[number].stack.is_empty() {
                self.pop(number, now);
            }
            let thread = &mut self.threads[number];
            for function in under_way {
                thread.depths[function] += 1;
                thread.stack.push(Activation::new(function, now));
            }
        }
        self.is_recording = false;
        self.record.whole.ticks += now.saturating_sub(self.began);
    }

    /// Returns the record, and replaces it by an empty one.
    pub fn take_record(&mut self) -> Record {
        std::mem::replace(&mut self.record, Record::empty(self.functions))
    }

    /// Returns the functions that ran since the last call, recording or not.
    pub fn take_reached(&mut self) -> Vec<usize> {
        let reached: Vec<usize> = (0..self.functions)
            .filter(|&function| self.reached[function])
            .collect();
        self.reached.fill(false);
        reached
    }

    #[inline]
    fn pop(&mut self, number: usize, now: Ticks) {
        let thread = &mut self.threads[number];
        let Some(left) = thread.stack.pop() else { return };
        thread.depths[left.function] -= 1;
        if !self.is_recording {
            return;
        }
        let elapsed = now.saturating_sub(left.entered);
        let is_outermost = thread.depths[left.function] == 0;
        let nested_unwinds = left.unwinds + left.nested_unwinds;
        match thread.stack.last_mut() {
            Some(parent) => {
                parent.inner += elapsed;
                parent.direct += 1;
                parent.nested += 1 + left.nested;
                parent.nested_unwinds += nested_unwinds;
            }
            None => {
                self.record.whole.nested += 1 + left.nested;
                self.record.whole.unwinds += nested_unwinds;
            }
        }
        let tally = &mut self.record.tallies[left.function];
        tally.own.ticks += elapsed.saturating_sub(left.inner);
        tally.own.activations += 1;
        tally.own.bordering += left.direct;
        tally.own.unwinds += left.unwinds;
        if is_outermost {
            tally.total.ticks += elapsed;
            tally.total.activations += 1;
            tally.total.nested += left.nested;
            tally.total.unwinds += nested_unwinds;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const F: usize = 0;
    const G: usize = 1;

    /// Returns a recorder with one thread, which records from 0 on.
    fn recording() -> Recorder {
        let mut recorder = Recorder::new(2);
        assert_eq!(recorder.add_thread(), 0);
        recorder.begin(0);
        recorder
    }

    fn call(recorder: &mut Recorder, function: usize, now: Ticks) {
        recorder.enter(0, function, Entry::Call, now);
    }

    fn record_until(mut recorder: Recorder, now: Ticks) -> Record {
        recorder.end(now);
        recorder.take_record()
    }

    #[test]
    fn time_inside_another_function_is_not_a_functions_own() {
        let mut recorder = recording();
        call(&mut recorder, F, 10);
        call(&mut recorder, G, 20);
        recorder.leave(0, G, 50);
        call(&mut recorder, G, 60);
        recorder.leave(0, G, 65);
        recorder.leave(0, F, 100);
        let record = record_until(recorder, 110);
        let [f, g] = &record.tallies[..] else { panic!() };
        assert_eq!((f.calls, f.total.ticks, f.own.ticks), (1, 90, 55));
        assert_eq!((g.calls, g.total.ticks, g.own.ticks), (2, 35, 35));
        assert_eq!((f.total.activations, f.total.nested, f.own.bordering), (1, 2, 2));
        assert_eq!((record.whole.ticks, record.whole.nested), (110, 3));
    }

    #[test]
    fn recursion_is_counted_once_and_every_call_is() {
        let mut recorder = recording();
        call(&mut recorder, F, 0);
        call(&mut recorder, F, 10);
        call(&mut recorder, F, 20);
        recorder.leave(0, F, 30);
        recorder.leave(0, F, 40);
        recorder.leave(0, F, 50);
        let f = record_until(recorder, 60).tallies[F];
        assert_eq!((f.calls, f.total.ticks, f.own.ticks), (3, 50, 50));
        assert_eq!((f.total.activations, f.total.nested), (1, 2));
        assert_eq!((f.own.activations, f.own.bordering), (3, 2));
    }

    #[test]
    fn mutual_recursion_has_an_outermost_activation_of_each() {
        let mut recorder = recording();
        call(&mut recorder, F, 0);
        call(&mut recorder, G, 10);
        call(&mut recorder, F, 20);
        recorder.leave(0, F, 30);
        recorder.leave(0, G, 40);
        recorder.leave(0, F, 50);
        let record = record_until(recorder, 50);
        assert_eq!(record.tallies[F].total.ticks, 50);
        assert_eq!(record.tallies[G].total.ticks, 30);
        assert_eq!(record.tallies[F].own.ticks + record.tallies[G].own.ticks, 50);
    }

    #[test]
    fn a_suspended_generator_takes_no_time_and_is_called_once() {
        let mut recorder = recording();
        call(&mut recorder, F, 0);
        recorder.leave(0, F, 10);
        recorder.enter(0, F, Entry::Resumption, 100);
        recorder.leave(0, F, 105);
        // It is never resumed again: nothing is left open.
        assert!(recorder.is_idle());
        let f = record_until(recorder, 200).tallies[F];
        assert_eq!((f.calls, f.total.ticks), (1, 15));
    }

    #[test]
    fn threads_have_stacks_of_their_own() {
        let mut recorder = recording();
        let other = recorder.add_thread();
        call(&mut recorder, F, 0);
        recorder.enter(other, F, Entry::Call, 5);
        recorder.leave(0, F, 10);
        recorder.leave(other, F, 25);
        let f = record_until(recorder, 30).tallies[F];
        assert_eq!((f.calls, f.total.ticks), (2, 30));
    }

    #[test]
    fn what_is_under_way_counts_while_it_is_recorded_and_is_no_call() {
        let mut recorder = Recorder::new(2);
        recorder.add_thread();
        call(&mut recorder, F, 0);
        recorder.begin(100);
        call(&mut recorder, G, 110);
        recorder.end(130);
        recorder.leave(0, G, 500);
        recorder.leave(0, F, 600);
        assert!(recorder.is_idle());
        let record = recorder.take_record();
        let [f, g] = &record.tallies[..] else { panic!() };
        assert_eq!((f.calls, f.total.ticks, f.own.ticks), (0, 30, 10));
        assert_eq!((g.calls, g.total.ticks), (1, 20));
        assert_eq!((record.whole.ticks, record.unbalanced), (30, 0));
    }

    #[test]
    fn a_record_goes_on_after_a_pause() {
        let mut recorder = recording();
        call(&mut recorder, F, 0);
        recorder.leave(0, F, 10);
        recorder.end(20);
        call(&mut recorder, F, 30);
        recorder.leave(0, F, 1000);
        recorder.begin(2000);
        call(&mut recorder, F, 2010);
        recorder.leave(0, F, 2015);
        recorder.end(2100);
        let record = recorder.take_record();
        assert_eq!((record.tallies[F].calls, record.tallies[F].total.ticks), (2, 15));
        assert_eq!(record.whole.ticks, 120);
        assert_eq!(recorder.take_record().tallies[F], Tally::default());
    }

    #[test]
    fn leaving_what_was_not_entered_last_is_noticed() {
        let mut recorder = recording();
        recorder.leave(0, F, 5);
        call(&mut recorder, F, 10);
        call(&mut recorder, G, 20);
        recorder.leave(0, F, 30);
        assert!(recorder.is_idle());
        assert_eq!(record_until(recorder, 40).unbalanced, 2);
    }

    #[test]
    fn what_ran_is_known_without_a_record() {
        let mut recorder = Recorder::new(2);
        recorder.add_thread();
        call(&mut recorder, G, 0);
        assert_eq!(recorder.take_reached(), [G]);
        assert_eq!(recorder.take_reached(), [0_usize; 0]);
        recorder.count(F);
        assert_eq!(recorder.take_reached(), [F]);
    }

    proptest! {
        /// Any program of calls, returns, exceptions and suspensions on two threads.
        #[test]
        fn own_times_never_sum_to_more_than_what_the_threads_spent(
            steps in prop::collection::vec((0..2_usize, 0..3_usize, any::<bool>(), 1..50_u64), 1..200),
        ) {
            let mut recorder = Recorder::new(3);
            let mut stacks = vec![Vec::new(), Vec::new()];
            let mut calls = 0;
            for _ in &stacks {
                recorder.add_thread();
            }
            recorder.begin(0);
            let mut now = 0;
            for (thread, function, enters, pause) in steps {
                now += pause;
                if enters || stacks[thread].is_empty() {
                    recorder.enter(thread, function, Entry::Call, now);
                    stacks[thread].push(function);
                    calls += 1;
                } else if let Some(function) = stacks[thread].pop() {
                    recorder.leave(thread, function, now);
                }
            }
            recorder.end(now);
            let record = recorder.take_record();
            prop_assert_eq!(record.unbalanced, 0);
            prop_assert_eq!(record.tallies.iter().map(|tally| tally.calls).sum::<u64>(), calls);
            prop_assert_eq!(record.whole.nested, calls);
            let own: u64 = record.tallies.iter().map(|tally| tally.own.ticks).sum();
            prop_assert!(own <= 2 * now);
            for tally in &record.tallies {
                prop_assert!(tally.own.ticks <= tally.total.ticks);
                prop_assert!(tally.total.ticks <= 2 * now);
            }
            let bordering: u64 = record.tallies.iter().map(|tally| tally.own.bordering).sum();
            prop_assert!(bordering <= calls);
        }
    }
}
