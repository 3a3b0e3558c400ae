//! The workers of a run, wherever they are, and how they are reached.

use std::io::{BufRead, BufReader, Read};
use std::time::Duration;

use deadheat_core::text::plain;

use crate::distribute::scheduler::WorkerSlots;
use crate::distribute::serve::Answer;
use crate::distribute::task::Task;
use crate::error::Failure;

/// An event of an engine.
#[derive(Debug)]
pub(crate) enum EngineEvent {
    /// The workers that there are now.
    Workers(Vec<WorkerSlots>),
    Answered {
        task: u64,
        answer: Box<Answer>,
    },
    /// The worker could not do the task, or answered nonsense.
    Failed {
        task: u64,
        message: String,
    },
    /// The worker is gone.
    Lost {
        task: u64,
    },
    /// A worker cannot measure anything.
    Refused {
        worker: String,
        message: String,
    },
    /// No worker can be reached any more.
    Broken(Failure),
}

/// Reaches workers: cores of this machine, or machines of a cluster.
pub(crate) trait Engine {
    /// Waits for the next event, but no longer than `limit`.
    fn wait(&mut self, limit: Duration) -> Option<EngineEvent>;

    /// Gives a task to a worker that has a free slot.
    fn submit(&mut self, worker: &str, task: &Task);

    /// Ends a task whose result is not needed.
    fn cancel(&mut self, task: u64);
}

/// The longest message of a worker that is passed on, in characters.
const LONGEST_MESSAGE: usize = 2_000;

/// Reads the answer to a task. What a worker says is not trusted.
pub(super) fn answered(task: u64, line: &str) -> EngineEvent {
    match serde_json::from_str::<Answer>(line) {
        Ok(Answer::Failed { message, .. }) => EngineEvent::Failed {
            task,
            message: shortened(&message),
        },
        Ok(answer) => EngineEvent::Answered {
            task,
            answer: Box::new(answer),
        },
        Err(error) => EngineEvent::Failed {
            task,
            message: format!("its answer cannot be read: {error}"),
        },
    }
}

/// A longer line is neither an answer nor an event.
const LONGEST_LINE: u64 = 128 << 20;

/// Passes each line of a process's output on, and at its end `None`, from a thread, until `hear` says that it is enough. A
/// line that is too long is cut off, and cannot be understood.
pub(super) fn read_lines(
    output: impl Read + Send + 'static,
    hear: impl Fn(Option<String>) -> bool + Send + 'static,
) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(output);
        loop {
            let mut line = String::new();
            let has_read = (&mut reader).take(LONGEST_LINE).read_line(&mut line);
            let is_end = !matches!(has_read, Ok(1..));
            if !hear((!is_end).then_some(line)) || is_end {
                return;
            }
        }
    });
}

pub(super) fn shortened(message: &str) -> String {
    plain(message).chars().take(LONGEST_MESSAGE).collect()
}
