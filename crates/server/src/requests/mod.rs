//! Counts, durations and access log of requests.

mod histogram;
mod observe;
mod route_counters;

pub(crate) use histogram::BOUNDS;
pub(crate) use observe::{Peer, TokenName, observe};
pub(crate) use route_counters::RequestCounters;
