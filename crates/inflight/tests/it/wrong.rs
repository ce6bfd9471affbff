//! Wrong files; some are made here because no editor and no repository would leave them as they are.

/// A wrong file and the texts that carets must stand under.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub(crate) name: String,
    pub(crate) text: String,
    /// In the order of their places. Empty if there are too many to name.
    pub(crate) marks: Vec<String>,
}

impl Wrong {
    /// A file that says itself, in its first lines, what is wrong with it.
    pub(crate) fn new(name: &str, text: String) -> Wrong {
        let marks = text.lines().map_while(|line| line.strip_prefix("#^").map(str::trim));
        let marks: Vec<String> = marks.map(str::to_string).collect();
        Wrong::marked(name, text, if marks.is_empty() { vec![String::new()] } else { marks })
    }

    fn marked(name: &str, text: String, marks: Vec<String>) -> Wrong {
        Wrong { name: name.into(), text, marks }
    }

    /// Line number `line`, from 1, as an editor shows it.
    pub(crate) fn text_line(&self, line: usize) -> &str {
        self.text.trim_start_matches('\u{feff}').lines().nth(line - 1).unwrap_or("")
    }
}

const ENDPOINT: &str = "[[endpoint]]\nname = \"x\"\ncalls = \"parallel\"\n";

/// One key with a value of `n` lists in each other.
fn nested(open: &str, close: &str, n: usize) -> String {
    format!("x = {}1{}\n", open.repeat(n), close.repeat(n))
}

pub(crate) fn generated() -> Vec<Wrong> {
    let some = |marks: &[&str]| marks.iter().map(|mark| mark.to_string()).collect();
    let keys = |end: &str| (0..10_000).map(|i| format!("key{i} = {i}{end}")).collect::<String>();
    let crlf = "#^ 600\n[[endpoint]]\nname  = \"x\"\ncalls = \"parallel\"\nwhole = [ { timeout = { after = 600 } } ]\n";
    let long = format!(
        "whole = [ {}{{ timeout = {{ after = 600 }} }} ]\n",
        "{ limit = { permits = 2 } }, ".repeat(15)
    );
    vec![
        Wrong::marked("two-mebibytes", "# x\n".repeat(1 << 19), vec![]),
        Wrong::marked("deep-lists", nested("[", "]", 100_000), vec![]),
        Wrong::marked("deep-tables", nested("{a=", "}", 100_000), vec![]),
        Wrong::marked("deep-keys", format!("{}b = 1\n", "a.".repeat(100_000)), vec![]),
        Wrong::marked("ten-thousand-keys", keys("\n") + ENDPOINT, vec![]),
        Wrong::marked(
            "ten-thousand-keys-in-a-line",
            format!("service = {{ {} }}\n{ENDPOINT}", keys(", ")),
            vec![],
        ),
        Wrong::marked("ten-thousand-syntax-errors", "= ]\n".repeat(10_000), vec![]),
        Wrong::marked("a-very-long-key", format!("{} = 1\n{ENDPOINT}", "k".repeat(100_000)), vec![]),
        Wrong::marked("a-very-long-name", ENDPOINT.replace('x', &"n".repeat(100_000)), vec![]),
        Wrong::marked("a-long-line", format!("{ENDPOINT}{long}"), some(&["600"])),
        Wrong::marked(
            "too-many-endpoints",
            (0..65).map(|i| ENDPOINT.replace('x', &format!("x{i}"))).collect(),
            vec![],
        ),
        Wrong::new("crlf", crlf.replace('\n', "\r\n")),
        Wrong::marked("byte-order-mark", format!("\u{feff}seed = -1\n{ENDPOINT}"), some(&["-1"])),
        Wrong::marked("control-characters", format!("question = \"\u{1b}[31mred\u{7}\"\n{ENDPOINT}"), vec![]),
        Wrong::marked("nul", format!("question = \"a\u{0}b\"\n{ENDPOINT}"), vec![]),
        Wrong::marked(
            "escaped-control-characters",
            format!(
                "\"\\u001b[31mkey\" = 1\nseed = \"\\u001b[2J\"\nservice.a.latency = {{ \"\\u001b]0;t\\u0007\" = 1 }}\n{ENDPOINT}"
            ),
            some(&["\"\\u001b[31mkey\"", "\"\\u001b[2J\"", "\"\\u001b]0;t\\u0007\""]),
        ),
        Wrong::marked(
            "right-to-left-override",
            format!("question = \"\u{202e}txet\"\n\"\u{202e}yek\" = 1\n{ENDPOINT}"),
            vec![],
        ),
    ]
}
