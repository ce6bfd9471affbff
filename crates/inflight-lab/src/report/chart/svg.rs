//! SVG as text. Coordinates have one decimal: a tenth of a pixel is less than anybody sees.

use std::{borrow::Cow, fmt::Write as _};

/// Text between tags and inside attributes.
pub(in crate::report) fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"']) {
        return text.into();
    }
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").into()
}

/// A coordinate.
pub(super) fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

/// A drawing of a fixed size in its own units; on the page it is as wide as its place, or as wide as it says.
#[derive(Debug)]
pub(super) struct Svg {
    body: String,
    width: f64,
    height: f64,
}

impl Svg {
    /// An empty one.
    pub(super) fn new(width: f64, height: f64) -> Svg {
        Svg { body: String::new(), width, height }
    }

    /// Anything.
    pub(super) fn raw(&mut self, element: &str) {
        self.body.push_str(element);
    }

    /// A rectangle of class `class` between two corners.
    pub(super) fn rect(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let (x, y) = (x1.min(x2), y1.min(y2));
        let (width, height) = ((x2 - x1).abs(), (y2 - y1).abs());
        let _ = write!(
            self.body,
            r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"/>"#,
            px(x),
            px(y),
            px(width),
            px(height)
        );
    }

    /// A straight line.
    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(px);
        let _ = write!(self.body, r#"<path class="{class}" d="M{x1} {y1}L{x2} {y2}"/>"#);
    }

    /// A dot.
    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let _ = write!(
            self.body,
            r#"<circle class="{class}" cx="{}" cy="{}" r="{}"/>"#,
            px(x),
            px(y),
            px(radius)
        );
    }

    /// Words. `anchor` is "start", "middle" or "end".
    pub(super) fn text(&mut self, class: &str, (x, y): (f64, f64), anchor: &str, text: &str) {
        let anchor = if anchor == "start" { String::new() } else { format!(r#" text-anchor="{anchor}""#) };
        let _ = write!(
            self.body,
            r#"<text class="{class}" x="{}" y="{}"{anchor}>{}</text>"#,
            px(x),
            px(y),
            escape(text)
        );
    }

    /// A path of class `class`, with more attributes if `more` is not empty.
    pub(super) fn path(&mut self, class: &str, path: &str, more: &str) {
        if !path.is_empty() {
            let space = if more.is_empty() { "" } else { " " };
            let _ = write!(self.body, r#"<path class="{class}"{space}{more} d="{path}"/>"#);
        }
    }

    /// The drawing, as wide as its place. `label` says in a sentence what is to be seen.
    pub(super) fn fluid(self, label: &str) -> String {
        let [width, height] = [self.width, self.height].map(px);
        let label = escape(label);
        format!(
            r#"<svg viewBox="0 0 {width} {height}" width="100%" role="img" aria-label="{label}">{}</svg>"#,
            self.body
        )
    }

    /// The drawing, as wide as its place; what is outside of its frame is shown only if the page says so.
    pub(super) fn cropped(self, label: &str) -> String {
        self.fluid(label).replacen("<svg ", r#"<svg class="p" "#, 1)
    }
}

/// A path through points. A gap in the points is a gap in the line; a point between two gaps is a short dash, so that it is seen.
/// Steps are relative, which makes long lines a third shorter, and are counted in tenths, so that nothing is lost on the way.
pub(super) fn polyline(points: &[Option<(f64, f64)>]) -> String {
    let tenths = |(x, y): (f64, f64)| ((x * 10.0).round() as i64, (y * 10.0).round() as i64);
    let mut out = String::new();
    let mut last: Option<(i64, i64)> = None;
    for (i, point) in points.iter().enumerate() {
        let Some(at) = point.map(tenths) else {
            last = None;
            continue;
        };
        match last {
            Some(from) => {
                let _ = write!(out, "{}{}", step('l', at.0 - from.0), step(' ', at.1 - from.1));
            }
            None => {
                let _ = write!(out, "M{} {}", px(at.0 as f64 / 10.0), px(at.1 as f64 / 10.0));
                if points.get(i + 1).is_none_or(Option::is_none) {
                    out.push_str("h.1");
                }
            }
        }
        last = Some(at);
    }
    out
}

/// A step of so many tenths; what separates it from the number before is left out where its sign does that.
fn step(separator: char, tenths: i64) -> String {
    let text = px(tenths as f64 / 10.0);
    let text =
        text.strip_prefix("0.").map_or_else(|| text.replacen("-0.", "-.", 1), |rest| format!(".{rest}"));
    if separator == ' ' && text.starts_with('-') { text } else { format!("{separator}{text}") }
}

/// The same, filled down to `floor`: one area for each piece without a gap.
pub(super) fn area(points: &[Option<(f64, f64)>], floor: f64) -> String {
    let mut out = String::new();
    for piece in points.split(Option::is_none).filter(|piece| !piece.is_empty()) {
        let ends = piece.first().copied().flatten().zip(piece.last().copied().flatten());
        let Some((first, last)) = ends else { continue };
        let [floor, first, last] = [floor, first.0, last.0].map(px);
        let _ = write!(out, "{}L{last} {floor}L{first} {floor}Z", polyline(piece));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_the_points_is_a_gap_in_the_line() {
        let points = [Some((0.0, 1.0)), Some((2.0, 3.04)), None, Some((4.0, 5.0)), None];
        assert_eq!(polyline(&points), "M0 1l2 2M4 5h.1");
        assert_eq!(area(&points[..2], 9.0), "M0 1l2 2L2 9L0 9Z");
        assert_eq!(polyline(&[Some((0.04, 5.0)), Some((0.36, 4.8)), Some((1.0, 4.8))]), "M0 5l.4-.2l.6 0");
    }

    #[test]
    fn words_are_never_taken_for_tags() {
        assert_eq!(escape(r#"p99 < 5 & "so""#), "p99 &lt; 5 &amp; &quot;so&quot;");
        let mut svg = Svg::new(10.0, 5.0);
        svg.text("t", (1.0, 2.0), "end", "<b>");
        assert_eq!(
            svg.fluid("so"),
            r#"<svg viewBox="0 0 10 5" width="100%" role="img" aria-label="so"><text class="t" x="1" y="2" text-anchor="end">&lt;b&gt;</text></svg>"#
        );
    }
}
