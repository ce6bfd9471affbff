//! Formulas as text for a terminal.

use super::Formula;
use crate::columns::{INDENT, labelled};
use std::fmt::Write as _;

/// One formula in `width` columns: what it gives, how, where it holds, who found it, and a computed example.
pub fn explain(formula: &Formula, width: usize) -> String {
    let mut out = format!("{}\n", formula.name);
    let parts = [
        ("gives", formula.gives),
        ("formula", formula.formula),
        ("domain", formula.domain),
        ("source", formula.source),
        ("example", formula.given),
    ];
    for (label, text) in parts {
        labelled(&mut out, label, text, width);
    }
    match (formula.example)() {
        Err(because) => {
            let _ = writeln!(out, "{:INDENT$}not applicable, because {because}", "");
        }
        Ok(figures) => {
            let widest = figures.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
            for (name, value) in figures {
                let _ = writeln!(out, "{:INDENT$}{name:widest$}  {value}", "");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{ERLANG_B, FORMULAS};
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_formula_is_explained_with_figures_that_were_computed() {
        expect![[r#"
            erlang-b
              gives    the share of requests that is rejected when nobody may wait
              formula  B(0) = 1;
                       B(n) = a*B(n-1) / (n + a*B(n-1)) up to n = c;
                       a = rate * mean service time
              domain   Poisson arrivals; any service time; c permits, no queue; any load
              source   Erlang 1917
              example  20 permits, no queue, 180/s, mean service time 100 ms
                       rejected  10.921%
        "#]]
        .assert_eq(&explain(&ERLANG_B, 80));
    }

    #[test]
    fn nothing_is_wider_than_the_terminal() {
        for formula in FORMULAS {
            let text = explain(formula, 80);
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(!text.contains("not applicable"), "{text}");
        }
    }
}
