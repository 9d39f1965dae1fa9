//! The CEL rules (`x-kubernetes-validations`) a definition states.

use kube_cel::{ErrorKind, ValidationError, Validator};
use serde_json::{Value, json};

use super::catalog::Kind;
use super::node::Node;
use super::problem::{Finding, Severity};

/// Tries all rules on an object that is being created; those about a change (`oldSelf`) say nothing then.
pub(super) fn check(validator: &Validator, kind: &Kind, root: &Node, value: &Value) -> Vec<Finding> {
    let seen = as_rules_see_it(value);
    let failures = validator.validate_compiled(&kind.rules, &seen, None).err();
    failures.into_iter().flatten().map(|error| finding(root, error)).collect()
}

/// Of the metadata, rules see only the name, as in the API server.
fn as_rules_see_it(value: &Value) -> Value {
    let mut value = value.clone();
    value["metadata"] = json!({"name": value["metadata"]["name"]});
    value
}

fn finding(root: &Node, error: ValidationError) -> Finding {
    let field = error.field_path.trim_start_matches('.');
    let line = root.line_of(field);
    if error.kind == ErrorKind::ValidationFailure {
        let severity = Severity::RuleBroken;
        return Finding { severity, ..Finding::minor(line, field, error.message) };
    }
    let message = format!("a rule of the definition cannot be tried: {}: mend the definition", error.message);
    Finding::minor(line, field, message)
}
