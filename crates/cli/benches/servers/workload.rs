//! Samples of hosts that a node exporter watches, as bodies of Prometheus remote write 1.0.

use prost::Message;

use crate::remote_write_messages::{Label, Sample, TimeSeries};

/// Time of the first samples, in seconds.
pub(crate) const START_SECONDS: u64 = 1_700_000_000;
/// Time between two samples of a series, in seconds.
pub(crate) const INTERVAL_SECONDS: u64 = 15;
/// No sample is at a whole second, so that none is at the edge of a window.
const JITTER_MILLIS: u64 = 137;
/// Series of one host.
pub(crate) const SERIES_PER_HOST: usize = 500;
/// Key of the field `timeseries` of a request.
const TIMESERIES_KEY: u8 = 1 << 3 | 2;

/// How the values of a series move.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Counter of whole numbers, which grows by less than this number.
    Count(u64),
    /// Counter of seconds, in hundredths.
    Seconds,
    /// Gauge of bytes, in pages of 4 KiB.
    Pages,
    /// Gauge of tenths.
    Tenths,
    /// The same value always.
    Constant,
}

/// Metrics whose series differ by the same label.
struct Family {
    metrics: &'static [&'static str],
    kind: Kind,
    /// Name and number of values of the label.
    label: Option<(&'static str, usize)>,
}

const CPU_SECONDS: &str = "node_cpu_seconds_total";
const MODES: [&str; 8] = ["idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"];
const CPUS: usize = 16;
const FAMILIES: [Family; 12] = [
    Family {
        metrics: &[
            "node_network_receive_bytes_total",
            "node_network_receive_packets_total",
            "node_network_transmit_bytes_total",
            "node_network_transmit_packets_total",
        ],
        kind: Kind::Count(4_000_000),
        label: Some(("device", 6)),
    },
    Family {
        metrics: &[
            "node_network_receive_errs_total",
            "node_network_receive_drop_total",
            "node_network_transmit_errs_total",
            "node_network_transmit_drop_total",
        ],
        kind: Kind::Constant,
        label: Some(("device", 6)),
    },
    Family {
        metrics: &[
            "node_disk_reads_completed_total",
            "node_disk_writes_completed_total",
            "node_disk_read_bytes_total",
            "node_disk_written_bytes_total",
        ],
        kind: Kind::Count(90_000),
        label: Some(("device", 6)),
    },
    Family {
        metrics: &["node_disk_io_time_seconds_total", "node_disk_read_time_seconds_total"],
        kind: Kind::Seconds,
        label: Some(("device", 6)),
    },
    Family { metrics: &["node_filesystem_size_bytes"], kind: Kind::Constant, label: Some(("mountpoint", 8)) },
    Family {
        metrics: &["node_filesystem_avail_bytes", "node_filesystem_free_bytes"],
        kind: Kind::Pages,
        label: Some(("mountpoint", 8)),
    },
    Family {
        metrics: &["node_schedstat_running_seconds_total", "node_schedstat_waiting_seconds_total"],
        kind: Kind::Seconds,
        label: Some(("cpu", CPUS)),
    },
    Family {
        metrics: &["node_softnet_processed_total", "node_schedstat_timeslices_total"],
        kind: Kind::Count(20_000),
        label: Some(("cpu", CPUS)),
    },
    Family { metrics: &["node_softnet_dropped_total"], kind: Kind::Constant, label: Some(("cpu", CPUS)) },
    Family { metrics: &["node_cpu_temperature_celsius"], kind: Kind::Tenths, label: Some(("cpu", CPUS)) },
    Family {
        metrics: &[
            "node_memory_Active_bytes",
            "node_memory_AnonPages_bytes",
            "node_memory_Buffers_bytes",
            "node_memory_Cached_bytes",
            "node_memory_Dirty_bytes",
            "node_memory_Inactive_bytes",
            "node_memory_MemAvailable_bytes",
            "node_memory_MemFree_bytes",
            "node_memory_Slab_bytes",
        ],
        kind: Kind::Pages,
        label: None,
    },
    Family { metrics: &["node_load1", "node_load5", "node_load15"], kind: Kind::Tenths, label: None },
];

/// Series with the label `subsystem`, of which a host has as many as it lacks of [`SERIES_PER_HOST`].
const FILLER: &str = "node_netstat_events_total";

/// One series and its newest value.
#[derive(Debug, Clone)]
struct Series {
    message: TimeSeries,
    kind: Kind,
    /// Value in the unit of the kind.
    value: u64,
}

impl Series {
    fn step(&mut self, random: &mut SplitMix64) {
        self.value = match self.kind {
            Kind::Count(limit) => self.value + random.below(limit),
            Kind::Seconds => self.value + random.below(100),
            Kind::Pages => (self.value + random.below(257)).saturating_sub(128),
            Kind::Tenths => (self.value + random.below(11)).saturating_sub(5),
            Kind::Constant => self.value,
        };
        let value = float(self.value);
        self.message.samples[0].value = match self.kind {
            Kind::Seconds => value / 100.0,
            Kind::Tenths => value / 10.0,
            Kind::Pages => value * 4_096.0,
            Kind::Count(_) | Kind::Constant => value,
        };
    }
}

