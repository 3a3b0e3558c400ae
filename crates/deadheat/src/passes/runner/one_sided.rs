//! Benchmarks whose sides cannot run at once: each side runs in its own processes.

use std::collections::BTreeMap;

use deadheat_core::model::{Order, PerSide, Side};

use crate::passes::runner::failures::{End, FailureKind, PairFailure};
use crate::passes::runner::pair::stop;
use crate::passes::runner::pass::{Event, Pass};
use crate::passes::runner::schedule::limit;
use crate::passes::runner::visits::{Entry, SaidAtTheEnd};
use crate::passes::runner::{PassRunner, Suspect};
use crate::worker::session::Session;

/// The result of a benchmark on one side by itself.
struct Ran<H> {
    half: H,
    said: SaidAtTheEnd,
}

impl PassRunner<'_> {
    /// Visits, one side after the other, benchmarks that cannot run on both sides at once, and those suspected of it.
    pub(super) fn one_side_after_the_other<V: Pass>(
        &mut self,
        benchmarks: &[&String],
        suspects: &[Suspect],
        pass: &mut V,
        listen: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), End> {
        let mut order = Order::of_round(self.schedule.earlier + self.replicate);
        // A side that failed while the other was inside usually also fails alone: then the other need not be
        // tried.
        if suspects
            .first()
            .is_some_and(|suspect| suspect.side != order.sides()[0])
        {
            order = order.reversed();
        }
        let mut ran: BTreeMap<&str, PerSide<Option<Ran<V::SideResult>>>> = BTreeMap::new();
        for side in order.sides() {
            let mut sessions = PerSide::default();
            let todo: Vec<&String> = benchmarks
                .iter()
                .copied()
                .filter(|id| !self.outcome.lost.contains(*id))
                .collect();
            for (position, benchmark) in todo.iter().enumerate() {
                listen(Event::BenchmarkStarted { benchmark, position });
                self.open_missing(&mut sessions, &[side])?;
                let next = todo.get(position + 1).map(|next| next.as_str());
                let ran = ran.entry(benchmark).or_default();
                let other = ran.get(side.other()).as_ref().map(|other| &other.half);
                match self.visit_alone(&mut sessions, pass, side, benchmark, next, other) {
                    Ok(half) => *ran.get_mut(side) = half,
                    Err(side_failure) => {
                        let side_failure = side_failure.unless_end()?;
                        self.note(&mut sessions, benchmark, vec![side_failure]);
                    }
                }
            }
            stop(sessions);
        }
        for (benchmark, ran) in ran {
            let PerSide {
                base: Some(base),
                head: Some(head),
            } = ran
            else {
                continue;
            };
            // Set-ups for each call are not tried if the sides cannot run at once.
            let left = self.left(benchmark, PerSide::new(base.said, head.said));
            let finding = pass.join(order, PerSide::new(base.half, head.half));
            pass.left(benchmark, left, finding);
            if let Some(suspect) = suspects.iter().find(|suspect| suspect.benchmark == *benchmark) {
                let message = suspect.message.clone();
                self.outcome.one_at_a_time.insert(benchmark.to_owned(), message);
            }
        }
        Ok(())
    }

    /// Visits one benchmark on one side, while the other is absent. `None` if it was skipped.
    fn visit_alone<V: Pass>(
        &mut self,
        sessions: &mut PerSide<Option<Session>>,
        pass: &mut V,
        side: Side,
        benchmark: &str,
        next: Option<&str>,
        other: Option<&V::SideResult>,
    ) -> Result<Option<Ran<V::SideResult>>, PairFailure> {
        let entered = match self.enter(sessions, side, benchmark, next, limit(self.schedule)?)? {
            Entry::Inside(entered) => entered,
            Entry::Skipped(reason) => {
                self.failure(benchmark, Some(side), FailureKind::Skipped, reason);
                return Ok(None);
            }
        };
        let half = pass.inside_alone(&mut self.both(sessions), side, benchmark, entered, other)?;
        let said = self.leave(sessions, side)?;
        pass.left_by(&mut self.both(sessions), side)?;
        Ok(Some(Ran { half, said }))
    }
}
