//! The operator as it is shipped, against a real control plane and an emulated account.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod drift;
mod held;
mod pods;
mod scene;
mod straight_path;
