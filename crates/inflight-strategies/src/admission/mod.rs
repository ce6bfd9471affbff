//! Admission control: calls are refused before they begin, by what became of the ones before.
//!
//! One file per strategy: [`throttle`] by the share of calls that were answered (Google SRE, Envoy), [`rate`] by calls per
//! second, [`dagor`] by importance, [`breakwater`] by credits.

pub mod breakwater;
pub mod dagor;
pub mod rate;
pub mod throttle;
