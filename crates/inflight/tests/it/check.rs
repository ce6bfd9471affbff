//! `inflight check` on everything that people write when they err: `wrong/NAME.toml` is the file, `wrong/NAME.stderr` what
//! is said about it. A file begins with what is wrong with it, one line `#^ TEXT` per problem: the text that the caret must
//! stand under, nothing for a place where something is missing. A file without such lines lacks one thing.

use crate::{
    program::{Dir, Said, inflight},
    wait::Stopwatch,
    wrong::{self, Wrong},
};
use expect_test::{expect, expect_file};
use std::{collections::BTreeSet, fs, path::Path, time::Duration};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/wrong");

/// The files of the folder whose names end so, without that end.
fn names(end: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(FOLDER).expect("the folder is there").flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter_map(|name| name.strip_suffix(end).map(str::to_string)).collect()
}

/// Every wrong file: those of the folder, and those that no editor would leave as they are.
fn corpus() -> Vec<Wrong> {
    let kept = names(".toml").into_iter().map(|name| {
        let text = fs::read_to_string(Path::new(FOLDER).join(format!("{name}.toml"))).expect("readable");
        Wrong::new(&name, text)
    });
    kept.chain(wrong::generated()).collect()
}

/// What is said about a file, and whether it took no longer than a second.
fn checked(dir: &Dir, wrong: &Wrong) -> (Said, Duration) {
    let file = format!("{}.toml", wrong.name);
    dir.file(&file, &wrong.text);
    let mut command = inflight();
    command.current_dir(dir.path()).args(["check", &file]);
    let watch = Stopwatch::start();
    (Said::by(command), watch.passed())
}

/// A folder with the files that the wrong files refer to.
fn folder() -> Dir {
    let dir = Dir::new();
    for name in names(".csv") {
        let name = format!("{name}.csv");
        dir.file(&name, fs::read(Path::new(FOLDER).join(&name)).expect("readable"));
    }
    dir
}

#[test]
fn every_wrong_file_is_bad_input_and_explained_as_recorded() {
    let (dir, corpus) = (folder(), corpus());
    assert!(corpus.len() >= 30, "{}", corpus.len());
    for wrong in &corpus {
        let (said, took) = checked(&dir, wrong);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{}", wrong.name);
        assert!(took <= Duration::from_secs(1), "{}: {took:?}", wrong.name);
        expect_file![format!("{FOLDER}/{}.stderr", wrong.name)].assert_eq(&said.stderr);
    }
    let recorded = names(".stderr");
    let known: BTreeSet<String> = corpus.into_iter().map(|wrong| wrong.name).collect();
    assert_eq!(recorded, known, "each file has its recording, and each recording its file");
}

#[test]
fn what_is_said_is_short_and_safe_to_print() {
    let dir = folder();
    for wrong in corpus() {
        let said = checked(&dir, &wrong).0.stderr;
        let controls: Vec<char> = said.chars().filter(|c| c.is_control() && *c != '\n').collect();
        assert_eq!(controls, [' '; 0], "{}: a terminal would obey these", wrong.name);
        assert!(said.len() <= 32 << 10, "{}: {} bytes", wrong.name, said.len());
        let longest = said.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert!(longest <= 400, "{}: a line of {longest} characters", wrong.name);
    }
}

/// One problem, as it was shown.
#[derive(Debug)]
struct Shown {
    line: usize,
    column: usize,
    source: String,
    carets: String,
}

/// Reads the problems back out of what was said about `file`.
fn shown(said: &str, file: &str) -> Vec<Shown> {
    let lines: Vec<&str> = said.lines().collect();
    let places = lines.iter().enumerate().filter_map(|(i, line)| {
        let place = line.trim_start().strip_prefix("--> ")?.strip_prefix(file)?.strip_prefix(':')?;
        let (line, column) = place.split_once(':').unwrap_or_else(|| panic!("no column: {place}"));
        Some((i, line.parse().expect("a line"), column.parse().expect("a column")))
    });
    let after =
        |line: &str| line.split_once('|').expect("a gutter").1.strip_prefix(' ').unwrap_or("").to_string();
    places
        .map(|(i, line, column)| Shown {
            line,
            column,
            source: after(lines[i + 2]),
            carets: after(lines[i + 3]),
        })
        .collect()
}

