//! Ctrl-C, SIGTERM and a closed terminal: a flag that every wait looks at, so that what was made is removed and what was measured is
//! reported.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::SigId;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Whether the user wants the run to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    asked: Arc<AtomicBool>,
}

/// Takes the signals over for as long as it lives.
pub(crate) struct InterruptGuard {
    registered: Vec<SigId>,
}

impl Interrupt {
    /// `ignores_hangup`: whoever started the program wants it to outlive the terminal (`nohup`).
    pub(crate) fn listen(ignores_hangup: bool) -> std::io::Result<(Self, InterruptGuard)> {
        let interrupt = Interrupt::default();
        let registered = [SIGHUP, SIGINT, SIGTERM]
            .into_iter()
            .filter(|signal| *signal != SIGHUP || !ignores_hangup)
            .map(|signal| signal_hook::flag::register(signal, Arc::clone(&interrupt.asked)))
            .collect::<std::io::Result<_>>()?;
        Ok((interrupt, InterruptGuard { registered }))
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
