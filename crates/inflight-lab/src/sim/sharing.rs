//! Sharing between the tasks of a virtual world: they never leave its thread, so counting and locking need no atomics.

use fragile::Fragile;
use inflight_strategies::rt::{Lock, Sharing};
use std::{cell::RefCell, fmt, ops::Deref, rc::Rc};

/// Sharing on one thread.
///
/// # Panics
/// Whatever is shared so belongs to the thread that made it: to use or drop it on another one is a panic.
#[derive(Clone, Copy, Debug)]
pub struct WithinThread;

impl Sharing for WithinThread {
    type Shared<T: Send + Sync + 'static> = SimShared<T>;
    type Lock<T: Send + 'static> = SimLock<T>;

    fn share<T: Send + Sync + 'static>(value: T) -> SimShared<T> {
        SimShared::new(value)
    }

    fn lock<T: Send + 'static>(value: T) -> SimLock<T> {
        SimLock(Fragile::new(RefCell::new(value)))
    }
}

/// A counted reference of one thread.
pub struct SimShared<T>(Fragile<Rc<T>>);

impl<T> SimShared<T> {
    /// The first reference to `value`. It belongs to this thread.
    #[inline]
    pub(crate) fn new(value: T) -> SimShared<T> {
        SimShared(Fragile::new(Rc::new(value)))
    }

    /// Whether this is the only reference.
    #[inline]
    pub(crate) fn is_unique(&self) -> bool {
        Rc::strong_count(self.0.get()) == 1
    }
}

impl<T> Clone for SimShared<T> {
    #[inline]
    fn clone(&self) -> SimShared<T> {
        SimShared(self.0.clone())
    }
}

impl<T> Deref for SimShared<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.0.get()
    }
}

impl<T: fmt::Debug> fmt::Debug for SimShared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

/// A value of one thread, for one at a time.
#[derive(Debug)]
pub struct SimLock<T>(Fragile<RefCell<T>>);

impl<T: Send + 'static> Lock<T> for SimLock<T> {
    #[inline]
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        work(&mut self.0.get().borrow_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{cell::Cell, thread};

    #[test]
    fn the_last_reference_drops_the_value() {
        let value = std::sync::Arc::new(());
        let first = WithinThread::share(value.clone());
        let second = first.clone();
        drop(first);
        assert_eq!(std::sync::Arc::strong_count(&second), 2);
        drop(second);
        assert_eq!(std::sync::Arc::strong_count(&value), 1);
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "no world is there, only another thread")]
    fn on_another_thread_there_is_nothing_to_see() {
        let shared = SimShared::new(Cell::new(7));
        let theirs = thread::spawn(move || {
            let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| shared.get()));
            (shared, seen.is_err())
        });
        let (shared, is_refused) = theirs.join().expect("it brings the value back");
        assert!(is_refused);
        assert_eq!(shared.get(), 7);
    }

    #[test]
    #[should_panic(expected = "already borrowed")]
    fn work_that_comes_back_to_its_lock_is_a_mistake() {
        let lock = std::rc::Rc::new(WithinThread::lock(0));
        let again = lock.clone();
        lock.with(|_| again.with(|n| *n += 1));
    }
}
