//! What is asked: requests with places for numbers, and weighted mixes of them.

use super::{http2::Draft, version::Version};
use inflight_lab::{
    draws::{Dice, Stream},
    wire::MAX_CLASSES,
};
use inflight_strategies::rt::Rng as _;
use std::{borrow::Cow, fmt::Write as _};

/// Text with places for numbers: `{id}` is the request's number, `{random}` a number below 2⁵³ and `{random:N}` one below N,
/// decided by the seed. Other braces stand for themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Id,
    Random(u64),
}

impl Template {
    /// Reads it from text.
    pub fn new(text: &str) -> Template {
        let mut template = Template::default();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let Some(close) = rest[open..].find('}').map(|close| open + close) else { break };
            let Some(piece) = place(&rest[open + 1..close]) else {
                template.push(&rest.as_bytes()[..=open]);
                rest = &rest[open + 1..];
                continue;
            };
            template.push(&rest.as_bytes()[..open]);
            template.0.push(piece);
            rest = &rest[close + 1..];
        }
        template.push(rest.as_bytes());
        template
    }

    /// Adds text as it is.
    fn push(&mut self, text: &[u8]) {
        match self.0.last_mut() {
            Some(Piece::Text(last)) => last.extend_from_slice(text),
            _ if text.is_empty() => {}
            _ => self.0.push(Piece::Text(text.to_vec())),
        }
    }

    fn append(&mut self, other: &Template) {
        for piece in &other.0 {
            match piece {
                Piece::Text(text) => self.push(text),
                place => self.0.push(place.clone()),
            }
        }
    }

    /// The text for request number `id` of a run with `seed`.
    pub fn fill(&self, seed: u64, id: u64) -> Cow<'_, [u8]> {
        self.filled(&mut Numbers::new(seed, id))
    }

    /// The text with the next of these numbers.
    pub(super) fn filled(&self, numbers: &mut Numbers) -> Cow<'_, [u8]> {
        if let [Piece::Text(text)] = &self.0[..] {
            return Cow::Borrowed(text);
        }
        let mut digits = itoa::Buffer::new();
        let mut out = Vec::with_capacity(256);
        for piece in &self.0 {
            let number = match piece {
                Piece::Text(text) => {
                    out.extend_from_slice(text);
                    continue;
                }
                Piece::Id => numbers.id,
                Piece::Random(below) => (numbers.dice.unit() * *below as f64) as u64,
            };
            out.extend_from_slice(digits.format(number).as_bytes());
        }
        Cow::Owned(out)
    }

    /// Whether it has no places for numbers.
    pub(super) fn is_fixed(&self) -> bool {
        self.0.iter().all(|piece| matches!(piece, Piece::Text(_)))
    }
}

/// What stands in the places of one request, in their order.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    id: u64,
    dice: Dice,
}

impl Numbers {
    /// Of request number `id` of a run with `seed`.
    pub(super) fn new(seed: u64, id: u64) -> Numbers {
        Numbers { id, dice: Stream::new(seed, "load.random").dice(id) }
    }
}

/// The place that `name` stands for.
fn place(name: &str) -> Option<Piece> {
    match name {
        "id" => Some(Piece::Id),
        "random" => Some(Piece::Random(1 << 53)),
        _ => {
            let below = name.strip_prefix("random:")?.parse().ok()?;
            (1..=1_u64 << 53).contains(&below).then_some(Piece::Random(below))
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query; may have places for numbers.
    pub path: String,
    /// Headers beside `host` and `content-length`; values may have places for numbers.
    pub headers: Vec<(String, String)>,
    /// The body, as it is.
    pub body: Vec<u8>,
    /// How often it is asked, against the others of a mix; at least 1.
    pub weight: u32,
}

impl Ask {
    /// `GET path`.
    pub fn get(path: impl Into<String>) -> Ask {
        Ask { method: "GET".into(), path: path.into(), headers: Vec::new(), body: Vec::new(), weight: 1 }
    }

    /// Whether it can be put to `host` in that version. The error is for people.
    pub fn check(&self, host: &str, version: Version) -> Result<(), String> {
        match version {
            Version::Http1 => Ok(()),
            Version::Http2 { .. } => Draft::new(self, host, false).map(drop),
        }
    }

    /// Whether it says how long its body is, even if there is none.
    pub(super) fn has_length(&self) -> bool {
        !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH")
    }

    /// As it is written for HTTP/1.1.
    fn written(&self, host: &str) -> Template {
        let mut out = Template::default();
        out.push(format!("{} ", self.method).as_bytes());
        out.append(&Template::new(&self.path));
        out.push(b" HTTP/1.1\r\n");
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            out.push(format!("host: {host}\r\n").as_bytes());
        }
        for (name, value) in &self.headers {
            out.push(format!("{name}: ").as_bytes());
            out.append(&Template::new(value));
            out.push(b"\r\n");
        }
        let mut end = String::new();
        if self.has_length() {
            let _ = write!(end, "content-length: {}\r\n", self.body.len());
        }
        out.push(format!("{end}\r\n").as_bytes());
        out.push(&self.body);
        out
    }
}

/// A weighted mix of requests to one host, ready to be written.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    written: Vec<Template>,
    /// The sums of the weights up to each.
    sums: Vec<u64>,
    heads: Vec<bool>,
    seed: u64,
}

