//! The input, whose end is the client's.

use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, ReadBuf};
use tokio_util::sync::CancellationToken;

/// Standard input that cancels a token at its end: the library waits for the answers first.
pub(super) struct Stdin {
    input: tokio::io::Stdin,
    ended: CancellationToken,
}

impl Stdin {
    pub(super) fn new(ended: CancellationToken) -> Self {
        Stdin {
            input: tokio::io::stdin(),
            ended,
        }
    }
}

impl AsyncRead for Stdin {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.input).poll_read(context, buffer);
        let is_open = match &read {
            Poll::Pending => true,
            Poll::Ready(Ok(())) => buffer.filled().len() > before,
            Poll::Ready(Err(_)) => false,
        };
        if !is_open {
            self.ended.cancel();
        }
        read
    }
}
