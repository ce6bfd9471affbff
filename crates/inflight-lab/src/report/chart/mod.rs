//! Charts as SVG, written by hand: scales, axes, lines with gaps, bands, labels that stand beside what they name. Nothing here
//! knows outcomes: every chart takes plain numbers, and the same numbers give the same bytes. Colours are classes and variables
//! of the page's style sheet, so one chart serves the light and the dark page.

mod curves;
mod forest;
mod heat;
mod labels;
mod panel;
mod scale;
mod svg;

pub(super) use curves::{Curve, Curves, Reference};
pub(super) use forest::{Forest, Limits};
pub(super) use heat::Heat;
pub(super) use panel::{Panel, Span, Stroke, Trace, time_axis};
pub(super) use scale::{Scale, Unit};
pub(super) use svg::escape;
