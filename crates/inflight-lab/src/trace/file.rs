//! Lives as a file in the Trace Event Format, which Perfetto (<https://ui.perfetto.dev>) and Chrome's `about:tracing` open.
//!
//! Every arm is a process. Requests overlap, so their stretches are nestable asynchronous events (`b`, `e`), told apart by the
//! request's number: one category each for the endpoint, for service A and B, and for waits. What happens at one moment only
//! is an instant (`n`), the number in flight a counter (`C`), and names are metadata (`M`).

use super::{Stretch, Watched, in_words};
use crate::call::{Place, Step, Which};
use inflight_strategies::{event::Event, rt::Instant};
use serde::Serialize;
use std::collections::BTreeMap;

/// A file, ready to be written as JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TraceFile {
    /// Everything that is shown.
    pub trace_events: Vec<TraceEvent>,
    /// The unit in which times are shown first: `"ms"`.
    pub display_time_unit: &'static str,
}

/// One event of the format.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceEvent {
    /// What is written on it.
    pub name: String,
    /// The category: together with the id it says which events belong together.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub cat: &'static str,
    /// The phase: `b`, `e`, `n`, `C` or `M`.
    pub ph: char,
    /// Microseconds since the run began.
    pub ts: f64,
    /// The arm's number, from 1.
    pub pid: usize,
    /// The track, for viewers that know no asynchronous ones.
    pub tid: usize,
    /// The request, in hexadecimal, with its arm's number in the upper digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// What is shown when it is selected.
    pub args: BTreeMap<&'static str, Argument>,
}

/// A value among the arguments of an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Argument {
    /// Text.
    Text(String),
    /// A number.
    Number(u64),
}

/// The tracks: category and number.
const TRACKS: [&str; 4] = ["endpoint", "service A", "service B", "waits"];

impl TraceFile {
    /// An empty file.
    pub fn new() -> TraceFile {
        TraceFile { trace_events: Vec::new(), display_time_unit: "ms" }
    }

    /// Adds what was seen of the arm `name`.
    pub fn add(&mut self, name: &str, watched: &Watched) {
        let pid = self.trace_events.iter().map(|event| event.pid).max().unwrap_or(0) + 1;
        self.trace_events.push(metadata("process_name", format!("/{name}"), pid, 0));
        for (tid, track) in TRACKS.iter().enumerate() {
            self.trace_events.push(metadata("thread_name", (*track).into(), pid, tid + 1));
        }
        for (at, in_flight) in watched.in_flight() {
            let args = BTreeMap::from([("requests", Argument::Number(u64::from(in_flight)))]);
            self.trace_events.push(TraceEvent { args, ..event("in flight".into(), 'C', at, pid) });
        }
        for (id, steps) in watched.lives() {
            self.trace_events.extend(steps.iter().flat_map(|step| told(step, pid, id)));
        }
    }
}

/// What one step adds.
fn told(step: &Step, pid: usize, request: u64) -> Vec<TraceEvent> {
    let tid = track(step.place);
    let id = Some(format!("{:#x}", id(pid, step.place, request)));
    let on_track = |event: TraceEvent| TraceEvent { cat: TRACKS[tid - 1], tid, id: id.clone(), ..event };
    if let Some(Stretch { place, from, to, outcome }) = Stretch::ended_by(step) {
        if from == to && tid == WAITS {
            return vec![];
        }
        let name = if tid == 1 { format!("request {request}") } else { in_words(place) };
        let args = BTreeMap::from([
            ("request", Argument::Number(request)),
            ("outcome", Argument::Text(format!("{outcome:?}"))),
        ]);
        let begin = TraceEvent { args, ..event(name.clone(), 'b', from, pid) };
        return vec![on_track(begin), on_track(event(name, 'e', to, pid))];
    }
    match step.event {
        Event::Started | Event::Finished { .. } | Event::Admitted { .. } => vec![],
        other => {
            let name = match other {
                Event::Rejected(why) => format!("{} rejects: {why}", in_words(step.place)),
                Event::TimedOut { .. } => format!("{}: time is up", in_words(step.place)),
                other => format!("{}: {other:?}", in_words(step.place)),
            };
            let args = BTreeMap::from([("request", Argument::Number(request))]);
            vec![on_track(TraceEvent { args, ..event(name, 'n', step.at, pid) })]
        }
    }
}

/// What tells a stretch from others of its category in all of the file: the viewers know no other scope. Waits around A and B
/// may overlap, and are told apart as well. Requests count to 10⁹, which leaves room above.
fn id(pid: usize, place: Place, request: u64) -> u64 {
    let around = match place {
        Place::Layer { around: Some(which), .. } => 1 + which as u64,
        _ => 0,
    };
    (pid as u64) << 48 | around << 40 | request
}

/// The number of the track for waits.
const WAITS: usize = 4;

/// The number of a place's track.
fn track(place: Place) -> usize {
    match place {
        Place::Endpoint => 1,
        Place::Service(Which::A) => 2,
        Place::Service(Which::B) => 3,
        Place::Layer { .. } => WAITS,
    }
}

fn event(name: String, ph: char, at: Instant, pid: usize) -> TraceEvent {
    let ts = at.as_nanos() as f64 / 1e3;
    TraceEvent { name, cat: "", ph, ts, pid, tid: 0, id: None, args: BTreeMap::new() }
}

fn metadata(what: &str, name: String, pid: usize, tid: usize) -> TraceEvent {
    let args = BTreeMap::from([("name", Argument::Text(name))]);
    TraceEvent { tid, args, ..event(what.into(), 'M', Instant::ZERO, pid) }
}
