//! Counts, durations and access log of requests.

mod histogram;
mod observe;
mod route_counters;
mod unavailable_writes;

pub(crate) use histogram::BOUNDS;
pub(crate) use observe::{Peer, TokenName, observe};
pub(crate) use route_counters::RequestCounters;
pub(crate) use unavailable_writes::{UnavailableWrites, log_unavailable_writes};
