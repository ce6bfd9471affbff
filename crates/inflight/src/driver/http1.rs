//! Reading an HTTP/1.1 answer as it comes, piece by piece: pure, and without a buffer as long as its head comes in one piece.
//!
//! httparse reads the head; where the body ends is decided here (RFC 9112, section 6.3). Bodies are counted and forgotten.

use super::chunked::Chunks;
use crate::app::router::SERVER_TIMING;
use inflight_lab::record::{Ending, Reply};
use std::{mem::MaybeUninit, time::Duration};

/// The most headers of an answer.
const MAX_HEADERS: usize = 128;
/// The most bytes of an answer's head.
const MAX_HEAD: usize = 256 << 10;

/// What is known about an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// Its status, 0 as long as its head is not there.
    pub(super) status: u16,
    /// Whether it says when to come again.
    pub(super) retry_after: bool,
    /// What its `Server-Timing` says.
    pub(super) timing: Timing,
}

/// Parts of a request's time inside the target, as an Inflight server tells them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Timing {
    wait: Option<Duration>,
    a: Option<Duration>,
    b: Option<Duration>,
    inside: Option<Duration>,
}

/// An answer that is being read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) facts: Facts,
    /// Bytes so far.
    pub(super) received: u64,
    /// Whether the connection can be used again after it.
    pub(super) is_kept: bool,
    /// Whether it answers a `HEAD`: then it has no body, whatever its headers say.
    is_bodiless: bool,
    /// The beginning of a head that came in several pieces.
    head: Vec<u8>,
    body: Body,
}

#[derive(Debug, PartialEq, Eq)]
enum Body {
    /// The head is not there yet.
    Head,
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Chunks),
    /// It ends when the connection does.
    UntilClose,
}

/// What came back was not an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

impl Answer {
    pub(super) fn new(is_to_head: bool) -> Answer {
        Answer {
            facts: Facts::default(),
            received: 0,
            is_kept: true,
            is_bodiless: is_to_head,
            head: Vec::new(),
            body: Body::Head,
        }
    }

    /// Takes the next piece; `true` when the answer is whole.
    #[inline]
    pub(super) fn take(&mut self, piece: &[u8]) -> Result<bool, Malformed> {
        self.received += piece.len() as u64;
        let rest = match self.body {
            Body::Head if self.head.is_empty() => self.take_head(piece)?,
            Body::Head => {
                let mut head = std::mem::take(&mut self.head);
                head.extend_from_slice(piece);
                let rest = self.take_head(&head)?.map(<[u8]>::len);
                // What is left of a head that is now whole stands at the end of the piece.
                rest.map(|rest| &piece[piece.len() - rest.min(piece.len())..])
            }
            _ => Some(piece),
        };
        rest.map_or(Ok(false), |rest| self.take_body(rest))
    }

    /// Nothing more will come; `true` if the answer is whole by that.
    pub(super) fn end(&self) -> bool {
        self.body == Body::UntilClose
    }

