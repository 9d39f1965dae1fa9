//! What the policies of a role allow and deny, one action and one resource at a time, and what boundary and endpoint say to it.

use std::collections::BTreeMap;

use crate::observed::network::Endpoint;
use crate::policy::document::Values;
use crate::policy::passage::{Traffic, passes};
use crate::policy::relation::{Coverage, covers};
use crate::policy::{Effect, PolicyDocument, Statement};

use super::{Answer, Denial, Power, Seen, origin};

/// Actions of Bedrock that are called at its runtime; all others are at its control plane.
const RUNTIME: [&str; 5] = ["invokemodel", "counttokens", "applyguardrail", "converse", "invokemodelwithresponsestream"];

/// The policies on the role that could be read: their ARN or name, and their document.
pub(super) fn documents<'a>(seen: &'a Seen) -> Vec<(&'a str, &'a PolicyDocument)> {
    let attached = seen.attached.iter().filter_map(|(arn, read)| Some((arn.as_str(), read.as_ref().ok()?.as_ref()?)));
    let role = seen.role.as_ref().ok().and_then(Option::as_ref);
    let inline = role.into_iter().flat_map(|role| &role.inline).filter_map(|(name, document)| Some((name.as_str(), document.as_ref()?)));
    attached.chain(inline).collect()
}

/// Everything that the role's policies allow.
pub(super) fn allowed(seen: &Seen) -> Vec<Power> {
    let documents = documents(seen);
    let all = PolicyDocument::of(documents.iter().flat_map(|(_, document)| document.statement.iter().cloned()).collect());
    let origins = origin::Origins::of(seen);
    let mut powers = Vec::new();
    for (policy, document) in documents {
        for statement in document.statement.iter().filter(|statement| statement.effect == Effect::Allow) {
            for one in singles(statement) {
                powers.push(power(seen, policy, &one, &all, &origins));
            }
        }
    }
    powers
}

fn power(seen: &Seen, policy: &str, one: &Statement, all: &PolicyDocument, origins: &origin::Origins) -> Power {
    let alone = PolicyDocument::of(vec![one.clone()]);
    let (role, unless) = denied_by_role(all, &alone);
    // What the role denies itself is not asked of the boundary.
    let denies = all.statement.iter().filter(|statement| statement.effect == Effect::Deny);
    let asked = PolicyDocument::of(denies.chain([one]).cloned().collect());
    let has_boundary = seen.role.as_ref().ok().and_then(Option::as_ref).is_some_and(|role| role.boundary_arn.is_some());
    let boundary = match &seen.boundary {
        _ if !has_boundary => Answer::NotAsked,
        Ok(Some(boundary)) => answer(covers(boundary, &asked)),
        _ => Answer::Unknown,
    };
    let endpoint = endpoint(seen, one);
    Power {
        action: words(&one.action, &one.not_action),
        resource: words(&one.resource, &one.not_resource),
        only_if: conditions(&one.condition),
        unless,
        policy: policy.to_owned(),
        origins: origins.of_permission(policy, &alone),
        role_lets_through: role,
        boundary_lets_through: boundary,
        endpoint_lets_through: endpoint,
        effective: Answer::all(&[role, boundary, endpoint]),
    }
}

/// Whether the role's denies leave a permission, and under which conditions they do not.
fn denied_by_role(all: &PolicyDocument, alone: &PolicyDocument) -> (Answer, Vec<String>) {
    let mut unless = Vec::new();
    for deny in all.statement.iter().filter(|statement| statement.effect == Effect::Deny) {
        let everything = Statement::allow("", &["*"], vec!["*".to_owned()]);
        match covers(&PolicyDocument::of(vec![everything, deny.clone()]), alone) {
            Coverage::Covered => {}
            Coverage::Missing => return (Answer::No, Vec::new()),
            Coverage::Unproven => unless.push(conditions(&deny.condition).join(" and ")),
        }
    }
    (Answer::Yes, unless)
}

/// What is denied by the role's policies and by its boundary.
pub(super) fn denied(seen: &Seen) -> Vec<Denial> {
    let boundary = seen.boundary.as_ref().ok().and_then(Option::as_ref);
    let arn = seen.role.as_ref().ok().and_then(Option::as_ref).and_then(|role| role.boundary_arn.as_deref()).unwrap_or_default();
    let documents = documents(seen).into_iter().map(|(policy, document)| (policy, document, false));
    let documents = documents.chain(boundary.map(|document| (arn, document, true)));
    let mut denials = Vec::new();
    for (policy, document, is_boundary) in documents {
        for statement in document.statement.iter().filter(|statement| statement.effect == Effect::Deny) {
            denials.push(Denial {
                actions: vec_of(&statement.action, &statement.not_action),
                resources: vec_of(&statement.resource, &statement.not_resource),
                only_if: conditions(&statement.condition),
                policy: policy.to_owned(),
                origin: origin::of_denial(seen, policy, is_boundary),
            });
        }
    }
    denials
}

