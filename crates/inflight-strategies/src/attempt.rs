//! Attempts of one request: a retry and a hedge are the same request again, with dice of their own.
//!
//! Whoever makes a request tells how it looks when it is tried again ([`Attempt`]) and where its dice come from
//! ([`Chance`]). Both are pure in the request, so that a world repeats exactly.

use crate::rt::Rng;

/// The largest number of attempts at one request that a strategy can be asked for.
pub const MAX_ATTEMPTS: u32 = 64;

/// A request that can be tried more than once.
pub trait Attempt: Sized {
    /// The same request as attempt `n`, from 0, of the strategy that asks. Strategies may stand inside each other, so what
    /// is drawn for attempt n of attempt m must not be what is drawn for attempt m of attempt n; attempt 0 of attempt 0
    /// is the request itself.
    fn attempt(&self, n: u32) -> Self;
}

/// A request's dice, fetched when they are thrown for the first time: most calls need none.
pub(crate) struct WhenThrown<'a, Request, C: Chance<Request>> {
    pub(crate) chance: &'a C,
    pub(crate) request: &'a Request,
    pub(crate) dice: &'a mut Option<C::Dice>,
}

impl<Request, C: Chance<Request>> Rng for WhenThrown<'_, Request, C> {
    fn next_u64(&mut self) -> u64 {
        let WhenThrown { chance, request, dice } = self;
        dice.get_or_insert_with(|| chance.dice(request)).next_u64()
    }
}

/// Where a strategy gets dice for one request.
pub trait Chance<Request>: Send + Sync + 'static {
    /// The dice of one request.
    type Dice: Rng + Send;

    /// Dice for `request`: the same ones whenever they are asked for.
    fn dice(&self, request: &Request) -> Self::Dice;
}
