//! Charts as SVG, written by hand: scales, axes, lines with gaps, bands, labels that stand beside what they name. Nothing here
//! knows outcomes: every chart takes plain numbers, and the same numbers give the same bytes. Colours are classes and variables
//! of the page's style sheet, so one chart serves the light and the dark page.

mod curves;
mod dots;
mod forest;
mod heat;
mod labels;
mod panel;
mod scale;
mod svg;

pub(super) use curves::{Curve, Curves, Reference};
pub(super) use dots::{Dots, Opinion, Row};
pub(super) use forest::Forest;
pub(super) use heat::Heat;
pub(super) use panel::{Panel, Span, Stroke, Trace};
pub(super) use scale::{Scale, Unit};
pub(super) use svg::escape;
