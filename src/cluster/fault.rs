//! Failures of the Kubernetes API in our own words.

use kube::Error;

use crate::domain::{Fault, FaultClass};

/// The fault that `error` of `operation` means.
#[must_use]
pub fn fault_of(operation: &'static str, error: &Error) -> Fault {
    let (class, code) = match error {
        Error::Api(status) => (class_of(status.code), status.reason.clone()),
        _ => (FaultClass::Unavailable, String::new()),
    };
    Fault { class, service: "kubernetes", operation, code }
}

fn class_of(code: u16) -> FaultClass {
    match code {
        401 | 403 => FaultClass::Denied,
        404 => FaultClass::NotFound,
        409 => FaultClass::Conflict,
        400 | 422 => FaultClass::Invalid,
        429 => FaultClass::Throttled,
        500.. => FaultClass::Unavailable,
        _ => FaultClass::Unexpected,
    }
}
