//! Servers whose number changes: first come, first served, and nobody in service is thrown out.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A pool.
#[derive(Debug)]
pub(super) struct Servers {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    number: u32,
    busy: u32,
    tickets: u64,
    line: BTreeMap<u64, Waker>,
    /// Whose turn has come and who don't know it yet; they are busy already.
    called: BTreeSet<u64>,
}

impl State {
    /// Calls the next in line while there are servers; their wakers.
    fn call(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        while self.busy < self.number
            && let Some((ticket, waker)) = self.line.pop_first()
        {
            self.busy += 1;
            self.called.insert(ticket);
            wakers.push(waker);
        }
        wakers
    }
}

impl Servers {
    pub(super) fn new(number: u32) -> Servers {
        let state = State { number, busy: 0, tickets: 0, line: BTreeMap::new(), called: BTreeSet::new() };
        Servers { state: Mutex::new(state) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let wakers = state.call();
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    /// From now on there are so many.
    pub(super) fn set(&self, number: u32) {
        self.change(|state| state.number = number);
    }

    /// Waits for a server.
    pub(super) fn acquire(&self) -> Turn<'_> {
        Turn { servers: self, ticket: None }
    }
}

/// A wait for a server.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    servers: &'a Servers,
    ticket: Option<u64>,
}

/// A server, busy until this is dropped.
#[derive(Debug)]
pub(super) struct Busy<'a>(&'a Servers);

impl<'a> Future for Turn<'a> {
    type Output = Busy<'a>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Busy<'a>> {
        let servers = self.servers;
        let mut state = servers.lock();
        match self.ticket {
            None if state.busy < state.number => state.busy += 1,
            Some(ticket) if state.called.remove(&ticket) => self.ticket = None,
            waiting => {
                let ticket = waiting.unwrap_or(state.tickets);
                state.tickets += u64::from(waiting.is_none());
                state.line.insert(ticket, cx.waker().clone());
                self.ticket = Some(ticket);
                return Poll::Pending;
            }
        }
        Poll::Ready(Busy(servers))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        self.servers.change(|state| {
            state.line.remove(&ticket);
            if state.called.remove(&ticket) {
                state.busy -= 1;
            }
        });
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.busy -= 1);
    }
}
