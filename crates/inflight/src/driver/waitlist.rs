//! Those who wait for something that is handed out one by one, in order. Who waits is an entry of a hundred bytes or so.

use super::task::lock;
use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{Arc, Mutex},
    task::{Poll, Waker},
};

/// A line of those who wait for a `G` each.
#[derive(Debug)]
pub(super) struct Waitlist<G> {
    line: Mutex<Line<G>>,
}

#[derive(Debug)]
struct Line<G> {
    places: VecDeque<Arc<Mutex<Place<G>>>>,
    /// How many of them nobody stands at any more.
    left: usize,
}

/// The place of one who waits.
#[derive(Debug)]
struct Place<G> {
    waker: Option<Waker>,
    granted: Option<G>,
    is_left: bool,
}

impl<G> Default for Waitlist<G> {
    fn default() -> Self {
        Waitlist { line: Mutex::new(Line { places: VecDeque::new(), left: 0 }) }
    }
}

impl<G> Waitlist<G> {
    /// How many wait.
    pub(super) fn len(&self) -> usize {
        let line = lock(&self.line);
        line.places.len() - line.left
    }

    /// Hands `grant` to the first who waits; back if nobody does.
    pub(super) fn grant(&self, grant: G) -> Option<G> {
        let mut line = lock(&self.line);
        while let Some(next) = line.places.pop_front() {
            let mut place = lock(&next);
            if place.is_left {
                line.left -= 1;
                continue;
            }
            place.granted = Some(grant);
            let waker = place.waker.take();
            drop((place, line));
            waker.into_iter().for_each(Waker::wake);
            return None;
        }
        Some(grant)
    }

    /// Waits for the turn of whoever asks. What is granted to somebody who has gone away goes to `pass_on`.
    pub(super) async fn wait(&self, pass_on: impl Fn(G)) -> G {
        let place = Place { waker: None, granted: None, is_left: false };
        let waiting = Waiting { list: self, place: Arc::new(Mutex::new(place)), pass_on };
        lock(&self.line).places.push_back(waiting.place.clone());
        poll_fn(|cx| {
            let mut place = lock(&waiting.place);
            match place.granted.take() {
                Some(granted) => {
                    // It is out of the line already.
                    place.is_left = true;
                    Poll::Ready(granted)
                }
                None => {
                    place.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Somebody who still stood in the line has left it. Once most have, their places are cleared away.
    fn on_left(&self) {
        let mut line = lock(&self.line);
        line.left += 1;
        if line.left > 32 && line.left > line.places.len() / 2 {
            line.places.retain(|place| !lock(place).is_left);
            line.left = 0;
        }
    }
}

/// Somebody who waits; going away leaves what was granted to the next.
struct Waiting<'a, G, P: Fn(G)> {
    list: &'a Waitlist<G>,
    place: Arc<Mutex<Place<G>>>,
    pass_on: P,
}

impl<G, P: Fn(G)> Drop for Waiting<'_, G, P> {
    fn drop(&mut self) {
        let (was_left, granted) = {
            let mut place = lock(&self.place);
            (std::mem::replace(&mut place.is_left, true), place.granted.take())
        };
        match granted {
            Some(granted) => (self.pass_on)(granted),
            None if !was_left => self.list.on_left(),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        pin::pin,
        sync::atomic::{AtomicU32, Ordering},
        task::Context,
    };

    #[test]
    fn turns_are_in_order_and_nothing_that_was_granted_is_lost() {
        let list = Waitlist::default();
        let lost = AtomicU32::new(0);
        let wait = || list.wait(|granted: u32| lost.store(granted, Ordering::Relaxed));
        let mut cx = Context::from_waker(Waker::noop());
        let mut first = pin!(wait());
        assert!(first.as_mut().poll(&mut cx).is_pending());
        {
            let mut second = Box::pin(wait());
            assert!(second.as_mut().poll(&mut cx).is_pending());
            let mut third = Box::pin(wait());
            assert!(third.as_mut().poll(&mut cx).is_pending());
            drop(second);
            assert_eq!((list.len(), list.grant(1), list.grant(2), list.grant(3)), (2, None, None, Some(3)));
        }
        assert_eq!(lost.load(Ordering::Relaxed), 2, "the second is gone, the third went before it looked");
        assert_eq!((first.as_mut().poll(&mut cx), list.len()), (Poll::Ready(1), 0));
    }

    #[test]
    fn places_of_those_who_left_are_cleared_away() {
        let list = Waitlist::<u32>::default();
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            let mut one = Box::pin(list.wait(|_| {}));
            assert!(one.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(list.len(), 0);
        assert!(lock(&list.line).places.len() <= 33);
    }
}
