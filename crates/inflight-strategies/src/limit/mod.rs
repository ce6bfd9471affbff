//! Concurrency limit: at most so many calls inside at once; the others wait in line.
//!
//! **What it does.** Hands out permits; a call without one waits, in the [queue](crate::queue)'s order, for at most `max_wait`.
//! A permit is handed from the one who leaves to the one who is next, so nobody overtakes in a plain line. How many
//! permits there are is fixed, or [found](adaptive). The two are independent choices: any limiter, any queue.
//!
//! **Which failure it answers.** A dependency whose capacity *falls* when more is asked of it at once: memory cliffs, lock
//! convoys, cache thrash. Kept below its knee it delivers its best. With a bound on queue or wait it also sheds what
//! would come too late. With a queue of 0 around one dependency it is a bulkhead: a dependency that is slow cannot take
//! all callers with it.
//!
//! **When it harms.** In front of a dependency that does not suffer from concurrency it only adds a queue: 20 permits at
//! 0.75 s serve 28/s whatever the dependency could do. In front of a FIFO pool of the same size it changes no percentile.
//!
//! **Knobs.** `permits` must be given. A call may weigh several permits; one that weighs more than there are goes in alone. Written `{ limit = { permits = 20, … } }`.
//!
//! | knob | unit | default | whose |
//! |---|---|---|---|
//! | `permits` | calls, 1 to 1,000,000, or a limiter: [adaptive] | required | – |
//! | `queue` | calls that may wait; 0 rejects at once, `"unbounded"` must be written; or a [queue](crate::queue) | `10000` | ours: far beyond a healthy queue |
//! | `max-wait` | duration, up to 1 h | none | resilience4j rejects at once |
//! | `partitions` | shares of the classes 0, 1, …: [partitions] | `[]` | Netflix |
//!
//! **Where it comes from.** Dijkstra's counting semaphore; the bounded queue and wait are those of resilience4j's bulkhead.
//!
//! ```
//! use inflight_strategies::{
//!     limit::{Config, Permits, Queue, adaptive, adaptive::vegas},
//!     queue::{self, Order, codel},
//! };
//!
//! // Any limiter goes with any queue.
//! let permits = Permits::Adaptive(adaptive::Config::Vegas(vegas::Config::default()));
//! let codel = Some(codel::Config::default());
//! let queue = queue::Config { order: Order::Lifo, codel, ..queue::Config::default() };
//! let limit = Config { permits, queue, ..Config::fixed(1, Queue::Unbounded) };
//! assert!(limit.validate().is_ok());
//! ```

pub mod adaptive;
mod concurrency;
mod config;
mod count;
mod gate;
mod learner;
pub mod partitions;
mod semaphore;
mod waitlist;

pub use crate::queue::{Bound as Queue, DEFAULT_BOUND as DEFAULT_QUEUE};
#[cfg(feature = "tower")]
pub(crate) use concurrency::Inside;
pub use concurrency::{Alike, ByStanding, Limit, LimitLayer, Tickets};
pub use config::{Config, MAX_PERMITS, MAX_WAIT, Permits};
pub use gate::Change;
pub use semaphore::{Acquire, Permit, Semaphore};
