//! `hipaa-operator` makes an EKS cluster a place where protected health information may be sent to Amazon Bedrock, and proves it.
//!
//! Data flows one way, through four verbs: **observe** (read the account and the cluster once), **plan** (pure: what is desired and what
//! was observed give actions and findings), **execute** (an exhaustive match from action to call), **project** (pure: what came of it
//! becomes a status).
#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used, clippy::panic))]

pub mod api;
#[cfg(feature = "operator")]
pub mod aws;
pub mod catalogue;
#[cfg(feature = "operator")]
pub mod cluster;
#[cfg(feature = "operator")]
pub mod commands;
#[cfg(feature = "operator")]
pub mod controllers;
pub mod domain;
pub mod explain;
#[cfg(feature = "operator")]
pub mod manifests;
pub mod observed;
pub mod plan;
pub mod policy;
pub mod preview;
pub mod status;
#[cfg(feature = "operator")]
pub mod telemetry;
