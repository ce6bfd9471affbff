//! `inflight serve`: the endpoints, until told to stop.

use super::{BadInput, Exit, env, library::Source, raise_open_files, runtime};
use crate::{
    app::{
        App, Recorded,
        arrivals::{Arrivals, MAX_ARRIVALS},
        server, settings,
    },
    backlog, cli, live,
    telemetry::Telemetry,
    terminal::{print, say},
};
use anyhow::Context as _;
use inflight_lab::experiment::Document;
use inflight_strategies::{rt::race, units::format_duration};
use std::{fs, io::Read as _, net::SocketAddr, path::Path, sync::Arc};
use tokio::{net::TcpListener, signal::unix, sync::oneshot};

/// Files that are open for other reasons than connections: listener, telemetry, runtime, library code.
const RESERVED_FILES: u64 = 64;

pub(super) fn run(flags: &cli::Serve) -> anyhow::Result<Exit> {
    let source = configuration(flags)?;
    if flags.print_config {
        print(&source.text);
        return Ok(Exit::Done);
    }
    let files = raise_open_files();
    let port = match flags.port {
        Some(port) => port,
        None => settings::port(&env).map_err(bad_input)?.unwrap_or(8080),
    };
    let address = SocketAddr::new(flags.bind, port);
    let options = server::Options {
        max_connections: max_connections(flags.max_connections, files)?,
        header_timeout: flags.header_timeout,
        drain: flags.drain,
    };
    let runtime = runtime(flags.workers)?;
    let exit = runtime.block_on(serve(source, address, options, flags));
    // Work that was detached ends here, whether it is done or not.
    runtime.shutdown_background();
    exit
}

fn bad_input(error: impl std::fmt::Display) -> anyhow::Error {
    BadInput(format!("error: {error}")).into()
}

/// The file, or the built-in configuration, with what the environment says.
fn configuration(flags: &cli::Serve) -> anyhow::Result<Source> {
    let (text, name) = match &flags.config {
        Some(path) => (Source::file(path)?.text, path.to_string_lossy().into_owned()),
        None => (settings::DEFAULT_CONFIG.into(), "the built-in configuration".into()),
    };
    let (text, idle) = settings::overridden(&text, &env).map_err(bad_input)?;
    for name in idle {
        say(&format!("warning: {name} is set, but no endpoint of the configuration uses it"));
    }
    let mut source = Source::read(text, &name)?;
    source.document.seed = flags.seed.unwrap_or(source.document.seed);
    Ok(source)
}

fn max_connections(asked: Option<u32>, files: u64) -> anyhow::Result<u32> {
    let most = files.saturating_sub(RESERVED_FILES).max(1);
    match asked {
        Some(n) if n == 0 || u64::from(n) > most => Err(BadInput(format!(
            "error: --max-connections {n}: expected 1 to {most}; this process may open {files} files (ulimit -n)"
        ))
        .into()),
        Some(n) => Ok(n),
        None => Ok(u32::try_from(most).unwrap_or(u32::MAX).min(1 << 20)),
    }
}

async fn serve(
    source: Source,
    address: SocketAddr,
    options: server::Options,
    flags: &cli::Serve,
) -> anyhow::Result<Exit> {
    let bound = TcpListener::bind(address).await;
    let widened = bound.and_then(|listener| backlog::widen(&listener).map(|()| listener));
    let listener = widened.map_err(|error| {
        let other = match error.kind() {
            std::io::ErrorKind::AddrNotAvailable => {
                "that address is not this machine's; choose one with --bind"
            }
            _ => "choose another port with --port or PORT (0: any free one)",
        };
        anyhow::anyhow!("cannot listen on {address}: {error}; {other}")
    })?;
    let address = listener.local_addr()?;
    let world = live::World::new(tokio::runtime::Handle::current());
    let telemetry = Telemetry::start(&source.document, &world, &env).map_err(bad_input)?;
    let arrivals = record_arrivals(&source.document, &world, flags.record_arrivals.as_deref())?;
    let app = App::start(&source.document, world, telemetry.clone(), &arrivals);
    let stop = stop_signal(flags.until_stdin_closes)?;
    announce(address, &source, options);
    let drained = server::serve(app, listener, options, stop).await;
    if drained.cut > 0 {
        let after = format_duration(options.drain);
        say(&format!("{} connections were still busy after {after} and were cut", drained.cut));
    }
    finish(&arrivals)?;
    shut_down(telemetry).await;
    Ok(Exit::Done)
}

/// A record for every endpoint, each a file in `folder`.
fn record_arrivals(
    document: &Document,
    world: &live::World,
    folder: Option<&Path>,
) -> anyhow::Result<Recorded> {
    let Some(folder) = folder else { return Ok(Recorded::new()) };
    fs::create_dir_all(folder).with_context(|| format!("cannot make the directory {}", folder.display()))?;
    let record = |name: &String| {
        let path = folder.join(format!("{name}.arrivals"));
        let arrivals = Arrivals::create(&path, world.clone());
        let arrivals = arrivals.with_context(|| format!("cannot write {}", path.display()))?;
        Ok((name.clone(), Arc::new(arrivals)))
    };
    document.endpoints.iter().map(|endpoint| record(&endpoint.name)).collect()
}

/// Writes the records out, and says where one is full.
fn finish(recorded: &Recorded) -> anyhow::Result<()> {
    for (name, arrivals) in recorded {
        let written =
            arrivals.finish().with_context(|| format!("the arrivals at /{name} are not recorded"))?;
        if written == MAX_ARRIVALS {
            say(&format!("warning: only the first {MAX_ARRIVALS} arrivals at /{name} are recorded"));
        }
    }
    Ok(())
}

fn announce(address: SocketAddr, source: &Source, options: server::Options) {
    // The first line of standard output: whoever starts this program reads the address here.
    print(&format!("listening on http://{address}\n"));
    let paths: Vec<String> = source.document.endpoints.iter().map(|e| format!("/{}", e.name)).collect();
    say(&format!("  {}", paths.join("  ")));
    say(&format!("  /health  /metrics; at most {} connections; Ctrl-C stops", options.max_connections));
    if !address.ip().is_loopback() {
        say(&format!("warning: {address} can be reached from other machines"));
    }
}

/// Done when the program should stop: SIGTERM, SIGINT, or the end of standard input. A second signal ends it at once.
fn stop_signal(until_stdin_closes: bool) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    let (stop, stopped) = oneshot::channel();
    if until_stdin_closes {
        std::thread::spawn(move || {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
            let _ = stop.send(());
        });
    } else {
        // Never sends, and is never dropped.
        std::mem::forget(stop);
    }
    Ok(async move {
        race(race(terminate.recv(), interrupt.recv()), stopped).await;
        say("stopping: no new connections; waiting for what is in flight (signal again to stop at once)");
        tokio::spawn(async move {
            race(terminate.recv(), interrupt.recv()).await;
            #[expect(clippy::exit, reason = "asked twice: nothing is waited for any more")]
            std::process::exit(130);
        });
    })
}

/// Sends the last metrics; never waits longer than their exporters do.
async fn shut_down(telemetry: Arc<Telemetry>) {
    let flushed = tokio::task::spawn_blocking(move || telemetry.shut_down()).await;
    if let Ok(Err(lost)) = flushed {
        say(&format!("warning: {lost}"));
    }
}
