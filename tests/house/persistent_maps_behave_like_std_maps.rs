//! Compares the persistent collections of the engine with those of std: each operation that the engine uses, over
//! random histories, with older versions that are held and compared again. (`im` itself, the archived crate, fails in
//! reverse ranges.)

use std::collections::BTreeMap;

use im::ordmap::DiffItem;
use im::{HashMap, OrdMap, Vector};
use proptest::prelude::*;

proptest! {
    #[test]
    fn an_ordered_map_keeps_every_version(keys in prop::collection::vec(0..3_000_u32, 1..1_500)) {
        let (mut map, mut model) = (OrdMap::new(), BTreeMap::new());
        let mut versions = Vec::new();
        for (n, key) in keys.into_iter().enumerate() {
            map.insert(key, n);
            model.insert(key, n);
            prop_assert_eq!(map.get(&key), Some(&n));
            if n.is_multiple_of(100) {
                versions.push((map.clone(), model.clone()));
            }
        }
        versions.push((map, model));
        for pair in versions.windows(2) {
            let [(before, old), (after, new)] = pair else { continue };
            let differences: Vec<u32> = before
                .diff(after)
                .map(|difference| match difference {
                    DiffItem::Add(key, _) | DiffItem::Update { new: (key, _), .. } | DiffItem::Remove(key, _) => *key,
                })
                .collect();
            let expected = new.iter().filter(|(key, value)| old.get(key) != Some(value)).map(|(key, _)| *key);
            prop_assert!(differences.into_iter().eq(expected));
        }
        for (map, model) in versions {
            prop_assert_eq!(map.len(), model.len());
            prop_assert!(map.keys().eq(model.keys()));
            prop_assert!(map.values().eq(model.values()));
            prop_assert!((0..3_000).all(|key| map.get(&key) == model.get(&key)));
        }
    }

    #[test]
    fn a_hash_map_and_a_vector_keep_every_version(keys in prop::collection::vec("[a-c]{0,6}", 1..1_000)) {
        let (mut map, mut vector) = (HashMap::new(), Vector::new());
        let mut model: BTreeMap<String, usize> = BTreeMap::new();
        let mut order: Vec<String> = Vec::new();
        let mut versions = Vec::new();
        for key in keys {
            if !model.contains_key(&key) {
                prop_assert_eq!(map.get(key.as_str()), None);
                map.insert(key.clone(), order.len());
                vector.push_back(key.clone());
                model.insert(key.clone(), order.len());
                order.push(key);
            }
            if order.len().is_multiple_of(50) {
                versions.push((map.clone(), vector.clone(), order.len()));
            }
        }
        versions.push((map, vector, order.len()));
        for (map, vector, len) in versions {
            prop_assert_eq!((map.len(), vector.len()), (len, len));
            prop_assert!(vector.iter().eq(&order[..len]));
            for (place, key) in order.iter().enumerate() {
                let expected = (place < len).then_some(place);
                prop_assert_eq!(map.get(key.as_str()).copied(), expected);
                prop_assert_eq!(vector.get(place), expected.map(|_| key));
            }
        }
    }
}
