//! Sockets of a pacing world: without blocking, and known to epoll once, edge by edge.

use super::core::{self, SourceId};
use rustix::{
    buffer::spare_capacity,
    fd::{AsFd, BorrowedFd, OwnedFd},
    io::Errno,
    net::{self, AddressFamily, SendFlags, SocketFlags, SocketType, sockopt},
};
use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    task::{Context, Poll},
};

/// Where a connection leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A host and a port.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A connected socket. It belongs to the world in which it was connected, and is closed when it is dropped.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    source: SourceId,
    world: u64,
}

thread_local! {
    /// What is read passes through here: waiting requests need no buffer of their own.
    static INBOX: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// So much is read at once.
const INBOX_BYTES: usize = 64 << 10;

impl Socket {
    /// Connects to `peer`, from `source` if that is given.
    pub(super) async fn connect(peer: &Peer, source: Option<IpAddr>) -> io::Result<Socket> {
        let family = match peer {
            Peer::Tcp(SocketAddr::V4(_)) => AddressFamily::INET,
            Peer::Tcp(SocketAddr::V6(_)) => AddressFamily::INET6,
            Peer::Unix(_) => AddressFamily::UNIX,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let fd = net::socket_with(family, SocketType::STREAM, flags, None)?;
        let connecting = match peer {
            Peer::Tcp(address) => {
                sockopt::set_tcp_nodelay(&fd, true)?;
                if let Some(source) = source {
                    net::bind(&fd, &SocketAddr::new(source, 0))?;
                }
                net::connect(&fd, address)
            }
            Peer::Unix(path) => net::connect(&fd, &net::SocketAddrUnix::new(path.as_path())?),
        };
        let socket = Socket { source: core::with(|core| core.add_source(&fd))?, fd, world: core::current() };
        match connecting {
            Ok(()) => Ok(socket),
            Err(Errno::INPROGRESS) => {
                poll_fn(|cx| socket.poll_writable(cx)).await;
                sockopt::socket_error(&socket.fd)??;
                Ok(socket)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()> {
        core::with(|core| {
            if core.readiness(self.source).write {
                return Poll::Ready(());
            }
            core.watch(self.source, cx.waker());
            Poll::Pending
        })
    }

    /// Sends the beginning of `bytes`; tells how much.
    pub(super) fn poll_send(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            match net::send(&self.fd, bytes, SendFlags::NOSIGNAL) {
                Ok(sent) => return Poll::Ready(Ok(sent)),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    core::with(|core| {
                        core.readiness(self.source).write = false;
                        core.watch(self.source, cx.waker());
                    });
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Reads what there is and hands it to `take`, an empty slice at the end.
    #[inline]
    pub(super) fn poll_receive<T>(
        &self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<T>> {
        INBOX.with_borrow_mut(|inbox| {
            inbox.clear();
            let read = self.poll_reading(cx, INBOX_BYTES, || {
                inbox.reserve(INBOX_BYTES);
                rustix::io::read(&self.fd, spare_capacity(inbox))
            });
            read.map_ok(|_| take(inbox))
        })
    }

    /// Reads what there is, as far as there is room for it; tells how much, nothing at the end.
    pub(super) fn poll_read(&self, cx: &mut Context<'_>, room: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_reading(cx, room.len(), || rustix::io::read(&self.fd, &mut *room))
    }

    /// Calls `read`, which has so much room, if there may be something.
    #[inline]
    fn poll_reading(
        &self,
        cx: &mut Context<'_>,
        room: usize,
        mut read: impl FnMut() -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        let may_read = core::with(|core| {
            let may_read = core.readiness(self.source).read;
            if !may_read {
                core.watch(self.source, cx.waker());
            }
            may_read
        });
        if !may_read {
            return Poll::Pending;
        }
        loop {
            match read() {
                Ok(length) => {
                    // Less than there is room for: it was all. What comes later is a new edge; the end was told already.
                    if length < room {
                        core::with(|core| {
                            let ready = core.readiness(self.source);
                            ready.read = ready.ended;
                        });
                    }
                    return Poll::Ready(Ok(length));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    core::with(|core| {
                        core.readiness(self.source).read = false;
                        core.watch(self.source, cx.waker());
                    });
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Whether nothing has come and the other side is still there: what an idle connection should be like.
    pub(super) fn is_quiet(&self) -> bool {
        core::with(|core| {
            let ready = *core.readiness(self.source);
            !ready.read && !ready.ended
        })
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if core::current() == self.world {
            // The waker may be anybody's: it is dropped outside.
            drop(core::try_with(|core| core.remove_source(self.source)));
        }
    }
}
