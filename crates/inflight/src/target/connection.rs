//! One connection: bytes in, requests out. Just enough HTTP/1.1 for load drivers: keep-alive, bodies with a length.

/// The most bytes of a request: head and body.
const MAX_REQUEST: usize = 1 << 20;

/// What has been read of a request that is not whole.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
}

/// What was read, next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A whole request for this path.
    Request { path: String, close: bool },
    /// Nothing whole yet.
    More,
    /// No HTTP, or too much of it.
    Broken,
}

impl Inbox {
    /// Takes what has arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next request, if it is whole.
    pub(super) fn next(&mut self) -> Next {
        let Some(end) = find(&self.bytes, b"\r\n\r\n") else {
            return if self.bytes.len() > MAX_REQUEST { Next::Broken } else { Next::More };
        };
        let Ok(head) = std::str::from_utf8(&self.bytes[..end]) else { return Next::Broken };
        let Some(parsed) = Head::parse(head) else { return Next::Broken };
        let whole = end + 4 + parsed.body;
        if whole > MAX_REQUEST {
            return Next::Broken;
        }
        if self.bytes.len() < whole {
            return Next::More;
        }
        let next = Next::Request { path: parsed.path.to_string(), close: parsed.close };
        self.bytes.drain(..whole);
        if self.bytes.is_empty() && self.bytes.capacity() > 4096 {
            self.bytes = Vec::new();
        }
        next
    }
}

struct Head<'t> {
    path: &'t str,
    body: usize,
    close: bool,
}

impl Head<'_> {
    fn parse(text: &str) -> Option<Head<'_>> {
        let mut lines = text.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (_, target, version) = (words.next()?, words.next()?, words.next()?);
        let mut head = Head { path: path_of(target)?, body: 0, close: version == "HTTP/1.0" };
        for line in lines {
            let (name, value) = line.split_once(':')?;
            if name.eq_ignore_ascii_case("content-length") {
                head.body = value.trim().parse().ok()?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                return None;
            } else if name.eq_ignore_ascii_case("connection") {
                head.close = value.trim().eq_ignore_ascii_case("close");
            }
        }
        Some(head)
    }
}

/// The path of a request's target, which may be a whole URL.
fn path_of(target: &str) -> Option<&str> {
    match target.strip_prefix("http://") {
        Some(rest) => Some(rest.find('/').map_or("/", |at| &rest[at..])),
        None => target.starts_with('/').then_some(target),
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> Next {
        Next::Request { path: path.into(), close: false }
    }

    #[test]
    fn requests_are_found_wherever_the_bytes_were_cut() {
        let text =
            b"POST /after/1ms HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n";
        for cut in 0..text.len() {
            let mut inbox = Inbox::default();
            inbox.push(&text[..cut]);
            let mut found = Vec::new();
            let drain = |inbox: &mut Inbox, found: &mut Vec<Next>| loop {
                match inbox.next() {
                    Next::More => break,
                    next => found.push(next),
                }
            };
            drain(&mut inbox, &mut found);
            inbox.push(&text[cut..]);
            drain(&mut inbox, &mut found);
            assert_eq!(found, [request("/after/1ms"), request("/")], "cut at {cut}");
        }
    }

    #[test]
    fn a_whole_url_is_a_path_too_and_what_is_no_http_is_broken() {
        let mut inbox = Inbox::default();
        inbox.push(b"GET http://127.0.0.1:80/x HTTP/1.1\r\n\r\n");
        assert_eq!(inbox.next(), request("/x"));
        inbox.push(b"hello\r\n\r\n");
        assert_eq!(inbox.next(), Next::Broken);
    }

    #[test]
    fn who_asks_for_the_end_gets_it() {
        let mut inbox = Inbox::default();
        inbox.push(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
        assert_eq!(inbox.next(), Next::Request { path: "/".into(), close: true });
    }
}
