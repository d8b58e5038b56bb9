//! What goes wrong, and when: planted at a call, at a kind of call or at one sync, or drawn at a rate.

use std::io;

use super::super::SyncStep;
use super::bytes::Chance;

/// A kind of call that may fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Opening a file that must be there.
    Open,
    /// Opening a file that must not be there.
    Create,
    /// Reading bytes.
    Read,
    /// Writing bytes.
    Write,
    /// Setting a length.
    SetLen,
    /// Asking for a length.
    Len,
    /// Syncing a file.
    Sync,
    /// Syncing a directory.
    SyncDir,
    /// Giving a file another name.
    Rename,
    /// Removing a name.
    Remove,
    /// Listing a directory.
    List,
    /// Making a directory.
    CreateDir,
    /// Taking a lock.
    Lock,
    /// Giving a file a second name.
    HardLink,
}

impl Kind {
    /// How many kinds there are.
    pub(super) const COUNT: usize = 14;

    pub(super) fn index(self) -> usize {
        match self {
            Self::Open => 0,
            Self::Create => 1,
            Self::Read => 2,
            Self::Write => 3,
            Self::SetLen => 4,
            Self::Len => 5,
            Self::Sync => 6,
            Self::SyncDir => 7,
            Self::Rename => 8,
            Self::Remove => 9,
            Self::List => 10,
            Self::CreateDir => 11,
            Self::Lock => 12,
            Self::HardLink => 13,
        }
    }

    fn takes_descriptor(self) -> bool {
        matches!(self, Self::Open | Self::Create | Self::List | Self::SyncDir | Self::Lock)
    }

    fn takes_room(self) -> bool {
        matches!(self, Self::Create | Self::Write | Self::SetLen | Self::Rename | Self::CreateDir | Self::HardLink)
    }
}

/// The calls that go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "a variant's line tells what its fields are")]
pub enum FaultAt {
    /// The call that so many others of any kind come before, counted from now.
    Call(u64),
    /// Of the calls of this kind from now on, `times` after `skip`.
    Kind { kind: Kind, skip: u64, times: u64 },
    /// Of the syncs of this step from now on, be it of a file or of a directory, `times` after `skip`.
    Sync { step: SyncStep, skip: u64, times: u64 },
}

/// How a call goes wrong. A sync that fails, however it does, leaves its pages clean and unwritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens, and an error says so.
    Error(io::ErrorKind),
    /// No room: of a write some prefix is there, nothing happens otherwise.
    Full,
    /// No room after so many bytes of a write; nothing happens otherwise.
    Short(usize),
    /// It happens, and an error claims that it did not.
    HappensAndFails,
    /// No descriptor is left, so nothing happens. Calls that need none succeed.
    TooManyFiles,
}

impl Fault {
    pub(super) fn error(self) -> io::Error {
        match self {
            Self::Error(kind) => kind.into(),
            Self::Full | Self::Short(_) => io::ErrorKind::StorageFull.into(),
            Self::HappensAndFails => io::Error::other("it happened all the same"),
            // EMFILE.
            Self::TooManyFiles => io::Error::from_raw_os_error(24),
        }
    }
}

/// How often calls go wrong by themselves, in a million, by kind. Which fault it is, the disk draws.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rates([u32; Kind::COUNT]);

impl Rates {
    /// The same for every kind of call.
    #[must_use]
    pub fn everywhere(in_a_million: u32) -> Self {
        Self([in_a_million; Kind::COUNT])
    }

    /// Another rate for one kind.
    #[must_use]
    pub fn with(mut self, kind: Kind, in_a_million: u32) -> Self {
        self.0[kind.index()] = in_a_million;
        self
    }
}

#[derive(Debug)]
pub(super) struct Faults {
    planted: Vec<(FaultAt, Fault)>,
    pub(super) rates: Option<Rates>,
    chance: Chance,
    /// How many struck.
    pub(super) struck: u64,
}

impl Faults {
    pub(super) fn new(seed: u64) -> Self {
        Self { planted: Vec::new(), rates: None, chance: Chance::new(seed), struck: 0 }
    }

    pub(super) fn plant(&mut self, at: FaultAt, fault: Fault) {
        self.planted.push((at, fault));
    }

    pub(super) fn mend(&mut self) {
        self.planted.clear();
        self.rates = None;
    }

    /// What happens to the next call.
    pub(super) fn next(&mut self, kind: Kind, step: Option<SyncStep>) -> Option<Fault> {
        let mut fault = None;
        self.planted.retain_mut(|(at, planted)| {
            let (skip, times) = match at {
                FaultAt::Call(skip) => (skip, None),
                FaultAt::Kind { kind: of, skip, times } if *of == kind => (skip, Some(times)),
                FaultAt::Sync { step: of, skip, times } if Some(*of) == step => (skip, Some(times)),
                FaultAt::Kind { .. } | FaultAt::Sync { .. } => return true,
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
        let fault = fault.or_else(|| self.drawn(kind));
        let fault = fault.filter(|fault| *fault != Fault::TooManyFiles || kind.takes_descriptor());
        self.struck += u64::from(fault.is_some());
        fault
    }

    fn drawn(&mut self, kind: Kind) -> Option<Fault> {
        let rate = self.rates?.0[kind.index()];
        // Drawn even for a rate of zero: a rate that is changed for one kind moves no other kind's faults.
        if self.chance.below(1_000_000) >= u64::from(rate) {
            return None;
        }
        Some(match self.chance.below(4) {
            0 if kind.takes_room() => Fault::Full,
            1 if kind.takes_descriptor() => Fault::TooManyFiles,
            2 if kind != Kind::Read && kind != Kind::Len && kind != Kind::List => Fault::HappensAndFails,
            _ => Fault::Error(io::ErrorKind::Other),
        })
    }

    /// How much of a write is there when the disk is full.
    pub(super) fn prefix(&mut self, len: usize) -> usize {
        self.chance.up_to(len)
    }
}
