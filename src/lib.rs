//! `hipaa-operator` makes an EKS cluster a place where protected health information may be sent to Amazon Bedrock, and proves it.
#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used, clippy::panic))]

pub mod api;
#[cfg(feature = "operator")]
pub mod aws;
pub mod catalogue;
pub mod domain;
#[cfg(feature = "operator")]
pub mod manifests;
pub mod observed;
pub mod plan;
pub mod policy;
pub mod status;
