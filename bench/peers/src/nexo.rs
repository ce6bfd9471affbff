//! NeXosim: one model that schedules its own arrivals and departures.

use crate::{
    books::{Books, SERVERS, requests},
    event_loop::Request,
};
use nexosim::{
    model::{Context, Model, schedulable},
    simulation::{ExecutionError, Mailbox, SimInit},
    time::MonotonicTime,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

/// The station. Its state is not saved.
#[derive(Serialize, Deserialize)]
struct Station {
    #[serde(skip)]
    state: State,
}

#[derive(Default)]
struct State {
    requests: Option<Box<dyn Iterator<Item = Request> + Send>>,
    coming: Option<Request>,
    queue: VecDeque<(u64, Request)>,
    free: u32,
    id: u64,
    books: Option<Arc<Mutex<Books>>>,
}

#[Model]
impl Station {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        self.announce(0, cx);
    }

    /// Schedules the next arrival.
    fn announce(&mut self, now: u64, cx: &Context<Self>) {
        self.state.coming = self.state.requests.as_mut().and_then(Iterator::next);
        if let Some(next) = self.state.coming {
            let gap = Duration::from_nanos(next.arrival - now);
            cx.schedule_event(gap, schedulable!(Self::arrive), ()).expect("it is not past");
        }
    }

    #[nexosim(schedulable)]
    fn arrive(&mut self, _: (), cx: &Context<Self>) {
        let request = self.state.coming.expect("it was announced");
        self.state.queue.push_back((self.state.id, request));
        self.state.id += 1;
        self.serve(cx);
        self.announce(request.arrival, cx);
    }

    #[nexosim(schedulable)]
    fn depart(&mut self, _: (), cx: &Context<Self>) {
        self.state.free += 1;
        self.serve(cx);
    }

    /// Whoever waits gets a free server.
    fn serve(&mut self, cx: &Context<Self>) {
        if self.state.free == 0 {
            return;
        }
        let Some((id, request)) = self.state.queue.pop_front() else { return };
        self.state.free -= 1;
        let now = cx.time().duration_since(MonotonicTime::EPOCH).as_nanos() as u64;
        let books = self.state.books.as_ref().expect("it has books");
        books.lock().expect("no panic").add(id, now - request.arrival);
        let work = Duration::from_nanos(request.work.max(1));
        cx.schedule_event(work, schedulable!(Self::depart), ()).expect("it is not past");
    }
}

/// Without a timeout.
pub fn plain(count: u64) -> Books {
    let books = Arc::new(Mutex::new(Books::new()));
    let state = State {
        requests: Some(Box::new(requests(count))),
        free: SERVERS,
        books: Some(books.clone()),
        ..State::default()
    };
    let bench = SimInit::with_num_threads(1).add_model(Station { state }, Mailbox::new(), "station");
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("a bench");
    match simulation.run() {
        Ok(()) | Err(ExecutionError::Halted) => {}
        Err(error) => panic!("{error}"),
    }
    std::mem::replace(&mut *books.lock().expect("no panic"), Books::new())
}
