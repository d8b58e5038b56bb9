//! Functions of PromQL: over windows of samples, and over the values of a step.

pub(crate) mod date;
pub(crate) mod histogram;
pub(crate) mod math;
pub(crate) mod quantile;
pub(crate) mod range;
pub(crate) mod rate;
pub(crate) mod regression;
