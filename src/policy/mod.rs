//! IAM, KMS and endpoint documents as typed values: built from declarations, parsed from the account, and compared by meaning.

pub mod boundary;
pub mod claim;
pub mod common;
pub mod denies;
pub mod document;
pub mod endpoint;
pub mod federation;
pub mod guardrails;
pub mod key;
pub mod passage;
pub mod permissions;
pub mod relation;
mod stores;
pub mod terms;
pub mod trust;

pub use document::{Effect, PolicyDocument, Principal, Statement};
pub use relation::{Relation, relate};