/// Series of one connection, and how far they are written. Its bodies have the samples in the order of time.
#[derive(Debug, Clone)]
pub(crate) struct Shard {
    series: Vec<Series>,
    random: SplitMix64,
    /// Tick of the next sample.
    pub(crate) tick: u64,
    /// Index of the series of the next sample.
    at: usize,
}

impl Shard {
    /// Returns the series of each connection.
    pub(crate) fn all(hosts: usize, connections: usize) -> Vec<Self> {
        let mut random = SplitMix64(42);
        let shard = |number: usize| Self {
            series: Vec::new(),
            random: SplitMix64(u64::try_from(number).unwrap()),
            tick: 0,
            at: 0,
        };
        let mut shards: Vec<Self> = (0..connections).map(shard).collect();
        let all = (0..hosts).flat_map(host_series).collect::<Vec<_>>();
        for (number, (kind, labels)) in all.into_iter().enumerate() {
            let labels = labels.into_iter().map(|(name, value)| Label { name, value }).collect();
            let message = TimeSeries { labels, samples: vec![Sample::default()] };
            let series = Series { message, kind, value: 1_000_000 + random.below(1_000_000) };
            shards[number % connections].series.push(series);
        }
        shards
    }

    /// Returns the next body, compressed by snappy.
    pub(crate) fn next_body(&mut self, samples: u64) -> Body {
        let mut message = Vec::new();
        for _ in 0..samples {
            let series = &mut self.series[self.at];
            series.step(&mut self.random);
            let millis = (START_SECONDS + self.tick * INTERVAL_SECONDS) * 1_000 + JITTER_MILLIS;
            series.message.samples[0].timestamp = i64::try_from(millis).unwrap();
            message.push(TIMESERIES_KEY);
            series.message.encode_length_delimited(&mut message).unwrap();
            self.at += 1;
            if self.at == self.series.len() {
                self.at = 0;
                self.tick += 1;
            }
        }
        let bytes = snap::raw::Encoder::new().compress_vec(&message).unwrap();
        Body { bytes, tick: self.tick, samples }
    }
}

/// Body of a request.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// Tick that the samples behind it begin with.
    pub(crate) tick: u64,
    pub(crate) samples: u64,
}

/// Returns the names of all metrics.
pub(crate) fn metric_names() -> Vec<&'static str> {
    let families = FAMILIES.iter().flat_map(|family| family.metrics.iter().copied());
    families.chain([CPU_SECONDS, FILLER]).collect()
}

type Labels = Vec<(String, String)>;

/// Returns the series of a host: kind of the values, and labels in the order of their names.
fn host_series(host: usize) -> Vec<(Kind, Labels)> {
    let mut all = Vec::with_capacity(SERIES_PER_HOST);
    for cpu in 0..CPUS {
        for mode in MODES {
            let own = vec![("cpu", cpu.to_string()), ("mode", mode.to_owned())];
            all.push((Kind::Seconds, labels(host, CPU_SECONDS, own)));
        }
    }
    for family in FAMILIES {
        for metric in family.metrics {
            let Some((name, values)) = family.label else {
                all.push((family.kind, labels(host, metric, Vec::new())));
                continue;
            };
            for value in 0..values {
                let value = if name == "cpu" { value.to_string() } else { format!("{name}{value}") };
                all.push((family.kind, labels(host, metric, vec![(name, value)])));
            }
        }
    }
    while all.len() < SERIES_PER_HOST {
        let own = vec![("subsystem", format!("subsystem{}", all.len()))];
        all.push((Kind::Count(5_000), labels(host, FILLER, own)));
    }
    assert_eq!(all.len(), SERIES_PER_HOST);
    all
}

/// Returns the labels of a series in the order of their names.
fn labels(host: usize, metric: &str, own: Vec<(&str, String)>) -> Labels {
    let mut list = own;
    list.extend([
        ("__name__", metric.to_owned()),
        ("cluster", format!("production-{}", host % 2)),
        ("env", "production".to_owned()),
        ("instance", format!("node-{host:04}.example.net:9100")),
        ("job", "node".to_owned()),
        ("rack", format!("rack-{}", host % 7)),
        ("region", "eu-central-1".to_owned()),
        ("team", "platform".to_owned()),
        ("zone", format!("eu-central-1{}", ["a", "b", "c"][host % 3])),
    ]);
    list.sort();
    list.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Returns a number as floating point.
#[expect(clippy::cast_precision_loss, reason = "no number of a run is that large")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// Random numbers by splitmix64.
#[derive(Debug, Clone)]
struct SplitMix64(u64);

impl SplitMix64 {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
