use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::api::Verdict;
use crate::api::guardrails::GuardrailStatus;
use crate::domain::{Fault, FaultClass};
use crate::observed::Read;
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::Rules;
use crate::plan::environment::tests::{MODEL, provisioned, rules_with};

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/1";

fn declared(more: &Value) -> Rules {
    let mut guardrail = json!({
        "name": "phi", "management": "Provision", "default": true, "kmsKeyArn": KEY,
        "piiEntities": [{ "type": "NAME", "action": "ANONYMIZE" }, { "type": "US_SOCIAL_SECURITY_NUMBER", "action": "BLOCK" }],
        "regexes": [{ "name": "mrn", "pattern": "MRN-[0-9]{8}", "action": "BLOCK" }],
    });
    guardrail.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rules_with(&json!({ "bedrock": { "models": [MODEL], "guardrails": [guardrail] } }))
}

/// Bedrock, as it behaves: what is made or changed is READY at once here.
struct World {
    rules: Rules,
    seen: EnvironmentObservation,
    recorded: Vec<GuardrailStatus>,
    now: Timestamp,
    confirmed: Option<&'static str>,
    may_hold: bool,
}

impl World {
    fn new(rules: Rules) -> Self {
        let mut world =
            Self { rules, seen: provisioned(), recorded: Vec::new(), now: Timestamp::UNIX_EPOCH, confirmed: None, may_hold: true };
        world.set(ObservedGuardrail::default());
        world
    }

    fn set(&mut self, found: ObservedGuardrail) {
        self.seen.guardrails = BTreeMap::from([("phi".to_owned(), Ok(found))]);
    }

    fn found(&mut self) -> &mut ObservedGuardrail {
        self.seen.guardrails.get_mut("phi").unwrap().as_mut().unwrap()
    }

    fn plan(&self) -> Plan {
        let inputs = EnvironmentInputs {
            recorded_guardrails: &self.recorded,
            may_hold: self.may_hold,
            ..EnvironmentInputs::of(&self.rules, &self.seen)
        };
        plan(&inputs)
    }

    /// One pass: what was called. The status is recorded as a pass does it.
    fn pass(&mut self) -> Vec<&'static str> {
        let actions = self.plan().actions;
        self.recorded = in_use(&self.rules, &self.seen.guardrails, &self.recorded, self.confirmed, self.now);
        for action in &actions {
            self.carry_out(action);
        }
        actions.iter().map(|action| action.describe().1).collect()
    }

    fn carry_out(&mut self, action: &Action) {
        let found = self.found();
        let ready = |content: &crate::observed::guardrails::GuardrailContent| GuardrailVersion {
            id: "g1".into(),
            arn: "arn:g1".into(),
            version: "DRAFT".into(),
            status: "READY".into(),
            content: content.clone(),
            ..GuardrailVersion::default()
        };
        match action {
            Action::CreateGuardrail(new) => *found = ObservedGuardrail { draft: Some(ready(&new.content)), published: None, ours: true },
            Action::UpdateGuardrail { content, .. } => found.draft = Some(ready(content)),
            Action::CreateGuardrailVersion { .. } => {
                let number = found.published.as_ref().map_or(0, |published| published.version.parse::<u32>().unwrap());
                found.published = found.draft.clone().map(|draft| GuardrailVersion { version: (number + 1).to_string(), ..draft });
            }
            other => panic!("{other:?}"),
        }
    }

    fn settle(&mut self) {
        assert_eq!([self.pass(), self.pass(), self.pass()], [vec!["CreateGuardrail"], vec!["CreateGuardrailVersion"], vec![]]);
    }

    fn reasons(&self) -> Vec<(Reason, Verdict)> {
        let findings = self.plan().findings.into_iter().filter(|finding| finding.verdict != Verdict::Pass);
        findings.map(|finding| (finding.reason, finding.verdict)).collect()
    }

    fn identifiers(&self) -> Vec<String> {
        let pinned = pinned(&self.rules, &self.recorded).remove("phi").unwrap();
        pinned.map(|pinned| pinned.identifiers.into_iter().collect()).unwrap_or_default()
    }
}

#[test]
fn it_is_made_published_and_then_left() {
    let mut world = World::new(declared(&json!({})));
    assert_eq!(world.identifiers(), [] as [&str; 0], "nothing is pinned before it is published");
    world.settle();
    assert_eq!(world.reasons(), []);
    assert_eq!(world.identifiers(), ["arn:g1:1"]);
    // The order of lists in the spec is none of its content.
    let turned =
        json!({ "piiEntities": [{ "type": "US_SOCIAL_SECURITY_NUMBER", "action": "BLOCK" }, { "type": "NAME", "action": "ANONYMIZE" }] });
    world.rules = declared(&turned);
    assert_eq!(world.pass(), [] as [&str; 0]);
}

