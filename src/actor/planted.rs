//! The planted bugs of the writer; see `crate::planted`. Numbers are those of the list they come from.

use super::commit::Prepared;
use super::storage::{Storage, Timers};
use super::writer::{Flushing, Writer};
use crate::error::Error;
use crate::planted::is;
use crate::version::Version;

impl<S: Storage, T: Timers> Writer<S, T> {
    /// 1: a flush claims the period that is still open.
    pub(super) fn claimed(&self, next: Version) -> Version {
        if is("flush_claims_the_open_period") { Version { flushed_seq: self.version.seq, ..next } } else { next }
    }

    /// 2: a failed flush is not tried again, and the next one is of the newest memtable.
    pub(super) fn skips_failed(&self) -> bool {
        is("failed_flush_is_forgotten") && self.flush_error.is_some() && self.flushing != Flushing::Running
    }

    /// 2: and the next success drops its points.
    pub(super) fn forget_older(&mut self, generation: u64) {
        if is("failed_flush_is_forgotten") {
            let newer = self.version.frozen.iter().filter(|frozen| frozen.generation >= generation);
            self.version = Version { frozen: newer.cloned().collect(), ..(*self.version).clone() }.into();
        }
    }

    /// 17: of a group that failed, the first hears so, and all others that it went well.
    pub(super) fn acknowledges_failed(&self, group: &mut Vec<Prepared>, error: &Error) {
        if is("failed_group_is_acknowledged") && group.len() > 1 {
            let newest = self.version.seq;
            group.drain(1..).for_each(|prepared| prepared.acknowledge(newest, true));
            tracing::warn!(%error, "planted");
        }
    }
}
