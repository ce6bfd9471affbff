//! Results to stdout, talk to stderr; colour only where somebody sees it.

use inflight_lab::report::{Colour, Ink, Plain, Tone};
use std::io::{self, IsTerminal as _, Write as _};

/// Writes a result. A reader that has gone away (`| head`) is no error.
pub fn print(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Says something that is not the result.
pub fn say(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A line that is overwritten by the next: only on a terminal.
#[derive(Debug)]
pub struct StatusLine {
    shown: bool,
}

impl StatusLine {
    /// Shows nothing yet; never will unless stderr is a terminal.
    pub fn new() -> StatusLine {
        StatusLine {
            shown: io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|t| t != "dumb"),
        }
    }

    /// Shows `text` instead of what was shown.
    pub fn show(&self, text: &str) {
        if self.shown {
            let text: String = text.chars().take(width().saturating_sub(1)).collect();
            let _ = write!(io::stderr().lock(), "\r\x1b[2K{text}");
        }
    }

    /// Takes it away.
    pub fn clear(&self) {
        self.show("");
    }
}

impl Default for StatusLine {
    fn default() -> Self {
        StatusLine::new()
    }
}

/// Lines that are drawn again and again in the same place: only on a terminal.
#[derive(Debug)]
pub struct Canvas {
    status: StatusLine,
    lines: usize,
}

impl Canvas {
    /// Draws nothing yet; never will unless stderr is a terminal.
    pub fn new() -> Canvas {
        Canvas { status: StatusLine::new(), lines: 0 }
    }

    /// Whether anybody sees it.
    pub fn is_shown(&self) -> bool {
        self.status.shown
    }

    /// Draws `text`, whole lines, over what was drawn.
    pub fn draw(&mut self, text: &str) {
        if self.is_shown() {
            let mut out = io::stderr().lock();
            let _ = match self.lines {
                0 => write!(out, "\r\x1b[J{text}"),
                lines => write!(out, "\r\x1b[{lines}A\x1b[J{text}"),
            };
            self.lines = text.lines().count();
        }
    }
}

impl Default for Canvas {
    fn default() -> Self {
        Canvas::new()
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        // What comes next begins where it began.
        self.draw("");
    }
}

/// Columns to write in: the terminal's, or COLUMNS, or 100; between 80 and 120.
pub fn width() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok());
    let actual = || rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    asked.or_else(actual).filter(|w| *w > 0).unwrap_or(100).clamp(80, 120)
}

/// The ink for stdout: colours on a terminal, unless NO_COLOR or TERM=dumb says otherwise; CLICOLOR_FORCE insists.
pub fn ink() -> Box<dyn Ink> {
    ink_on(io::stdout().is_terminal())
}

/// The same for stderr.
pub fn ink_of_stderr() -> Box<dyn Ink> {
    ink_on(io::stderr().is_terminal())
}

fn ink_on(is_terminal: bool) -> Box<dyn Ink> {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if set("CLICOLOR_FORCE") || (is_terminal && !set("NO_COLOR") && !dumb) {
        Box::new(Ansi)
    } else {
        Box::new(Plain)
    }
}

/// Escape codes.
struct Ansi;

impl Ink for Ansi {
    fn paint(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Heading => "1".to_string(),
            Tone::Quiet => "2".into(),
            Tone::Good => "36".into(),
            Tone::Warning => "33".into(),
            Tone::Mark(Colour(r, g, b)) => format!("38;2;{r};{g};{b}"),
        };
        if text.is_empty() { String::new() } else { format!("\x1b[{code}m{text}\x1b[0m") }
    }
}
