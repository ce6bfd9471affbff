//! `inflight target`: a server whose behaviour is known exactly.

use super::{Exit, raise_open_files};
use crate::{
    cli,
    target::{Options, Target},
    terminal::print,
};
use anyhow::Context as _;
use inflight_lab::{dependency::Latency, load::truth::Stalls};
use std::{io::Read as _, net::TcpListener};

pub(super) fn run(flags: &cli::Target) -> anyhow::Result<Exit> {
    raise_open_files();
    let stalls = flags.stall.map(|(least, most)| Stalls {
        first: flags.first,
        every: flags.every,
        length: if least == most { Latency::Constant(least) } else { Latency::Uniform(least, most) },
        seed: flags.seed,
    });
    let listener = TcpListener::bind((flags.bind, flags.port))
        .with_context(|| format!("cannot listen on {}:{}", flags.bind, flags.port))?;
    let address = listener.local_addr()?;
    let target = Target::new(listener, Options { stalls, spin: flags.spin, seed: flags.seed })?;
    print(&format!("listening on http://{address}\n"));
    if flags.until_stdin_closes {
        std::thread::spawn(|| {
            // Whatever is read is nothing to us: only the end counts.
            let _ = std::io::stdin().lock().read_to_end(&mut Vec::new());
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
        });
    }
    target.serve()?;
    Ok(Exit::Done)
}
