//! The requests that all serve, and what all write down about them.

use crate::event_loop::Request;
use inflight_lab::draws::{Dice, Stream, exponential};

/// Servers of the station.
pub const SERVERS: u32 = 20;
/// Mean work in nanoseconds.
const WORK: f64 = 100e6;
/// Mean time between arrivals in nanoseconds: ρ = 0.9.
const GAP: f64 = WORK / 0.9 / SERVERS as f64;
/// How much time a request has where it has a timeout, in nanoseconds: never reached.
pub const TIMEOUT: u64 = 30_000_000_000;

/// The first so many requests. No two arrive in the same nanosecond: NeXosim has no words for that.
pub fn requests(count: u64) -> impl Iterator<Item = Request> + Send {
    let mut dice: Dice = Stream::new(1, "requests").dice(0);
    let mut arrival = 0;
    (0..count).map(move |_| {
        arrival += (exponential(&mut dice) * GAP).max(1.0) as u64;
        Request { arrival, work: (exponential(&mut dice) * WORK) as u64 }
    })
}

/// Number, sum, histogram and hash of the waits.
pub struct Books {
    count: u64,
    sum: u64,
    hash: u64,
    /// 16 classes per power of two.
    histogram: [u32; 1024],
}

impl Books {
    /// Nothing yet.
    pub fn new() -> Books {
        Books { count: 0, sum: 0, hash: 0, histogram: [0; 1024] }
    }

    /// Request `id` waited so many nanoseconds. The order in which requests are told does not matter.
    pub fn add(&mut self, id: u64, wait: u64) {
        self.count += 1;
        self.sum += wait;
        let power = 63 - (wait | 16).leading_zeros();
        let class = 16 * (power - 4) + ((wait >> (power - 4)) & 15) as u32;
        self.histogram[class as usize] += 1;
        let word = (id ^ wait.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.hash = self.hash.wrapping_add((word ^ (word >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9));
    }
}

/// What a run says about itself.
pub struct Outcome {
    /// Requests served.
    pub count: u64,
    /// Their mean wait.
    pub wait_ms: f64,
    /// Equal for equal waits.
    pub hash: u64,
}

impl Outcome {
    /// Of these books.
    pub fn of(books: Books) -> Outcome {
        let counted: u64 = books.histogram.iter().map(|&n| u64::from(n)).sum();
        assert_eq!(counted, books.count);
        Outcome { count: books.count, wait_ms: books.sum as f64 / books.count as f64 / 1e6, hash: books.hash }
    }
}
