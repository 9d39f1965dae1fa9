//! The trust policy of a workload's role: exactly one service account of one cluster may assume it.
//!
//! Form of <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>, with equality on issuer, audience and
//! subject (45 CFR 164.312(d)).

use std::collections::BTreeMap;

use crate::domain::Scope;

use super::document::{PolicyDocument, Principal, Statement, Values};

/// The audience of the tokens that STS accepts.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// Trust in `service_account` of `namespace`, through the cluster's `issuer` (without scheme).
#[must_use]
pub fn service_account_trust(scope: &Scope, issuer: &str, namespace: &str, service_account: &str) -> PolicyDocument {
    let mut statement = Statement::allow("ServiceAccount", &["sts:AssumeRoleWithWebIdentity"], Vec::new())
        .for_principal(Principal::one("Federated", scope.oidc_provider_arn(issuer)));
    let subject = format!("system:serviceaccount:{namespace}:{service_account}");
    statement.condition = BTreeMap::from([(
        "StringEquals".to_owned(),
        BTreeMap::from([(format!("{issuer}:aud"), Values(vec![AUDIENCE.to_owned()])), (format!("{issuer}:sub"), Values(vec![subject]))]),
    )]);
    PolicyDocument::of(vec![statement])
}
