//! The live driver over TLS, against servers with certificates that nobody else believes.

use crate::{
    driver::{OK, all, drive, endings, head, plan, requests, serve},
    program::{Dir, Said, inflight},
};
use inflight::driver::{Peer, Plan, Security, Trust, Untrusted, Version};
use inflight_lab::{
    dependency::Latency,
    record::Ending,
    workload::{Traffic, Users, Workload},
};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Arc,
};

type Tls = StreamOwned<ServerConnection, TcpStream>;

/// A certificate for `name` that was signed by itself, in PEM, and what a server needs to show it.
pub(crate) fn certificate(
    name: &str,
    versions: &[&'static SupportedProtocolVersion],
    alpn: &[&str],
) -> (Vec<u8>, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed([name.to_string()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(versions)
        .expect("ring has what these versions need")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("key and certificate belong together");
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    (made.cert.pem().into_bytes(), Arc::new(config))
}

/// A server that does `talk` with each connection once its handshake is made.
fn server(config: Arc<ServerConfig>, talk: impl Fn(&mut Tls) + Send + Sync + 'static) -> Peer {
    serve(move |stream, _| {
        let _ = stream.set_nodelay(true);
        let tls = ServerConnection::new(config.clone()).expect("a configuration that can be used");
        talk(&mut StreamOwned::new(tls, stream));
    })
}

fn answer(stream: &mut Tls) {
    while head(stream).is_some() {
        if stream.write_all(OK.as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

fn secured(plan: Plan, name: &str, trust: &Trust) -> Plan {
    let security = Security::new(name, trust, plan.version).expect("a name and certificates");
    Plan { security: Some(security), ..plan }
}

const BOTH: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS13, &rustls::version::TLS12];

#[test]
fn requests_are_answered_over_both_versions_of_tls() {
    for version in BOTH {
        let (pem, config) = certificate("localhost", &[version], &["http/1.1"]);
        let plan = plan(requests(30), server(config, answer));
        assert_eq!(endings(secured(plan, "localhost", &Trust::Only(pem))), all(Ending::Completed, 30));
    }
}

#[test]
fn a_connection_is_used_again_and_its_handshake_is_in_the_time_to_connect() {
    let (pem, config) = certificate("localhost", &BOTH, &[]);
    let workload = Workload {
        traffic: Traffic::Closed(Users { count: 1, think: Latency::Constant(std::time::Duration::ZERO) }),
        ..requests(100)
    };
    let record = drive(secured(plan(workload, server(config, answer)), "localhost", &Trust::Only(pem)));
    let wires = record.wires.expect("books of connections");
    assert_eq!((wires.connect.len(), record.endings[&Ending::Completed]), (1, record.offered));
    assert!(record.offered > 10, "{}", record.offered);
    // Signing alone takes tens of microseconds, and connecting to a loopback address a few.
    assert!(wires.connect.max() > wires.first_byte.min(), "{:?}", wires.connect.max());
}

#[test]
fn who_cannot_be_believed_is_not_asked_anything() {
    let (_, config) = certificate("localhost", &BOTH, &[]);
    let (other, _) = certificate("localhost", &BOTH, &[]);
    let (pem, named) = certificate("elsewhere", &BOTH, &[]);
    for (config, trust) in [(config, Trust::Only(other)), (named, Trust::Only(pem))] {
        let peer = server(config, |stream| assert_eq!(head(stream), None, "it was asked"));
        let plan = secured(plan(requests(20), peer), "localhost", &trust);
        let security = plan.security.clone().expect("it has one");
        assert_eq!(endings(plan), all(Ending::Tls, 20));
        assert!(security.trouble().is_some_and(|why| why.contains("certificate")), "{security:?}");
    }
}

#[test]
fn who_believes_anyone_believes_them_too() {
    let (_, config) = certificate("elsewhere", &BOTH, &[]);
    let plan = plan(requests(20), server(config, answer));
    assert_eq!(endings(secured(plan, "127.0.0.1", &Trust::Anyone)), all(Ending::Completed, 20));
}

#[test]
fn what_is_no_tls_is_told_apart_from_a_connection_that_breaks() {
    let plain = serve(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        let _ = stream.read(&mut [0; 1024]);
    });
    let rude = serve(|mut stream, _| drop(stream.read(&mut [0; 1024])));
    for (peer, ending) in [(plain, Ending::Tls), (rude, Ending::Reset)] {
        let plan = secured(plan(requests(20), peer), "localhost", &Trust::Anyone);
        assert_eq!(endings(plan), all(ending, 20));
    }
}

#[test]
fn an_answer_that_ends_with_its_connection_needs_a_farewell() {
    for (says_farewell, ending) in [(true, Ending::Completed), (false, Ending::Reset)] {
        let (pem, config) = certificate("localhost", &BOTH, &[]);
        let peer = server(config, move |stream| {
            let _ = head(stream);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nuntil the end").and_then(|()| stream.flush());
            if says_farewell {
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        });
        let plan = secured(plan(requests(20), peer), "localhost", &Trust::Only(pem));
        assert_eq!(endings(plan), all(ending, 20), "{says_farewell}");
    }
}

#[test]
fn large_bodies_go_both_ways() {
    let (pem, config) = certificate("localhost", &BOTH, &[]);
    const LONG: usize = 300_000;
    let peer = server(config, |stream| {
        while head(stream).is_some() {
            let mut body = vec![0; LONG];
            if stream.read_exact(&mut body).is_err() {
                return;
            }
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {LONG}\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).and_then(|()| stream.write_all(&body));
            let _ = stream.flush();
        }
    });
    let mut plan = secured(plan(requests(10), peer), "localhost", &Trust::Only(pem));
    plan.asks[0].body = vec![7; LONG];
    let record = drive(plan);
    assert_eq!(record.endings, all(Ending::Completed, 10));
    assert!(record.wires.expect("books").received >= 10 * LONG as u64);
}

#[test]
fn certificates_that_are_none_are_told_at_once() {
    let read = |pem: &str| Security::new("h", &Trust::Only(pem.into()), Version::Http1).map(drop);
    assert!(matches!(read("no certificate"), Err(Untrusted::Given(_))));
    assert!(matches!(
        Security::new("a b", &Trust::Anyone, Version::Http1).map(drop),
        Err(Untrusted::Name(_))
    ));
}

#[test]
fn a_load_over_tls_needs_a_reason_to_believe_its_target() {
    let (pem, config) = certificate("127.0.0.1", &BOTH, &[]);
    let Peer::Tcp(address) = server(config, answer) else { panic!("TCP") };
    let dir = Dir::new();
    let file = dir.file("ca.pem", &pem).to_string_lossy().into_owned();
    let load = |flags: &[&str]| {
        let mut command = inflight();
        command.args(["load", &format!("https://{address}/x"), "-c", "50", "-d", "300ms", "-r", "100/s"]);
        command.args(["--arrivals", "constant", "--json"]).args(flags);
        let said = Said::by(command);
        let run: serde_json::Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        (run["load"][0]["endings"].clone(), said.stderr)
    };
    let completed = serde_json::json!({ "completed": 30 });
    assert_eq!(load(&["--cacert", &file]), (completed.clone(), String::new()));
    assert_eq!(load(&["--insecure"]), (completed, String::new()));
    let (other, _) = certificate("127.0.0.1", &BOTH, &[]);
    let other = dir.file("other.pem", &other).to_string_lossy().into_owned();
    let (endings, said) = load(&["--cacert", &other]);
    assert_eq!(endings, serde_json::json!({ "tls": 30 }));
    assert!(said.starts_with(&format!("warning: TLS with {address}: ")), "{said}");
}
