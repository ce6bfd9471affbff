//! The files that are shipped, and what is said about files that are wrong. The shell's corpus has many more of these.

use crate::worlds::document;
use expect_test::{Expect, expect};
use inflight_lab::experiment::{Document, set_in_layer};

fn check(text: &str, expected: Expect) {
    let diagnostics =
        Document::read(text, "x.toml", &|_| Err("no such file".into())).expect_err("it is wrong");
    expected.assert_eq(&diagnostics.to_string());
}

#[test]
fn shipped_experiments_are_good() {
    for text in [
        include_str!("../../../../experiments/four-endpoints.toml"),
        include_str!("../../../../experiments/memory-cliff.toml"),
        include_str!("../../../../experiments/queues.toml"),
        include_str!("../../../../experiments/adaptive-limits.toml"),
    ] {
        assert!(document(text).is_experiment());
    }
}

#[test]
fn all_problems_are_said_at_once_with_their_place() {
    check(
        "[service.b]\nlatency = { uniform = [\"300ms\", 1200] }\nerors = \"5%\"\n\n\
         [[endpoint]]\nname = \"x\"\ncalls = \"paralel\"\nb = [ { limit = { permit = 20 } } ]\n",
        expect![[r#"
            error: `uniform` cannot be 1200
             --> x.toml:2:33
              |
            2 | latency = { uniform = ["300ms", 1200] }
              |                                 ^^^^ expected a duration such as "250ms", "1.5s" or "2m" (ns, us, ms, s, m, h; at most 100 days)

            error: unknown key `erors` in [service.b]
             --> x.toml:3:1
              |
            3 | erors = "5%"
              | ^^^^^ did you mean `errors`?
              = keys of [service.b]: latency, stragglers, errors, contention, faults

            error: `calls` knows no `paralel`
             --> x.toml:7:9
              |
            7 | calls = "paralel"
              |         ^^^^^^^^^ did you mean `parallel`?
              = there is: sequential, parallel, joined

            error: `limit` lacks `permits`
             --> x.toml:8:17
              |
            8 | b = [ { limit = { permit = 20 } } ]
              |                 ^^^^^^^^^^^^^^^ add `permits = …`

            error: unknown key `permit` in `limit`
             --> x.toml:8:19
              |
            8 | b = [ { limit = { permit = 20 } } ]
              |                   ^^^^^^ did you mean `permits`?
              = keys of `limit`: permits, queue, max-wait, partitions

            x.toml: 5 problems"#]],
    );
}

#[test]
fn what_is_not_toml_is_said_with_its_place() {
    check(
        "[service.b\nlatency = 1\n",
        expect![[r#"
        error: not TOML: unclosed table, expected `]`
         --> x.toml:1:11
          |
        1 | [service.b
          |           ^

        x.toml: 1 problem"#]],
    );
}

#[test]
fn time_scale_shrinks_durations_and_raises_rates() {
    let scaled = document(include_str!("../../../../experiments/four-endpoints.toml"));
    let workload = scaled.workload.expect("an experiment");
    assert_eq!(workload.duration.as_secs(), 17);
    assert_eq!(workload.rate().expect("an open loop").as_per_second(), 200.0);
}

#[test]
fn a_value_can_be_set_without_touching_the_rest() {
    let text = "# c\n[[endpoint]]\nname = \"x\" # d\ncalls = \"parallel\"\nb = [ { limit = { permits = 20 } } ] # e\n";
    let (new, set) = set_in_layer(text, "x", "limit", "permits", "7");
    assert_eq!((new, set), (text.replace("20", "7"), 1));
    assert_eq!(set_in_layer(text, "y", "limit", "permits", "7"), (text.into(), 0));
}

#[test]
fn the_files_page_means_what_it_says() {
    let page = include_str!("../../../../docs/files.md");
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    assert_eq!(document(example).endpoints.len(), 2);
    // Every kind in the tables is read as it stands there.
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |").map(|(key, _)| key));
    let kinds = rows.filter(|key| key.starts_with(['{', '"']) && !key.contains("file"));
    let read = |kind: &str| {
        let has = |words: &[&str]| words.iter().any(|word| kind.starts_with(&format!("{{ {word} = ")));
        let arm = "calls = \"parallel\"\n";
        if has(&["bursts", "stages", "on-off"]) || kind.contains("rate = ") {
            let text =
                format!("[workload]\nduration = \"9s\"\narrivals = {kind}\n[[arm]]\nname = \"x\"\n{arm}");
            return document(&text);
        }
        let (key, value) = match kind {
            _ if has(&["constant", "uniform", "exponential", "lognormal", "pareto"]) => {
                ("latency", kind.into())
            }
            _ if kind.contains("at = ") => {
                ("contention = { pool = { servers = 20 } }\nfaults", format!("[ {kind} ]"))
            }
            _ => ("contention", kind.to_string()),
        };
        document(&format!("[service.b]\n{key} = {value}\n[[endpoint]]\nname = \"x\"\n{arm}"))
    };
    assert_eq!(kinds.map(read).count(), 25);
}
