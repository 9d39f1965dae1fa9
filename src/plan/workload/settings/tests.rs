use std::collections::BTreeSet;

use super::*;
use crate::api::Verdict;
use crate::plan::Mode;
use crate::plan::workload::tests::{HAIKU, World, access, settled};
use crate::policy::boundary::{GuardrailLimits, permissions_boundary};
use crate::policy::guardrails::PinnedGuardrail;

const SONNET: &str = "anthropic.claude-3-sonnet-20240229-v1:0";

fn world() -> World {
    let mut world = World::settled(vec![access("summaries", HAIKU), access("letters", SONNET)]);
    // What follows is a change of the inputs.
    world.may_hold = false;
    world
}

fn data(world: &World) -> Vec<(&str, &str)> {
    let data = world.settings.as_ref().and_then(|settings| settings.data.as_ref());
    data.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// What of the plan is done in this mode, by the calls about settings.
fn calls(world: &World, mode: &Mode) -> Vec<&'static str> {
    let plan = world.plan().plan.restricted_to(mode);
    plan.actions.iter().filter(|action| action.family() == FAMILY).map(|action| action.describe().1).collect()
}

fn finding(world: &World) -> Option<(Verdict, Reason)> {
    let plan = world.plan().plan;
    plan.findings.iter().find(|finding| finding.family == FAMILY).map(|finding| (finding.verdict, finding.reason))
}

#[test]
fn an_application_is_told_its_region_endpoint_and_what_each_access_may_call() {
    let mut world = world();
    world.accesses[0].spec.models = Some(vec![SONNET.to_owned(), HAIKU.to_owned()]);
    let plan = world.plan().plan;
    world.carry_out(&plan);
    let both = format!("{SONNET},{HAIKU}");
    assert_eq!(
        data(&world),
        [
            ("access.letters.models", SONNET),
            ("access.summaries.models", both.as_str()),
            ("endpoint", "bedrock-runtime.us-east-1.amazonaws.com"),
            ("region", "us-east-1"),
        ]
    );
    let metadata = &world.settings.as_ref().unwrap().metadata;
    let owner = &metadata.owner_references.as_ref().unwrap()[0];
    assert_eq!((owner.kind.as_str(), owner.name.as_str(), owner.uid.as_str()), ("PhiWorkload", "notes", "uid-1"));
    assert_eq!((metadata.name.as_deref(), metadata.namespace.as_deref()), (Some("notes-bedrock"), Some("clinic")));
    assert_eq!(finding(&world), Some((Verdict::Pass, Reason::Proven)));
    let of_profiles = DeclaredAccess { name: "a".into(), ..access("a", HAIKU) };
    let mut spec = of_profiles.spec.clone();
    (spec.models, spec.inference_profiles) = (Some(Vec::new()), Some(vec!["us.x".into(), "eu.x".into()]));
    let told = of_access(&DeclaredAccess { spec, ..of_profiles }, &world.facts);
    assert_eq!(told, [("access.a.inferenceProfiles".to_owned(), "us.x,eu.x".to_owned())]);
}

#[test]
fn it_is_told_the_guardrail_in_use_and_how_an_application_profile_is_called() {
    let mut world = world();
    let pinned = PinnedGuardrail {
        id: "g1".into(),
        version: "2".into(),
        identifiers: ["1", "2"].map(|version| format!("arn:aws:bedrock:us-east-1:123456789012:guardrail/g1:{version}")).into(),
        ..PinnedGuardrail::default()
    };
    world.facts.guardrails = BTreeMap::from([("phi".to_owned(), Some(pinned))]);
    world.facts.default_guardrail = Some("phi".to_owned());
    let limits = GuardrailLimits { declared: true, ..GuardrailLimits::default() };
    world.facts.boundary = Some(permissions_boundary(&world.facts.setting(), &BTreeSet::new(), &limits, &[]));
    let plan = world.plan().plan;
    world.carry_out(&plan);
    for told in [("access.letters.guardrailId", "g1"), ("access.letters.guardrailVersion", "2"), ("access.summaries.guardrailId", "g1")] {
        assert!(data(&world).contains(&told), "{told:?} in {:?}", data(&world));
    }
    let arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc";
    world.facts.terms.application_profiles = BTreeMap::from([("billing".to_owned(), arn.to_owned())]);
    let mut spec = access("a", HAIKU).spec;
    (spec.models, spec.inference_profiles) = (None, Some(vec!["billing".into(), "us.x".into()]));
    let told = of_access(&DeclaredAccess { spec, ..access("a", HAIKU) }, &world.facts);
    assert_eq!(told, [("access.a.inferenceProfiles".to_owned(), format!("{arn},us.x"))]);
}

#[test]
fn with_fips_it_is_told_that_host_and_what_leads_there() {
    let mut world = world();
    for (leads, told) in [(true, None), (false, Some(Reason::EndpointNotFound))] {
        world.facts.fips_runtime = Some(leads);
        let plan = world.plan().plan;
        world.carry_out(&plan);
        assert!(data(&world).contains(&("endpoint", "bedrock-runtime-fips.us-east-1.amazonaws.com")));
        let missing =
            world.plan().plan.findings.into_iter().find(|finding| finding.about == FIPS_RUNTIME && finding.verdict == Verdict::Fail);
        assert_eq!(missing.map(|finding| finding.reason), told);
    }
    for (partition, suffix) in [("aws-us-gov", "amazonaws.com"), ("aws-cn", "amazonaws.com.cn"), ("aws-iso-b", "sc2s.sgov.gov")] {
        world.facts.scope.partition = partition.into();
        assert_eq!(world.facts.scope.host("sts"), format!("sts.us-east-1.{suffix}"));
    }
}

