//! A connection: a socket, with or without TLS.

use super::socket::{Peer, Socket};
use std::{
    io,
    net::IpAddr,
    task::{Context, Poll},
};

/// An open connection.
#[derive(Debug)]
pub(super) enum Stream {
    /// Bytes as they are.
    Plain(Socket),
}

/// How connections are opened.
#[derive(Clone, Debug)]
pub(super) struct Opener {
    pub(super) peer: Peer,
}

impl Opener {
    /// Opens a connection, from `source` if that is given.
    pub(super) async fn open(&self, source: Option<IpAddr>) -> io::Result<Stream> {
        Socket::connect(&self.peer, source).await.map(Stream::Plain)
    }
}

impl Stream {
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Stream::Plain(socket) => socket.poll_send(cx, bytes),
        }
    }

    /// Reads what there is and hands it to `take`, an empty slice at the end.
    pub(super) fn poll_receive<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<T>> {
        match self {
            Stream::Plain(socket) => socket.poll_receive(cx, take),
        }
    }

    /// What an idle connection should be like: nothing has come, and the other side is still there.
    pub(super) fn is_quiet(&self) -> bool {
        match self {
            Stream::Plain(socket) => socket.is_quiet(),
        }
    }
}
