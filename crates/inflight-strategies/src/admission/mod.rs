//! Admission control: calls are refused before they begin, by what became of the ones before.
//!
//! One file per strategy: [`throttle`] by the share of calls that were answered (Google SRE, Envoy), [`rate`] by calls per
//! second, [`dagor`] by importance, [`breakwater`] by credits. They share one layer, and so do the [breaker](crate::breaker) and
//! [tied requests](crate::hedge::tied): an [`Admission`] decides, the [`AdmissionLayer`] waits and tells.

mod layer;

pub use layer::{Admission, AdmissionLayer, Admitted, Pass, Refusal};

pub mod breakwater;
pub mod dagor;
pub mod rate;
pub mod throttle;