#[test]
fn a_change_is_published_once_and_rolled_out() {
    let mut world = World::new(declared(&json!({})));
    world.settle();
    (world.rules, world.may_hold) = (declared(&json!({ "blockedMessage": "No.", "overlap": "2h" })), false);
    assert_eq!(world.identifiers(), ["arn:g1:1"]);
    assert_eq!([world.pass(), world.pass()], [vec!["UpdateGuardrail"], vec!["CreateGuardrailVersion"]]);
    assert_eq!(world.identifiers(), ["arn:g1:1"], "roles go on with the published one");
    assert_eq!(world.pass(), [] as [&str; 0]);
    assert_eq!(world.identifiers(), ["arn:g1:1", "arn:g1:2"]);
    assert_eq!(pinned(&world.rules, &world.recorded)["phi"].as_ref().unwrap().version, "2", "applications are told the new one");
    world.now = Timestamp::from_second(2 * 3600 - 1).unwrap();
    world.pass();
    assert_eq!(world.identifiers(), ["arn:g1:1", "arn:g1:2"]);
    world.now = Timestamp::from_second(2 * 3600).unwrap();
    world.pass();
    assert_eq!(world.identifiers(), ["arn:g1:2"], "the overlap has ended");
}

#[test]
fn a_person_may_end_the_overlap() {
    let mut world = World::new(declared(&json!({})));
    world.settle();
    world.rules = declared(&json!({ "blockedMessage": "No." }));
    for _ in 0..3 {
        world.pass();
    }
    for (word, left) in [("phi:1", 2), ("other:2", 2), ("phi:2", 1)] {
        world.confirmed = Some(word);
        world.pass();
        assert_eq!(world.identifiers().len(), left, "{word}");
    }
}

#[test]
fn drift_of_the_draft_is_named_and_mended_unless_it_is_stricter() {
    type Change = fn(&mut GuardrailVersion);
    let cases: [(&str, Change, &[&str], &str); 8] = [
        (
            "an entity off",
            |draft| drop(draft.content.pii_entities.insert("NAME".into(), "NONE".into())),
            &["UpdateGuardrail"],
            "piiEntities NAME: found NONE, wanted ANONYMIZE",
        ),
        (
            "an entity gone",
            |draft| drop(draft.content.pii_entities.remove("NAME")),
            &["UpdateGuardrail"],
            "piiEntities NAME: found nothing, wanted ANONYMIZE",
        ),
        (
            "a pattern changed",
            |draft| drop(draft.content.regexes.insert("mrn".into(), ("X".into(), "BLOCK".into()))),
            &["UpdateGuardrail"],
            "regexes mrn: found X BLOCK",
        ),
        (
            "a filter lower",
            |draft| drop(draft.content.content_filters.insert("HATE".into(), ("LOW".into(), "HIGH".into()))),
            &["UpdateGuardrail"],
            "contentFilters HATE: found LOW HIGH, wanted HIGH HIGH",
        ),
        ("another key", |draft| draft.content.kms_key_arn = None, &["UpdateGuardrail"], "found AWS's own key"),
        (
            "a mask that blocks",
            |draft| drop(draft.content.pii_entities.insert("NAME".into(), "BLOCK".into())),
            &[],
            "the draft of guardrail g1",
        ),
        (
            "an entity more",
            |draft| drop(draft.content.pii_entities.insert("EMAIL".into(), "BLOCK".into())),
            &[],
            "the draft of guardrail g1",
        ),
        ("topics", |draft| draft.has_other_policies = true, &[], "the draft of guardrail g1"),
    ];
    for (name, change, calls, words) in cases {
        let mut world = World::new(declared(&json!({})));
        world.settle();
        change(world.found().draft.as_mut().unwrap());
        let told = world.plan().findings.into_iter().find(|finding| matches!(finding.verdict, Verdict::Fail | Verdict::Held)).unwrap();
        assert!(told.message.contains(words) && !told.blocks, "{name}: {}", told.message);
        assert_eq!(world.pass(), calls, "{name}");
        assert_eq!(world.pass(), [] as [&str; 0], "{name}: no version is published of it");
        assert_eq!(world.identifiers(), ["arn:g1:1"], "{name}");
    }
    let mut world = World::new(declared(&json!({})));
    world.settle();
    world.found().draft.as_mut().unwrap().has_other_policies = true;
    world.may_hold = false;
    assert_eq!(world.pass(), ["UpdateGuardrail"], "a person's wish ends the hold");
}

