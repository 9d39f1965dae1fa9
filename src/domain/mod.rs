//! Words of the trade: the account scope, names that are derived, tags that say who owns a thing.

pub mod breaker;
pub mod cidr;
pub mod digest;
pub mod fault;
pub mod lease;
pub mod names;
pub mod pace;
pub mod scope;
pub mod tags;

pub use fault::{Fault, FaultClass};
pub use scope::Scope;
