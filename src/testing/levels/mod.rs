//! Simulation of the compaction rules for 10 billion points, without files or single points.
//!
//! The simulation runs the engine's own picker and region functions over point clusters, so its write amplification,
//! file counts and read costs are results of the real rules.

mod cost;
mod point_cluster;
mod simulation;
mod workloads;

pub use cost::CompactionCost;
pub use simulation::{CompactorSpeed, simulate};
pub use workloads::Workload;
