//! tokio's paused clock: a task per request, its own semaphore, arrivals on an absolute schedule.

use crate::books::{Books, SERVERS, requests};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    runtime::Builder,
    sync::Semaphore,
    time::{self, Instant},
};

/// Without a timeout.
pub fn plain(count: u64) -> Books {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without IO").block_on(async move {
        let began = Instant::now();
        let station = Arc::new((Semaphore::new(SERVERS as usize), Mutex::new(Books::new())));
        for (id, next) in requests(count).enumerate() {
            time::sleep_until(began + Duration::from_nanos(next.arrival)).await;
            let station = station.clone();
            tokio::spawn(async move {
                let arrived = Instant::now();
                let _server = station.0.acquire().await.expect("never closed");
                let now = Instant::now();
                station.1.lock().expect("no panic").add(id as u64, (now - arrived).as_nanos() as u64);
                time::sleep_until(now + Duration::from_nanos(next.work)).await;
            });
        }
        time::sleep(Duration::from_secs(60)).await;
        std::mem::replace(&mut *station.1.lock().expect("no panic"), Books::new())
    })
}
