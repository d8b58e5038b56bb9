//! Tracing: each step of the background work is a span, by whose name a program selects and times it.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use timestrata::Selector;

use crate::common::{Home, batch, key};

/// Records the names of the spans that were opened.
#[derive(Clone, Default)]
struct SpanNames(Arc<Mutex<BTreeSet<&'static str>>>);

impl Subscriber for SpanNames {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("timestrata")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.0.lock().unwrap().insert(span.metadata().name());
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn event(&self, _event: &Event<'_>) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn each_background_step_has_a_tracing_span() {
    let names = SpanNames::default();
    // For the whole process: the actors have threads of their own.
    tracing::subscriber::set_global_default(names.clone()).unwrap();
    let home = Home::new();
    // Without a grace the first cutoff is applied at once.
    let builder = home.builder().retain_for(Duration::from_hours(1)).retention_grace(Duration::ZERO);
    let db = builder.open_blocking().unwrap();
    for n in 0..3 {
        db.write_blocking(batch(&key("m", 0), [(n, 1.0)])).unwrap();
        db.flush_blocking().unwrap();
    }
    db.compact_blocking().unwrap();
    // The last point of the series: the check for empty series has work.
    db.delete_blocking(Selector::all(), ..).unwrap();
    db.flush_blocking().unwrap();
    db.close_blocking().unwrap();
    let expected = ["compaction", "empty_series_check", "flush", "freeze", "install_flush", "recovery", "retention"];
    let seen = names.0.lock().unwrap().clone();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected);
}
