//! Kubernetes plumbing: caches, the lease, status writes, events, faults.

pub mod caches;
pub mod catch_up;
pub mod echoes;
pub mod events;
pub mod fault;
pub mod guard;
pub mod hand_over;
pub mod index;
pub mod kubernetes;
pub mod lease;
pub mod objects;
pub mod pods;
pub mod policies;
mod request;
mod resume;
pub mod status_writer;
