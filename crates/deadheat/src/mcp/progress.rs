//! Tells the client how a call goes on, if it wants to know.

use std::sync::atomic::{AtomicU32, Ordering};

use rmcp::Peer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{RequestContext, RoleServer};

pub(super) struct Progress<'a> {
    peer: &'a Peer<RoleServer>,
    token: Option<ProgressToken>,
    /// The number of messages: the amount of work is not known before it is done.
    told: AtomicU32,
}

impl<'a> Progress<'a> {
    pub(super) fn of(context: &'a RequestContext<RoleServer>) -> Self {
        Progress {
            peer: &context.peer,
            token: context.meta.get_progress_token(),
            told: AtomicU32::new(0),
        }
    }

    pub(super) async fn tell(&self, message: String) {
        let Some(token) = self.token.clone() else {
            return;
        };
        let told = self.told.fetch_add(1, Ordering::Relaxed) + 1;
        let told = ProgressNotificationParam::new(token, told.into()).with_message(message);
        // A client that has gone needs no news.
        let _ = self.peer.notify_progress(told).await;
    }
}
