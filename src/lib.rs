//! `hipaa-operator`.

#[cfg(feature = "operator")]
pub mod manifests;
