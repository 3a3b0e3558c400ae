//! Ctrl-C, SIGTERM and a closed terminal: a flag that every wait checks, so that everything made is removed and
//! everything measured is reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// A flag that is set when the user wants the run to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
}

/// A guard that takes the signals over for as long as it lives.
pub(crate) struct InterruptGuard {
    registered: Vec<SigId>,
}

impl Interrupt {
    /// Starts to listen for signals. `ignores_hangup`: the program is meant to outlive the terminal (`nohup`).
    pub(crate) fn listen(ignores_hangup: bool) -> std::io::Result<(Self, InterruptGuard)> {
        let interrupt = Interrupt::default();
        let registered = [SIGHUP, SIGINT, SIGTERM]
            .into_iter()
            .filter(|signal| *signal != SIGHUP || !ignores_hangup)
            .map(|signal| signal_hook::flag::register(signal, Arc::clone(&interrupt.asked)))
            .collect::<std::io::Result<_>>()?;
        Ok((interrupt, InterruptGuard { registered }))
    }

    /// Ends the run as a signal would.
    pub(crate) fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for InterruptGuard {
    fn drop(&mut self) {
        for id in self.registered.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}