#[test]
fn what_is_lost_is_found_or_made_again_and_what_is_foreign_is_left() {
    let mut world = World::new(declared(&json!({})));
    world.settle();
    world.recorded.clear();
    assert_eq!((world.pass(), world.identifiers()), (vec![], vec!["arn:g1:1".to_owned()]), "a lost status");
    let first = |world: &World| match world.plan().actions.as_slice() {
        [Action::CreateGuardrail(new)] => new.client_token.clone(),
        other => panic!("{other:?}"),
    };
    world.set(ObservedGuardrail::default());
    let again = first(&world);
    assert_ne!(again, first(&World::new(declared(&json!({})))), "the token of the deleted one would give that one again");
    assert_eq!(world.identifiers(), ["arn:g1:1"]);
    let mut world = World::new(declared(&json!({})));
    world.settle();
    world.recorded.clear();
    world.found().ours = false;
    assert_eq!(world.pass(), [] as [&str; 0]);
    assert_eq!(world.reasons(), [(Reason::Conflict, Verdict::Fail)]);
    assert_eq!(world.identifiers(), [] as [&str; 0], "a foreign one is not used");
}

#[test]
fn what_is_not_read_or_not_ready_goes_on_as_recorded() {
    let mut world = World::new(declared(&json!({})));
    world.settle();
    let fault: Read<ObservedGuardrail> =
        Err(Fault { class: FaultClass::Throttled, service: "bedrock", operation: "GetGuardrail", code: "ThrottlingException".into() });
    let good = std::mem::replace(world.seen.guardrails.get_mut("phi").unwrap(), fault);
    assert_eq!((world.pass(), world.reasons()), (vec![], vec![(Reason::Throttled, Verdict::Unknown)]));
    assert_eq!(world.identifiers(), ["arn:g1:1"]);
    world.seen.guardrails.insert("phi".into(), good);
    world.found().draft.as_mut().unwrap().status = "UPDATING".into();
    assert_eq!((world.pass(), world.reasons()), (vec![], vec![(Reason::Progressing, Verdict::Unknown)]));
}

#[test]
fn a_platforms_guardrail_is_judged_by_what_it_does() {
    type Change = fn(&mut ObservedGuardrail);
    let cases: [(&str, Change, Reason, bool); 6] = [
        ("gone", |found| found.published = None, Reason::GuardrailNotFound, true),
        ("failed", |found| found.published.as_mut().unwrap().status = "FAILED".into(), Reason::GuardrailNotReady, true),
        (
            "another key",
            |found| found.published.as_mut().unwrap().content.kms_key_arn = Some("arn:other".into()),
            Reason::KeyElsewhere,
            true,
        ),
        ("no key", |found| found.published.as_mut().unwrap().content.kms_key_arn = None, Reason::KeyNotCustomerManaged, false),
        (
            "only reports",
            |found| found.published.as_mut().unwrap().content.pii_entities = BTreeMap::from([("NAME".into(), "NONE".into())]),
            Reason::PersonalInformationPasses,
            false,
        ),
        ("no filter", |found| found.published.as_mut().unwrap().content.content_filters.clear(), Reason::GuardrailTooWeak, false),
    ];
    let rules = rules_with(&json!({ "bedrock": { "models": [MODEL], "guardrails": [
        { "name": "phi", "management": "Verify", "guardrailId": "theirs", "version": "3", "kmsKeyArn": KEY },
    ] } }));
    let sound = |world: &mut World| {
        let mut content = declared(&json!({})).guardrails[0].content.clone();
        content.regexes.clear();
        let published = GuardrailVersion {
            id: "theirs".into(),
            arn: "arn:theirs".into(),
            version: "3".into(),
            status: "READY".into(),
            content,
            ..GuardrailVersion::default()
        };
        world.set(ObservedGuardrail { published: Some(published), ..ObservedGuardrail::default() });
    };
    let mut world = World::new(rules.clone());
    sound(&mut world);
    assert_eq!((world.pass(), world.reasons()), (vec![], vec![]));
    assert_eq!(world.identifiers(), ["arn:theirs:3"]);
    for (name, change, reason, blocks) in cases {
        let mut world = World::new(rules.clone());
        sound(&mut world);
        change(world.found());
        let findings: Vec<_> = world.plan().findings.into_iter().filter(|finding| finding.verdict == Verdict::Fail).collect();
        assert!(findings.iter().any(|finding| finding.reason == reason && finding.blocks == blocks), "{name}: {findings:?}");
        assert_eq!(world.plan().actions, [], "{name}");
    }
}
