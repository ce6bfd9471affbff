//! The yardstick: an event loop by hand with a `BinaryHeap`.

use crate::{
    books::{Books, SERVERS, TIMEOUT, requests},
    event_loop::{End, fifo, fifo_with_timeout},
};

/// No station at all: what drawing the requests and writing them down costs everybody.
pub fn nothing(count: u64) -> Books {
    let mut books = Books::new();
    requests(count).zip(0..).for_each(|(request, id)| books.add(id, request.arrival ^ request.work));
    books
}

/// Without a timeout.
pub fn plain(count: u64) -> Books {
    let mut books = Books::new();
    fifo(SERVERS, requests(count), |id, wait| books.add(id, wait));
    books
}

/// With a timeout for every request; dead timers stay on the agenda.
pub fn with_timeout(count: u64) -> Books {
    let mut books = Books::new();
    fifo_with_timeout(SERVERS, TIMEOUT, requests(count), |id, end| match end {
        End::Served(wait) => books.add(id, wait),
        End::TimedOut => panic!("no request takes half a minute"),
    });
    books
}
