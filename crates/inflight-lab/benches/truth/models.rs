//! From the tables to models that can be run.

use crate::{
    published::{self as theory, Patience, SERVICE},
    tally::Quantity::{self, *},
};
use inflight_lab::dependency::{ContentionSpec, Latency, Slowdown};
use inflight_strategies::queue::Bound;
use std::time::Duration;

/// A model, and what theory says about it.
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) load: Load,
    /// ρ; 1 or more for models that lose requests or are closed.
    utilisation: f64,
    pub(crate) rows: Vec<Row>,
}

/// One quantity.
pub(crate) struct Row {
    pub(crate) quantity: Quantity,
    pub(crate) theory: f64,
    /// How well the theory's value is known: half its 95 % interval; 0 for formulas.
    pub(crate) half_width: f64,
}

/// How requests come.
pub(crate) enum Load {
    /// When they come.
    Open(OpenLoad),
    /// When a user has thought.
    Closed(ClosedLoad),
}

/// Poisson arrivals at a station.
#[derive(Clone, Debug)]
pub(crate) struct OpenLoad {
    /// Per second.
    pub(crate) rate: f64,
    pub(crate) work: Latency,
    pub(crate) station: Station,
}

/// What serves them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Station {
    /// A dependency's model of contention.
    Contention(ContentionSpec),
    /// A limit in front of a service without one.
    Limit { permits: u32, bound: Bound, max_wait: Option<Duration> },
    /// A pool whose waiters leave after an exponential time.
    Impatient { servers: u32, mean: Duration },
    /// No queue; a second attempt after a while, and the first answer counts.
    Hedged { after: Duration },
}

/// Users of a pool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClosedLoad {
    pub(crate) users: u64,
    pub(crate) think: Duration,
    pub(crate) work: Duration,
    pub(crate) servers: u32,
    /// Requests per second, as theory expects them: decides how long a run lasts.
    pub(crate) throughput: f64,
}

impl Model {
    /// How many requests arrive in one relaxation time, the time in which what a queue began with decays by e.
    fn relaxation(&self) -> f64 {
        if self.utilisation >= 1.0 {
            // Loss, impatience and a fixed number of users keep the queue short.
            return 400.0;
        }
        let gap = 1.0 - self.utilisation.sqrt();
        (self.utilisation / (gap * gap)).max(100.0)
    }

    /// How many requests at the beginning of a replication are not counted.
    pub(crate) fn warmup(&self) -> u64 {
        (12.0 * self.relaxation()).ceil() as u64
    }

    /// The fewest requests that a replication must count.
    pub(crate) fn fewest(&self) -> u64 {
        (100.0 * self.relaxation()).ceil() as u64
    }
}

fn row(quantity: Quantity, theory: f64) -> Row {
    Row { quantity, theory, half_width: 0.0 }
}

fn ms(ms: f64) -> Duration {
    Duration::from_nanos((ms * 1e6).round() as u64)
}

fn exponential() -> Latency {
    Latency::Exponential(ms(SERVICE))
}

fn uniform() -> Latency {
    Latency::Uniform(ms(300.0), ms(1200.0))
}

fn constant() -> Latency {
    Latency::Constant(ms(SERVICE))
}

/// Mean work in ms.
fn mean(work: &Latency) -> f64 {
    if *work == uniform() { 750.0 } else { SERVICE }
}

/// A station of `servers` servers kept busy to the share `utilisation`.
fn open(
    name: String,
    servers: u32,
    utilisation: f64,
    work: Latency,
    station: Station,
    rows: Vec<Row>,
) -> Model {
    let rate = f64::from(servers) * utilisation / mean(&work) * 1e3;
    Model { name, load: Load::Open(OpenLoad { rate, work, station }), utilisation, rows }
}

fn pool(servers: u32) -> Station {
    Station::Contention(ContentionSpec::Pool { servers })
}

fn limited(permits: u32, bound: Bound, max_wait: Option<Duration>) -> Station {
    Station::Limit { permits, bound, max_wait }
}

