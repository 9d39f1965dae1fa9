//! The rows: who asks for what from where, and what must come out. One row, one line.

mod endpoints;
mod key;
mod names;
mod stores;
mod trust;
mod workloads;

use serde_json::{Map, Value, json};

pub use endpoints::{EndpointCall, exclusive, perimeter};
pub use key::key;
use names::ACCOUNT;
pub use stores::{stores, stores_by_boundary};
pub use trust::trust;
pub use workloads::{Call, alone, claim, foreign_policy, without_letters, workloads};

/// `AdministratorAccess`.
pub fn everything() -> Value {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})
}

/// A request with the keys that AWS fills in for a signed one.
fn request(principal: &str, account: &str, action: &str, resource: &str, from: &[(&str, &str)]) -> Value {
    let mut context: Map<String, Value> = from.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if !principal.is_empty() && !principal.contains(":oidc-provider/") {
        let account = principal.split(':').nth(4).unwrap_or(account);
        context.insert("aws:PrincipalArn".to_owned(), json!(principal));
        context.insert("aws:PrincipalAccount".to_owned(), json!(account));
    }
    json!({
        "principal": principal,
        "action": action,
        "resource": {"resource": resource, "accountId": ACCOUNT},
        "contextVariables": context,
    })
}
