//! Command lines that cannot be: what is said about them.

use crate::cli::check;
use expect_test::expect;

#[test]
fn an_unknown_command_or_flag_is_usage() {
    check(
        &["sevre"],
        expect![[r#"
        exit 2
        --- stderr
        error: unrecognized subcommand 'sevre'

          tip: a similar subcommand exists: 'serve'

        Usage: inflight [COMMAND]

        For more information, try '--help'.
    "#]],
    );
    check(
        &["serve", "--prot", "1"],
        expect![[r#"
        exit 2
        --- stderr
        error: unexpected argument '--prot' found

          tip: a similar argument exists: '--port'

        Usage: inflight serve --port <PORT>

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn a_value_out_of_range_is_usage() {
    check(
        &["serve", "--port", "65536"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '65536' for '--port <PORT>': 65536 is not in 0..=65535

        For more information, try '--help'.
    "#]],
    );
    check(
        &["serve", "--drain", "5"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '5' for '--drain <TIME>': expected a duration such as "250ms", "1.5s" or "2m" (ns, us, ms, s, m, h; at most 100 days)

        For more information, try '--help'.
    "#]],
    );
    check(
        &["serve", "--header-timeout", "0s"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0s' for '--header-timeout <TIME>': expected a duration above zero

        For more information, try '--help'.
    "#]],
    );
    check(
        &["serve", "--workers", "0"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0' for '--workers <WORKERS>': 0 is not in 1..=1024

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn what_is_missing_is_named() {
    check(
        &["check"],
        expect![[r#"
        exit 2
        --- stderr
        error: the following required arguments were not provided:
          <FILE>...

        Usage: inflight check <FILE>...

        For more information, try '--help'.
    "#]],
    );
    check(
        &["load"],
        expect![[r#"
        exit 2
        --- stderr
        error: the following required arguments were not provided:
          <URL>...

        Usage: inflight load <URL>...

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn load_refuses_what_it_cannot_or_must_not_drive() {
    check(
        &["load", "127.0.0.1:8080"],
        expect![[r#"
            exit 2
            --- stderr
            error: "127.0.0.1:8080": expected a URL such as http://127.0.0.1:8080/async; did you mean http://127.0.0.1:8080?
        "#]],
    );
    check(
        &["load", "ftp://127.0.0.1/"],
        expect![[r#"
        exit 2
        --- stderr
        error: "ftp://127.0.0.1/": only http:// and https:// can be driven
    "#]],
    );
    check(
        &["load", "/async"],
        expect![[r#"
            exit 2
            --- stderr
            error: "/async": expected a URL such as http://127.0.0.1:8080/async
        "#]],
    );
    check(
        &["load", ""],
        expect![[r#"
            exit 2
            --- stderr
            error: "": expected a URL such as http://127.0.0.1:8080/async
        "#]],
    );
    check(
        &["load", "http://127.0.0.1:99999/"],
        expect![[r#"
        exit 2
        --- stderr
        error: "http://127.0.0.1:99999/": expected a port from 1 to 65535
    "#]],
    );
}

#[test]
fn load_refuses_quantities_that_make_no_sense() {
    check(
        &["load", "http://127.0.0.1:1/", "--rate", "20"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '20' for '--rate <RATE>': expected a rate such as "200/s" or "120/m", above zero and at most 10000000/s

        For more information, try '--help'.
    "#]],
    );
    check(
        &["load", "http://127.0.0.1:1/", "--rate", "0/s"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0/s' for '--rate <RATE>': expected a rate such as "200/s" or "120/m", above zero and at most 10000000/s

        For more information, try '--help'.
    "#]],
    );
    check(
        &["load", "http://127.0.0.1:1/", "--duration", "0s"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0s' for '--duration <TIME>': expected a duration above zero

        For more information, try '--help'.
    "#]],
    );
    check(
        &["load", "http://127.0.0.1:1/", "--duration", "2s", "--warmup", "2s"],
        expect![[r#"
        exit 2
        --- stderr
        error: --warmup must be less than --duration: nothing would be counted
    "#]],
    );
    check(
        &["load", "http://127.0.0.1:1/", "--connections", "0"],
        expect![[r#"
        exit 2
        --- stderr
        error: invalid value '0' for '--connections <N>': 0 is not in 1..=1000000

        For more information, try '--help'.
    "#]],
    );
}

#[test]
fn load_does_not_touch_another_machine_unasked() {
    // 192.0.2.0/24 is nobody's (RFC 5737): a connection would hang, a refusal comes at once.
    let watch = crate::wait::Stopwatch::start();
    check(
        &["load", "http://192.0.2.1/"],
        expect![[r#"
        exit 2
        --- stderr
        error: "http://192.0.2.1/": 192.0.2.1 is not this machine; if you may put load on it, add --allow-remote
    "#]],
    );
    // The second of two URLs counts as well, before anything is sent to the first.
    check(
        &["load", "-c", "9", "http://127.0.0.1:1/", "http://192.0.2.1:8080/async"],
        expect![[r#"
        exit 2
        --- stderr
        error: "http://192.0.2.1:8080/async": 192.0.2.1 is not this machine; if you may put load on it, add --allow-remote
    "#]],
    );
    assert!(watch.passed() < std::time::Duration::from_secs(2));
}
