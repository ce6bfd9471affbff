//! Endpoints over HTTP.

mod lazy_timer;
pub mod router;
pub mod server;
pub mod settings;
pub mod status;

use crate::{live, telemetry::Telemetry};
use inflight_lab::{
    call::{Call, Which},
    dependency::{Dependency, Fault},
    experiment::Document,
    stack::{self, Both, Stack},
};
use inflight_strategies::service::{Failure, Service as _};
use std::{collections::BTreeMap, sync::Arc};

/// The endpoints of a document, running in the live world.
#[derive(Debug)]
pub struct App {
    world: live::World,
    telemetry: Arc<Telemetry>,
    endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Debug)]
struct Endpoint {
    index: usize,
    name: String,
    stack: Stack<Both>,
}

impl App {
    /// Starts the services and endpoints of `document`.
    pub fn start(document: &Document, world: live::World, telemetry: Arc<Telemetry>) -> Arc<App> {
        let a = Dependency::new(Which::A, document.service_a.clone(), document.seed, world.clone());
        let b = Dependency::new(Which::B, document.service_b.clone(), document.seed, world.clone());
        let endpoints = document.endpoints.iter().enumerate().map(|(index, spec)| {
            let stack = stack::build(index, spec, &world, (&a, &b), telemetry.sink());
            (format!("/{}", spec.name), Endpoint { index, name: spec.name.clone(), stack })
        });
        Arc::new(App { endpoints: endpoints.collect(), telemetry, world })
    }
}

impl Endpoint {
    async fn call(&self, call: Call) -> Result<Both, Failure<Fault>> {
        self.stack.call(call).await
    }
}
