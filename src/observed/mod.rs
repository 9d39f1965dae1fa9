//! What a pass has read: facts of the account and the cluster, in our own words. No I/O here, only the shapes.

pub mod account;
pub mod account_settings;
pub mod bedrock;
pub mod claims;
pub mod cluster;
pub mod environment;
pub mod guardrails;
pub mod handed_over;
pub mod identity;
pub mod network;
pub mod pods;

use crate::domain::Fault;

/// The outcome of a read. What could not be read is not absent: it is unknown.
pub type Read<T> = Result<T, Fault>;