impl Mix {
    /// Of at most [`MAX_CLASSES`] requests, at least one.
    pub(super) fn new(asks: &[Ask], host: &str, seed: u64) -> Mix {
        assert!((1..=MAX_CLASSES).contains(&asks.len()), "a mix has 1 to {MAX_CLASSES} requests");
        let mut sum = 0;
        let sums = asks.iter().map(|ask| {
            sum += u64::from(ask.weight.max(1));
            sum
        });
        Mix {
            sums: sums.collect(),
            written: asks.iter().map(|ask| ask.written(host)).collect(),
            heads: asks.iter().map(|ask| ask.method == "HEAD").collect(),
            seed,
        }
    }

    /// The class of request number `id`: a pure function of the seed and the number.
    pub(super) fn class(&self, id: u64) -> u8 {
        let [.., all] = self.sums[..] else { return 0 };
        if self.sums.len() == 1 {
            return 0;
        }
        let drawn = (Stream::new(self.seed, "load.mix").dice(id).unit() * all as f64) as u64;
        self.sums.partition_point(|sum| *sum <= drawn) as u8
    }

    /// Request number `id`, of `class`, as it goes out.
    pub(super) fn written(&self, class: u8, id: u64) -> Cow<'_, [u8]> {
        self.written[usize::from(class)].fill(self.seed, id)
    }

    pub(super) fn is_head(&self, class: u8) -> bool {
        self.heads[usize::from(class)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str, seed: u64, id: u64) -> String {
        String::from_utf8(Template::new(text).fill(seed, id).into_owned()).expect("text")
    }

    #[test]
    fn places_are_filled_by_number_and_seed() {
        assert_eq!(filled("/item/{id}?x={{id}}&{no}&{", 1, 42), "/item/42?x={42}&{no}&{");
        assert_eq!(filled("/{random:1}", 1, 7), "/0");
        assert_eq!(filled("/{random}", 1, 7), filled("/{random}", 1, 7));
        assert_ne!(filled("/{random}", 1, 7), filled("/{random}", 2, 7));
        assert_eq!(filled("/{random:0}", 1, 7), "/{random:0}");
    }

    #[test]
    fn a_request_is_written_once() {
        let ask = Ask {
            method: "POST".into(),
            headers: vec![("x-id".into(), "{id}".into())],
            body: b"{id}".to_vec(),
            ..Ask::get("/a")
        };
        let mix = Mix::new(&[ask], "h:1", 1);
        let expected = "POST /a HTTP/1.1\r\nhost: h:1\r\nx-id: 9\r\ncontent-length: 4\r\n\r\n{id}";
        assert_eq!(mix.written(0, 9), Cow::from(expected.as_bytes()));
        assert!(matches!(Mix::new(&[Ask::get("/")], "h", 1).written(0, 9), Cow::Borrowed(_)));
    }

    #[test]
    fn classes_come_as_often_as_they_weigh() {
        let asks = [3, 1].map(|weight| Ask { weight, ..Ask::get("/") });
        let mix = Mix::new(&asks, "h", 1);
        let second = (0..10_000).filter(|id| mix.class(*id) == 1).count();
        assert!((2300..2700).contains(&second), "{second}");
    }
}
