//! Endpoints over HTTP.

mod connections;
pub mod router;
pub mod server;
pub mod settings;
pub mod status;

use crate::{live, telemetry::Telemetry};
use inflight_lab::{call::Which, dependency::Dependency, experiment::Document, stack};
use std::{collections::BTreeMap, sync::Arc};

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
}

impl App {
    /// Starts the services and endpoints of `document`.
    pub fn start(document: &Document, world: live::World, telemetry: Arc<Telemetry>) -> Arc<App> {
        let a = Dependency::new(Which::A, document.service_a.clone(), document.seed, world.clone());
        let b = Dependency::new(Which::B, document.service_b.clone(), document.seed, world.clone());
        let endpoints = document.endpoints.iter().enumerate().map(|(index, spec)| {
            let stack = stack::build(index, spec, &world, (&a, &b), telemetry.sink());
            let endpoint = Endpoint { index, name: spec.name.clone(), stack };
            (format!("/{}", spec.name), Arc::new(endpoint))
        });
        Arc::new(App { endpoints: endpoints.collect(), telemetry, world })
    }
}