    /// Reads the head, and those of interim answers (1xx) before it, if they are whole; returns what comes after. What is not
    /// whole is kept.
    fn take_head<'a>(&mut self, mut bytes: &'a [u8]) -> Result<Option<&'a [u8]>, Malformed> {
        loop {
            let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
            let mut response = httparse::Response::new(&mut []);
            let config = httparse::ParserConfig::default();
            let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
            let length = match parsed.map_err(|_| Malformed)? {
                httparse::Status::Complete(length) => length,
                httparse::Status::Partial if bytes.len() > MAX_HEAD => return Err(Malformed),
                httparse::Status::Partial => {
                    self.head.extend_from_slice(bytes);
                    return Ok(None);
                }
            };
            bytes = &bytes[length..];
            let status = response.code.ok_or(Malformed)?;
            match status {
                // Switching protocols was not asked for.
                101 => return Err(Malformed),
                100..200 => {}
                _ => {
                    self.understand(status, response.version == Some(1), response.headers)?;
                    return Ok(Some(bytes));
                }
            }
        }
    }

    /// Takes from the head what matters: where the body ends, whether the connection stays, and the facts.
    fn understand(
        &mut self,
        status: u16,
        is_1_1: bool,
        headers: &[httparse::Header<'_>],
    ) -> Result<(), Malformed> {
        self.facts.status = status;
        self.is_kept = is_1_1;
        let (mut length, mut encoded) = (None, false);
        for header in headers {
            let (name, value) = (header.name, header.value);
            // Lengths tell most names apart at once.
            match name.len() {
                14 if name.eq_ignore_ascii_case("content-length") => {
                    let told = decimal(value).ok_or(Malformed)?;
                    if length.is_some_and(|length| length != told) {
                        return Err(Malformed);
                    }
                    length = Some(told);
                }
                17 if name.eq_ignore_ascii_case("transfer-encoding") => encoded = true,
                10 if name.eq_ignore_ascii_case("connection") => self.on_connection(value),
                11 if name.eq_ignore_ascii_case("retry-after") => self.facts.retry_after = true,
                13 if name.eq_ignore_ascii_case(SERVER_TIMING.as_str()) => {
                    self.facts.timing.add(std::str::from_utf8(value).unwrap_or_default());
                }
                _ => {}
            }
        }
        let chunked = encoded && headers.iter().any(|header| is_chunked(header));
        self.body = match (length, encoded) {
            _ if self.is_bodiless || status == 204 || status == 304 => Body::Length(0),
            (_, true) if chunked => Body::Chunked(Chunks::default()),
            (Some(length), false) => Body::Length(length),
            _ => Body::UntilClose,
        };
        self.is_kept &= self.body != Body::UntilClose;
        Ok(())
    }

    fn on_connection(&mut self, value: &[u8]) {
        let has =
            |word: &[u8]| value.split(|b| *b == b',').any(|w| w.trim_ascii().eq_ignore_ascii_case(word));
        if has(b"close") {
            self.is_kept = false;
        } else if has(b"keep-alive") {
            self.is_kept = true;
        }
    }

    fn take_body(&mut self, piece: &[u8]) -> Result<bool, Malformed> {
        let (is_whole, left) = match &mut self.body {
            Body::Head | Body::UntilClose => (false, 0),
            Body::Length(length) => {
                let taken = (*length).min(piece.len() as u64);
                *length -= taken;
                (*length == 0, piece.len() as u64 - taken)
            }
            Body::Chunked(chunks) => match chunks.take(piece)? {
                Some(left) => (true, left as u64),
                None => (false, 0),
            },
        };
        // What comes after an answer that nobody asked for makes the connection useless.
        self.is_kept &= left == 0;
        self.received -= left;
        Ok(is_whole)
    }
}

fn is_chunked(header: &httparse::Header<'_>) -> bool {
    let last = header.value.rsplit(|b| *b == b',').next().unwrap_or_default();
    header.name.eq_ignore_ascii_case("transfer-encoding")
        && last.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

/// A length: digits only, below 2⁶³.
fn decimal(text: &[u8]) -> Option<u64> {
    let text = text.trim_ascii();
    if text.is_empty() || text.len() > 18 {
        return None;
    }
    text.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u64::from(b - b'0')))
}

impl Facts {
    /// What an answer with these facts means.
    pub(super) fn ending(&self) -> Ending {
        match self.status {
            200..400 => Ending::Completed,
            408 | 504 => Ending::TimedOut,
            429 => Ending::Rejected,
            503 if self.retry_after => Ending::Rejected,
            _ => Ending::Failed,
        }
    }

    /// A reply with what the target told about its time.
    pub(super) fn reply(&self, ending: Ending) -> Reply {
        let Timing { wait, a, b, inside } = self.timing;
        Reply { wait, a, b, inside, ..Reply::new(ending) }
    }
}