/// The single permissions of a statement.
fn singles(statement: &Statement) -> Vec<Statement> {
    let one = |action: Option<&String>, resource: Option<&String>| Statement {
        sid: None,
        action: action.cloned().into_iter().collect(),
        resource: resource.cloned().into_iter().collect(),
        ..statement.clone()
    };
    let some =
        |list: &'_ [String]| if list.is_empty() { vec![None] } else { list.iter().map(|text| Some(text.clone())).collect::<Vec<_>>() };
    let (actions, resources) = (some(&statement.action), some(&statement.resource));
    actions.iter().flat_map(|action| resources.iter().map(move |resource| one(action.as_ref(), resource.as_ref()))).collect()
}

fn answer(coverage: Coverage) -> Answer {
    match coverage {
        Coverage::Covered => Answer::Yes,
        Coverage::Missing => Answer::No,
        Coverage::Unproven => Answer::Unknown,
    }
}

/// What the endpoints say through which the call goes. What a service asks of a key itself, and what lies behind a profile, goes through
/// none of them.
fn endpoint(seen: &Seen, one: &Statement) -> Answer {
    let keys: Vec<String> = one.condition.values().flat_map(BTreeMap::keys).map(|key| key.to_lowercase()).collect();
    if keys.iter().any(|key| key == "kms:viaservice" || key == "bedrock:inferenceprofilearn") {
        return Answer::NotAsked;
    }
    let (Ok(Some(vpc)), Ok(endpoints), Ok(others)) = (&seen.observed.vpc, &seen.observed.endpoints, &seen.observed.other_endpoints) else {
        return Answer::Unknown;
    };
    let Some(service) = one.action.first().and_then(|action| service(action)) else {
        return Answer::Unknown;
    };
    let name = seen.rules.scope.endpoint_service_name(&service);
    let serving: Vec<&Endpoint> = endpoints.iter().chain(others).filter(|endpoint| endpoint.service_name == name).collect();
    let from_vpc = keys.iter().any(|key| key == "aws:sourcevpc" || key == "aws:sourcevpce");
    if serving.is_empty() {
        let declared = seen.rules.endpoints.iter().any(|rule| rule.service == service && !rule.address_ranges.is_empty());
        return if from_vpc && !declared { Answer::No } else { Answer::Unknown };
    }
    let traffic = Traffic { scope: &seen.rules.scope, vpc_id: &vpc.id, terms: &seen.rules.terms, stores: &[], operator: "" };
    let caller = seen.role.as_ref().ok().and_then(Option::as_ref).map_or("", |role| role.arn.as_str());
    let answers: Vec<Answer> = serving
        .iter()
        .map(|endpoint| endpoint.policy.as_ref().map_or(Answer::Yes, |policy| answer(passes(policy, one, &traffic, caller))))
        .collect();
    // Which of several a call takes is for DNS and routes to say.
    if answers.iter().all(|answer| *answer == answers[0]) { answers[0] } else { Answer::Unknown }
}

/// The service, as `PrivateLink` names it, at which an action is called; `None` for a pattern that is not of one service.
fn service(action: &str) -> Option<String> {
    let (prefix, name) = action.split_once(':')?;
    let (prefix, name) = (prefix.to_lowercase(), name.to_lowercase());
    match prefix.as_str() {
        _ if prefix.contains(['*', '?']) => None,
        "bedrock" if RUNTIME.contains(&name.as_str()) => Some("bedrock-runtime".to_owned()),
        "bedrock" if name.contains('*') => None,
        _ => Some(prefix),
    }
}

/// What has to hold, in words.
fn conditions(condition: &BTreeMap<String, BTreeMap<String, Values>>) -> Vec<String> {
    let one = |operator: &str, key: &str, values: &Values| {
        let values = values.0.join(" or ");
        match operator {
            "StringEquals" | "ArnEquals" => format!("{key} is {values}"),
            "StringLike" | "ArnLike" => format!("{key} is like {values}"),
            "StringNotEquals" | "ArnNotEquals" => format!("{key} is not {values}"),
            other => format!("{key} {other} {values}"),
        }
    };
    condition.iter().flat_map(|(operator, keys)| keys.iter().map(move |(key, values)| one(operator, key, values))).collect()
}

fn words(these: &[String], all_but: &[String]) -> String {
    vec_of(these, all_but).join(", ")
}

fn vec_of(these: &[String], all_but: &[String]) -> Vec<String> {
    if all_but.is_empty() { these.to_vec() } else { vec![format!("everything but {}", all_but.join(", "))] }
}
