//! Endpoints over HTTP.

pub mod arrivals;
mod connections;
pub mod router;
pub mod server;
pub mod settings;
pub mod status;

use crate::{live, telemetry::Telemetry};
use arrivals::Arrivals;
use inflight_lab::{call::Which, dependency::Dependency, experiment::Document, stack};
use std::{collections::BTreeMap, sync::Arc};

/// Records of arrivals by the names of endpoints.
pub type Recorded = BTreeMap<String, Arc<Arrivals>>;

/// The endpoints of a document, running in the live world.
#[derive(Debug)]
pub struct App {
    world: live::World,
    telemetry: Arc<Telemetry>,
    endpoints: BTreeMap<String, Arc<Endpoint>>,
}

#[derive(Debug)]
struct Endpoint {
    index: usize,
    name: String,
    stack: stack::Endpoint<live::World>,
    arrivals: Option<Arc<Arrivals>>,
}

impl App {
    /// Starts the services and endpoints of `document`; `arrivals`, by the names of endpoints, are recorded.
    pub fn start(
        document: &Document,
        world: live::World,
        telemetry: Arc<Telemetry>,
        arrivals: &Recorded,
    ) -> Arc<App> {
        let a = Dependency::new(Which::A, document.service_a.clone(), document.seed, world.clone());
        let b = Dependency::new(Which::B, document.service_b.clone(), document.seed, world.clone());
        let endpoints = document.endpoints.iter().enumerate().map(|(index, spec)| {
            let stack = stack::build(index, spec, &world, (&a, &b), telemetry.sink());
            let (name, arrivals) = (spec.name.clone(), arrivals.get(&spec.name).cloned());
            let endpoint = Endpoint { index, name, stack, arrivals };
            (format!("/{}", spec.name), Arc::new(endpoint))
        });
        Arc::new(App { endpoints: endpoints.collect(), telemetry, world })
    }
}
