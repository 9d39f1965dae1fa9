//! Who can assume the role of a workload.

use serde_json::{Value, json};

use super::names::*;
use super::{everything, request};
use crate::judge::Case;
use crate::judge::Verdict::{self, Allow, Deny};
use crate::plan::Documents;

/// Rows about trust: the issuer of the token, its audience, its subject.
type TrustRow = (Verdict, &'static str, &'static str, &'static str);

#[rustfmt::skip]
const TRUST: &[TrustRow] = &[
    (Allow, ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic:notes"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic:notes2"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic:default"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:front-desk:notes"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:clinic2:notes"),
    (Deny,  ISSUER, "sts.amazonaws.com", "system:serviceaccount:*:*"),
    (Deny,  ISSUER, "sts.amazonaws.com", "SYSTEM:SERVICEACCOUNT:CLINIC:NOTES"),
    (Deny,  ISSUER, "kubernetes.default.svc", "system:serviceaccount:clinic:notes"),
    (Deny,  "cognito-identity.amazonaws.com", "sts.amazonaws.com", "system:serviceaccount:clinic:notes"),
];

/// The rows about trust, and that nobody assumes the role in other ways.
pub fn trust(documents: &Documents) -> Vec<Case> {
    let mut documents = documents.copy();
    let (role, trust) = (documents.role_arn("notes"), documents.trust("notes").clone());
    let tokens = TRUST.iter().map(|row| {
        let (expected, issuer, audience, subject) = *row;
        let provider = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}");
        let mut request = request(&provider, ACCOUNT, "sts:AssumeRoleWithWebIdentity", &role, &[]);
        request["contextVariables"] = json!({format!("{issuer}:aud"): audience, format!("{issuer}:sub"): subject});
        trust_case(format!("{row:?}"), expected, &request, &trust)
    });
    let signed = [("sts:AssumeRole", CI), ("sts:AssumeRole", OPERATOR), ("sts:AssumeRole", FOREIGN_ROLE), ("sts:TagSession", CI)];
    let signed = signed.into_iter().map(|(action, principal)| {
        let account = if principal == FOREIGN_ROLE { FOREIGN } else { ACCOUNT };
        let request = request(principal, account, action, &role, VPC);
        trust_case(format!("(Deny, {principal}, {action})"), Deny, &request, &trust)
    });
    tokens.chain(signed).collect()
}

fn trust_case(row: String, expected: Verdict, request: &Value, trust: &Value) -> Case {
    let principal = request["principal"].as_str().unwrap_or_default();
    let identity = if principal.contains(":role/") { json!([{"name": "all", "policy": everything()}]) } else { json!([]) };
    let simulation = json!({
        "request": request,
        "identityPolicies": identity,
        "resourcePolicy": trust,
        "serviceControlPolicies": [],
        "resourceControlPolicies": [],
    });
    Case { row, expected, simulation }
}
