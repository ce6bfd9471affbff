//! A heatmap: how many requests took how long, column by column in time. Colour goes with the square root of the count, so that
//! few slow requests are seen beside many fast ones. A cell without requests is empty, not dark.
//!
//! Every level of colour is one path of horizontal strokes, one unit high: a few kilobytes for a whole map, sharp at any size,
//! and coloured by the page's style sheet.

use super::svg::px;
use std::fmt::Write as _;

/// How many levels of colour there are: classes h1 to h8.
const LEVELS: usize = 8;

/// The strongest colour stands for at least so many requests: where a cell has three at the most, the difference between one and
/// three is chance, and must not look like a hot spot.
const LEAST_MOST: u32 = 48;

/// Counts by column and by bin; bin 0 is the lowest.
#[derive(Clone, Debug)]
pub(in crate::report) struct Heat<'a> {
    /// For each column the bins that are not empty, with their counts.
    pub columns: &'a [Vec<(u16, u32)>],
    /// How many bins there are.
    pub bins: u16,
    /// The count that gets the strongest colour: the same for all maps that are compared.
    pub most: u32,
}

impl Heat<'_> {
    /// The map between two corners.
    pub(in crate::report) fn svg(&self, (left, top): (f64, f64), (right, bottom): (f64, f64)) -> String {
        let (columns, bins) = (self.columns.len().max(1), self.bins.max(1));
        let [x, y, width, height] = [left, top, right - left, bottom - top].map(px);
        let mut out = format!(
            r#"<svg x="{x}" y="{y}" width="{width}" height="{height}" viewBox="0 0 {columns} {bins}" preserveAspectRatio="none">"#
        );
        for level in 1..=LEVELS {
            let path = self.strokes(level);
            if !path.is_empty() {
                let _ = write!(out, r#"<path class="hm h{level}" d="{path}"/>"#);
            }
        }
        out.push_str("</svg>");
        out
    }

    fn level(&self, count: u32) -> usize {
        let share = f64::from(count) / f64::from(self.most.max(LEAST_MOST));
        (libm::sqrt(share) * LEVELS as f64).ceil().clamp(1.0, LEVELS as f64) as usize
    }

    /// The strokes of one level; neighbours in a row are one stroke.
    fn strokes(&self, level: usize) -> String {
        let mut out = String::new();
        for bin in 0..self.bins {
            let is_here = |column: &Vec<(u16, u32)>| {
                column.iter().any(|(b, count)| *b == bin && *count > 0 && self.level(*count) == level)
            };
            let row: Vec<bool> = self.columns.iter().map(is_here).collect();
            let mut column = 0;
            while let Some(start) = (column..row.len()).find(|c| row[*c]) {
                let end = (start..row.len()).find(|c| !row[*c]).unwrap_or(row.len());
                let y = f64::from(self.bins - 1 - bin) + 0.5;
                let _ = write!(out, "M{start} {}h{}", px(y).trim_start_matches('0'), end - start);
                column = end;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_map_is_drawn_as_it_was() {
        let columns = vec![vec![(0, 1), (1, 100)], vec![(1, 100)], vec![], vec![(2, 30)]];
        let heat = Heat { columns: &columns, bins: 3, most: 100 };
        expect![[r#"<svg x="34" y="2" width="100" height="70" viewBox="0 0 4 3" preserveAspectRatio="none"><path class="hm h1" d="M0 2.5h1"/><path class="hm h5" d="M3 .5h1"/><path class="hm h8" d="M0 1.5h2"/></svg>"#]]
            .assert_eq(&heat.svg((34.0, 2.0), (134.0, 72.0)));
    }

    #[test]
    fn one_request_of_a_million_is_seen() {
        let heat = Heat { columns: &[], bins: 1, most: 1_000_000 };
        assert_eq!([heat.level(1), heat.level(1_000_000), heat.level(250_000)], [1, 8, 4]);
    }

    #[test]
    fn three_requests_are_no_hot_spot() {
        let heat = Heat { columns: &[], bins: 1, most: 3 };
        assert_eq!([heat.level(1), heat.level(3)], [2, 2]);
    }
}
