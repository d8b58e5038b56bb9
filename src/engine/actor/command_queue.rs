//! Queue of the writer's commands, in order of arrival. The permits of the commands bound it.

use std::collections::VecDeque;

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
        self.take_group_of(WriterCommand::is_groupable)
    }

    /// Takes the commands at the head of the queue that match, within the bounds of a group.
    pub(super) fn take_group_of(&mut self, matches: impl Fn(&WriterCommand) -> bool) -> Vec<QueuedCommand> {
        let mut group = Vec::new();
        let mut bytes = 0;
        while group.len() < MAX_GROUP_REQUESTS && bytes < MAX_GROUP_BYTES {
            let Some(next) = self.0.pop_front_if(|queued| matches(&queued.command)) else { break };
            bytes += next.command.byte_len();
            group.push(next);
        }
        group
    }

    /// Takes the commands that match, wherever they are in the queue, in order.
    pub(super) fn drain_matching(&mut self, matches: impl Fn(&WriterCommand) -> bool) -> VecDeque<QueuedCommand> {
        let (taken, left) = self.0.drain(..).partition(|queued| matches(&queued.command));
        self.0 = left;
        taken
    }
}
