//! Many files at once, on the given number of threads.

use std::sync::{Mutex, PoisonError};
use std::thread;

/// The stack size of a thread, which is enough for trees of ordinary depth.
const STACK: usize = 8 << 20;

/// Returns the results of `work` in the order of the items. Each thread takes the next item when it is free.
#[expect(
    clippy::disallowed_methods,
    reason = "the threads end in here, and no result depends on their number"
)]
pub(super) fn in_parallel<T, R: Send>(
    items: impl Iterator<Item = T> + Send,
    threads: usize,
    work: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let items = Mutex::new(items.enumerate());
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let work_through = || {
        let mut done = Vec::new();
        while let Some((index, item)) = next() {
            done.push((index, work(item)));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let start = || {
            thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, work_through)
        };
        // If the system has no room for another thread, the existing ones do the work.
        let others: Vec<_> = (0..threads).map_while(|_| start().ok()).collect();
        let mut done = match others.is_empty() {
            true => work_through(),
            false => Vec::new(),
        };
        for other in others {
            done.extend(
                other
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        done
    });
    done.sort_unstable_by_key(|&(index, _)| index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        for threads in [0, 1, 7] {
            let results = in_parallel(0..1000, threads, |item| item * 2);
            assert_eq!(results, (0..1000).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert!(in_parallel(std::iter::empty::<u8>(), 2, |item| item).is_empty());
    }
}
