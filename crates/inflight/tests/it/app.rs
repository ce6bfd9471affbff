//! A running app, started and stopped like any other program.

use crate::{
    client::{Connection, Response},
    metrics::Metrics,
    program::{Dir, Program, Talk, inflight},
    wait::eventually,
};
use rustix::process::Signal;
use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::Stdio,
};

/// Services that answer in a blink, under the five endpoints of the lab. `B` may be given other properties.
pub(crate) fn blink(b: &str) -> String {
    let head = "[service.a]\nlatency = { constant = \"1ms\" }\n[service.b]\n";
    let built_in = include_str!("../../src/app/default.toml");
    let (_, endpoints) = built_in.split_once("# A, then B.").expect("it is there");
    let (endpoints, _) = endpoints.split_once("# What else can be done").expect("it is there");
    format!("{head}{b}\n{endpoints}")
}

/// `inflight serve` as a child; killed when this is dropped.
pub(crate) struct App {
    pub(crate) program: Program,
    pub(crate) address: SocketAddr,
    _dir: Dir,
}

impl App {
    /// Serves the built-in configuration.
    pub(crate) fn built_in(args: &[&str], env: &[(&str, &str)]) -> App {
        App::start(Dir::new(), args, env)
    }

    /// Serves `config`.
    pub(crate) fn serving(config: &str, args: &[&str]) -> App {
        let dir = Dir::new();
        let file = dir.file("config.toml", config);
        let args = [&["--config", file.to_str().expect("a path in text")], args].concat();
        App::start(dir, &args, &[])
    }

    /// Starts it on a free port, and waits until it listens. It also stops when this process is gone.
    fn start(dir: Dir, args: &[&str], env: &[(&str, &str)]) -> App {
        let mut command = inflight();
        command.args(["serve", "--port", "0", "--until-stdin-closes"]).args(args).envs(env.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let stderr = Talk::hear(child.stderr.take().expect("piped"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a first line");
        let address = line.trim_end().strip_prefix("listening on http://").and_then(|a| a.parse().ok());
        let program = Program { child, stderr };
        let Some(address) = address else { panic!("no address in {line:?}: {}", program.stderr.text()) };
        App { program, address, _dir: dir }
    }

    /// A new connection.
    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// One request on a connection of its own.
    pub(crate) fn get(&self, path: &str) -> Response {
        self.connect().get(path, &[])
    }

    /// What `/metrics` says.
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::read(&self.get("/metrics").body)
    }

    /// Waits until `/metrics` says what it should.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Metrics) -> bool) {
        eventually(what, || {
            let metrics = self.metrics();
            if is_so(&metrics) { Ok(()) } else { Err(metrics) }
        });
    }

    /// Asks it to stop, in order.
    pub(crate) fn terminate(&self) {
        self.program.signal(Signal::TERM);
    }
}
