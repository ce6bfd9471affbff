//! `inflight load`: the driver on any HTTP target.

use super::{
    BadInput, Exit, interrupted,
    measured::{Subject, outcome, progress},
    raise_open_files, runtime,
};
use crate::{
    cli,
    http_client::{HttpTarget, Options},
    live,
    terminal::{StatusLine, ink, print, say, width},
};
use http::Uri;
use inflight_lab::{
    experiment::{RunOutcome, RunWorld},
    load::Driver,
    report,
    workload::{Arrivals, Workload},
};
use inflight_strategies::rt::{Clock as _, First, race};
use std::{net::SocketAddr, time::Duration};

/// Time for everything to be ready before the first request is due.
const LEAD: Duration = Duration::from_millis(100);

pub(super) fn run(flags: &cli::Load) -> anyhow::Result<Exit> {
    let workload = workload(flags)?;
    let files = raise_open_files();
    let needed = u64::from(flags.connections).saturating_mul(flags.urls.len() as u64);
    if needed + 32 > files {
        say(&format!(
            "warning: {needed} connections may need more files than this process may open ({files})"
        ));
    }
    let runtime = runtime(None)?;
    let (outcome, complete) = runtime.block_on(drive(flags, workload))?;
    runtime.shutdown_background();
    if flags.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&outcome)?));
    } else {
        print(&report::result(&outcome, width(), &*ink()));
    }
    Ok(match complete {
        false => Exit::Interrupted,
        true if outcome.validity.problems.is_empty() => Exit::Done,
        true => Exit::Invalid,
    })
}

fn workload(flags: &cli::Load) -> anyhow::Result<Workload> {
    if flags.warmup >= flags.duration {
        return Err(BadInput(
            "error: --warmup must be less than --duration: nothing would be counted".into(),
        )
        .into());
    }
    let arrivals = match flags.arrivals {
        cli::Process::Poisson => Arrivals::Poisson(flags.rate),
        cli::Process::Constant => Arrivals::Constant(flags.rate),
    };
    let workload = Workload::open(arrivals, flags.duration, flags.warmup);
    Ok(Workload { patience: flags.patience, ..workload })
}

/// Finds where a URL leads, and whether we may go there.
async fn resolve(text: &str, allow_remote: bool) -> anyhow::Result<(Uri, SocketAddr)> {
    let bad = |why: &str| BadInput(format!("error: {text:?}: {why}"));
    if !text.contains("://") {
        let is_host = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        let guess = if is_host { format!("; did you mean http://{text}?") } else { String::new() };
        return Err(bad(&format!("expected a URL such as http://127.0.0.1:8080/async{guess}")).into());
    }
    let uri: Uri = text.parse().map_err(|_| bad("expected a URL such as http://127.0.0.1:8080/async"))?;
    let host = uri.host().ok_or_else(|| bad("expected a URL such as http://127.0.0.1:8080/async"))?;
    if uri.scheme_str() != Some("http") {
        return Err(bad("only http:// can be driven").into());
    }
    let authority = uri.authority().map_or("", |a| a.as_str());
    if uri.port().is_none()
        && authority.trim_end_matches(']').rsplit(']').next().is_some_and(|a| a.contains(':'))
    {
        return Err(bad("expected a port from 1 to 65535").into());
    }
    let (name, port) = (host.trim_matches(['[', ']']).to_string(), uri.port_u16().unwrap_or(80));
    let mut found =
        tokio::net::lookup_host((name, port)).await.map_err(|e| bad(&format!("no such host: {e}")))?;
    let address = found.next().ok_or_else(|| bad("no such host"))?;
    if !address.ip().is_loopback() && !allow_remote {
        let why =
            format!("{} is not this machine; if you may put load on it, add --allow-remote", address.ip());
        return Err(bad(&why).into());
    }
    Ok((uri, address))
}

async fn drive(flags: &cli::Load, workload: Workload) -> anyhow::Result<(RunOutcome, bool)> {
    let interrupt = interrupted()?;
    let world = live::World::new(tokio::runtime::Handle::current());
    let options = Options { connections: flags.connections as usize, numbered: false };
    let mut arms = Vec::new();
    for url in &flags.urls {
        let (uri, address) = resolve(url, flags.allow_remote).await?;
        let target = HttpTarget::new(world.clone(), &uri, address, &options)?;
        arms.push((uri.path().trim_start_matches('/').to_string(), target));
    }
    let start = world.now() + LEAD;
    let driver = Driver { world: world.clone(), workload: workload.clone(), seed: flags.seed, start };
    let (mut runs, mut recorders) = (Vec::new(), Vec::new());
    for (name, target) in arms {
        let (driver, recorder) = (driver.clone(), driver.recorder());
        recorders.push((name, recorder.clone()));
        runs.push(tokio::spawn(async move { driver.run(&target, &recorder).await }));
    }
    let shown = recorders.iter().map(|(_, recorder)| recorder.clone()).collect();
    let progress = tokio::spawn(progress(String::new(), shown, driver));
    let all = async {
        for run in runs {
            run.await.expect("the driver does not panic");
        }
    };
    let complete = matches!(race(all, interrupt).await, First::Left(()));
    let records: Vec<_> =
        recorders.into_iter().map(|(name, recorder)| (name, recorder.close(world.now()))).collect();
    progress.abort();
    StatusLine::new().clear();
    let subject = Subject {
        id: "load".into(),
        experiment: "load".into(),
        question: None,
        started_unix_s: 0,
        world: RunWorld::Live,
        seed: flags.seed,
        time_scale: 1.0,
    };
    Ok((outcome(subject, &workload, &records, complete), complete))
}
