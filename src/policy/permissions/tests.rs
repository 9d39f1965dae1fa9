use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::api::SideDoor;
use crate::domain::Scope;
use crate::policy::boundary::{GuardrailLimits, permissions_boundary};
use crate::policy::common::common;
use crate::policy::document::Effect;
use crate::policy::relation::{Coverage, Relation, covers, relate};
use crate::policy::terms::Terms;

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

fn texts(list: &[&str]) -> BTreeSet<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

const APPLICATION: &str = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
const GUARDRAIL: &str = "arn:aws:bedrock:us-east-1:123456789012:guardrail/g1";
const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1";

fn terms() -> Terms {
    Terms {
        models: texts(&["a.one*", "b.two-v1:0", "c.embed-v1"]),
        profiles: texts(&["us.a.one-v1:0", "us.d.three*", "global.a.one-v1:0"]),
        application_profiles: BTreeMap::from([("notes".to_owned(), APPLICATION.to_owned())]),
        regions: texts(&["us-east-1", "us-west-2"]),
        ..Terms::default()
    }
}

fn with<T>(terms: &Terms, take: impl FnOnce(&Setting) -> T) -> T {
    take(&Setting { scope: &scope(), vpc_id: "vpc-1", issuer: "oidc.example/id/1", terms })
}

fn profile(id: &str, model: &str, regions: &[&str]) -> Profile {
    Profile { id: id.into(), model_arns: regions.iter().map(|region| scope().foundation_model_arn(region, model)).collect() }
}

fn guardrail(versions: &[&str]) -> PinnedGuardrail {
    PinnedGuardrail {
        name: "phi".into(),
        id: "g1".into(),
        version: versions.last().unwrap().to_string(),
        identifiers: versions.iter().map(|version| format!("{GUARDRAIL}:{version}")).collect(),
        kms_key_arns: texts(&[KEY]),
        profile_arn: None,
    }
}

/// What an access can get on these terms.
fn grants() -> impl Strategy<Value = Vec<Grant>> {
    let models = prop::sample::subsequence(vec!["a.one-v1:0", "a.one-v2:0", "b.two-v1:0", "c.embed-v1"], 0..4);
    let profiles = prop::sample::subsequence(
        vec![
            profile("us.a.one-v1:0", "a.one-v1:0", &["us-east-1", "us-west-2"]),
            profile("us.d.three-v1:0", "d.three-v1:0", &["us-west-2"]),
            profile("notes", "a.one-v1:0", &["us-east-1"]),
        ],
        0..3,
    );
    let all = vec![Operation::Invoke, Operation::InvokeStream, Operation::CountTokens, Operation::ApplyGuardrail];
    let operations = prop::sample::subsequence(all, 1..4);
    let one = (models, profiles, operations).prop_map(|(models, profiles, operations)| Grant {
        models: texts(&models),
        profiles: profiles.into_iter().collect(),
        operations: operations.into_iter().collect(),
        guardrail: None,
    });
    // An environment requires guardrails of all or of none.
    let versions = prop::option::of(prop_oneof![Just(vec!["1"]), Just(vec!["1", "2"])]);
    (prop::collection::vec(one, 0..4), versions).prop_map(|(mut grants, versions)| {
        for grant in &mut grants {
            grant.guardrail = versions.as_deref().map(guardrail);
        }
        grants
    })
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let doors = prop::sample::subsequence(SideDoor::ALL.to_vec(), 0..=7);
    (doors, any::<bool>(), any::<bool>()).prop_map(|(doors, global_profiles, require_federation)| Terms {
        side_doors: doors.into_iter().collect(),
        global_profiles,
        require_federation,
        ..terms()
    })
}

fn boundary(terms: &Terms) -> PolicyDocument {
    let resolved = BTreeSet::from([profile("notes", "a.one-v1:0", &["us-east-1"])]);
    let limits = GuardrailLimits { declared: true, kms_key_arns: texts(&[KEY]) };
    with(terms, |setting| permissions_boundary(setting, &resolved, &limits, &[]))
}

