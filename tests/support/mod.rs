//! What the tests on real parts share: start the parts, seed an account, watch the operator.
//!
//! Start at [`bed::Bed`]: it puts the others together. Each test crate takes what it needs, so unused items are normal here.
#![allow(dead_code)]

pub mod bed;
pub mod bedrock_stub;
pub mod call;
pub mod comparable;
pub mod control_plane;
pub mod denying_stub;
pub mod emulators;
pub mod fault_proxy;
pub mod http;
pub mod manifests;
pub mod openmetrics;
pub mod operator;
pub mod parts;
pub mod process;
pub mod recorder;
pub mod seed;
pub mod wait;
