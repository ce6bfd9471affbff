//! Columns of a table: as many as there is room for, the most important first.

use crate::report::figures::right;

/// One column of rows about `T`.
pub(super) struct Column<T> {
    /// What stands above it.
    pub title: &'static str,
    /// Its width with the space before it.
    pub width: usize,
    /// The lower, the sooner it is left out.
    pub rank: u8,
    /// Its text; `None` where there is nothing to say. A column that says nothing in any row is left out.
    pub text: fn(&T) -> Option<String>,
}

/// Those of `columns` that say something about `rows` and that fit into `room`, in their order.
pub(super) fn fitting<'a, T>(columns: &'a [Column<T>], rows: &[&T], mut room: usize) -> Vec<&'a Column<T>> {
    let says = |column: &Column<T>| rows.iter().any(|row| (column.text)(row).is_some());
    let mut order: Vec<usize> = (0..columns.len()).filter(|i| says(&columns[*i])).collect();
    order.sort_by_key(|i| std::cmp::Reverse(columns[*i].rank));
    let mut chosen: Vec<usize> = Vec::new();
    for i in order {
        if columns[i].width <= room {
            room -= columns[i].width;
            chosen.push(i);
        }
    }
    chosen.sort_unstable();
    chosen.into_iter().map(|i| &columns[i]).collect()
}

/// How wide they are together.
pub(super) fn width<T>(columns: &[&Column<T>]) -> usize {
    columns.iter().map(|column| column.width).sum()
}

/// Their titles.
pub(super) fn head<T>(columns: &[&Column<T>]) -> String {
    columns.iter().map(|column| right(column.title, column.width)).collect()
}

/// Their texts for one row.
pub(super) fn row<T>(columns: &[&Column<T>], of: &T) -> String {
    let text = |column: &&Column<T>| right(&(column.text)(of).unwrap_or_else(|| "–".into()), column.width);
    columns.iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column<u32>; 3] = [
        Column { title: "a", width: 4, rank: 1, text: |n| Some(n.to_string()) },
        Column { title: "b", width: 4, rank: 3, text: |n| (*n > 9).then(|| n.to_string()) },
        Column { title: "c", width: 4, rank: 2, text: |_| None },
    ];

    #[test]
    fn the_most_important_columns_stay_and_silent_ones_go() {
        let titles = |rows: &[&u32], room| head(&fitting(&COLUMNS, rows, room));
        assert_eq!(titles(&[&1, &10], 12), "   a   b");
        assert_eq!(titles(&[&1, &10], 7), "   b");
        assert_eq!(titles(&[&1], 12), "   a");
        assert_eq!(row(&fitting(&COLUMNS, &[&1, &10], 12), &1), "   1   –");
    }
}
