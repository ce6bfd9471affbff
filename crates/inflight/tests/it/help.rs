//! The help of every command, as it is read.

use crate::program::{Said, inflight};
use expect_test::{Expect, ExpectFile, expect, expect_file};

/// A snapshot, beside the test or in a file of its own.
trait Expected {
    fn assert_eq(&self, actual: &str);
}

impl Expected for Expect {
    #[track_caller]
    fn assert_eq(&self, actual: &str) {
        Expect::assert_eq(self, actual);
    }
}

impl Expected for ExpectFile {
    #[track_caller]
    fn assert_eq(&self, actual: &str) {
        ExpectFile::assert_eq(self, actual);
    }
}

#[track_caller]
fn check(command: &[&str], expected: impl Expected) {
    let mut long = inflight();
    long.args(command).arg("--help");
    let said = Said::by(long);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    let widest = said.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?} columns");
    // clap leaves blanks at the ends of lines.
    expected.assert_eq(&said.stdout.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>());
}

#[test]
fn of_the_program() {
    check(
        &[],
        expect![[r#"
            Latency shows the effect. Inflight shows the cause

            Usage: inflight [COMMAND]

            Commands:
              run          Measure an experiment for real: start the app, drive every arm over HTTP, print and
                           save the result
              sim          Run experiments in virtual time: the same code and the same draws, thousands of times
                           as fast; sweeps, traces
              tune         Find the limit, queue, wait and timeout that meet an objective: in virtual time, then
                           checked for real
              serve        Serve the endpoints
              load         Drive any HTTP target, on schedule, whatever it does
              target       Serve a target whose behaviour is known exactly, to try load drivers on
              check        Say all that is wrong with experiments and configurations
              show         Print a saved run again
              report       Write the report of a saved run: one page that needs no network and no script
              compare      Set two saved runs side by side: every figure with its difference, the interval of
                           that, and what it means
              list         List the experiments that are built in, the runs that were saved, or the strategies
              explain      Explain what the lab knows: a strategy, or a formula of queueing theory
              doctor       Look at this machine: how late its timers are, and what else gets between a run and
                           its figures
              healthcheck  Ask a running app for its health: exit 0 if it is well, 1 if not
              completions  Print the completions for a shell
              man          Print the manual page (roff)
              help         Print this message or the help of the given subcommand(s)

            Options:
              -h, --help     Print help
              -V, --version  Print version

            Exit codes: 0 measured, 1 failed, 2 bad input or usage, 3 an expectation was missed, 4 the run is
            invalid, 130 interrupted.
        "#]],
    );
}

#[test]
fn of_run() {
    check(
        &["run"],
        expect![[r#"
            Measure an experiment for real: start the app, drive every arm over HTTP, print and save the result

            Usage: inflight run [OPTIONS] [EXPERIMENT]...

            Arguments:
              [EXPERIMENT]...
                      Names of built-in experiments or groups of them (see `inflight list`), or files

                      [default: tour]

            Options:
                  --seed <SEED>
                      Decide everything random anew [default: the experiment's]

                  --rounds <N>
                      Measure every arm so often, each time with other requests [default: the experiment's]

                  --details
                      Print everything about every experiment, not only the answers of several

                  --profile <PROFILE>
                      In which scale of time

                      Possible values:
                      - experiment: The experiment's own: most are wind tunnels, many times shorter than what
                        they are about
                      - full:       Real delays and rates, as in the original lab: takes as long as it says

                      [default: experiment]

                  --only <ARM>
                      Measure only these arms

                  --expect <NAME=VERDICT>
                      End with 3 unless this hypothesis, or all of them, has this verdict

                  --json
                      Print run.json instead of tables

                  --idle <HOW>
                      What processors do while nobody needs them: halt, or poll, which keeps them awake for
                      shorter waits [default: poll under a hypervisor, else halt]

                  --runs <DIR>
                      Where runs are kept

                      [default: runs]

              -h, --help
                      Print help (see a summary with '-h')

            Examples:
              inflight run
              inflight run memory-cliff --seed 7
              inflight run ./mine.toml --json
        "#]],
    );
}

#[test]
fn of_sim() {
    check(
        &["sim"],
        expect![[r#"
            Run experiments in virtual time: the same code and the same draws, thousands of times as fast;
            sweeps, traces

            Usage: inflight sim [OPTIONS] [EXPERIMENT]...

            Arguments:
              [EXPERIMENT]...
                      Names of built-in experiments or groups of them (see `inflight list`), or files

                      [default: tour]

            Options:
                  --seed <SEED>
                      Decide everything random anew [default: the experiment's]

                  --rounds <N>
                      Measure every arm so often, each time with other requests [default: the experiment's]

                  --details
                      Print everything about every experiment, not only the answers of several

                  --profile <PROFILE>
                      In which scale of time

                      Possible values:
                      - experiment: The experiment's own: most are wind tunnels, many times shorter than what
                        they are about
                      - full:       Real delays and rates, as in the original lab: takes as long as it says

                      [default: experiment]

                  --only <ARM>
                      Run only these arms

                  --set <KEY=VALUE>
                      Set a value of the experiment

                  --sweep <KEY=VALUES>
                      Run every arm with each of these values; several of them: with every combination

                  --seeds <N>
                      Run everything with so many seeds, the same for all: means and 95 % intervals [default: 10
                      with --sweep]

                  --threads <N>
                      Threads [default: one per processor]; the result is the same with any number

                  --expect <NAME=VERDICT>
                      End with 3 unless this hypothesis, or all of them, has this verdict

                  --json
                      Print JSON instead of tables

                  --csv
                      Print a sweep as CSV instead of a table

                  --trace <N[..M]>
                      Print the life of this request, or of these, instead of tables

                  --trace-file <FILE>
                      Write the lives of the requests of --trace, or of the first 10000, for Perfetto or Chrome

                  --counters
                      Print what the virtual worlds counted

                  --save
                      Keep the result, like `run` does

                  --runs <DIR>
                      Where runs are kept

                      [default: runs]

              -h, --help
                      Print help (see a summary with '-h')

            KEY is the end of a value's path in the file, such as rate, workload.rate or async-limited.permits;
            *.permits means every such value. VALUES are a list with commas or a range: 10/s,20/s,40/s or
            5..40/5 or 1..1000*10.

            Examples:
              inflight sim
              inflight sim memory-cliff --sweep rate=10/s..30/s/2/s --seeds 20
              inflight sim memory-cliff --set rate=30/s --only async-limited --trace 17
              inflight sim four-endpoints --trace-file lives.json
        "#]],
    );
}

#[test]
fn of_tune() {
    check(
        &["tune"],
        expect![[r#"
            Find the limit, queue, wait and timeout that meet an objective: in virtual time, then checked for
            real

            Usage: inflight tune [OPTIONS] [PROFILE] [OBJECTIVE]

            Arguments:
              [PROFILE]    A built-in profile, a file with [service.b] (an experiment, a configuration, or
                           nothing else), or measured latencies (.csv, or .hlog in microseconds) [default:
                           memory-cliff]
              [OBJECTIVE]  Claims with `and` between them: what a percentile of good answers must not exceed,
                           and the least share of the offered requests that gets one, such as 'p99 <= 1s and
                           goodput >= 90% of offered' [default for goodput: 99 % of those that B does not fail
                           by itself] [default: "p99 <= 2s"]

            Options:
                  --rate <RATE>          How many requests arrive, Poisson [default: the profile's traffic]
                  --burst <RATE>         How many arrive in a burst
                  --burst-length <TIME>  How long a burst lasts [default: 5s]
                  --burst-every <TIME>   How often a burst begins [default: 60s]
                  --seed <SEED>          Decide everything random anew [default: the profile's]
                  --threads <N>          Threads [default: one per processor]; the result is the same with any
                                         number
                  --quick                A first look, some twenty times as fast: fewer seeds, shorter trials,
                                         coarser margins
                  --no-check             Leave out the real run at the end, of about half a minute
              -o, --output <FILE>        Write what was found as an experiment: for `inflight run`, and for
                                         `inflight serve --config`
                  --json                 Print JSON instead of tables
                  --idle <HOW>           What processors do while nobody needs them: halt, or poll, which keeps
                                         them awake for shorter waits [default: poll under a hypervisor, else
                                         halt]
                  --runs <DIR>           Where runs are kept [default: runs]
              -h, --help                 Print help

            Examples:
              inflight tune memory-cliff
              inflight tune usl 'p99 <= 2s and goodput >= 90% of offered' --rate 15/s
              inflight tune memory-cliff 'goodput >= 80% of offered' --rate 20/s --burst 60/s --burst-length 5s
              --burst-every 60s
              inflight tune mine.toml -o tuned.toml && inflight serve --config tuned.toml
              inflight tune runs/k3f9/async.requests.csv --rate 24/s --no-check

            Built-in profiles: sleep, memory-cliff, usl. Exit code 3: nothing meets the objective, or the real
            run does not.
        "#]],
    );
}

#[test]
fn of_serve() {
    check(
        &["serve"],
        expect![[r#"
            Serve the endpoints

            Usage: inflight serve [OPTIONS]

            Options:
                  --config <FILE>          A configuration (or an experiment, whose arms are then served)
                                           [default: the original lab's]
                  --print-config           Print the configuration, with the environment applied, and stop
                  --bind <ADDRESS>         The address to listen on; 0.0.0.0 lets other machines in [default:
                                           127.0.0.1]
                  --port <PORT>            The port to listen on, 0 for any free one [default: PORT, or 8080]
                  --workers <WORKERS>      Threads that run the endpoints [default: one per processor]
                  --max-connections <N>    Connections at once [default: what the limit on open files leaves]
                  --header-timeout <TIME>  How long a client may take to send a request's head, and an idle
                                           connection is kept [default: 10s]
                  --drain <TIME>           How long to wait, when stopped, for what is in flight [default: 5s]
                  --record-arrivals <DIR>  Record when requests arrive, one file per endpoint: what `arrivals =
                                           { recorded = … }` of an experiment reads
                  --seed <SEED>            Decide everything random in the services anew [default: the
                                           configuration's]
              -h, --help                   Print help

            Environment: PORT, B_CONCURRENCY_LIMIT, ASYNC_TIMEOUT_MS, OTEL_EXPORTER_OTLP_ENDPOINT,
            OTEL_SERVICE_NAME, OTEL_TRACES_EXPORTER, OTEL_METRIC_EXPORT_INTERVAL.

            Examples:
              inflight serve
              inflight serve --print-config > mine.toml && inflight serve --config mine.toml
              B_CONCURRENCY_LIMIT=50 inflight serve --port 9000
        "#]],
    );
}

#[test]
fn of_load() {
    check(&["load"], expect_file!["help/load.txt"]);
}

#[test]
fn of_check() {
    check(
        &["check"],
        expect![[r#"
        Say all that is wrong with experiments and configurations

        Usage: inflight check <FILE>...

        Arguments:
          <FILE>...  Files, or - for standard input

        Options:
          -h, --help  Print help
    "#]],
    );
}

#[test]
fn of_show() {
    check(
        &["show"],
        expect![[r#"
        Print a saved run again

        Usage: inflight show [OPTIONS] [RUN]

        Arguments:
          [RUN]  The run's id [default: the latest]

        Options:
              --json        Print run.json
              --runs <DIR>  Where runs are kept [default: runs]
          -h, --help        Print help
    "#]],
    );
}

#[test]
fn of_list() {
    check(
        &["list"],
        expect![[r#"
            List the experiments that are built in, the runs that were saved, or the strategies

            Usage: inflight list [OPTIONS] [WHAT]

            Arguments:
              [WHAT]
                      What [default: experiments and runs]

                      Possible values:
                      - experiments: What can be run
                      - runs:        What was run
                      - strategies:  What can stand in a stack

            Options:
                  --runs <DIR>
                      Where runs are kept

                      [default: runs]

              -h, --help
                      Print help (see a summary with '-h')
        "#]],
    );
}

#[test]
fn of_explain() {
    check(
        &["explain"],
        expect![[r#"
            Explain what the lab knows: a strategy, or a formula of queueing theory

            Usage: inflight explain [TOPIC] [NAME]

            Arguments:
              [TOPIC]  What about: a topic, or one of its entries [default: a list of them]
              [NAME]   One of the topic's entries [default: all]

            Options:
              -h, --help  Print help

            Examples:
              inflight explain codel
              inflight explain theory erlang-c
        "#]],
    );
}

#[test]
fn of_healthcheck() {
    check(
        &["healthcheck"],
        expect![[r#"
        Ask a running app for its health: exit 0 if it is well, 1 if not

        Usage: inflight healthcheck [OPTIONS]

        Options:
              --url <URL>  What to ask [default: http://127.0.0.1:$PORT/health]
          -h, --help       Print help
    "#]],
    );
}

#[test]
fn of_completions_and_man() {
    check(
        &["completions"],
        expect![[r#"
        Print the completions for a shell

        Usage: inflight completions <SHELL>

        Arguments:
          <SHELL>  The shell [possible values: bash, elvish, fish, powershell, zsh]

        Options:
          -h, --help  Print help
    "#]],
    );
    check(
        &["man"],
        expect![[r#"
        Print the manual page (roff)

        Usage: inflight man

        Options:
          -h, --help  Print help
    "#]],
    );
}
