//! Whether an endpoint policy that someone else wrote lets through what the environment needs.
//!
//! What is known of the calls (account, VPC, Region, caller) is given as their conditions; a policy that asks for anything else is not
//! taken for a refusal, but nothing is claimed of it.

use std::collections::BTreeMap;

use crate::api::stores::DataStore;
use crate::domain::Scope;

use super::document::{Effect, PolicyDocument, Principal, Statement, Values};
use super::relation::{Coverage, covers};
use super::stores;
use super::terms::Terms;

/// What is known of the environment's calls through an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Traffic<'a> {
    /// Where the environment is.
    pub scope: &'a Scope,
    /// VPC of the endpoint, which is where its calls come from.
    pub vpc_id: &'a str,
    /// What is approved.
    pub terms: &'a Terms,
    /// Declared stores.
    pub stores: &'a [DataStore],
    /// The operator's own principal ARN.
    pub operator: &'a str,
}

impl Traffic<'_> {
    /// ARNs of the approved profiles, families with their asterisk.
    fn profiles(&self) -> impl Iterator<Item = String> {
        let (scope, terms) = (self.scope, self.terms);
        terms.profiles.iter().map(|profile| scope.inference_profile_arn(profile)).chain(terms.application_profiles.values().cloned())
    }
}

/// What a policy does with the needed calls, each named by its action and resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passage {
    /// What it does not let through.
    pub refused: Vec<String>,
    /// What it lets through only under conditions whose outcome is not known.
    pub untold: Vec<String>,
}

/// Judges the policy of the endpoint of `service`. Of a service that the environment itself does not call, nothing is needed.
#[must_use]
pub fn passage(policy: &PolicyDocument, service: &str, traffic: &Traffic) -> Passage {
    let scope = traffic.scope;
    let signed = |caller: &str, action: &str, resource: String| {
        let statement = Statement::allow("", &[action], vec![resource]).for_principal(Principal::anyone());
        known(statement, traffic, caller)
    };
    let roles = scope.workload_role_pattern();
    match service {
        "sts" => {
            let federation = Statement::allow("", &["sts:AssumeRoleWithWebIdentity"], vec![roles]).for_principal(Principal::anyone());
            judge(&unsigned(policy), vec![on_the_way(federation, traffic)])
        }
        "bedrock-runtime" => {
            let models = traffic.terms.models.iter().map(|model| scope.foundation_model_arn(&scope.region, model));
            let things: Vec<String> = models.chain(traffic.profiles()).collect();
            let actions = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"];
            let needs = actions.iter().flat_map(|action| things.iter().map(|thing| signed(&roles, action, thing.clone())));
            judge(&of_callers(policy), needs.collect())
        }
        "bedrock" => {
            let mut needs = vec![signed(traffic.operator, "bedrock:GetFoundationModelAvailability", "*".to_owned())];
            needs.extend(traffic.profiles().map(|profile| signed(traffic.operator, "bedrock:GetInferenceProfile", profile)));
            judge(&of_callers(policy), needs)
        }
        // What a store's service asks of a key does not pass the VPC.
        "kms" => Passage::default(),
        _ => judge(&of_callers(policy), to_stores(service, traffic)),
    }
}

/// What the policy of an endpoint does with one permission of a workload's role, whose ARN is `caller`. The permission names one action and
/// one resource. Whose a bucket is, its ARN does not tell.
#[must_use]
pub fn passes(policy: &PolicyDocument, permission: &Statement, traffic: &Traffic, caller: &str) -> Coverage {
    let mut need = known(permission.clone().for_principal(Principal::anyone()), traffic, caller);
    let owner = permission.resource.first().and_then(|resource| resource.split(':').nth(4)).unwrap_or_default();
    for operator in TEXT_OPERATORS.iter().filter(|_| !owner.is_empty()) {
        need = need.when(operator, "aws:ResourceAccount", vec![owner.to_owned()]);
    }
    covers(&of_callers(policy), &PolicyDocument::of(vec![need]))
}

