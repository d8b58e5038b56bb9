//! Sizes of a run, from the command line.

use clap::Parser;

/// Compares `timestrata serve` with Prometheus and VictoriaMetrics.
#[derive(Debug, Parser)]
#[command(name = "servers")]
pub(crate) struct Options {
    /// Number of series, in thousands: each host has 500.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub(crate) thousand_series: u64,
    /// Samples of the timed ingest, in thousands.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u64).range(1..=200_000))]
    pub(crate) thousand_samples: u64,
    /// Samples that each server has at its start, in thousands; what is missing after the timed ingest is written untimed.
    #[arg(long, default_value_t = 0)]
    pub(crate) start_thousand_samples: u64,
    /// Samples of a request.
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) body_samples: u64,
    /// Connections that write at once.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=256))]
    pub(crate) connections: u64,
    /// Runs of each query and of each start, of which the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) runs: u64,
    /// Size of our log, in MiB, at which the servers are killed.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1_024))]
    pub(crate) log_mib: u64,
    /// Parts to run.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Ingest, Part::Queries, Part::Kill])]
    pub(crate) parts: Vec<Part>,
    /// Time in seconds for which a server of ours writes without a measurement, to be profiled; nothing else is run.
    #[arg(long)]
    pub(crate) profile: Option<u64>,
    /// What `cargo bench` passes.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Writes, memory and disk.
    Ingest,
    /// Starts with the data, and queries of it.
    Queries,
    /// Starts after SIGKILL.
    Kill,
}
