//! A connection: a socket, with or without TLS.

use super::{
    socket::{Peer, Socket},
    tls::{Security, TlsStream},
    world::{self, World},
};
use inflight_lab::record::Ending;
use inflight_strategies::rt::Clock as _;
use rustix::io::Errno;
use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An open connection.
#[derive(Debug)]
pub(super) enum Stream {
    /// Bytes as they are.
    Plain(Socket),
    /// Encrypted; in a box, for it is many times as large.
    Tls(Box<TlsStream>),
}

/// What goes wrong with a connection.
#[derive(Debug)]
pub(super) enum Trouble {
    Io(io::Error),
    Tls(rustls::Error),
}

impl Trouble {
    /// Whether the other side has closed the connection.
    pub(super) fn is_gone(&self) -> bool {
        let gone = [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset];
        matches!(self, Trouble::Io(error) if gone.contains(&error.kind()))
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Io(error)
    }
}

impl From<Trouble> for io::Error {
    fn from(trouble: Trouble) -> io::Error {
        match trouble {
            Trouble::Io(error) => error,
            Trouble::Tls(error) => io::Error::other(error),
        }
    }
}

/// How connections are opened.
#[derive(Debug)]
pub(super) struct Opener {
    pub(super) world: World,
    pub(super) peer: Peer,
    /// TLS, if that is spoken.
    pub(super) security: Option<Security>,
    /// Addresses from which connections are made, in turn; none: whatever the system says.
    pub(super) sources: Vec<IpAddr>,
    pub(super) turn: AtomicUsize,
}

impl Opener {
    /// Opens a connection, TLS included, and tells how long that took. Requests that are due go first: opening one takes longer
    /// than they may be late.
    pub(super) async fn open(&self) -> Result<(Stream, Duration), Ending> {
        world::later().await;
        let begun = self.world.now();
        let socket = Socket::connect(&self.peer, self.source()).await.map_err(|error| ending_of(&error))?;
        let stream = match &self.security {
            None => Stream::Plain(socket),
            Some(security) => {
                let stream = TlsStream::open(socket, security).await;
                Stream::Tls(Box::new(stream.map_err(|trouble| security.ending_of(trouble))?))
            }
        };
        Ok((stream, self.world.now() - begun))
    }

    fn source(&self) -> Option<IpAddr> {
        match self.sources.len() {
            0 => None,
            n => Some(self.sources[self.turn.fetch_add(1, Ordering::Relaxed) % n]),
        }
    }
}

/// Why a connection did not come about. Our own exhaustion is never blamed on the target.
fn ending_of(error: &io::Error) -> Ending {
    match Errno::from_io_error(error) {
        Some(Errno::CONNREFUSED | Errno::NOENT) => Ending::Refused,
        // A unix socket whose queue is full says so instead of letting us wait.
        Some(Errno::AGAIN) => Ending::Refused,
        Some(Errno::MFILE | Errno::NFILE | Errno::ADDRNOTAVAIL | Errno::ADDRINUSE) => Ending::Exhausted,
        Some(Errno::NOBUFS | Errno::NOMEM | Errno::NOSPC) => Ending::Exhausted,
        Some(Errno::HOSTUNREACH | Errno::NETUNREACH | Errno::TIMEDOUT | Errno::ACCESS) => Ending::Unreachable,
        _ => Ending::Reset,
    }
}

impl Stream {
    /// Sends the beginning of `bytes`; tells how much.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Trouble>> {
        match self {
            Stream::Plain(socket) => socket.poll_send(cx, bytes).map_err(Trouble::Io),
            Stream::Tls(tls) => tls.poll_send(cx, bytes),
        }
    }

    /// Reads what there is and hands it to `take`, an empty slice at the end.
    #[inline]
    pub(super) fn poll_receive<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<Result<T, Trouble>> {
        match self {
            Stream::Plain(socket) => socket.poll_receive(cx, take).map_err(Trouble::Io),
            Stream::Tls(tls) => tls.poll_receive(cx, take),
        }
    }

    /// What an idle connection should be like: nothing has come, and the other side is still there.
    pub(super) fn is_quiet(&mut self) -> bool {
        match self {
            Stream::Plain(socket) => socket.is_quiet(),
            Stream::Tls(tls) => tls.is_quiet(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, room: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(socket) => {
                socket.poll_read(cx, room.initialize_unfilled()).map_ok(|length| room.advance(length))
            }
            Stream::Tls(tls) => tls.poll_read(cx, room).map_err(io::Error::from),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_send(cx, bytes).map_err(io::Error::from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(tls) => tls.poll_write_out(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(tls) => tls.poll_close(cx),
        }
    }
}