/// What the workloads' roles call at a service for the sake of stores. Whose a bucket is, its ARN does not tell.
fn to_stores(service: &str, traffic: &Traffic) -> Vec<Statement> {
    let (roles, own) = (traffic.scope.workload_role_pattern(), format!("{service}:"));
    let all: Vec<&DataStore> = traffic.stores.iter().collect();
    let mut needs = Vec::new();
    for allow in stores::allows(traffic.scope, traffic.vpc_id, &all) {
        for action in allow.action.iter().filter(|action| action.starts_with(&own)) {
            for resource in &allow.resource {
                let one = Statement { sid: None, action: vec![action.clone()], resource: vec![resource.clone()], ..allow.clone() };
                let mut need = known(one.for_principal(Principal::anyone()), traffic, &roles);
                for operator in TEXT_OPERATORS.iter().filter(|_| service != "s3") {
                    let owner = resource.split(':').nth(4).unwrap_or_default();
                    need = need.when(operator, "aws:ResourceAccount", vec![owner.to_owned()]);
                }
                needs.push(need);
            }
        }
    }
    needs
}

fn judge(policy: &PolicyDocument, needs: Vec<Statement>) -> Passage {
    let mut passage = Passage::default();
    for need in needs {
        let words = format!("{} on {}", need.action.join(", "), need.resource.join(", "));
        match covers(policy, &PolicyDocument::of(vec![need])) {
            Coverage::Covered => {}
            Coverage::Missing => passage.refused.push(words),
            Coverage::Unproven => passage.untold.push(words),
        }
    }
    passage
}

/// The operators by which a policy may ask for a text.
const TEXT_OPERATORS: [&str; 4] = ["StringEquals", "StringLike", "StringEqualsIfExists", "StringEqualsIgnoreCase"];

/// The need with what is known of every call: where it comes from and goes to.
fn on_the_way(mut need: Statement, traffic: &Traffic) -> Statement {
    for operator in TEXT_OPERATORS {
        need = need.when(operator, "aws:SourceVpc", vec![traffic.vpc_id.to_owned()]);
        need = need.when(operator, "aws:RequestedRegion", vec![traffic.scope.region.clone()]);
    }
    need
}

/// The need with what is known of a signed call.
fn known(need: Statement, traffic: &Traffic, caller: &str) -> Statement {
    let mut need = on_the_way(need, traffic);
    for operator in TEXT_OPERATORS {
        need = need.when(operator, "aws:PrincipalAccount", vec![traffic.scope.account_id.clone()]);
    }
    for operator in ["ArnLike", "ArnEquals", "StringLike", "StringEquals"] {
        need = need.when(operator, "aws:PrincipalArn", vec![caller.to_owned()]);
    }
    need
}

/// The policy as it stands for calls that carry no signature: an allow for a named principal, or under a condition on the principal,
/// is none for them.
fn unsigned(policy: &PolicyDocument) -> PolicyDocument {
    let speaks = |statement: &&Statement| {
        let of_principal = |key: &String| key.to_lowercase().starts_with("aws:principal");
        let strict = statement.condition.iter().filter(|(operator, _)| !operator.to_lowercase().ends_with("ifexists"));
        let asks = strict.flat_map(|(_, keys)| keys.keys()).any(of_principal);
        statement.effect == Effect::Deny || (!asks && statement.principal.as_ref().is_some_and(is_anyone))
    };
    PolicyDocument { version: policy.version.clone(), statement: policy.statement.iter().filter(speaks).cloned().collect() }
}

/// The policy with its principals written as conditions on the caller, which mean the same for signed calls.
fn of_callers(policy: &PolicyDocument) -> PolicyDocument {
    let mut statements = Vec::new();
    for statement in &policy.statement {
        match &statement.principal {
            Some(Principal::Of(kinds)) if !statement.principal.as_ref().is_some_and(is_anyone) => {
                statements.extend(kinds.get("AWS").into_iter().flat_map(|named| by_caller(statement, named)));
            }
            _ => statements.push(statement.clone()),
        }
    }
    PolicyDocument { version: policy.version.clone(), statement: statements }
}