proptest! {
    #[test]
    fn the_boundary_lets_through_whatever_can_be_granted(terms in some_terms(), grants in grants()) {
        let document = with(&terms, |setting| workload_policy(setting, &grants, &[]));
        prop_assert_eq!(covers(&boundary(&terms), &document), Coverage::Covered);
    }

    #[test]
    fn nothing_is_allowed_at_large(terms in some_terms(), grants in grants()) {
        let documents = [with(&terms, |setting| workload_policy(setting, &grants, &[])), boundary(&terms)];
        for statement in documents.iter().flat_map(|document| &document.statement).filter(|one| one.effect == Effect::Allow) {
            let name = statement.sid.as_deref().unwrap_or_default();
            // The service knows no resource for these.
            prop_assert!(name == "OpenedCalls" || !statement.resource.iter().any(|resource| resource == "*"), "{:?}", statement);
            prop_assert!(statement.not_action.is_empty() && statement.not_resource.is_empty());
            prop_assert!(!statement.action.iter().any(|action| action == "*" || action == "bedrock:*"), "{:?}", statement);
        }
    }

    #[test]
    fn denies_stay_when_more_is_granted(terms in some_terms(), grants in grants(), more in grants()) {
        let denies = |grants: &[Grant]| -> BTreeSet<String> {
            let document = with(&terms, |setting| workload_policy(setting, grants, &[]));
            document.statement.into_iter().filter(|one| one.effect == Effect::Deny).filter_map(|one| one.sid).collect()
        };
        let sum = [grants.clone(), more].concat();
        prop_assert!(denies(&sum).is_superset(&denies(&grants)));
    }

    #[test]
    fn order_and_repetition_change_nothing(grants in grants()) {
        let write = |grants: &[Grant]| with(&terms(), |setting| workload_policy(setting, grants, &[])).to_json();
        let mut turned = grants.clone();
        turned.reverse();
        turned.extend(grants.clone());
        prop_assert_eq!(write(&turned), write(&grants));
        prop_assert_eq!(PolicyDocument::parse(&write(&grants)).unwrap().to_json(), write(&grants));
    }

    #[test]
    fn what_two_of_ours_have_in_common_is_in_both(one in grants(), other in grants()) {
        let build = |grants: &[Grant]| with(&terms(), |setting| workload_policy(setting, grants, &[]));
        let (one, other) = (build(&one), build(&other));
        let left = common(&one, &other);
        prop_assert_ne!(relate(&one, &left), Relation::Wider);
        prop_assert_eq!(covers(&other, &left), Coverage::Covered);
        prop_assert_eq!(relate(&one, &common(&one, &one)), Relation::Same);
    }
}

fn statement<'a>(document: &'a PolicyDocument, sid: &str) -> &'a Statement {
    document.statement.iter().find(|one| one.sid.as_deref() == Some(sid)).unwrap_or_else(|| panic!("{sid} in {}", document.to_json()))
}

#[test]
fn a_guardrail_is_named_on_both_sides_and_models_without_one_are_exempt() {
    let grant = |models: &[&str], versions: &[&str]| Grant {
        models: texts(models),
        operations: BTreeSet::from([Operation::Invoke, Operation::CountTokens]),
        guardrail: Some(guardrail(versions)),
        ..Grant::default()
    };
    let document = with(&terms(), |setting| workload_policy(setting, &[grant(&["a.one-v1:0", "c.embed-v1"], &["1", "2"])], &[]));
    let json = document.to_value();
    let pins = json!([format!("{GUARDRAIL}:1"), format!("{GUARDRAIL}:2")]);
    let deny = statement(&document, "WithoutGuardrail");
    assert_eq!(json!(deny.condition), json!({ "StringNotEquals": { "bedrock:GuardrailIdentifier": pins } }));
    assert_eq!(deny.not_resource, ["arn:aws:bedrock:us-east-1::foundation-model/c.embed-v1"]);
    let allows: Vec<_> = json["Statement"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["Action"] == "bedrock:InvokeModel" && one["Effect"] == "Allow")
        .collect();
    for allow in allows {
        let named = allow["Condition"]["StringEquals"].get("bedrock:GuardrailIdentifier");
        let embeds = allow["Resource"].to_string().contains("embed");
        assert_eq!(named, (!embeds).then_some(&pins), "{allow}");
    }
    assert_eq!(statement(&document, "Guardrails").resource, [GUARDRAIL]);
    assert_eq!(statement(&document, "GuardrailKeys").condition["StringEquals"]["kms:ViaService"].0, ["bedrock.us-east-1.amazonaws.com"]);
    let counted = json["Statement"].as_array().unwrap().iter().find(|one| one["Action"] == "bedrock:CountTokens").unwrap();
    assert!(counted["Condition"]["StringEquals"].get("bedrock:GuardrailIdentifier").is_none(), "counting takes no guardrail");
}

#[test]
fn the_boundary_is_made_of_what_changes_slowly() {
    let document = boundary(&Terms { global_profiles: true, ..terms() });
    let text = document.to_json();
    assert!(document.fits_managed_policy() && !text.contains("g1") && !text.contains("vpce-"), "{text}");
    let behind: Vec<&Statement> =
        document.statement.iter().filter(|one| one.sid.as_deref().is_some_and(|sid| sid.starts_with("Behind"))).collect();
    let through = |id: &str| {
        let profile = scope().inference_profile_arn(id);
        let of = |one: &&&Statement| one.condition.values().any(|keys| keys.values().any(|values| values.0 == [profile.clone()]));
        behind.iter().find(of).map(|one| (one.condition.keys().next().unwrap().as_str(), one.resource.clone())).unwrap()
    };
    let arn = |region: &str, model: &str| scope().foundation_model_arn(region, model);
    assert_eq!(through("us.a.one-v1:0"), ("StringEquals", vec![arn("us-east-1", "a.one-v1:0"), arn("us-west-2", "a.one-v1:0")]));
    assert_eq!(through("us.d.three*"), ("StringLike", vec![arn("us-east-1", "d.three*"), arn("us-west-2", "d.three*")]));
    assert_eq!(through("global.a.one-v1:0"), ("StringEquals", vec![arn("", "a.one-v1:0"), arn("us-east-1", "a.one-v1:0")]));
}
