//! Free ports, and waiting for a page to answer.

use anyhow::{Context, Result, bail};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// `N` loopback ports that were free a moment ago, all different.
pub(crate) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    let mut listeners = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot bind a loopback port")?;
        *port = listener.local_addr().context("a bound socket has an address")?.port();
        listeners.push(listener);
    }
    Ok(ports)
}

/// `wanted` if it is free on loopback, else any free port.
pub(crate) fn port_near(wanted: u16) -> Result<u16> {
    match TcpListener::bind(("127.0.0.1", wanted)) {
        Ok(_) => Ok(wanted),
        Err(_) => Ok(free_ports::<1>()?[0]),
    }
}

/// An HTTP client without pooling surprises: every call is bounded, and no status is an error.
pub(crate) fn client(limit: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(limit))
        .http_status_as_error(false)
        .max_idle_connections(0)
        .build()
        .new_agent()
}

/// The body of a page that must answer with 200.
pub(crate) fn get(url: &str) -> Result<String> {
    let mut answer = client(Duration::from_secs(5)).get(url).call().with_context(|| format!("GET {url}"))?;
    let body = answer.body_mut().read_to_string().with_context(|| format!("GET {url}"))?;
    if answer.status() != 200 {
        bail!("GET {url}: {} {body}", answer.status());
    }
    Ok(body)
}

/// Waits until a page answers with 200. `alive` is asked between tries and may give up early.
pub(crate) fn wait_for(url: &str, limit: Duration, mut alive: impl FnMut() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    loop {
        let error = match get(url) {
            Ok(_) => return Ok(()),
            Err(error) => error,
        };
        alive()?;
        if start.elapsed() > limit {
            return Err(error.context(format!("no answer within {} s", limit.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
