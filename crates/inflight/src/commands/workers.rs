//! Jobs on threads. Results come as they come: who wants an order puts them where they belong, and then the number of threads
//! changes nothing.

use super::{interrupted, runtime};
use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

/// Threads, and Ctrl-C.
#[derive(Debug)]
pub(super) struct Workers {
    pub(super) threads: usize,
    stopped: Arc<AtomicBool>,
    runtime: tokio::runtime::Runtime,
}

/// How many results of each thread may wait to be taken.
const AHEAD: usize = 8;
/// How often the one who waits looks up.
const GLANCE: Duration = Duration::from_millis(50);

impl Workers {
    /// So many threads, or one per processor. Ctrl-C is heard from now on.
    pub(super) fn new(threads: Option<u16>) -> anyhow::Result<Workers> {
        let processors = || std::thread::available_parallelism().map_or(1, NonZero::get);
        let runtime = runtime(Some(1))?;
        let stopped = Arc::new(AtomicBool::new(false));
        let interrupt = {
            let _inside = runtime.enter();
            interrupted()?
        };
        let stop = stopped.clone();
        runtime.spawn(async move {
            interrupt.await;
            stop.store(true, Ordering::Relaxed);
        });
        Ok(Workers { threads: threads.map_or_else(processors, usize::from), stopped, runtime })
    }

    /// The runtime that listens for Ctrl-C.
    pub(super) fn runtime(&self) -> &tokio::runtime::Runtime {
        &self.runtime
    }

    /// Does job 0, 1, … `jobs` and hands each result to `done`, in any order. Returns false if it was interrupted: then some
    /// jobs were not done, and what the threads are at is left to end with the program.
    ///
    /// # Panics
    /// If a job does.
    pub(super) fn run<T: Send + 'static>(
        &self,
        jobs: usize,
        job: impl Fn(usize) -> T + Send + Sync + 'static,
        mut done: impl FnMut(usize, T),
    ) -> bool {
        let (job, next) = (Arc::new(job), Arc::new(AtomicUsize::new(0)));
        // Threads that are far ahead wait for whoever takes their results: memory does not grow with the number of jobs.
        let (give, take) = sync_channel(AHEAD * self.threads);
        for _ in 0..self.threads.min(jobs) {
            let (job, next, give, stopped) = (job.clone(), next.clone(), give.clone(), self.stopped.clone());
            std::thread::spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= jobs || give.send((number, job(number))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(give);
        let mut left = jobs;
        while left > 0 && !self.stopped.load(Ordering::Relaxed) {
            match take.recv_timeout(GLANCE) {
                Ok((number, result)) => {
                    left -= 1;
                    done(number, result);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if self.stopped.load(Ordering::Relaxed) => break,
                Err(RecvTimeoutError::Disconnected) => panic!("a job panicked"),
            }
        }
        left == 0
    }
}
