//! The trust policy of a workload's role: exactly one service account of one cluster may assume it.
//!
//! Form of <https://docs.aws.amazon.com/eks/latest/userguide/associate-service-account-role.html>, with equality on issuer, audience and
//! subject (45 CFR 164.312(d)).

use std::collections::BTreeMap;

use crate::domain::Scope;

use super::document::{Effect, PolicyDocument, Principal, Statement, Values};
use super::relation::{Coverage, matches};

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

/// Whether a trust policy that someone else wrote lets `service_account` of `namespace` in through the cluster's `issuer` (without
/// scheme). What it asks beside audience and subject is not known, and then nothing is claimed.
#[must_use]
pub fn lets_in(trust: &PolicyDocument, scope: &Scope, issuer: &str, namespace: &str, service_account: &str) -> Coverage {
    let provider = scope.oidc_provider_arn(issuer);
    let known = BTreeMap::from([
        (format!("{issuer}:aud").to_lowercase(), AUDIENCE.to_owned()),
        (format!("{issuer}:sub").to_lowercase(), format!("system:serviceaccount:{namespace}:{service_account}")),
    ]);
    let speaks = |statement: &&Statement| {
        let federated = |values: &Values| values.0.contains(&provider);
        let of_principal = match &statement.principal {
            Some(Principal::Of(kinds)) => kinds.get("Federated").is_some_and(federated),
            Some(Principal::Anyone(_)) => true,
            None => statement.effect == Effect::Deny,
        };
        let of_action = |action: &String| matches(&action.to_lowercase(), "sts:assumerolewithwebidentity");
        of_principal && statement.action.iter().any(of_action)
    };
    let outcomes = |effect| {
        let of_effect = trust.statement.iter().filter(speaks).filter(move |statement| statement.effect == effect);
        of_effect.map(|statement| met(statement, &known)).collect::<Vec<_>>()
    };
    let (allows, denies) = (outcomes(Effect::Allow), outcomes(Effect::Deny));
    if denies.contains(&Some(true)) || allows.iter().all(|outcome| *outcome == Some(false)) {
        Coverage::Missing
    } else if allows.contains(&Some(true)) && !denies.contains(&None) {
        Coverage::Covered
    } else {
        Coverage::Unproven
    }
}

/// Whether the conditions of a statement are met; `None` if that depends on what is not known.
fn met(statement: &Statement, known: &BTreeMap<String, String>) -> Option<bool> {
    let each = statement.condition.iter().flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| (operator, key, values)));
    let mut outcome = Some(true);
    for (operator, key, values) in each {
        match known.get(&key.to_lowercase()).and_then(|value| compare(operator, value, values)) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => outcome = None,
        }
    }
    outcome
}

fn compare(operator: &str, value: &str, wanted: &Values) -> Option<bool> {
    let operator = operator.to_lowercase();
    let operator = operator.trim_start_matches("foranyvalue:").trim_start_matches("forallvalues:").trim_end_matches("ifexists");
    let any = |fits: &dyn Fn(&str) -> bool| wanted.0.iter().any(|one| fits(one));
    match operator {
        "stringequals" => Some(any(&|one| one == value)),
        "stringequalsignorecase" => Some(any(&|one| one.eq_ignore_ascii_case(value))),
        "stringlike" => Some(any(&|one| matches(one, value))),
        "stringnotequals" => Some(!any(&|one| one == value)),
        "stringnotlike" => Some(!any(&|one| matches(one, value))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_in_by_table() {
        let scope = Scope {
            partition: "aws".into(),
            account_id: "123456789012".into(),
            region: "us-east-1".into(),
            cluster_name: "prod".into(),
            environment: "prod".into(),
            path: "/".into(),
        };
        let issuer = "oidc.eks.us-east-1.amazonaws.com/id/ABC";
        let statement = |effect: &str, condition: &str| {
            format!(
                r#"{{"Effect":"{effect}","Principal":{{"Federated":"arn:aws:iam::123456789012:oidc-provider/{issuer}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{condition}}}"#
            )
        };
        let allow = |condition: &str| statement("Allow", &condition.replace("ISS", issuer));
        let sub = |operator: &str, value: &str| allow(&format!(r#"{{"{operator}":{{"ISS:sub":"{value}"}}}}"#));
        let exact = sub("StringEquals", "system:serviceaccount:clinic:notes");
        for (statements, expected) in [
            (String::new(), Coverage::Missing),
            (
                service_account_trust(&scope, issuer, "clinic", "notes")
                    .statement
                    .iter()
                    .map(|one| serde_json::to_string(one).unwrap())
                    .collect(),
                Coverage::Covered,
            ),
            (exact.clone(), Coverage::Covered),
            (sub("StringEquals", "system:serviceaccount:clinic:other"), Coverage::Missing),
            (sub("StringLike", "system:serviceaccount:clinic:*"), Coverage::Covered),
            (sub("StringLike", "system:serviceaccount:ward:*"), Coverage::Missing),
            (allow(r#"{"StringEquals":{"ISS:aud":"other"}}"#), Coverage::Missing),
            (allow(r#"{"StringEquals":{"aws:PrincipalTag/x":"y"}}"#), Coverage::Unproven),
            (exact.replace("id/ABC\"", "id/XYZ\""), Coverage::Missing),
            (exact.replace("WebIdentity", "SAML"), Coverage::Missing),
            (format!("{exact},{}", statement("Deny", "{}")), Coverage::Missing),
            (
                format!("{exact},{}", statement("Deny", r#"{"DateLessThan":{"aws:TokenIssueTime":"2031-01-01T00:00:00Z"}}"#)),
                Coverage::Unproven,
            ),
        ] {
            let trust = PolicyDocument::parse(&format!(r#"{{"Statement":[{statements}]}}"#)).unwrap();
            assert_eq!(lets_in(&trust, &scope, issuer, "clinic", "notes"), expected, "{statements}");
        }
    }
}
