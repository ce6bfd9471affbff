//! simu-des: a process per request, its resource. Its time is a double; in nanoseconds it is exact.

use crate::books::{Books, SERVERS, requests};
use simu::{Resource, SimEnv};
use std::{cell::RefCell, rc::Rc};

/// Without a timeout.
pub fn plain(count: u64) -> Books {
    let mut env = SimEnv::with_seed(1);
    let (servers, books) = (Resource::new(SERVERS as usize), Rc::new(RefCell::new(Books::new())));
    let (world, shared) = (env.handle(), books.clone());
    env.spawn(async move {
        for (id, next) in requests(count).enumerate() {
            world.timeout(next.arrival as f64 - world.now()).await;
            let (inside, servers, books) = (world.clone(), servers.clone(), shared.clone());
            world.spawn(async move {
                let arrived = inside.now();
                let _server = servers.request().await;
                books.borrow_mut().add(id as u64, (inside.now() - arrived) as u64);
                inside.timeout(next.work as f64).await;
            });
        }
    });
    env.run();
    books.replace(Books::new())
}
