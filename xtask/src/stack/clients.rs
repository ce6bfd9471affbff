//! Clients that know to the byte what they got. Each keeps one connection and asks again as soon as it is answered.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Longer than any answer of the app takes, shorter than anyone would wait.
const PATIENCE: Duration = Duration::from_secs(15);
/// Far longer than a request lies unread in the app's socket on a machine that is merely busy.
const TIME_TO_READ: Duration = Duration::from_millis(100);
/// Headers and body of an answer of the app are far smaller.
const MOST_BYTES: u64 = 64 * 1024;

/// What became of the requests of some clients.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    /// Answered, to the last byte.
    pub complete: u64,
    /// Sent while all was well and not answered, not to the last byte, or not in time.
    pub lost: u64,
    /// Sent when the end was near, and closed before the first byte of an answer: not admitted.
    pub closed: u64,
    /// Connections refused at the end: not admitted.
    pub refused: u64,
    /// Connections refused while all was well.
    pub refused_early: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.complete += other.complete;
        self.lost += other.lost;
        self.closed += other.closed;
        self.refused += other.refused;
        self.refused_early += other.refused_early;
    }
}

/// How one request ended.
enum Outcome {
    /// True if the connection may be used again.
    Complete(bool),
    Lost,
    Closed,
}

/// Clients at work, one thread each.
pub(super) struct Clients {
    threads: Vec<JoinHandle<Tally>>,
    draining: Arc<AtomicBool>,
}

impl Clients {
    /// Starts `count` clients, spread evenly over `paths`.
    pub(super) fn start(port: u16, paths: &[&'static str], count: usize) -> Self {
        let draining = Arc::new(AtomicBool::new(false));
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let threads = (0..count)
            .map(|client| {
                let path = paths[client % paths.len()];
                let draining = Arc::clone(&draining);
                std::thread::spawn(move || ask_until_gone(address, path, &draining))
            })
            .collect();
        Self { threads, draining }
    }

    /// From now on a closed or refused connection is no surprise, and the latter ends a client. When this returns, the
    /// app has had the time to read every request that was sent before.
    pub(super) fn expect_the_end(&self) {
        self.draining.store(true, Ordering::SeqCst);
        std::thread::sleep(TIME_TO_READ);
    }

    /// Waits for all clients, who end when the app refuses them.
    pub(super) fn finish(self) -> Tally {
        let mut total = Tally::default();
        for thread in self.threads {
            total += thread.join().expect("a client does not panic");
        }
        total
    }
}

fn ask_until_gone(address: SocketAddr, path: &str, draining: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    loop {
        let known = draining.load(Ordering::SeqCst);
        let Ok(stream) = TcpStream::connect_timeout(&address, PATIENCE) else {
            if known {
                tally.refused += 1;
                return tally;
            }
            tally.refused_early += 1;
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        use_up(stream, path, draining, &mut tally);
    }
}

/// Asks over one connection until it ends.
fn use_up(stream: TcpStream, path: &str, draining: &AtomicBool, tally: &mut Tally) {
    let limited = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_nodelay(true));
    let (Ok(()), Ok(mut writer)) = (limited, stream.try_clone()) else {
        tally.lost += 1;
        return;
    };
    let mut reader = BufReader::new(stream);
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nx-inflight-phase: sigterm\r\n\r\n");
    loop {
        let known = draining.load(Ordering::SeqCst);
        match ask(&mut writer, &mut reader, &request) {
            Outcome::Complete(again) => {
                tally.complete += 1;
                if !again {
                    return;
                }
            }
            Outcome::Lost => {
                tally.lost += 1;
                return;
            }
            Outcome::Closed => {
                *(if known { &mut tally.closed } else { &mut tally.lost }) += 1;
                return;
            }
        }
    }
}

fn ask(writer: &mut impl Write, reader: &mut impl BufRead, request: &str) -> Outcome {
    // A failed write still leaves an answer to read if the other side has closed after sending one.
    let _ = writer.write_all(request.as_bytes());
    match reader.fill_buf() {
        Ok([]) => Outcome::Closed,
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
            Outcome::Closed
        }
        Err(_) => Outcome::Lost,
        Ok(_) => read_answer(reader).map_or(Outcome::Lost, Outcome::Complete),
    }
}

/// Reads one answer with a content-length. Returns whether the connection stays open; nothing if it is cut short.
fn read_answer(reader: &mut impl BufRead) -> Option<bool> {
    let mut reader = reader.take(MOST_BYTES);
    let mut line = String::new();
    let (mut length, mut keep) = (None, true);
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        if !line.ends_with("\r\n") {
            return None;
        }
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse::<usize>().ok();
        }
        keep &= header != "connection: close";
    }
    let mut body = vec![0; length?.min(usize::try_from(MOST_BYTES).ok()?)];
    reader.read_exact(&mut body).ok()?;
    Some(keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: &str) -> &'static str {
        let mut written = Vec::new();
        let outcome = ask(&mut written, &mut bytes.as_bytes(), "GET / HTTP/1.1\r\n\r\n");
        assert_eq!(written, b"GET / HTTP/1.1\r\n\r\n");
        match outcome {
            Outcome::Complete(true) => "complete",
            Outcome::Complete(false) => "complete, closing",
            Outcome::Lost => "lost",
            Outcome::Closed => "closed",
        }
    }

    #[test]
    fn an_answer_counts_only_to_its_last_byte() {
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), "complete");
        assert_eq!(
            answer("HTTP/1.1 503 x\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"),
            "complete, closing"
        );
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok"), "lost");
        assert_eq!(answer("HTTP/1.1 200 OK\r\ncontent-le"), "lost");
        assert_eq!(answer("HTTP/1.1 200 OK\r\n\r\n"), "lost");
        assert_eq!(answer(""), "closed");
    }
}
