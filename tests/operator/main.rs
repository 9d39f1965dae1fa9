//! The operator as it is shipped, against a real control plane and an emulated account.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod account_settings;
mod additional;
mod adoption;
mod audit;
mod boundary;
mod claims;
mod cleanup;
mod cost;
mod deletion;
mod drift;
mod events;
mod explain;
mod families;
mod faults;
mod federation;
mod guardrails;
mod held;
mod hold;
mod kubernetes_faults;
mod leader;
mod metrics;
mod observe;
mod obstacles;
mod pods;
mod program;
mod refusals;
mod scene;
mod settings;
mod still;
mod stores;
mod straight_path;
mod switching;
mod union;
mod verify;
