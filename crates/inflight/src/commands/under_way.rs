//! How many calls of services are under way inside an app, asked for while it is measured.

use crate::telemetry::names;
use inflight_lab::{census::Peaks, record::Record, workload::Workload};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinHandle,
    time::{Instant, interval_at},
};

/// Time between two questions: each costs the app about as much as a few requests.
const EVERY: Duration = Duration::from_millis(50);
/// More than any page of metrics.
const MAX_PAGE: u64 = 4 << 20;

/// An app that is watched while it is measured.
#[derive(Debug)]
pub(super) struct Watched {
    task: JoinHandle<()>,
    peaks: Arc<Mutex<Peaks>>,
}

impl Watched {
    /// Watches the app at `address` in a round of `workload` that begins in `lead`.
    pub(super) fn start(address: SocketAddr, workload: &Workload, lead: Duration) -> Watched {
        let peaks = Arc::new(Mutex::new(Peaks::new(workload)));
        let (kept, start) = (peaks.clone(), Instant::now() + lead);
        let task = tokio::spawn(async move {
            let mut turns = interval_at(start, EVERY);
            loop {
                let at = turns.tick().await;
                // Whoever is gone says nothing more.
                let Ok(page) = page(address).await else { return };
                kept.lock().unwrap_or_else(PoisonError::into_inner).set(at - start, under_way(&page));
            }
        });
        Watched { task, peaks }
    }

    /// Stops watching, and writes what was seen into the round's books.
    pub(super) fn close(self, record: &mut Record) {
        self.task.abort();
        self.peaks.lock().unwrap_or_else(PoisonError::into_inner).clone().close(record);
    }
}

async fn page(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut page = String::new();
    stream.take(MAX_PAGE).read_to_string(&mut page).await?;
    Ok(page)
}

/// The sum over the services.
fn under_way(page: &str) -> u32 {
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(names::SERVICE_INFLIGHT)?;
        rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    values.sum::<f64>() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_of_both_services_add_up() {
        let page = "# TYPE service_inflight gauge\nservice_inflight{service=\"A\"} 3\nservice_inflight{service=\"B\"} 40\nservice_inflight_other 9\n";
        assert_eq!(under_way(page), 43);
    }
}
