//! Makes SSTs of frozen memtables: the flusher's half of the storage.

use std::sync::Arc;

use uuid::Uuid;

use crate::actor::{FlushJob, Made, Tables};
use crate::env::Dir;
use crate::error::{Error, Result};
use crate::sst::{SstWriter, key_hash};
use crate::version::FileIds;

/// Where SSTs are made.
#[derive(Debug)]
pub(crate) struct SstTables {
    pub(super) dir: Dir,
    pub(super) uuid: Uuid,
    pub(super) ids: Arc<FileIds>,
}

impl Tables for SstTables {
    fn write(&mut self, job: &FlushJob) -> Result<Made> {
        let frozen = &job.frozen;
        if frozen.view.points() == 0 {
            return Ok(Made::default());
        }
        let mut writer = SstWriter::create(&self.dir, self.uuid, self.ids.take(), 0)?;
        let (mut cells, mut timestamps, mut bits) = (Vec::new(), Vec::new(), Vec::new());
        for id in frozen.view.series() {
            // Points are inserted only after their series was found in the index.
            let def = frozen.series.get(id).ok_or(Error::UnknownSeries { id: id.get() })?;
            cells.clear();
            frozen.view.read(id, &(i64::MIN..=i64::MAX), &mut cells);
            timestamps.clear();
            timestamps.extend(cells.iter().map(|cell| cell.timestamp));
            bits.clear();
            bits.extend(cells.iter().map(|cell| cell.bits));
            writer.add_series(id, key_hash(&def.key), def.ty, &timestamps, &bits)?;
        }
        let ssts = vec![writer.finish(frozen.min_seq..=frozen.max_seq, frozen.generation)?];
        Ok(Made { ssts, ..Made::default() })
    }
}
