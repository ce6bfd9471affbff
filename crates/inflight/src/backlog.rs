//! Room for connections that wait to be accepted.

use rustix::net;
use std::{io, os::fd::AsFd};

/// More than the kernel gives: it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 1 << 16;

/// Gives `listener` all the room there is. The standard library asks for 128 places: a stall or a burst fills them, and whoever finds
/// none tries again a second later. What is measured then is the kernel's patience.
pub(crate) fn widen(listener: impl AsFd) -> io::Result<()> {
    Ok(net::listen(listener, BACKLOG)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        net::{Ipv4Addr, TcpListener, TcpStream},
        time::Duration,
    };

    #[test]
    fn more_than_a_hundred_and_twenty_eight_may_wait_to_be_accepted() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        widen(&listener).expect("it listens");
        let address = listener.local_addr().expect("an address");
        // Who finds no place tries again after a second.
        let connect = |_| TcpStream::connect_timeout(&address, Duration::from_millis(500));
        let waiting: Result<Vec<TcpStream>, io::Error> = (0..300).map(connect).collect();
        assert_eq!(waiting.expect("a place for each").len(), 300);
    }
}
