//! `hipaa-operator`.