impl Timing {
    /// Takes the parts of a `Server-Timing` header: waits are summed; of several calls to a service the last counts.
    pub(super) fn add(&mut self, text: &str) {
        for part in text.split(',') {
            let Some((name, millis)) = part.trim().split_once(";dur=") else { continue };
            let seconds = millis.parse().map_or(-1.0, |millis: f64| millis / 1e3);
            let Ok(took) = Duration::try_from_secs_f64(seconds) else { continue };
            match name {
                "wait" => self.wait = Some(self.wait.unwrap_or_default().saturating_add(took)),
                "A" => self.a = Some(took),
                "B" => self.b = Some(took),
                "total" => self.inside = Some(took),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads `text` in pieces of these sizes, again and again; what comes of it: status, whether it is kept, bytes, wholeness.
    fn read(text: &[u8], sizes: &[usize], is_to_head: bool) -> Result<(u16, bool, u64, bool), Malformed> {
        let mut answer = Answer::new(is_to_head);
        let (mut rest, mut sizes, mut whole) = (text, sizes.iter().cycle(), false);
        while !rest.is_empty() && !whole {
            let (piece, after) = rest.split_at((*sizes.next().expect("cycled")).clamp(1, rest.len()));
            whole = answer.take(piece)?;
            rest = after;
        }
        Ok((answer.facts.status, answer.is_kept, answer.received, whole || answer.end()))
    }

    const ANSWERS: [(&str, u16, bool); 12] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nConnection: Close\r\n\r\n", 200, false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", 200, false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\nconnection: keep-alive\r\n\r\nok", 200, true),
        ("HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n", 204, true),
        ("HTTP/1.1 304 Not Modified\r\n\r\n", 304, true),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\nHTTP/1.1 500 E\r\ncontent-length: 1\r\n\r\n!",
            500,
            true,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, true),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\nA;x=\"y\"\r\n0123456789\r\n0\r\nt: 1\r\n\r\n",
            200,
            true,
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n1\r\nx\r\n0\r\n\r\n",
            200,
            true,
        ),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", 200, false),
        ("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nuntil the end", 200, false),
    ];

    proptest! {
        /// However an answer is cut into pieces, what is read is the same.
        #[test]
        fn pieces_make_no_difference(which in 0..ANSWERS.len(), sizes in proptest::collection::vec(1usize..40, 1..6)) {
            let (text, status, kept) = ANSWERS[which];
            prop_assert_eq!(read(text.as_bytes(), &sizes, false), Ok((status, kept, text.len() as u64, true)));
        }

        /// Whatever comes, reading ends: with an answer, without, or with an error, and it never counts more than came.
        #[test]
        fn garbage_is_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300), begin in 0..ANSWERS.len(), cut in 0usize..120, sizes in proptest::collection::vec(1usize..40, 1..4)) {
            let mut text = ANSWERS[begin].0.as_bytes().to_vec();
            text.truncate(cut);
            text.extend(bytes);
            if let Ok((_, _, received, _)) = read(&text, &sizes, false) {
                prop_assert!(received <= text.len() as u64);
            }
        }
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
        assert_eq!(read(text, &[7], true), Ok((200, true, 38, true)));
    }

    #[test]
    fn what_nobody_asked_for_makes_a_connection_useless() {
        let text = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nxHTTP/1.1";
        assert_eq!(read(text, &[100], false), Ok((200, false, 39, true)));
    }

    #[test]
    fn what_is_no_answer_is_told() {
        for text in [
            "SSH-2.0-OpenSSH\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        ] {
            assert_eq!(read(text.as_bytes(), &[3], false), Err(Malformed), "{text:?}");
        }
    }

    #[test]
    fn times_are_read_off_the_servers_timing() {
        let us = |micros| Some(Duration::from_micros(micros));
        let mut timing = Timing::default();
        timing
            .add("A;dur=97.100, wait;dur=1.250, wait;dur=1, B;dur=812.000, total;dur=813.3, cache;desc=hit");
        assert_eq!(timing, Timing { wait: us(2250), a: us(97_100), b: us(812_000), inside: us(813_300) });
    }

    #[test]
    fn what_is_no_time_is_left_out() {
        for text in
            ["", "wait", "wait;dur=", "wait;dur=-1", "wait;dur=NaN", "wait;dur=1e300", "total;dur=inf"]
        {
            let mut timing = Timing::default();
            timing.add(text);
            assert_eq!(timing, Timing::default(), "{text}");
        }
    }
}
