//! Runs a script of calls against a stack in virtual time and writes down what happened.
//!
//! A script is a list of `name@arrival/work`, in milliseconds, with `!` for work that fails, `~ms` for a caller who goes
//! away, `^n` for a priority from 0 (lowest) to 4, `*n` for a weight, `#n` for a class, `<ms` for a deadline:
//! `"a@0/10 b@0/10! c@1/10~3 d@1/10^4*2#1<30"`. Work that differs by attempt is written `10!,10!,5`; the last is that of all
//! others.

use expect_test::Expect;
use inflight_lab::sim;
use inflight_strategies::{
    attempt::{Attempt, Chance},
    deadline::WithDeadline,
    event::{Event, Observer, Watch},
    hedge::tied::{Tied, Twin},
    rt::{Clock as _, Executor as _, First, Instant, Rng, race},
    service::{Deadline, Failure, Priority, Service, Standing},
};
use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

/// A call in a script.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    name: String,
    arrives: Instant,
    /// By attempt: how long, and whether it fails.
    works: Vec<(u64, bool)>,
    attempt: u32,
    patience: Option<u64>,
    priority: Priority,
    weight: u32,
    class: u8,
    deadline: Option<Instant>,
    twin: Option<Twin>,
}

impl Attempt for Call {
    fn attempt(&self, n: u32) -> Call {
        Call { attempt: n, ..self.clone() }
    }
}

impl Deadline for Call {
    fn deadline(&self) -> Option<Instant> {
        self.deadline
    }
}

impl Standing for Call {
    fn priority(&self) -> Priority {
        self.priority
    }

    fn class(&self) -> u8 {
        self.class
    }

    fn weight(&self) -> u32 {
        self.weight
    }
}

impl WithDeadline for Call {
    fn with_deadline(self, at: Instant) -> Call {
        Call { deadline: Some(at), ..self }
    }
}

impl Tied for Call {
    fn tied(&self, twin: Twin) -> Call {
        Call { twin: Some(twin), ..self.clone() }
    }

    fn twin(&self) -> Option<&Twin> {
        self.twin.as_ref()
    }
}

impl Call {
    /// The letters before the number: `a1` and `a2` are of the same kind.
    pub(crate) fn kind(&self) -> &str {
        self.name.trim_end_matches(|c: char| c.is_ascii_digit())
    }

    /// What this attempt is, how long it works, and whether it fails.
    fn work(&self) -> (String, u64, bool) {
        let (work, fails) = self.works[(self.attempt as usize).min(self.works.len() - 1)];
        let name =
            if self.attempt == 0 { self.name.clone() } else { format!("{}#{}", self.name, self.attempt) };
        (name, work, fails)
    }
}

/// Dice that always show one half.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Half;

impl Rng for Half {
    fn next_u64(&mut self) -> u64 {
        1 << 63
    }
}

impl Chance<Call> for Half {
    type Dice = Half;
    fn dice(&self, _: &Call) -> Half {
        Half
    }
}

/// Writes down events, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timeline(Arc<Mutex<String>>);

impl Timeline {
    fn line(&self, at: Instant, name: &str, what: &str) {
        let ms = at.as_nanos() as f64 / 1e6;
        writeln!(self.0.lock().expect("no panic under the lock"), "{ms}ms  {name} {what}").expect("a string");
    }
}

impl Observer<Call> for Timeline {
    type Watch<'a> = Lines<'a>;
    fn observe<'a>(&'a self, call: &Call) -> Lines<'a> {
        Lines { timeline: self, name: call.name.clone() }
    }
}

/// The events of one call.
pub(crate) struct Lines<'a> {
    timeline: &'a Timeline,
    name: String,
}

impl Watch for Lines<'_> {
    fn on_event(&mut self, at: Instant, event: Event) {
        self.timeline.line(at, &self.name, &format!("{event:?}"));
    }
}

/// What is behind the strategies: works as long as the call says.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    world: sim::World,
    timeline: Timeline,
}

impl Service<Call> for Worker {
    type Response = ();
    type Error = Failure<&'static str>;

    async fn call(&self, call: Call) -> Result<(), Failure<&'static str>> {
        let (name, work, fails) = call.work();
        self.world.sleep_until(self.world.now() + ms(work)).await;
        self.timeline.line(self.world.now(), &name, "worked");
        if fails { Err(Failure::Failed("broken")) } else { Ok(()) }
    }
}

pub(crate) fn ms(ms: u64) -> std::time::Duration {
    std::time::Duration::from_millis(ms)
}

/// The number after `mark`, if the mark is there.
fn marked(text: &str, mark: char) -> Option<u64> {
    let digits = &text[text.find(mark)? + mark.len_utf8()..];
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    Some(digits[..end].parse().expect("a number after its mark"))
}

fn parse(word: &str) -> Call {
    const PRIORITIES: [Priority; 5] =
        [Priority::VeryLow, Priority::Low, Priority::Medium, Priority::High, Priority::VeryHigh];
    let (name, rest) = word.split_once('@').expect("name@arrival/work");
    let rest = format!("@{rest}");
    let priority = marked(&rest, '^').map_or(Priority::Medium, |n| PRIORITIES[n as usize]);
    let (_, works) = rest.split_once('/').expect("name@arrival/work");
    let works = works.split(['~', '^', '*', '#', '<']).next().expect("something is before a mark");
    let work = |text: &str| (text.trim_end_matches('!').parse().expect("milliseconds"), text.ends_with('!'));
    Call {
        name: name.into(),
        arrives: Instant::ZERO + ms(marked(&rest, '@').expect("an arrival")),
        works: works.split(',').map(work).collect(),
        attempt: 0,
        patience: marked(&rest, '~'),
        priority,
        weight: marked(&rest, '*').unwrap_or(1) as u32,
        class: marked(&rest, '#').unwrap_or(0) as u8,
        deadline: marked(&rest, '<').map(|n| Instant::ZERO + ms(n)),
        twin: None,
    }
}

/// Runs `script` against the stack that `build` makes and compares the timeline.
pub(crate) fn check<S, F>(build: F, script: &str, expected: Expect)
where
    S: Service<Call, Response = (), Error = Failure<&'static str>> + 'static,
    F: FnOnce(sim::World, Worker, Timeline) -> S + Send + 'static,
{
    let calls: Vec<Call> = script.split_whitespace().map(parse).collect();
    let timeline = Timeline::default();
    let told = timeline.clone();
    sim::run(move |world| async move {
        let worker = Worker { world: world.clone(), timeline: told.clone() };
        let stack = Arc::new(build(world.clone(), worker, told.clone()));
        let callers: Vec<_> = calls
            .into_iter()
            .map(|call| {
                let (world, stack, told) = (world.clone(), stack.clone(), told.clone());
                let inner = world.clone();
                inner.spawn("caller", async move {
                    world.sleep_until(call.arrives).await;
                    let leaves = call.patience.map_or(Instant::NEVER, |p| call.arrives + ms(p));
                    let name = call.name.clone();
                    let answer = race(stack.call(call), world.sleep_until(leaves)).await;
                    let what = match answer {
                        First::Left(Ok(())) => "← ok".into(),
                        First::Left(Err(failure)) => format!("← {failure}"),
                        First::Right(()) => "went away".into(),
                    };
                    told.line(world.now(), &name, &what);
                })
            })
            .collect();
        for caller in callers {
            caller.await.expect("no panic");
        }
        // Whatever was left running ends as well.
        world.sleep_until(world.now() + ms(1000)).await;
    })
    .expect("it ends");
    expected.assert_eq(&timeline.0.lock().expect("no panic under the lock"));
}
