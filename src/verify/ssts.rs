//! SSTs: each by itself, and its series against the definitions that were read.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::Verification;
use crate::error::Result;
use crate::series::SeriesDef;
use crate::sst::{self, IoCounters, PageCache, SeriesEntry, SeriesName, SstReader};
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
            let entry = entry?;
            let definition = self.series.get(entry.id);
            // Where some could not be read, damage has been named already.
            if definition.is_none() && !self.series_whole {
                continue;
            }
            if let Some(what) = contradiction(&entry, definition.map(|definition| &**definition)) {
                self.find(&sst::file_name(meta.id), 0, what);
            }
        }
        Ok(())
    }
}

/// What a file says otherwise of a series than its definition.
fn contradiction(SeriesEntry { id, ty, name }: &SeriesEntry, definition: Option<&SeriesDef>) -> Option<String> {
    let Some(definition) = definition else {
        return Some(format!("its series #{id} is defined nowhere"));
    };
    if definition.ty != *ty {
        return Some(format!("its series #{id} holds {ty} values, its definition says {}", definition.ty));
    }
    let (key, duplicates) = (&definition.key, definition.duplicates);
    match name {
        SeriesName::Hash(hash) if sst::key_hash(key) != *hash => {
            Some(format!("its series #{id} has another key than {key}"))
        }
        SeriesName::Key(named, _) if named != key => {
            Some(format!("its series #{id} is {named}, its definition says {key}"))
        }
        SeriesName::Key(_, said) if *said != duplicates => {
            Some(format!("its series #{id} says to {said} at one time, its definition to {duplicates}"))
        }
        SeriesName::Hash(_) | SeriesName::Key(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Duplicates;
    use crate::point::ValueType;
    use crate::series::{SeriesId, SeriesKey};

    #[test]
    fn a_file_that_names_a_series_otherwise_than_its_definition_contradicts_it() {
        let (id, key) = (SeriesId::new(7), SeriesKey::new("temp").tag("station", "JFK"));
        let definition =
            SeriesDef { id, key: key.clone(), ty: ValueType::F64, duplicates: Duplicates::KeepLast, seq: 1 };
        let told = |ty, name| contradiction(&SeriesEntry { id, ty, name }, Some(&definition)).unwrap_or_default();
        let hash = sst::key_hash(&key);
        assert_eq!(told(ValueType::F64, SeriesName::Hash(hash)), "");
        assert_eq!(told(ValueType::F64, SeriesName::Key(key.clone(), Duplicates::KeepLast)), "");
        assert!(told(ValueType::I64, SeriesName::Hash(hash)).contains("holds i64 values"));
        assert!(told(ValueType::F64, SeriesName::Hash(hash + 1)).contains("another key"));
        let other = SeriesName::Key(SeriesKey::new("temp"), Duplicates::KeepLast);
        assert!(told(ValueType::F64, other).contains("#7 is temp, its definition says temp{station=\"JFK\"}"));
        let policy = told(ValueType::F64, SeriesName::Key(key, Duplicates::KeepAll));
        assert!(policy.contains("says to keep all at one time, its definition to keep the last"), "{policy}");
        let nowhere = SeriesEntry { id, ty: ValueType::F64, name: SeriesName::Hash(hash) };
        assert!(contradiction(&nowhere, None).is_some_and(|what| what.contains("defined nowhere")));
    }
}