#[test]
fn what_others_change_is_written_again_and_what_they_add_is_theirs() {
    type Change = fn(&mut ConfigMap);
    let changes: [(&str, bool, Change); 7] = [
        ("another value", true, |found| drop(found.data.as_mut().unwrap().insert(ENDPOINT.into(), "elsewhere".into()))),
        ("a lost key", true, |found| drop(found.data.as_mut().unwrap().remove("access.letters.models"))),
        ("nothing in it", true, |found| found.data = None),
        ("a lost owner", true, |found| found.metadata.owner_references = None),
        ("an earlier owner", true, |found| found.metadata.owner_references.as_mut().unwrap()[0].uid = "uid-0".into()),
        ("a lost mark", true, |found| found.metadata.annotations = None),
        ("a key of theirs", false, |found| drop(found.data.as_mut().unwrap().insert("log-level".into(), "debug".into()))),
    ];
    for (what, repaired, change) in changes {
        let mut world = world();
        change(world.settings.as_mut().unwrap());
        assert_eq!(calls(&world, &Mode::Enforce), if repaired { vec!["ApplyConfigMap"] } else { vec![] }, "{what}");
        assert_eq!(calls(&world, &Mode::Hold("incident".into())), Vec::<&str>::new(), "{what}: a hold leaves it");
        assert_eq!(calls(&world, &Mode::Audit), Vec::<&str>::new(), "{what}");
    }
    let mut gone = world();
    gone.settings = None;
    assert_eq!(calls(&gone, &Mode::Enforce), ["ApplyConfigMap"]);
}

#[test]
fn what_an_access_was_told_goes_with_it_also_under_a_hold() {
    let hold = Mode::Hold("incident".into());
    let mut world = world();
    world.accesses.pop();
    let plan = world.plan().plan.restricted_to(&hold);
    world.carry_out(&plan);
    assert!(!data(&world).iter().any(|(key, _)| key.contains("letters")), "{:?}", data(&world));
    assert_eq!(calls(&world, &Mode::Enforce), Vec::<&str>::new());

    // Something new waits, and does not keep what is gone; nor does a role that is missing.
    for without_role in [false, true] {
        let mut world = self::world();
        world.accesses[1] = access("visits", HAIKU);
        if without_role {
            (world.role, world.network_policy, world.facts.has_runtime) = (None, None, false);
        }
        let plan = world.plan().plan.restricted_to(&hold);
        let about: Vec<Action> = plan.actions.into_iter().filter(|action| action.family() == FAMILY).collect();
        world.carry_out(&Plan { actions: about, ..Plan::default() });
        let keys: Vec<&str> = data(&world).iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, ["access.summaries.models", ENDPOINT, REGION]);
    }

    for end in [|world: &mut World| world.accesses.clear(), |world: &mut World| world.admitted = false] {
        let mut world = self::world();
        end(&mut world);
        assert_eq!(calls(&world, &hold), ["DeleteConfigMap"]);
        assert_eq!(calls(&world, &Mode::Audit), Vec::<&str>::new());
        assert_eq!(finding(&world), None);
    }
}

#[test]
fn another_of_the_same_name_is_a_conflict_and_keeps_nothing_else_back() {
    let foreign = ConfigMap { data: Some(BTreeMap::from([(REGION.to_owned(), "theirs".to_owned())])), ..ConfigMap::default() };
    let mut labelled = world().settings.unwrap();
    labelled.metadata.owner_references = None;
    labelled.metadata.labels.as_mut().unwrap().insert(WORKLOAD_LABEL.to_owned(), "visits".to_owned());
    for (settings, taken) in [(None, true), (Some(foreign), false), (Some(labelled.clone()), false)] {
        let mut world = World::empty(vec![access("summaries", HAIKU)]);
        (world.settings, world.settings_taken) = (settings, taken);
        assert_eq!(world.calls(), ["ApplyNetworkPolicy", "CreatePolicy", "CreateRole", "AttachRolePolicy", "AnnotateServiceAccount"]);
        assert_eq!(finding(&world), Some((Verdict::Fail, Reason::Conflict)));
        world.accesses.clear();
        assert_eq!(calls(&world, &Mode::Enforce), Vec::<&str>::new(), "it is not ours to delete");
    }
    labelled.metadata.labels = None;
    assert!(!is_ours(&labelled, "notes", "uid-1"));
    labelled.metadata.owner_references = world().settings.unwrap().metadata.owner_references;
    assert!(is_ours(&labelled, "notes", "uid-1"), "someone took our label off");
}

#[test]
fn nothing_is_told_before_there_is_a_role() {
    let mut world = settled();
    (world.role, world.network_policy, world.facts.has_runtime) = (None, None, false);
    assert_eq!(calls(&world, &Mode::Enforce), Vec::<&str>::new());
    assert_eq!(finding(&world), None, "what there is stays, and nothing is said of it");
    world.settings = None;
    assert_eq!(calls(&world, &Mode::Enforce), Vec::<&str>::new());
}
