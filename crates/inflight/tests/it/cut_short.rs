//! Runs that are interrupted or killed, or whose app is: what is saved, and that nobody is left behind.

use crate::{
    app::App,
    program::{Dir, Program, Said, Talk, children, code, inflight, is_alive},
    run::{EXPERIMENT, outcome, run, runs},
    wait::eventually,
};
use inflight_lab::record::Ending;
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, process::Stdio};

/// A minute per arm, counted from the first request.
fn long() -> String {
    EXPERIMENT.replace("1200ms", "1m").replace("\"200ms\"", "\"0s\"")
}

/// A run of a minute per arm, and the app that it has started.
struct Running {
    dir: Dir,
    program: Program,
    stdout: Talk,
    app: u32,
}

fn running() -> Running {
    let dir = Dir::new();
    dir.file("mine.toml", long());
    let mut command = run(&dir, &["mine.toml"]);
    command.stdout(Stdio::piped());
    let mut program = Program::start(command);
    let stdout = Talk::hear(program.child.stdout.take().expect("piped"));
    let (parent, idle) = (program.child.id(), sockets(App::built_in(&[], &[]).program.child.id()));
    let app = eventually("the app of the first arm is there and serves", || {
        children(parent).into_iter().find(|pid| sockets(*pid) > idle).ok_or_else(|| program.stderr.text())
    });
    Running { dir, program, stdout, app }
}

/// How many sockets a process has: an app that nobody is connected to has one that it listens on, and tokio's.
fn sockets(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let targets = files.filter_map(|file| fs::read_link(file.path()).ok());
    targets.filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}

fn is_gone(pid: u32) {
    eventually("the app is gone", || if is_alive(pid) { Err(pid) } else { Ok(()) });
}

#[test]
fn an_interrupted_run_is_saved_as_far_as_it_went_and_leaves_nobody_behind() {
    let mut running = running();
    running.program.signal(Signal::INT);
    let (status, took) = running.program.ended();
    assert_eq!(code(status), 130, "{}", running.program.stderr.text());
    assert!(took.as_secs() < 3, "{took:?}");
    is_gone(running.app);
    let run = outcome(&runs(&running.dir)[0]);
    assert!(!run.complete);
    let arms = run.experiments.iter().flat_map(|experiment| &experiment.arms);
    arms.for_each(|arm| assert_eq!(arm.endings.values().sum::<u64>(), arm.offered));
    eventually("the report is printed", || match running.stdout.text() {
        text if text.is_empty() => Err(text),
        _ => Ok(()),
    });
    let mut command = inflight();
    command.current_dir(running.dir.path()).args(["show"]);
    assert_eq!(Said::by(command).code, 0, "what is saved can be shown");
}

#[test]
fn an_interrupted_arm_counts_as_far_as_it_went() {
    let mut running = running();
    running.program.signal(Signal::INT);
    running.program.ended();
    let run = outcome(&runs(&running.dir)[0]);
    let experiment = &run.experiments[0];
    assert_eq!(experiment.arms.len(), 1, "the arm that was being measured");
    assert!(experiment.arms[0].offered > 0 && experiment.counted_ns < 60_000_000_000, "{run:?}");
}

#[test]
fn a_run_that_is_killed_leaves_no_app_behind() {
    // Not HUP: whoever runs the tests may have chosen that it be ignored, and children inherit that.
    for signal in [Signal::KILL, Signal::TERM] {
        let mut running = running();
        running.program.signal(signal);
        running.program.ended();
        is_gone(running.app);
    }
}

#[test]
fn an_interrupt_at_the_very_beginning_is_heard() {
    let dir = Dir::new();
    dir.file("mine.toml", long());
    let mut program = Program::start(run(&dir, &["mine.toml"]));
    eventually("it has begun", || match program.stderr.text() {
        said if said.is_empty() => Err(said),
        _ => Ok(()),
    });
    program.signal(Signal::INT);
    assert_eq!(program.code(), 130, "{}", program.stderr.text());
}

#[test]
fn a_run_whose_app_dies_says_so_and_counts_what_it_got() {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT);
    let mut program = Program::start(run(&dir, &["mine.toml", "--only", "both"]));
    let (parent, idle) = (program.child.id(), sockets(App::built_in(&[], &[]).program.child.id()));
    let app = eventually("the app is there and serves", || {
        children(parent).into_iter().find(|pid| sockets(*pid) > idle).ok_or_else(|| program.stderr.text())
    });
    let pid = i32::try_from(app).ok().and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::KILL).expect("it is there to be killed");
    assert!(matches!(program.code(), 0 | 1 | 4), "{}", program.stderr.text());
    let run = outcome(&runs(&dir)[0]);
    let arm = &run.experiments[0].arms[0];
    assert_eq!(arm.endings.values().sum::<u64>(), arm.offered);
    assert!(arm.ended(Ending::Refused) > 0, "{:?} {}", arm.endings, program.stderr.text());
    assert_ne!(run.validity.problems, [""; 0], "an arm whose app was gone is not to be trusted");
}

#[test]
fn runs_at_the_same_time_keep_out_of_each_others_way() {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT.replace("1200ms", "300ms").replace("\"200ms\"", "\"0s\""));
    let mut programs: Vec<Program> =
        (0..4).map(|_| Program::start(run(&dir, &["mine.toml", "--only", "both"]))).collect();
    for program in &mut programs {
        assert!(matches!(program.code(), 0 | 4), "{}", program.stderr.text());
    }
    let runs = runs(&dir);
    assert_eq!(runs.len(), 4);
    let offered: Vec<u64> = runs.iter().map(|run| outcome(run).experiments[0].arms[0].offered).collect();
    assert!(offered.iter().all(|n| *n == offered[0] && *n > 0), "{offered:?}");
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_before_anything_is_measured() {
    let dir = Dir::new();
    dir.file("mine.toml", EXPERIMENT);
    dir.file("taken", "a file, not a folder");
    let said = Said::by(run(&dir, &["mine.toml", "--runs", "taken"]));
    expect_test::expect![[r#"
        exit 1
        --- stderr
        error: cannot make the directory taken: File exists (os error 17)
    "#]]
    .assert_eq(&said.text());
}
