//! Kubernetes plumbing: caches, status writes, events, faults.

pub mod caches;
pub mod events;
pub mod fault;
pub mod hand_over;
pub mod index;
pub mod kubernetes;
pub mod objects;
pub mod pods;
mod request;
pub mod status_writer;