/// Rows for percentiles; a percentile of 0 says no more than P(wait) does.
fn percentiles(of: fn(f64, f64) -> Quantity, shares: &[f64], at: &[f64]) -> impl Iterator<Item = Row> {
    let pairs: Vec<(f64, f64)> = shares.iter().copied().zip(at.iter().copied()).collect();
    pairs.into_iter().filter(|(_, at)| *at > 0.0).map(move |(share, at)| row(of(share, at), share))
}

/// Every model.
pub(crate) fn all() -> Vec<Model> {
    let families = [mm1, mmc, md, mu1, muc, sharing, erlang_b, mmck, impatient, closed, hedged];
    families.iter().flat_map(|family| family()).collect()
}

fn mm1() -> Vec<Model> {
    let model = |(utilisation, [wait, sojourn, inside, waiting], sojourns, waits): &theory::OneServer| {
        let mut rows =
            vec![row(Wait, *wait), row(Sojourn, *sojourn), row(Inside, *inside), row(Waiting, *waiting)];
        rows.extend(percentiles(SojournPercentile, &[0.5, 0.95, 0.99], sojourns));
        rows.extend(percentiles(WaitPercentile, &[0.95, 0.99], waits));
        open(format!("M/M/1 ρ {utilisation}"), 1, *utilisation, exponential(), pool(1), rows)
    };
    theory::MM1.iter().map(model).collect()
}

fn mmc() -> Vec<Model> {
    let model = |t: &theory::ErlangC| {
        let mut rows: Vec<Row> = [Delayed, Wait, Sojourn, Waiting]
            .into_iter()
            .zip(t.means)
            .map(|(q, value)| row(q, value))
            .collect();
        rows.extend(percentiles(WaitPercentile, &[0.5, 0.9, 0.95, 0.99, 0.999], &t.wait));
        rows.extend(percentiles(SojournPercentile, &[0.5, 0.95, 0.99], &t.sojourn));
        let station = limited(t.servers, Bound::Unbounded, None);
        open(
            format!("M/M/{} ρ {}", t.servers, t.utilisation),
            t.servers,
            t.utilisation,
            exponential(),
            station,
            rows,
        )
    };
    theory::MMC.iter().map(model).collect()
}

fn md() -> Vec<Model> {
    let one = theory::MD1.iter().map(|(utilisation, wait, waits)| {
        let mut rows = vec![row(Wait, *wait)];
        rows.extend(percentiles(WaitPercentile, &[0.5, 0.95, 0.99], waits));
        open(format!("M/D/1 ρ {utilisation}"), 1, *utilisation, constant(), pool(1), rows)
    });
    let many = theory::MDC.iter().map(|&(servers, utilisation, wait, delayed)| {
        let rows = vec![row(Wait, wait), row(Delayed, delayed)];
        open(format!("M/D/{servers} ρ {utilisation}"), servers, utilisation, constant(), pool(servers), rows)
    });
    one.chain(many).collect()
}

fn mu1() -> Vec<Model> {
    let model = |&(utilisation, [wait, sojourn, deviation, waiting], waits): &(f64, [f64; 4], [f64; 3])| {
        let square = row(WaitSquared, deviation * deviation + wait * wait);
        let mut rows = vec![row(Wait, wait), row(Sojourn, sojourn), square, row(Waiting, waiting)];
        rows.extend(percentiles(WaitPercentile, &[0.9, 0.95, 0.99], &waits));
        open(format!("M/U/1 ρ {utilisation}"), 1, utilisation, uniform(), pool(1), rows)
    };
    theory::MU1.iter().map(model).collect()
}

fn muc() -> Vec<Model> {
    let model = |&(servers, utilisation, wait, half_width): &(u32, f64, f64, f64)| {
        let mut rows = vec![Row { half_width, ..row(Wait, wait) }];
        if (servers, utilisation) == (20, 0.9) {
            let (delayed, half_width) = theory::MU20_DELAYED;
            rows.push(Row { half_width, ..row(Delayed, delayed) });
        }
        open(format!("M/U/{servers} ρ {utilisation}"), servers, utilisation, uniform(), pool(servers), rows)
    };
    theory::MUC.iter().map(model).collect()
}

