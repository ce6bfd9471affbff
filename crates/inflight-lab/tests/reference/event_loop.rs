//! A first come, first served station as an event loop by hand: std only, to be read in one sitting. It shares no code with
//! the virtual world; the same requests must see the same times, to the nanosecond.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// A request, before it comes. Times in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request {
    /// When it arrives.
    pub(crate) arrival: u64,
    /// How long it needs a server.
    pub(crate) work: u64,
}

/// Events in order of time; at the same time, in order of their making.
struct Agenda<Event> {
    heap: BinaryHeap<Reverse<(u64, u64, Event)>>,
    made: u64,
}

impl<Event: Ord> Agenda<Event> {
    fn new() -> Self {
        Agenda { heap: BinaryHeap::new(), made: 0 }
    }

    fn add(&mut self, at: u64, event: Event) {
        self.made += 1;
        self.heap.push(Reverse((at, self.made, event)));
    }

    fn next(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|Reverse((at, _, event))| (at, event))
    }
}

/// What happens at a station without timeouts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Plain {
    Arrival,
    Departure,
}

/// M/G/c without an end to patience. Tells the number of each request and how long it waited, as soon as that is known.
pub(crate) fn fifo(
    servers: u32,
    mut requests: impl Iterator<Item = Request>,
    mut waited: impl FnMut(u64, u64),
) {
    let (mut agenda, mut free, mut id) = (Agenda::new(), servers, 0);
    let mut queue = VecDeque::new();
    let mut coming = requests.next();
    if let Some(first) = coming {
        agenda.add(first.arrival, Plain::Arrival);
    }
    while let Some((now, event)) = agenda.next() {
        match event {
            Plain::Arrival => {
                queue.push_back((id, coming.expect("it was announced")));
                id += 1;
                coming = requests.next();
                if let Some(next) = coming {
                    agenda.add(next.arrival, Plain::Arrival);
                }
            }
            Plain::Departure => free += 1,
        }
        while free > 0
            && let Some((id, request)) = queue.pop_front()
        {
            free -= 1;
            waited(id, now - request.arrival);
            agenda.add(now + request.work, Plain::Departure);
        }
    }
}

/// How a request ended that had only so much time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Served, after so many nanoseconds in the queue.
    Served(u64),
    /// Its time was over.
    TimedOut,
}

/// What happens at a station with timeouts, and to which request.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    Departure(u64),
    Timeout(u64),
}

/// Where a request is that has only so much time.
enum State {
    Waiting(Request),
    /// In service; it waited so long.
    Served(u64),
    Gone,
}

/// M/G/c where every request leaves, waiting or served, when `timeout` nanoseconds are over. Dead events stay on the agenda
/// until their time has come (lazy deletion). Tells the number of each request and its end.
pub(crate) fn fifo_with_timeout(
    servers: u32,
    timeout: u64,
    mut requests: impl Iterator<Item = Request>,
    mut ended: impl FnMut(u64, End),
) {
    let (mut agenda, mut free, mut first) = (Agenda::new(), servers, 0);
    // Requests number `first`, `first + 1`, …: timeouts are over in order of arrival, so this is a queue.
    let mut states: VecDeque<State> = VecDeque::new();
    let mut queue = VecDeque::new();
    let mut coming = requests.next();
    if let Some(next) = coming {
        agenda.add(next.arrival, Event::Arrival);
    }
    while let Some((now, event)) = agenda.next() {
        match event {
            Event::Arrival => {
                let id = first + states.len() as u64;
                states.push_back(State::Waiting(coming.expect("it was announced")));
                queue.push_back(id);
                agenda.add(now + timeout, Event::Timeout(id));
                coming = requests.next();
                if let Some(next) = coming {
                    agenda.add(next.arrival, Event::Arrival);
                }
            }
            Event::Departure(id) => {
                if let Some(state) = id.checked_sub(first).map(|index| &mut states[index as usize])
                    && let State::Served(waited) = *state
                {
                    ended(id, End::Served(waited));
                    (*state, free) = (State::Gone, free + 1);
                }
            }
            Event::Timeout(id) => {
                let state = states.pop_front().expect("nobody leaves before its timeout");
                first = id + 1;
                if !matches!(state, State::Gone) {
                    ended(id, End::TimedOut);
                }
                free += u32::from(matches!(state, State::Served(_)));
            }
        }
        while free > 0
            && let Some(id) = queue.pop_front()
        {
            let Some(state) = id.checked_sub(first).map(|index| &mut states[index as usize]) else {
                continue;
            };
            let State::Waiting(request) = *state else { continue };
            *state = State::Served(now - request.arrival);
            free -= 1;
            agenda.add(now + request.work, Event::Departure(id));
        }
    }
}
