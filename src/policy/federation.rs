//! Whom the trust policy of a role lets in by web identity: for roles that others made, whose conditions may hold wildcards.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_iam-condition-keys.html#condition-keys-wif>

use super::document::{Effect, PolicyDocument, Principal, Statement, Values};
use super::relation::matches;

/// A service account of a cluster, as its tokens name it.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// ARN of the IAM OIDC provider of the cluster.
    pub provider_arn: &'a str,
    /// The provider's issuer, without the scheme.
    pub issuer: &'a str,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub subject: &'a str,
}

/// Whether a trust policy may let the service account assume the role. What depends on conditions whose outcome is not known counts as
/// letting it in; denies are not looked at.
#[must_use]
pub fn may_admit(trust: &PolicyDocument, who: &Subject) -> bool {
    trust.statement.iter().any(|statement| statement.effect == Effect::Allow && speaks_of(statement, who) && may_hold(statement, who))
}

fn speaks_of(statement: &Statement, who: &Subject) -> bool {
    const ACTION: &str = "sts:assumerolewithwebidentity";
    let lists = |patterns: &[String]| patterns.iter().any(|pattern| matches(&pattern.to_lowercase(), ACTION));
    let action = if statement.action.is_empty() { !lists(&statement.not_action) } else { lists(&statement.action) };
    let principal = match (&statement.principal, &statement.not_principal) {
        (Some(Principal::Anyone(text)), _) => text == "*",
        (Some(Principal::Of(kinds)), _) => {
            kinds.get("Federated").is_some_and(|providers| providers.0.iter().any(|one| one == who.provider_arn || one == "*"))
        }
        (None, Some(_)) => true,
        (None, None) => false,
    };
    action && principal
}

fn may_hold(statement: &Statement, who: &Subject) -> bool {
    // A pod may have a token made for any audience, so only the subject tells.
    let sub = format!("{}:sub", who.issuer).to_lowercase();
    statement.condition.iter().all(|(operator, keys)| {
        keys.iter().all(|(key, values)| match key.to_lowercase() {
            key if key == sub => may_match(operator, values, who.subject),
            _ => true,
        })
    })
}

fn may_match(operator: &str, values: &Values, text: &str) -> bool {
    let operator = operator.to_lowercase();
    let operator = operator.strip_prefix("foranyvalue:").or_else(|| operator.strip_prefix("forallvalues:")).unwrap_or(&operator);
    let any = |fits: &dyn Fn(&str) -> bool| values.0.iter().any(|value| fits(value));
    match operator.strip_suffix("ifexists").unwrap_or(operator) {
        "stringequals" => any(&|value| value == text),
        "stringequalsignorecase" => any(&|value| value.eq_ignore_ascii_case(text)),
        "stringlike" => any(&|value| matches(value, text)),
        "stringnotequals" => !any(&|value| value == text),
        "stringnotequalsignorecase" => !any(&|value| value.eq_ignore_ascii_case(text)),
        "stringnotlike" => !any(&|value| matches(value, text)),
        "null" => any(&|value| value.eq_ignore_ascii_case("false")),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trusts_by_table() {
        let who = Subject {
            provider_arn: "arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1",
            issuer: "oidc.example/id/1",
            subject: "system:serviceaccount:clinic:notes",
        };
        let ours = r#"{"Federated":"arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1"}"#;
        let other = r#"{"Federated":"arn:aws:iam::123456789012:oidc-provider/oidc.example/id/2"}"#;
        let web = "sts:AssumeRoleWithWebIdentity";
        let on = |operator: &str, key: &str, value: &str| format!(r#"{{"{operator}":{{"oidc.example/id/1:{key}":{value}}}}}"#);
        let notes = r#""system:serviceaccount:clinic:notes""#;
        let table: [(&str, &str, String, bool); 18] = [
            (ours, web, on("StringEquals", "sub", notes), true),
            (ours, web, on("StringEquals", "sub", r#"["a","system:serviceaccount:clinic:notes"]"#), true),
            (ours, web, on("StringEquals", "sub", r#""system:serviceaccount:clinic:other""#), false),
            (ours, web, on("StringEquals", "sub", r#""system:serviceaccount:clinic:*""#), false),
            (ours, web, on("StringLike", "sub", r#""system:serviceaccount:clinic:*""#), true),
            (ours, web, on("StringLike", "sub", r#""system:serviceaccount:*:notes""#), true),
            (ours, web, on("stringlike", "SUB", r#""system:serviceaccount:lab:*""#), false),
            (ours, web, on("ForAnyValue:StringLike", "sub", r#""*""#), true),
            (ours, web, on("StringNotEquals", "sub", notes), false),
            (ours, web, on("StringNotLike", "sub", r#""system:serviceaccount:lab:*""#), true),
            (ours, web, on("StringEquals", "aud", r#""sts.amazonaws.com""#), true),
            (ours, web, on("StringEquals", "aud", r#""another""#), true),
            (ours, web, "{}".to_owned(), true),
            (ours, "sts:*", "{}".to_owned(), true),
            (ours, "sts:AssumeRole", "{}".to_owned(), false),
            (other, web, "{}".to_owned(), false),
            (r#"{"AWS":"arn:aws:iam::123456789012:root"}"#, web, "{}".to_owned(), false),
            (ours, web, r#"{"StringEquals":{"oidc.example/id/2:sub":"x"}}"#.to_owned(), true),
        ];
        for (principal, action, condition, expected) in table {
            let text =
                format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"{action}","Condition":{condition}}}]}}"#);
            assert_eq!(may_admit(&PolicyDocument::parse(&text).unwrap(), &who), expected, "{text}");
        }
    }
}
