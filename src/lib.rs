//! `hipaa-operator` makes an EKS cluster a place where protected health information may be sent to Amazon Bedrock, and proves it.
#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used, clippy::panic))]

pub mod api;
pub mod catalogue;
#[cfg(feature = "operator")]
pub mod cli;
pub mod domain;
#[cfg(feature = "operator")]
pub mod manifests;
pub mod observed;
pub mod plan;
pub mod policy;
pub mod preview;
pub mod status;
