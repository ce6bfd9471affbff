//! Which HTTP is spoken.

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1: one request at a time on a connection.
    Http1,
    /// HTTP/2: requests share connections, at most so many at once on each, and never more than the target allows.
    Http2 {
        /// The most requests at once on a connection.
        streams: usize,
    },
}

impl Version {
    /// How it is called while TLS is agreed upon (RFC 7301).
    pub(super) fn alpn(self) -> &'static [u8] {
        match self {
            Version::Http1 => b"http/1.1",
            Version::Http2 { .. } => b"h2",
        }
    }

    /// Whether it may be spoken after `agreed` came of that. HTTP/1.1 needs no agreement.
    pub(super) fn is_agreed(self, agreed: Option<&[u8]>) -> bool {
        match agreed {
            None => self == Version::Http1,
            Some(agreed) => agreed == self.alpn(),
        }
    }
}
