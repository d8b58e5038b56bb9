//! Chooses the format of an input and plans how its rows are read.

use std::time::Duration;

use timestrata_ingest::{Decoder, IngestOptions, PlannerState, Registry, planner_of_text};

use super::input::{IngestInput, ReadBytes};
use super::options::not_understood;
use super::unused_options;
use crate::args::IngestArgs;
use crate::failure::Result;

/// Bytes by which a format is chosen.
const HEAD_BYTES: usize = 1 << 16;
/// Bytes of a pipe by which the plan is made, at most: they are kept until they are decoded.
const PIPE_BYTES: usize = 1 << 20;
/// Time after which a pipe is planned by the rows that have come.
const PATIENCE: Duration = Duration::from_millis(500);

/// A decoder, and the bytes that were read before it existed and must be decoded first.
pub(crate) struct PlannedInput {
    pub(crate) decoder: Box<dyn Decoder>,
    pub(crate) head: Vec<u8>,
    /// `true` if the input has no bytes after `head`.
    pub(crate) is_ended: bool,
}

/// Plans an input. A file is then read again from its start.
pub(crate) fn plan(input: &mut IngestInput, options: &IngestOptions, args: &IngestArgs) -> Result<PlannedInput> {
    let mut head = Vec::new();
    let mut is_ended = fill(input, &mut head, HEAD_BYTES)?;
    let failed = |error| not_understood(&options.name, &error);
    let registry = Registry::with_defaults();
    let format = if let Some(name) = &args.format {
        registry.by_name(name)
    } else {
        let name = options.name.to_ascii_lowercase();
        let name = [".gz", ".zst"].iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
        registry.choose(name, &head[..head.len().min(HEAD_BYTES)])
    };
    let format = format.map_err(failed)?;
    unused_options::refuse(args, &options.name, format.name())?;
    let mut planner = planner_of_text(format.as_ref(), options, &head).map_err(failed)?;
    let mut state = planner.push(&head);
    if input.is_repeatable() {
        let mut bytes = Vec::new();
        while state == PlannerState::Undecided && !is_ended {
            bytes.clear();
            is_ended = fill(input, &mut bytes, 1)?;
            state = planner.push(&bytes);
        }
        let decoder = planner.finish(is_ended).map_err(failed)?;
        input.reopen()?;
        return Ok(PlannedInput { decoder, head: Vec::new(), is_ended: false });
    }
    while state == PlannerState::Undecided && !is_ended && head.len() < PIPE_BYTES {
        let before = head.len();
        match input.bytes.read(&mut head, PATIENCE).map_err(|error| input.unreadable(&error))? {
            ReadBytes::Some => state = planner.push(&head[before..]),
            ReadBytes::End => is_ended = true,
            ReadBytes::Late => {
                // The rows that have come may be enough; else the plan waits for more.
                let mut early = planner_of_text(format.as_ref(), options, &head).map_err(failed)?;
                early.push(&head);
                if let Ok(decoder) = early.finish(false) {
                    return Ok(PlannedInput { decoder, head, is_ended });
                }
            }
        }
    }
    let decoder = planner.finish(is_ended).map_err(failed)?;
    Ok(PlannedInput { decoder, head, is_ended })
}

/// Reads until at least `bytes` are there, the input ends, or a pipe has no more for now. Returns `true` at the end.
fn fill(input: &mut IngestInput, buffer: &mut Vec<u8>, bytes: usize) -> Result<bool> {
    while buffer.len() < bytes {
        match input.bytes.read(buffer, PATIENCE).map_err(|error| input.unreadable(&error))? {
            ReadBytes::Some => {}
            ReadBytes::End => return Ok(true),
            ReadBytes::Late if buffer.is_empty() => {}
            ReadBytes::Late => return Ok(false),
        }
    }
    Ok(false)
}