fn sharing() -> Vec<Model> {
    let model = |&(capacity, utilisation, is_uniform, sojourn): &(u32, f64, bool, f64)| {
        let (work, law) = if is_uniform { (uniform(), "U") } else { (exponential(), "M") };
        let mut rows = vec![row(Sojourn, sojourn)];
        if capacity == 1 && is_uniform {
            // A request with work x stays x/(1 − ρ) on average: the same slowdown for the shortest and the longest.
            let slowdown = 1.0 / (1.0 - utilisation);
            rows.extend(
                [(300.0, 400.0), (1100.0, 1200.0)].map(|(from, to)| row(Slowdown(from, to), slowdown)),
            );
        }
        let slowdown = Slowdown::Sharing { capacity };
        let station = Station::Contention(ContentionSpec::Shared(slowdown));
        let name = format!("M/{law}/{capacity}-PS ρ {utilisation}");
        open(name, capacity, utilisation, work, station, rows)
    };
    theory::SHARING.iter().map(model).collect()
}

/// A model that loses requests, with `load` Erlangs.
fn losing(name: String, load: f64, station: Station, rows: Vec<Row>) -> Model {
    let open = OpenLoad { rate: load / SERVICE * 1e3, work: exponential(), station };
    Model { name, load: Load::Open(open), utilisation: 1.0, rows }
}

fn erlang_b() -> Vec<Model> {
    let model = |&(servers, load, lost): &(u32, f64, f64)| {
        let station = limited(servers, Bound::Bounded(0), None);
        losing(format!("M/M/{servers}/{servers} a {load} (Erlang B)"), load, station, vec![row(Lost, lost)])
    };
    theory::ERLANG_B.iter().map(model).collect()
}

fn mmck() -> Vec<Model> {
    let model = |&(servers, room, load, values): &(u32, u32, f64, [f64; 4])| {
        let station = limited(servers, Bound::Bounded(room - servers), None);
        let rows = [Lost, Wait, Sojourn, Throughput].into_iter().zip(values).map(|(q, value)| row(q, value));
        losing(format!("M/M/{servers}/{room} a {load}"), load, station, rows.collect())
    };
    theory::MMCK.iter().map(model).collect()
}

fn impatient() -> Vec<Model> {
    let model = |(rate, patience, [lost, queued, served]): &(f64, Patience, [f64; 3])| {
        let (station, name) = match *patience {
            Patience::Fixed(wait) => (limited(20, Bound::Unbounded, Some(ms(wait))), format!("+D {wait} ms")),
            Patience::Exponential(mean) => {
                (Station::Impatient { servers: 20, mean: ms(mean) }, format!("+M {mean} ms"))
            }
        };
        let rows = vec![row(Lost, *lost), row(Queued, *queued), row(Throughput, *served)];
        losing(format!("M/M/20{name} λ {rate}/s"), rate * SERVICE / 1e3, station, rows)
    };
    theory::IMPATIENT.iter().map(model).collect()
}

fn closed() -> Vec<Model> {
    let model = |&(servers, users, throughput, response): &(u32, u64, f64, f64)| {
        let (think, work) = (Duration::from_secs(1), ms(SERVICE));
        let load = Load::Closed(ClosedLoad { users, think, work, servers, throughput });
        let rows = vec![row(Throughput, throughput), row(Sojourn, response)];
        Model { name: format!("closed N {users} c {servers}"), load, utilisation: 1.0, rows }
    };
    theory::CLOSED.iter().map(model).collect()
}

fn hedged() -> Vec<Model> {
    let (after, [mean, p99, p999, second]) = theory::HEDGED;
    let mut rows = vec![row(Sojourn, mean), row(Hedged, second)];
    rows.extend(percentiles(SojournPercentile, &[0.99, 0.999], &[p99, p999]));
    vec![losing("hedged M/M/∞".to_owned(), 10.0, Station::Hedged { after: ms(after) }, rows)]
}