fn by_caller(statement: &Statement, named: &Values) -> Vec<Statement> {
    let account = |text: &str| {
        let id = text.strip_suffix(":root").and_then(|arn| arn.rsplit(':').next()).unwrap_or(text);
        (id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
    };
    let one = |text: &String| {
        let anyone = Statement { principal: Some(Principal::anyone()), ..statement.clone() };
        match account(text) {
            Some(id) => anyone.when("StringEquals", "aws:PrincipalAccount", vec![id]),
            None => anyone.when("ArnEquals", "aws:PrincipalArn", vec![text.clone()]),
        }
    };
    named.0.iter().map(one).collect()
}

/// Whether the principal is everyone.
#[must_use]
pub fn is_anyone(principal: &Principal) -> bool {
    match principal {
        Principal::Anyone(text) => text == "*",
        Principal::Of(kinds) => kinds.get("AWS").is_some_and(|values| values.0.iter().any(|value| value == "*")),
    }
}

/// Whether a condition of the statement ties it to an account, an organisation, or a named caller or resource owner.
#[must_use]
pub fn is_tied(condition: &BTreeMap<String, BTreeMap<String, Values>>) -> bool {
    const TIES: [&str; 9] = [
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:resourceaccount",
        "aws:resourceorgid",
        "aws:sourceaccount",
        "aws:userid",
        "kms:calleraccount",
    ];
    let positive = condition.iter().filter(|(operator, _)| !operator.to_lowercase().contains("not"));
    let some = |values: &Values| values.0.iter().all(|value| value != "*");
    positive.flat_map(|(_, keys)| keys).any(|(key, values)| TIES.contains(&key.to_lowercase().as_str()) && some(values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::endpoint::{Admission, exclusive, perimeter};

    const OPERATOR: &str = "arn:aws:iam::123456789012:role/operator";

    fn scope() -> Scope {
        Scope {
            partition: "aws".into(),
            account_id: "123456789012".into(),
            region: "us-east-1".into(),
            cluster_name: "prod".into(),
            environment: "prod".into(),
            path: "/hipaa-operator/us-east-1/prod/prod/".into(),
        }
    }

    fn through(policy: &str, service: &str) -> (usize, usize) {
        let (scope, terms) = (scope(), Terms { models: ["haiku".to_owned()].into(), ..Terms::default() });
        let traffic = Traffic { scope: &scope, vpc_id: "vpc-hub", terms: &terms, stores: &stores(), operator: OPERATOR };
        let passage = passage(&PolicyDocument::parse(policy).unwrap(), service, &traffic);
        (passage.refused.len(), passage.untold.len())
    }

    #[test]
    fn our_own_policies_let_through_what_is_needed() {
        let admission = Admission { operator: OPERATOR, changes: &[], others: &[] };
        for service in ["sts", "bedrock", "bedrock-runtime", "kms", "sqs", "secretsmanager"] {
            for build in [perimeter, exclusive] {
                assert_eq!(through(&build(&scope(), service, &admission).to_json(), service), (0, 0), "{service}");
            }
        }
    }

    #[test]
    fn sts_by_table() {
        let allow = |principal: &str, resource: &str, condition: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:*","Resource":"{resource}","Condition":{condition}}}]}}"#
            )
        };
        for (principal, resource, condition, expected) in [
            (r#""*""#, "*", "{}", (0, 0)),
            (r#"{"AWS":"*"}"#, "arn:aws:iam::123456789012:role/*", "{}", (0, 0)),
            (r#""*""#, "arn:aws:iam::123456789012:role/other/*", "{}", (1, 0)),
            // An unsigned call has no principal, so that the usual perimeter shuts it out.
            (r#""*""#, "*", r#"{"StringEquals":{"aws:PrincipalAccount":"123456789012"}}"#, (1, 0)),
            (r#"{"AWS":"123456789012"}"#, "*", "{}", (1, 0)),
            (r#""*""#, "*", r#"{"StringEquals":{"aws:SourceVpc":"vpc-hub"}}"#, (0, 0)),
            (r#""*""#, "*", r#"{"StringEquals":{"aws:SourceVpc":"vpc-other"}}"#, (0, 1)),
        ] {
            assert_eq!(through(&allow(principal, resource, condition), "sts"), expected, "{principal} {resource} {condition}");
        }
    }

    /// A queue of the account's, and folders of a bucket.
    fn stores() -> Vec<DataStore> {
        let store = |kind: &str, arn: &str, more: &str| {
            let text = format!(r#"{{"name":"a","type":"{kind}","arn":"{arn}","verbs":["read"],"namespaceSelector":{{}}{more}}}"#);
            serde_json::from_str(&text).unwrap()
        };
        let key = r#","kmsKeyArn":"arn:aws:kms:us-east-1:123456789012:key/1""#;
        vec![store("SQS", "arn:aws:sqs:us-east-1:123456789012:a", key), store("S3", "arn:aws:s3:::a", r#","prefixes":["b/"]"#)]
    }

    #[test]
    fn stores_by_table() {
        let allow = |action: &str, resource: &str, condition: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":"*","Action":"{action}","Resource":{resource},"Condition":{condition}}}]}}"#
            )
        };
        let ours = r#"{"StringEquals":{"aws:PrincipalAccount":"123456789012","aws:ResourceAccount":"123456789012"}}"#;
        for (service, action, resource, condition, expected) in [
            ("sqs", "*", r#""*""#, "{}", (0, 0)),
            ("sqs", "sqs:*", r#""arn:aws:sqs:us-east-1:123456789012:a""#, ours, (0, 0)),
            ("sqs", "sqs:*", r#""arn:aws:sqs:us-east-1:123456789012:b""#, "{}", (4, 0)),
            ("sqs", "sqs:ReceiveMessage", r#""*""#, "{}", (3, 0)),
            ("sqs", "*", r#""*""#, &ours.replace("Account\":\"1234", "Account\":\"9999"), (0, 4)),
            ("s3", "s3:*", r#"["arn:aws:s3:::a","arn:aws:s3:::a/*"]"#, "{}", (0, 0)),
            ("s3", "s3:GetObject", r#""arn:aws:s3:::a/*""#, "{}", (1, 0)),
            ("s3", "*", r#""arn:aws:s3:::prod-region-starport-layer-bucket/*""#, "{}", (2, 0)),
            // Whether the bucket is the account's own is not known.
            ("s3", "*", r#""*""#, ours, (0, 2)),
            // SQS asks for its key itself, not through this endpoint.
            ("kms", "ec2:*", r#""*""#, "{}", (0, 0)),
        ] {
            assert_eq!(through(&allow(action, resource, condition), service), expected, "{service} {action} {resource} {condition}");
        }
    }

    #[test]
    fn the_runtime_by_table() {
        let allow = |principal: &str, action: &str, condition: &str, more: &str| {
            format!(
                r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"{action}","Resource":"*","Condition":{condition}}}{more}]}}"#
            )
        };
        let deny = r#",{"Effect":"Deny","Principal":"*","Action":"bedrock:InvokeModel","Resource":"*"}"#;
        let ours = r#"{"StringEquals":{"aws:PrincipalAccount":["123456789012","210987654321"]}}"#;
        for (principal, action, condition, more, expected) in [
            (r#""*""#, "*", "{}", "", (0, 0)),
            (r#""*""#, "bedrock:Invoke*", ours, "", (0, 0)),
            (r#"{"AWS":"arn:aws:iam::123456789012:root"}"#, "bedrock:*", "{}", "", (0, 0)),
            (r#"{"AWS":"210987654321"}"#, "bedrock:*", "{}", "", (0, 2)),
            (r#""*""#, "bedrock:InvokeModel", "{}", "", (1, 0)),
            (r#""*""#, "bedrock:List*", "{}", "", (2, 0)),
            (r#""*""#, "*", "{}", deny, (1, 0)),
            (r#""*""#, "*", r#"{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}"#, "", (0, 2)),
        ] {
            assert_eq!(
                through(&allow(principal, action, condition, more), "bedrock-runtime"),
                expected,
                "{principal} {action} {condition}"
            );
        }
    }
}
