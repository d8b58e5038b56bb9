//! Queue of the writer's commands, in order of arrival. The permits of the commands bound it.

use std::collections::{HashSet, VecDeque};

use super::messages::{QueuedCommand, WriterCommand};
use crate::sync::bounds::{MAX_GROUP_BYTES, MAX_GROUP_REQUESTS};

/// Queued commands, oldest first.
#[derive(Debug)]
pub(super) struct CommandQueue(VecDeque<QueuedCommand>);

impl CommandQueue {
    pub(super) fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(super) fn push(&mut self, command: QueuedCommand) {
        self.0.push_back(command);
    }

    pub(super) fn front(&self) -> Option<&WriterCommand> {
        self.0.front().map(|queued| &queued.command)
    }

    pub(super) fn pop(&mut self) -> Option<QueuedCommand> {
        self.0.pop_front()
    }

    /// Takes the commands of the next commit group.
    ///
    /// They are the groupable commands at the head of the queue, within the bounds of a group.
    pub(super) fn take_group(&mut self) -> Vec<QueuedCommand> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < MAX_GROUP_REQUESTS && bytes < MAX_GROUP_BYTES {
            let Some(next) = self.0.pop_front_if(|queued| queued.command.is_groupable()) else { break };
            bytes += next.command.byte_len();
            group.push(next);
        }
        group
    }

    /// Takes the deletes that pass the other commands, in order, within the bounds of a group.
    ///
    /// A delete passes the commands of other callers, and those of its own caller that are taken with it. So each caller's
    /// commands are executed in the order in which it sent them. A delete of the engine passes all.
    pub(super) fn take_passing_deletes(&mut self) -> Vec<QueuedCommand> {
        let mut passing = Vec::new();
        if !self.0.iter().any(|queued| queued.command.is_delete()) {
            return passing;
        }
        let (mut bytes, mut waiting_callers) = (0, HashSet::new());
        for queued in std::mem::take(&mut self.0) {
            let has_room = passing.len() < MAX_GROUP_REQUESTS && bytes < MAX_GROUP_BYTES;
            let follows_own = queued.caller.is_some_and(|caller| waiting_callers.contains(&caller));
            if queued.command.is_delete() && has_room && !follows_own {
                bytes += queued.command.byte_len();
                passing.push(queued);
            } else {
                waiting_callers.extend(queued.caller);
                self.0.push_back(queued);
            }
        }
        passing
    }

    /// Takes the commands that match, wherever they are in the queue, in order.
    pub(super) fn drain_matching(&mut self, matches: impl Fn(&WriterCommand) -> bool) -> VecDeque<QueuedCommand> {
        let (taken, left) = self.0.drain(..).partition(|queued| matches(&queued.command));
        self.0 = left;
        taken
    }
}
