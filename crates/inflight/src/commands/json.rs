//! Outcomes as JSON that people can read as well: one line per field, and a list of numbers stays on one.

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};
use std::io::{self, BufWriter, Result, Write};

/// `value` as JSON, with a line feed at its end.
pub(super) fn json(value: &impl Serialize) -> anyhow::Result<String> {
    let mut out = Vec::new();
    write(&mut out, value)?;
    Ok(String::from_utf8(out)?)
}

/// Prints `value` as JSON, piece by piece: what is measured may be long. A reader that has gone away (`| head`) is no error.
pub(super) fn print_json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out, value).and_then(|()| out.flush().map_err(serde_json::Error::io)) {
        Err(error) if !error.is_io() => Err(error.into()),
        _ => Ok(()),
    }
}

fn write(mut out: impl Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut out, FlatLists::default()))?;
    out.write_all(b"\n").map_err(serde_json::Error::io)
}

/// Objects over several lines, lists on one.
#[derive(Default)]
struct FlatLists<'a>(PrettyFormatter<'a>);

impl Formatter for FlatLists<'_> {
    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        writer.write_all(if first { b"" } else { b", " })
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        writer.write_all(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        writer.write_all(b"]")
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;
    use std::collections::BTreeMap;

    #[test]
    fn lists_stay_on_one_line() {
        let value = BTreeMap::from([("a", vec![BTreeMap::from([("x", vec![1, 2])])]), ("b", vec![])]);
        let text = json(&value).expect("it is JSON");
        assert_eq!(
            serde_json::from_str::<BTreeMap<&str, Vec<BTreeMap<&str, Vec<i32>>>>>(&text).expect("again"),
            value
        );
        expect![[r#"
            {
              "a": [{
                "x": [1, 2]
              }],
              "b": []
            }
        "#]]
        .assert_eq(&text);
    }
}
