//! Failures of the Kubernetes API in our own words.

use kube::Error;
use kube::core::Status;

use crate::domain::{Fault, FaultClass};

/// The cause that the API server gives when it refuses to create something in a namespace that is being deleted
/// (<https://github.com/kubernetes/kubernetes/blob/master/staging/src/k8s.io/api/core/v1/types.go>): no lack of permission.
const TERMINATING: &str = "NamespaceTerminating";

/// The fault that `error` of `operation` means.
#[must_use]
pub fn fault_of(operation: &'static str, error: &Error) -> Fault {
    let (class, code) = match error {
        Error::Api(status) if is_terminating(status) => (FaultClass::Conflict, TERMINATING.to_owned()),
        Error::Api(status) => (class_of(status.code), status.reason.clone()),
        _ => (FaultClass::Unreachable, String::new()),
    };
    Fault { class, service: "kubernetes", operation, code }
}

fn is_terminating(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.code == 403 && causes.into_iter().any(|cause| cause.reason == TERMINATING)
}

fn class_of(code: u16) -> FaultClass {
    match code {
        401 | 403 => FaultClass::Denied,
        404 => FaultClass::NotFound,
        409 => FaultClass::Conflict,
        400 | 422 => FaultClass::Invalid,
        429 => FaultClass::Throttled,
        500.. => FaultClass::Unreachable,
        _ => FaultClass::Unexpected,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn class(code: u16, cause: &str) -> FaultClass {
        let status = json!({ "status": "Failure", "code": code, "reason": "Forbidden", "message": "no",
            "details": { "causes": [{ "reason": cause, "message": "it is being terminated", "field": "" }] } });
        let status: Status = serde_json::from_value(status).expect("a status");
        fault_of("CreateNetworkPolicy", &Error::Api(Box::new(status))).class
    }

    #[test]
    fn a_namespace_that_goes_is_no_lack_of_permission() {
        assert_eq!(class(403, TERMINATING), FaultClass::Conflict);
        assert_eq!(class(403, "FieldValueForbidden"), FaultClass::Denied);
        assert_eq!(class(409, TERMINATING), FaultClass::Conflict);
        assert_eq!(class(503, ""), FaultClass::Unreachable);
    }
}
