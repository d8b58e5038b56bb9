//! SSTs: each by itself, and its series against the definitions that were read.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Verification;
use crate::error::Result;
use crate::sst::{self, IoCounters, PageCache, SeriesEntry, SstReader};
use crate::store::is_own_sst;
use crate::sync::Arc;
use crate::version::{Durable, FileId, SstMeta};

impl Verification<'_> {
    /// The files that the manifest names; what else is there is named as what it is.
    pub(super) fn named_ssts(&mut self, uuid: Uuid, durable: &Durable) -> Result<()> {
        let named = &durable.ssts;
        for meta in named {
            let name = sst::file_name(meta.id);
            if !self.listed.ssts.contains_key(&meta.id) {
                self.missing(&name);
                continue;
            }
            self.count_file(&name);
            self.report.points += meta.points;
            let findings = sst::verify(self.dir, uuid, meta)?;
            let sound = findings.is_empty();
            self.report.findings.extend(findings);
            if sound {
                self.sst_series(uuid, meta)?;
            }
        }
        let listed = self.listed;
        let named: BTreeSet<FileId> = named.iter().map(|meta| meta.id).collect();
        for id in listed.ssts.keys().filter(|id| !named.contains(id)) {
            let name = sst::file_name(*id);
            let own = is_own_sst(self.dir, uuid, &durable.origins, *id);
            if let Some(own) = self.accept(own)? {
                let fate = if own { "the next opening removes it" } else { "it is no SST, and left alone" };
                self.note(format!("{name}: no edit of the manifest names it; {fate}"));
            }
        }
        Ok(())
    }

    /// Holds the dictionary of a sound file against the definitions.
    fn sst_series(&mut self, uuid: Uuid, meta: &SstMeta) -> Result<()> {
        // A walk over everything goes past the cache.
        let cache = Arc::new(PageCache::new(0, Arc::new(IoCounters::default())));
        let reader = SstReader::open(self.dir, uuid, meta, cache)?;
        for entry in reader.series() {
            if let Some(what) = self.contradiction(&entry?) {
                self.find(&sst::file_name(meta.id), 0, what);
            }
        }
        Ok(())
    }

    fn contradiction(&self, entry: &SeriesEntry) -> Option<String> {
        let SeriesEntry { id, key_hash, ty } = *entry;
        match self.series.get(id) {
            None => self.series_whole.then(|| format!("its series #{id} is defined nowhere")),
            Some(definition) if definition.ty != ty => {
                Some(format!("its series #{id} holds {ty} values, its definition says {}", definition.ty))
            }
            Some(definition) if sst::key_hash(&definition.key) != key_hash => {
                Some(format!("its series #{id} has another key than {}", definition.key))
            }
            Some(_) => None,
        }
    }
}
