//! Where a chunked body ends (RFC 9112, section 7.1), piece by piece.

use super::http1::Malformed;

/// The most bytes of a chunk's extensions, and of all trailers.
const MAX_ASIDE: u32 = 64 << 10;

/// How far a chunked body has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    state: State,
    /// Bytes of extensions and trailers so far.
    aside: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In a size, of so many digits so far.
    Size {
        size: u64,
        digits: u8,
    },
    /// After a size, before the end of its line.
    Extension {
        size: u64,
    },
    /// After the CR of a size's line.
    SizeEnd {
        size: u64,
    },
    /// So many bytes of the chunk are to come.
    Data {
        left: u64,
    },
    /// Before the CR, or the LF, that ends a chunk's data.
    DataCr,
    DataLf,
    /// At the beginning of a trailer's line, in one, or after the CR of an empty one.
    Trailer,
    TrailerLine,
    End,
}

impl Default for Chunks {
    fn default() -> Chunks {
        Chunks { state: State::Size { size: 0, digits: 0 }, aside: 0 }
    }
}

impl Chunks {
    /// Takes the next piece. When the body is whole: how many bytes of the piece come after it.
    pub(super) fn take(&mut self, mut piece: &[u8]) -> Result<Option<usize>, Malformed> {
        while let Some((&byte, rest)) = piece.split_first() {
            if let State::Data { left } = self.state {
                let taken = left.min(piece.len() as u64);
                piece = &piece[taken as usize..];
                self.state = if left == taken { State::DataCr } else { State::Data { left: left - taken } };
                continue;
            }
            piece = rest;
            if self.state == State::End {
                return if byte == b'\n' { Ok(Some(rest.len())) } else { Err(Malformed) };
            }
            self.state = self.after(byte)?;
        }
        Ok(None)
    }

    fn after(&mut self, byte: u8) -> Result<State, Malformed> {
        let of_size = |size| if size == 0 { State::Trailer } else { State::Data { left: size } };
        Ok(match (self.state, byte) {
            (State::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                // 15 digits are 2⁶⁰ bytes.
                let digit = char::from(byte).to_digit(16).filter(|_| digits < 15).ok_or(Malformed)?;
                State::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (State::Size { digits: 0, .. }, _) => return Err(Malformed),
            (State::Size { size, .. } | State::Extension { size }, b'\r') => State::SizeEnd { size },
            (State::Size { size, .. } | State::SizeEnd { size }, b'\n') => of_size(size),
            (State::Size { size, .. }, b';' | b' ' | b'\t') => State::Extension { size },
            (State::Extension { size }, _) => self.aside(State::Extension { size })?,
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { size: 0, digits: 0 },
            (State::Trailer, b'\r') => State::End,
            (State::TrailerLine, b'\n') => State::Trailer,
            (State::Trailer | State::TrailerLine, _) => self.aside(State::TrailerLine)?,
            _ => return Err(Malformed),
        })
    }

    fn aside(&mut self, next: State) -> Result<State, Malformed> {
        self.aside += 1;
        if self.aside > MAX_ASIDE { Err(Malformed) } else { Ok(next) }
    }
}
