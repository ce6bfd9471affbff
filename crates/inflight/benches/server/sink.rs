//! A collector that takes everything and keeps nothing but the count.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// The collector.
#[derive(Debug)]
pub(crate) struct Sink {
    pub(crate) address: SocketAddr,
    exports: Arc<AtomicU64>,
}

impl Sink {
    /// Starts it on a free port.
    pub(crate) fn start() -> Sink {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound above");
        let exports = Arc::new(AtomicU64::new(0));
        let count = exports.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = count.clone();
                std::thread::spawn(move || while take_one(&stream).is_some_and(|()| note(&count)) {});
            }
        });
        Sink { address, exports }
    }

    /// How many exports came.
    pub(crate) fn exports(&self) -> u64 {
        self.exports.load(Ordering::Relaxed)
    }
}

fn note(count: &AtomicU64) -> bool {
    count.fetch_add(1, Ordering::Relaxed);
    true
}

/// Reads one request with a known length and says that all is well.
fn take_one(stream: &TcpStream) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
    (&*stream).write_all(answer).ok()
}
