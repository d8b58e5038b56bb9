//! Metadata of all metrics, as one persistent map.

use im::OrdMap;
use im::ordmap::DiffItem;

use crate::sync::Arc;
use crate::types::error::{Error, Result};
use crate::types::metric_metadata::MetricMetadata;

/// Maximum length of the names, units and descriptions of all metrics with metadata, in bytes.
///
/// All of them are in memory and in each rewritten manifest, which a cutoff that moves writes, too. 4 MiB is enough for
/// 40,000 metrics with texts of 100 bytes.
pub(crate) const MAX_METADATA_BYTES: usize = 4 << 20;

/// Replaces the metadata of a metric, or removes it if the new one is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MetadataChange {
    pub(crate) metric: String,
    pub(crate) metadata: MetricMetadata,
}

impl MetadataChange {
    /// Returns the length of all texts, in bytes.
    pub(crate) fn byte_len(&self) -> usize {
        self.metric.len() + self.metadata.byte_len()
    }
}

/// Metadata by metric name. A clone takes O(1) and shares its nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct MetadataMap {
    by_metric: OrdMap<String, Arc<MetricMetadata>>,
    /// Length of all texts, in bytes.
    byte_len: usize,
}

impl MetadataMap {
    pub(crate) fn get(&self, metric: &str) -> Option<&MetricMetadata> {
        self.by_metric.get(metric).map(|metadata| &**metadata)
    }

    /// Returns all metrics with metadata, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &MetricMetadata)> {
        self.by_metric.iter().map(|(metric, metadata)| (metric.as_str(), &**metadata))
    }

    /// Returns `true` if the change changes nothing.
    pub(crate) fn contains(&self, change: &MetadataChange) -> bool {
        self.get(&change.metric).map_or(change.metadata.is_empty(), |metadata| *metadata == change.metadata)
    }

    /// Checks that the metadata of all metrics have at most [`MAX_METADATA_BYTES`] after a change.
    ///
    /// # Errors
    /// `TooLarge` if a change that is not a removal exceeds the limit.
    pub(crate) fn check_room(&self, change: &MetadataChange) -> Result<()> {
        if change.metadata.is_empty() {
            return Ok(());
        }
        let size = self.byte_len - self.byte_len_of(&change.metric) + change.byte_len();
        Error::check_size("the metadata of all metrics, in bytes,", size, MAX_METADATA_BYTES)
    }

    pub(crate) fn apply(&mut self, change: &MetadataChange) {
        self.byte_len -= self.byte_len_of(&change.metric);
        if change.metadata.is_empty() {
            self.by_metric.remove(&change.metric);
        } else {
            self.byte_len += change.byte_len();
            self.by_metric.insert(change.metric.clone(), Arc::new(change.metadata.clone()));
        }
    }

    fn byte_len_of(&self, metric: &str) -> usize {
        self.get(metric).map_or(0, |metadata| metric.len() + metadata.byte_len())
    }

    /// Returns the changes that lead from this map to `next`, sorted by name.
    pub(crate) fn changes_to(&self, next: &Self) -> Vec<MetadataChange> {
        let change = |metric: &String, metadata: &MetricMetadata| MetadataChange {
            metric: metric.clone(),
            metadata: metadata.clone(),
        };
        let differences = self.by_metric.diff(&next.by_metric);
        differences
            .map(|difference| match difference {
                DiffItem::Add(metric, metadata) | DiffItem::Update { new: (metric, metadata), .. } => {
                    change(metric, metadata)
                }
                DiffItem::Remove(metric, _) => change(metric, &MetricMetadata::default()),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::metric_metadata::MetricKind;

    fn change(metric: u8, unit: u8) -> MetadataChange {
        let kind = if unit == 0 { MetricKind::Unknown } else { MetricKind::Gauge };
        let metadata = MetricMetadata::new(kind).with_unit("s".repeat(unit.into()));
        MetadataChange { metric: format!("m{metric}"), metadata }
    }

    #[test]
    fn the_sum_of_all_texts_is_limited_and_a_removal_is_always_allowed() {
        let mut map = MetadataMap::default();
        let long = |metric: usize| MetadataChange {
            metric: format!("{metric:04}"),
            metadata: MetricMetadata::default().with_description("d".repeat(4092)),
        };
        for metric in 0..1024 {
            map.check_room(&long(metric)).unwrap();
            map.apply(&long(metric));
        }
        assert!(matches!(map.check_room(&long(1024)), Err(Error::TooLarge { size: 4_198_400, limit: 4_194_304, .. })));
        assert!(map.check_room(&long(7)).is_ok(), "a replacement of equal length");
        let removal = MetadataChange { metric: "0007".to_owned(), metadata: MetricMetadata::default() };
        assert!(map.check_room(&removal).is_ok() && !map.contains(&removal) && map.contains(&long(7)));
        map.apply(&removal);
        assert!(map.contains(&removal) && map.get("0007").is_none() && map.check_room(&long(1024)).is_ok());
    }

    proptest! {
        #[test]
        fn the_changes_between_two_maps_lead_from_one_to_the_other(
            before in prop::collection::vec((0..90_u8, 0..3_u8), 0..200),
            after in prop::collection::vec((0..90_u8, 0..3_u8), 0..200),
            shared in any::<bool>(),
        ) {
            let mut from = MetadataMap::default();
            for (metric, unit) in &before {
                from.apply(&change(*metric, *unit));
            }
            let mut to = if shared { from.clone() } else { MetadataMap::default() };
            for (metric, unit) in &after {
                to.apply(&change(*metric, *unit));
            }
            let changes = from.changes_to(&to);
            prop_assert!(changes.windows(2).all(|pair| pair[0].metric < pair[1].metric));
            prop_assert!(changes.iter().all(|change| !from.contains(change) && to.contains(change)));
            let mut reached = from.clone();
            for change in &changes {
                reached.apply(change);
            }
            prop_assert_eq!(&reached, &to);
            let bytes: usize = to.iter().map(|(metric, metadata)| metric.len() + metadata.byte_len()).sum();
            prop_assert_eq!(reached.byte_len, bytes);
        }
    }
}
