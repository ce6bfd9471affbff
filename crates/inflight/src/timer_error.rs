//! How late this machine's timers fire: the one number that calibrates a twin.

use crate::live;
use inflight_lab::twin::TimerError;
use inflight_strategies::rt::{Clock as _, Executor as _};
use std::time::Duration;

/// How many timers are looked at.
const TIMERS: u32 = 400;
/// From one deadline to the next: 2,000 a second, about what an experiment sets.
const APART: Duration = Duration::from_micros(500);

/// Sets timers as a run does, each in a task of its own, and looks how late the tasks go on. Takes a fifth of a second.
pub async fn measure(world: &live::World) -> Option<TimerError> {
    let begin = world.now() + Duration::from_millis(5);
    let sleepers: Vec<_> = (0..TIMERS)
        .map(|i| {
            let (deadline, world) = (begin + APART * i, world.clone());
            world.clone().spawn("sleeper", async move {
                world.sleep_until(deadline).await;
                world.now() - deadline
            })
        })
        .collect();
    let mut late = Vec::new();
    for sleeper in sleepers {
        late.extend(sleeper.await);
    }
    TimerError::of(late)
}
