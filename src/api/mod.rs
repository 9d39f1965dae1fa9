//! What a user writes: the resources of the group, their schemas, rules and words.
//!
//! Serde, schema and CEL, nothing else: no rule here needs a cluster or an account.
#![allow(clippy::doc_markdown, reason = "the comments become descriptions in the definitions, where backticks are noise")]

pub mod account_settings;
pub mod annotations;
pub mod bedrock_access;
pub mod bedrock_approval;
pub mod conditions;
mod definitions;
pub mod guardrails;
pub mod identity;
pub mod network;
pub mod phi_environment;
pub mod phi_environment_status;
pub mod phi_workload;
pub mod shared;
pub mod stores;

pub use bedrock_access::{BedrockAccess, BedrockAccessSpec, BedrockAccessStatus, Operation, UseCase};
pub use bedrock_approval::{BedrockApproval, SideDoor};
pub use definitions::all_definitions;
pub use phi_environment::{PhiEnvironment, PhiEnvironmentSpec};
pub use phi_environment_status::PhiEnvironmentStatus;
pub use phi_workload::{PhiWorkload, PhiWorkloadSpec, PhiWorkloadStatus};
pub use shared::Verdict;

/// API group of all our resources; also the prefix of our labels, annotations, finalizers and tags.
pub const GROUP: &str = "hipaa-operator.io";
/// The one served version.
pub const VERSION: &str = "v1alpha1";
