//! Verification of SSTs: each file, and its series against the definitions.

use uuid::Uuid;

use super::DatabaseVerifier;
use crate::engine::store::is_own_sst;
use crate::format::sst::{self, DictionaryEntry, DictionaryKey, IoCounters, PageCache, SstReader};
use crate::state::version::{DurableState, SstMeta};
use crate::sync::Arc;
use crate::types::error::Result;
use crate::types::series::SeriesInfo;

impl DatabaseVerifier<'_> {
    /// Verifies the SSTs that the manifest names, and adds a note for each other SST.
    pub(super) fn verify_ssts(&mut self, uuid: Uuid, durable: &DurableState) -> Result<()> {
        let named = &durable.ssts;
        for meta in named.iter() {
            let name = sst::sst_file_name(meta.id);
            if !self.listed.ssts.contains_key(&meta.id) {
                self.add_missing_file(&name);
                continue;
            }
            self.count_file(&name);
            self.report.points += meta.points;
            let findings = sst::verify_sst(self.dir, uuid, meta)?;
            let sound = findings.is_empty();
            self.report.findings.extend(findings);
            if sound {
                self.check_sst_series(uuid, meta)?;
            }
        }
        let listed = self.listed;
        for id in listed.ssts.keys().filter(|id| !named.contains(**id)) {
            let name = sst::sst_file_name(*id);
            let own = is_own_sst(self.dir, uuid, &durable.origins, *id);
            if let Some(own) = self.accept(own)? {
                let fate =
                    if own { "the next opening removes it" } else { "it has no valid SST header, so it is kept" };
                self.add_note(format!("{name}: no edit of the manifest names it; {fate}"));
            }
        }
        Ok(())
    }

    /// Compares the dictionary of a valid SST with the series definitions.
    fn check_sst_series(&mut self, uuid: Uuid, meta: &SstMeta) -> Result<()> {
        // No cache: everything is read once.
        let cache = Arc::new(PageCache::new(0, Arc::new(IoCounters::default())));
        let reader = SstReader::open(self.dir, uuid, meta, cache)?;
        for entry in reader.series() {
            let entry = entry?;
            let definition = self.series.get(entry.id);
            // If definitions could not be read, that damage is reported already.
            if definition.is_none() && !self.series_complete {
                continue;
            }
            if let Some(what) = definition_mismatch(&entry, definition.map(|definition| &**definition)) {
                self.add_finding(&sst::sst_file_name(meta.id), 0, what);
            }
        }
        Ok(())
    }
}

/// Returns a description of how a dictionary entry differs from its series; `None` if it does not.
fn definition_mismatch(
    DictionaryEntry { id, ty, key: name }: &DictionaryEntry,
    definition: Option<&SeriesInfo>,
) -> Option<String> {
    let Some(definition) = definition else {
        return Some(format!("its series #{id} is defined nowhere"));
    };
    if definition.value_type != *ty {
        return Some(format!("its series #{id} holds {ty} values, its definition says {}", definition.value_type));
    }
    let (key, duplicates) = (&definition.key, definition.duplicates);
    match name {
        DictionaryKey::Hash(hash) if sst::key_hash(key) != *hash => {
            Some(format!("its series #{id} has another key than {key}"))
        }
        DictionaryKey::Key(named, _) if named != key => {
            Some(format!("its series #{id} is {named}, its definition says {key}"))
        }
        DictionaryKey::Key(_, said) if *said != duplicates => {
            Some(format!("its series #{id} says to {said} at one time, its definition to {duplicates}"))
        }
        DictionaryKey::Hash(_) | DictionaryKey::Key(..) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::duplicate_policy::DuplicatePolicy;
    use crate::types::point::ValueType;
    use crate::types::series::{SeriesId, SeriesKey};

    #[test]
    fn a_file_that_names_a_series_otherwise_than_its_definition_contradicts_it() {
        let (id, key) = (SeriesId::new(7), SeriesKey::new("temp").tag("station", "JFK"));
        let definition = SeriesInfo {
            id,
            key: key.clone(),
            value_type: ValueType::F64,
            duplicates: DuplicatePolicy::KeepLast,
            seq: 1,
        };
        let told = |ty, name| {
            definition_mismatch(&DictionaryEntry { id, ty, key: name }, Some(&definition)).unwrap_or_default()
        };
        let hash = sst::key_hash(&key);
        assert_eq!(told(ValueType::F64, DictionaryKey::Hash(hash)), "");
        assert_eq!(told(ValueType::F64, DictionaryKey::Key(key.clone(), DuplicatePolicy::KeepLast)), "");
        assert!(told(ValueType::I64, DictionaryKey::Hash(hash)).contains("holds i64 values"));
        assert!(told(ValueType::F64, DictionaryKey::Hash(hash + 1)).contains("another key"));
        let other = DictionaryKey::Key(SeriesKey::new("temp"), DuplicatePolicy::KeepLast);
        assert!(told(ValueType::F64, other).contains("#7 is temp, its definition says temp{station=\"JFK\"}"));
        let policy = told(ValueType::F64, DictionaryKey::Key(key, DuplicatePolicy::KeepAll));
        assert!(policy.contains("says to keep all at one time, its definition to keep the last"), "{policy}");
        let nowhere = DictionaryEntry { id, ty: ValueType::F64, key: DictionaryKey::Hash(hash) };
        assert!(definition_mismatch(&nowhere, None).is_some_and(|what| what.contains("defined nowhere")));
    }
}
