//! Trees as text: on one line, and over several lines as Prometheus formats queries.

mod duration;
mod one_line;
mod pretty;

pub(crate) use duration::DurationText;

#[cfg(test)]
mod tests;
