//! Fault injection: at one call, at a kind of call, at one sync step, or at random with a rate.

use std::io;

use super::file_bytes::SeededRng;
use crate::platform::env::SyncStep;

/// A kind of call that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallKind {
    /// Opening a file that must exist.
    Open,
    /// Creating a file, which must not exist.
    Create,
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Setting a length.
    SetLen,
    /// Reading a length.
    Len,
    /// Syncing a file.
    Sync,
    /// Syncing a directory.
    SyncDir,
    /// Renaming a file.
    Rename,
    /// Removing a name.
    Remove,
    /// Listing a directory.
    List,
    /// Creating a directory.
    CreateDir,
    /// Acquiring a lock.
    Lock,
    /// Creating a hard link.
    HardLink,
    /// Checking that a directory is still at its path. If it fails, the directory was moved.
    ///
    /// It fails only at a trigger, never at random: each failure ends the writes of an opening.
    CheckPlace,
}

impl CallKind {
    /// Number of kinds.
    pub(super) const COUNT: usize = Self::CheckPlace as usize + 1;

    pub(super) fn index(self) -> usize {
        self as usize
    }

    fn takes_descriptor(self) -> bool {
        matches!(self, Self::Open | Self::Create | Self::List | Self::Lock)
    }

    fn takes_room(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::SetLen | Self::Rename | Self::CreateDir | Self::HardLink)
    }
}

/// Selects the calls that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line tells what its fields are")]
pub enum FaultTrigger {
    /// The call after this number of other calls of any kind, counted from now.
    Call(u64),
    /// Calls of this kind, counted from now: `skip` calls succeed, then `times` calls fail.
    Kind { kind: CallKind, skip: u64, times: u64 },
    /// Syncs of this step, counted from now: `skip` syncs succeed, then `times` syncs fail.
    ///
    /// The syncs may be of a file or of a directory.
    Sync { step: SyncStep, skip: u64, times: u64 },
}

/// Effect of a fault on a call. Every failed sync leaves its pages clean and unwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call has no effect and returns an error.
    Error(io::ErrorKind),
    /// The disk is full: a write applies a prefix, other calls have no effect.
    DiskFull,
    /// The disk is full after this number of bytes of a write; other calls have no effect.
    ShortWrite(usize),
    /// The call takes effect but returns an error.
    AppliedButFailed,
    /// No file descriptor is left: calls that need a descriptor have no effect, other calls succeed.
    TooManyFiles,
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Error(kind) => kind.into(),
            Self::DiskFull | Self::ShortWrite(_) => io::ErrorKind::StorageFull.into(),
            Self::AppliedButFailed => io::Error::other("it happened all the same"),
            // EMFILE.
            Self::TooManyFiles => io::Error::from_raw_os_error(24),
        }
    }
}

/// Rate of random faults per kind of call, in a million. The disk chooses the fault at random.
#[derive(Debug, Clone, Copy, Default)]
pub struct FaultRates([u32; CallKind::COUNT]);

impl FaultRates {
    /// Sets the same rate for every kind of call.
    #[must_use]
    pub fn everywhere(in_a_million: u32) -> Self {
        Self([in_a_million; CallKind::COUNT])
    }

    /// Sets the rate of one kind of call.
    #[must_use]
    pub fn with(mut self, kind: CallKind, in_a_million: u32) -> Self {
        self.0[kind.index()] = in_a_million;
        self
    }
}

#[derive(Debug)]
pub(super) struct FaultInjector {
    planted: Vec<(FaultTrigger, Fault)>,
    pub(super) rates: Option<FaultRates>,
    rng: SeededRng,
    /// Number of faults that occurred.
    pub(super) struck: u64,
}

impl FaultInjector {
    pub(super) fn new(seed: u64) -> Self {
        Self { planted: Vec::new(), rates: None, rng: SeededRng::new(seed), struck: 0 }
    }

    pub(super) fn inject_at(&mut self, at: FaultTrigger, fault: Fault) {
        self.planted.push((at, fault));
    }

    pub(super) fn clear_faults(&mut self) {
        self.planted.clear();
        self.rates = None;
    }

    /// Returns the fault of the next call, or `None` if the call succeeds.
    pub(super) fn next(&mut self, kind: CallKind, step: Option<SyncStep>) -> Option<Fault> {
        let mut fault = None;
        self.planted.retain_mut(|(at, planted)| {
            let (skip, times) = match at {
                FaultTrigger::Call(skip) => (skip, None),
                FaultTrigger::Kind { kind: of, skip, times } if *of == kind => (skip, Some(times)),
                FaultTrigger::Sync { step: of, skip, times } if Some(*of) == step => (skip, Some(times)),
                FaultTrigger::Kind { .. } | FaultTrigger::Sync { .. } => return true,
            };
            if *skip > 0 {
                *skip -= 1;
                return true;
            }
            let strikes = times.as_ref().is_none_or(|times| **times > 0);
            fault = fault.or(strikes.then_some(*planted));
            times.is_some_and(|times| {
                *times = times.saturating_sub(1);
                *times > 0
            })
        });
        let fault = fault.or_else(|| self.random_fault(kind));
        let fault = fault.filter(|fault| *fault != Fault::TooManyFiles || kind.takes_descriptor());
        self.struck += u64::from(fault.is_some());
        fault
    }

    fn random_fault(&mut self, kind: CallKind) -> Option<Fault> {
        let rate = self.rates?.0[kind.index()];
        if kind == CallKind::CheckPlace {
            return None;
        }
        // The number is drawn even at rate zero, so that a changed rate of one kind does not move the faults of other
        // kinds.
        if self.rng.below(1_000_000) >= u64::from(rate) {
            return None;
        }
        Some(match self.rng.below(4) {
            0 if kind.takes_room() => Fault::DiskFull,
            1 if kind.takes_descriptor() => Fault::TooManyFiles,
            2 if kind != CallKind::Read && kind != CallKind::Len && kind != CallKind::List => Fault::AppliedButFailed,
            _ => Fault::Error(io::ErrorKind::Other),
        })
    }

    /// Random length of the prefix that a write on a full disk applies.
    pub(super) fn random_prefix(&mut self, len: usize) -> usize {
        self.rng.up_to(len)
    }
}
