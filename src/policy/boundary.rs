//! The permissions boundary of an environment: the most that any of its workload roles can ever do.
//!
//! It allows the approved models and profiles and the declared stores from the environment's VPC and denies the side doors, whatever a role's own policies
//! say (<https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html>).

use std::collections::BTreeSet;

use crate::api::Operation;
use crate::api::stores::DataStore;
use crate::domain::Scope;

use super::document::PolicyDocument;
use super::permissions::{self, Grant, Profile};

/// The boundary for these approved models and profiles and all of these stores.
#[must_use]
pub fn permissions_boundary(
    scope: &Scope,
    vpc_id: &str,
    models: &BTreeSet<String>,
    profiles: &BTreeSet<Profile>,
    stores: &[&DataStore],
) -> PolicyDocument {
    let everything = Grant {
        models: models.clone(),
        profiles: profiles.clone(),
        operations: BTreeSet::from([Operation::Invoke, Operation::InvokeStream, Operation::CountTokens]),
    };
    let mut statements = permissions::allows(scope, vpc_id, &[everything], stores);
    statements.push(permissions::side_doors());
    PolicyDocument::of(statements)
}
