//! What strategies decide, counted: whom they let in or refused and why, what they sent again, how their limit moved.

use super::{metrics::histogram_ms, names};
use inflight_lab::{call::Which, stack::LayerSpec};
use inflight_strategies::{event::Event, limit::Permits};
use opentelemetry::{
    KeyValue,
    metrics::{BoundCounter, BoundGauge, BoundHistogram, Counter, Gauge, Histogram, Meter},
};
use std::sync::{PoisonError, RwLock};

/// What was decided, and why.
type Decision = (&'static str, &'static str);

/// The instruments of all layers.
#[derive(Clone, Debug)]
pub(super) struct Instruments {
    decisions: Counter<u64>,
    waits: Histogram<f64>,
    limits: Gauge<u64>,
}

/// The layers of one kind around one service of an endpoint, or around the whole.
#[derive(Debug)]
pub(super) struct Layers {
    around: Option<Which>,
    name: &'static str,
    labels: Vec<KeyValue>,
    instruments: Instruments,
    /// By decision and reason, of which there are few: each is bound once, when it is first told.
    told: RwLock<Vec<(Decision, BoundCounter<u64>)>>,
    wait: BoundHistogram<f64>,
    limit: BoundGauge<u64>,
}

impl Instruments {
    pub(super) fn new(meter: &Meter) -> Instruments {
        let decisions = meter.u64_counter(names::STRATEGY_DECISIONS).with_description("What layers decided");
        let limits = meter.u64_gauge(names::STRATEGY_LIMIT).with_description("Permits that a layer has now");
        Instruments {
            decisions: decisions.build(),
            waits: histogram_ms(meter, names::STRATEGY_WAIT, "How long admitted calls had waited in a layer"),
            limits: limits.build(),
        }
    }

    /// Those of `layer` around `around` at `path`; its usual decisions exist from the start.
    pub(super) fn of(&self, path: &str, around: Option<Which>, layer: &LayerSpec) -> Layers {
        let labels = vec![
            KeyValue::new(names::ENDPOINT, path.to_string()),
            KeyValue::new(names::AROUND, around.map_or("whole", Which::name)),
            KeyValue::new(names::STRATEGY, layer.name()),
        ];
        let (wait, limit) = (self.waits.bind(&labels), self.limits.bind(&labels));
        let told = RwLock::default();
        let layers =
            Layers { around, name: layer.name(), labels, instruments: self.clone(), told, wait, limit };
        usual(layer).iter().for_each(|decision| layers.count(*decision, 0));
        if let LayerSpec::Limit(config) = layer {
            layers.limit.record(u64::from(match &config.permits {
                Permits::Fixed(permits) => *permits,
                Permits::Adaptive(limiter) => limiter.build().limit(),
            }));
        }
        layers
    }
}

impl Layers {
    pub(super) fn are(&self, around: Option<Which>, name: &str) -> bool {
        self.around == around && self.name == name
    }

    pub(super) fn on_event(&self, event: Event) {
        let Some(decision) = event.decision() else { return };
        self.count(decision, 1);
        match event {
            Event::Admitted { waited } => self.wait.record(waited.as_secs_f64() * 1e3),
            Event::LimitChanged { to, .. } => self.limit.record(u64::from(to)),
            _ => {}
        }
    }

    fn count(&self, decision: Decision, times: u64) {
        let told = self.told.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = told.iter().find(|(known, _)| *known == decision) {
            return counter.add(times);
        }
        drop(told);
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever was faster has bound it: binding it twice would count right as well, only more slowly.
        let counter = self.bind(decision);
        counter.add(times);
        told.push((decision, counter));
    }

    fn bind(&self, (decision, why): Decision) -> BoundCounter<u64> {
        let mut labels = self.labels.clone();
        labels.push(KeyValue::new(names::DECISION, decision));
        if !why.is_empty() {
            labels.push(KeyValue::new(names::WHY, why));
        }
        self.instruments.decisions.bind(&labels)
    }
}

/// What such a layer usually decides. A rate must see the step from nothing to one.
fn usual(layer: &LayerSpec) -> &'static [Decision] {
    match layer {
        LayerSpec::Limit(_) => &[("admitted", ""), ("rejected", "limit reached")],
        LayerSpec::Timeout(_) | LayerSpec::Deadline(_) => &[("timed out", "cancelled")],
        LayerSpec::Retry(_) => &[("retried", ""), ("budget empty", "")],
        LayerSpec::Hedge { .. } => {
            &[("hedged", ""), ("hedge won", ""), ("hedge cancelled", ""), ("budget empty", "")]
        }
        LayerSpec::Breaker(_) => &[("breaker moved", "open"), ("rejected", "circuit breaker open")],
        LayerSpec::Coalesce { .. } => &[("joined", "")],
        LayerSpec::Rate(_) => &[("rejected", "rate exceeded")],
        // All others refuse, if anything; what else they tell begins with its first time.
        _ => &[("rejected", "throttled")],
    }
}
