//! The charts as people install them: what Helm makes of them, what a real API server says to that, and whether the operator's
//! permissions are exactly what its program uses.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, missing_docs)]

#[path = "../support/mod.rs"]
mod support;

// What the operator's own tests are made of. Only a part of it is used here.
#[allow(dead_code)]
#[path = "../operator/scene.rs"]
mod scene;

mod audit_log;
mod comparison;
mod flags;
mod grants;
mod helm;
mod installation;
mod permissions;
mod rendering;
mod uses;
mod values;
