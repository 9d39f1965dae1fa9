//! Telling Kubernetes: what a pass found and did becomes a status. Pure; the one place where conditions are made.

pub mod access;
pub mod conditions;
mod controls;
pub mod environment;
mod families;
pub mod transitions;
pub mod workload;
