//! What the process tells about itself: logs, metrics, probes.

pub mod logs;
pub mod metrics;
pub mod server;
