//! Concurrency limit: at most so many calls inside at once; the others wait in line.
//!
//! **What it does.** Hands out `permits`; a call without one waits first come, first served, in a bounded queue, for at
//! most `max_wait`. A permit is handed from the one who leaves to the one who waits longest, so nobody overtakes.
//!
//! **Which failure it answers.** A dependency whose capacity *falls* when more is asked of it at once: memory cliffs, lock
//! convoys, cache thrash. Kept below its knee it delivers its best. With a bound on queue or wait it also sheds what
//! would come too late.
//!
//! **When it harms.** In front of a dependency that does not suffer from concurrency it only adds a queue: 20 permits at
//! 0.75 s serve 28/s whatever the dependency could do. In front of a FIFO pool of the same size it changes no percentile.
//!
//! **Knobs.** `permits` (calls, 1 to 1,000,000, no default); `queue` (calls, default 10,000, `"unbounded"` only when
//! written; 0 rejects at once); `max-wait` (duration up to 1 h, default none).
//!
//! **Where it comes from.** Dijkstra's counting semaphore; the bounded queue and wait are those of resilience4j's bulkhead.

mod concurrency;
mod semaphore;
mod waitlist;

pub use concurrency::{Config, DEFAULT_QUEUE, Limit, LimitLayer, MAX_PERMITS, MAX_WAIT, Queue};
pub use semaphore::{Acquire, Permit, Semaphore};
