//! `inflight healthcheck`: for containers that have no shell to ask with.

use super::{BadInput, Exit, env};
use crate::{app::settings, cli, terminal::say};
use std::time::Duration;

pub(super) fn run(flags: &cli::Healthcheck) -> anyhow::Result<Exit> {
    let port = settings::port(&env).map_err(|e| BadInput(format!("error: {e}")))?.unwrap_or(8080);
    let url = flags.url.clone().unwrap_or(format!("http://127.0.0.1:{port}/health"));
    let config =
        ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(3))).proxy(None).build();
    let agent: ureq::Agent = config.into();
    match agent.get(&url).call() {
        Ok(_) => Ok(Exit::Done),
        Err(error) => {
            say(&format!("error: {url} is not well: {error}"));
            Ok(Exit::Failed)
        }
    }
}
