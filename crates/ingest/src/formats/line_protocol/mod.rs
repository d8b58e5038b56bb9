//! InfluxDB line protocol: `measurement,tag=value field=1.5,other=3i 1704067200000000000`.
//!
//! The reading follows InfluxDB 1.x where versions differ: a backslash escapes a comma, a space or an equals sign in
//! names and tags, and is a character of its own before all others; `\"` and `\\` are escapes in strings.
//!
//! | input | point |
//! |---|---|
//! | measurement | metric |
//! | tags | tags; an empty tag or the same tag twice refuses the row |
//! | field `value` | series of the metric and the tags |
//! | other field `f` | the same with the tag `_field="f"` |
//! | `1.5`, `1e3`, `1` | `f64`; NaN and infinities refuse the row |
//! | `3i`, `3u` | `i64`, `u64` |
//! | `t`, `T`, `true`, `True`, `TRUE`, likewise false | `bool` |
//! | `"text"` | refuses the row, or is left out and counted |

mod decoder;
mod key;
mod row_end;
mod spelling_table;

use decoder::LineProtocolDecoder;

use super::line_decoder::{ReadyPlanner, TrialRun, trial_options, trial_run};
use crate::{Format, IngestError, IngestOptions, Planner, Sniff};

/// InfluxDB line protocol.
#[derive(Debug, Clone, Copy, Default)]
pub struct LineProtocol;

impl Format for LineProtocol {
    fn name(&self) -> &'static str {
        "line-protocol"
    }

    fn media_types(&self) -> &[&str] {
        &["application/x-influxdb-line-protocol"]
    }

    fn file_endings(&self) -> &[&str] {
        &["lp", "line", "influx"]
    }

    fn sniff(&self, head: &[u8]) -> Sniff {
        match trial_run(LineProtocolDecoder::new(&trial_options()), head) {
            run if run.is_clean() => Sniff::Certain,
            TrialRun { rows: 1.., refused, .. } if refused < 4 => Sniff::Possible,
            _ => Sniff::No,
        }
    }

    fn planner(&self, options: &IngestOptions) -> Result<Box<dyn Planner>, IngestError> {
        Ok(ReadyPlanner::boxed(LineProtocolDecoder::new(options)))
    }
}

#[cfg(test)]
mod tests;