/// The columns of a terminal that a character takes.
fn width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036f | 0x200b..=0x200d | 0xfeff => 0,
        0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xff00..=0xff60 | 0x1f300..=0x1faff => 2,
        _ => 1,
    }
}

/// The part of the shown line that the carets stand under, on a terminal.
fn marked(shown: &Shown) -> String {
    let from = shown.carets.find('^').expect("a caret");
    let to = from + shown.carets[from..].chars().take_while(|c| *c == '^').count();
    let mut column = 0;
    let under = shown.source.chars().filter(|c| {
        let is_under = (from..to).contains(&column);
        column += width(*c);
        is_under
    });
    under.collect::<String>().trim_end().to_string()
}

#[test]
fn every_caret_stands_under_the_text_that_is_wrong() {
    let dir = folder();
    let mut astray = String::new();
    for wrong in corpus().into_iter().filter(|wrong| !wrong.marks.is_empty()) {
        let said = checked(&dir, &wrong).0.stderr;
        let shown = shown(&said, &format!("{}.toml", wrong.name));
        let found: Vec<String> = shown.iter().map(marked).collect();
        if found != wrong.marks {
            astray.push_str(&format!("{}: {found:?}, not {:?}\n", wrong.name, wrong.marks));
        }
        // The place in numbers is the same place.
        for (shown, mark) in shown.iter().zip(&wrong.marks) {
            let line = wrong.text_line(shown.line);
            let rest: String = line.chars().skip(shown.column - 1).collect();
            if !rest.starts_with(mark.as_str()) {
                astray.push_str(&format!("{}:{}:{} is not {mark:?}\n", wrong.name, shown.line, shown.column));
            }
        }
    }
    assert!(astray.is_empty(), "{astray}");
}

#[test]
fn all_files_are_checked_and_one_wrong_one_is_enough() {
    let dir = folder();
    dir.file("good.toml", "[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\n");
    dir.file("wrong.toml", "seed = 1\n");
    let mut command = inflight();
    command.current_dir(dir.path()).args([
        "check",
        "good.toml",
        "wrong.toml",
        "absent.toml",
        ".",
        "good.toml",
    ]);
    expect![[r#"
        exit 2
        --- stdout
        good.toml: ok, a configuration with 1 endpoint
        good.toml: ok, a configuration with 1 endpoint
        --- stderr
        error: the file lacks `endpoint`
         --> wrong.toml:2:1
          |
        2 |
          | ^ add a table `[[endpoint]]`

        wrong.toml: 1 problem
        error: cannot read absent.toml: No such file or directory (os error 2)
        error: cannot read .: Is a directory (os error 21)
    "#]]
    .assert_eq(&Said::by(command).text());
}

#[test]
fn what_is_built_in_is_good() {
    let dir = Dir::new();
    dir.file("default.toml", include_str!("../../src/app/default.toml"));
    let experiments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../experiments");
    let mut command = inflight();
    command.current_dir(dir.path()).args(["check", "default.toml"]);
    let inside = |folder: &Path| fs::read_dir(folder).expect("the folder is there").flatten();
    let files = inside(&experiments).chain(inside(&experiments.join("profiles"))).map(|entry| entry.path());
    command.args(files.filter(|path| path.extension().is_some_and(|end| end == "toml")));
    let said = Said::by(command);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
    assert!(said.stdout.lines().count() >= 3, "{}", said.stdout);
}

#[test]
fn no_text_that_is_not_a_text() {
    let dir = Dir::new();
    dir.file("latin-1.toml", b"question = \"gr\xf6\xdfer\"\n");
    let mut command = inflight();
    command.current_dir(dir.path()).args(["check", "latin-1.toml"]);
    expect![[r#"
        exit 2
        --- stderr
        error: cannot read latin-1.toml: stream did not contain valid UTF-8
    "#]]
    .assert_eq(&Said::by(command).text());
}
