use std::collections::BTreeSet;

use super::*;
use crate::api::stores::DataStore;
use crate::domain::{Fault, FaultClass};
use crate::plan::environment::tests::{provisioned, rules, spec};
use crate::plan::workload::tests::{HAIKU, World, access, allow_all, deny_all, settled};
use crate::policy::boundary::{GuardrailLimits, permissions_boundary};

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const MODEL_ARN: &str = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3-haiku-20240307-v1:0";

/// A world with what the account says of it; cases change a part of it.
struct Account {
    world: World,
    observed: EnvironmentObservation,
    attached: BTreeMap<String, Read<Option<PolicyDocument>>>,
    boundary: Read<Option<PolicyDocument>>,
    role: Option<Fault>,
    facts_known: bool,
}

fn fault() -> Fault {
    Fault { class: FaultClass::Denied, service: "iam", operation: "GetPolicy", code: "AccessDenied".into() }
}

impl Account {
    fn of(world: World) -> Self {
        let policy = world.policy.clone().unwrap_or_default();
        let observed = provisioned();
        Self {
            attached: world.role.iter().flat_map(|role| &role.attached).map(|arn| (arn.clone(), Ok(policy.document.clone()))).collect(),
            boundary: Ok(world.facts.boundary.clone()),
            observed,
            role: None,
            facts_known: true,
            world,
        }
    }

    fn explained(&self) -> Explanation {
        let (environment, rules) = (PhiEnvironment::new("prod", spec()), rules());
        let inputs = self.world.inputs();
        explain(&Seen {
            environment: &environment,
            rules: &rules,
            observed: &self.observed,
            inputs: self.facts_known.then_some(&inputs),
            subject: Subject {
                namespace: "clinic",
                service_account: "notes",
                workload: "notes",
                annotation: self.world.service_account.as_ref().and_then(|account| account.role_arn.as_deref()),
            },
            role: self.role.clone().map_or_else(|| Ok(self.world.role.clone()), Err),
            attached: self.attached.clone(),
            boundary: self.boundary.clone(),
        })
    }
}

fn endpoint<'a>(account: &'a mut Account, service: &str) -> &'a mut crate::observed::network::Endpoint {
    let endpoints = account.observed.endpoints.as_mut().unwrap();
    endpoints.iter_mut().find(|endpoint| endpoint.service_name.ends_with(service)).unwrap()
}

#[test]
fn a_settled_workload_can_do_what_it_declares_and_nothing_else() {
    let explained = Account::of(settled()).explained();
    let powers: Vec<_> = explained.allowed.iter().map(|power| (power.action.as_str(), power.resource.as_str(), power.effective)).collect();
    let wanted = ["bedrock:InvokeModel", "bedrock:InvokeModelWithResponseStream"].map(|action| (action, MODEL_ARN, Answer::Yes));
    assert_eq!(powers, wanted);
    for power in &explained.allowed {
        let origin = "BedrockAccess clinic/summaries spec.models, approved by PhiEnvironment prod spec.bedrock.models";
        assert_eq!(power.origins, [origin]);
        assert_eq!(power.only_if, ["aws:RequestedRegion is us-east-1", "aws:SourceVpc is vpc-1"]);
        assert_eq!([power.role_lets_through, power.boundary_lets_through, power.endpoint_lets_through], [Answer::Yes; 3]);
    }
    let denied = explained.denied.iter().filter(|denial| denial.actions.iter().any(|action| action == "bedrock-mantle:*"));
    let denied: Vec<_> = denied.map(|denial| ("bedrock-mantle:*", denial.origin.as_str())).collect();
    let in_role = "the operator, which denies it in every role";
    let in_boundary = "the permissions boundary of PhiEnvironment prod, which denies it to every role";
    assert_eq!(denied, [("bedrock-mantle:*", in_role), ("bedrock-mantle:*", in_boundary)]);
    assert_eq!((&explained.not_as_declared, &explained.unknown), (&vec![], &vec![]));
    assert!(explained.is_as_declared());
    assert!(explained.path.iter().any(|sentence| sentence.contains("bedrock-runtime: through ")), "{:?}", explained.path);
    assert!(explained.path.iter().any(|sentence| sentence.contains("trusts system:serviceaccount:clinic:notes")), "{:?}", explained.path);
}

#[test]
fn each_of_the_three_may_stop_a_call_or_leave_it_unknown() {
    use Answer::{No, Unknown, Yes};
    type Change = fn(&mut Account);
    // What is changed, and what role, boundary and endpoint then say, and all of them.
    let cases: [(&str, Change, [Answer; 4]); 9] = [
        (
            "the role denies it",
            |account| drop(account.attached.insert("stop".into(), Ok(Some(PolicyDocument::of(vec![deny_all()]))))),
            [No, Yes, Yes, No],
        ),
        ("another boundary", |account| account.boundary = Ok(Some(PolicyDocument::of(vec![deny_all()]))), [Yes, No, Yes, No]),
        (
            "a boundary with conditions",
            |account| {
                let allow = allow_all().when("StringEquals", "aws:PrincipalTag/team", vec!["clinic".into()]);
                account.boundary = Ok(Some(PolicyDocument::of(vec![allow])));
            },
            [Yes, Unknown, Yes, Unknown],
        ),
        ("a boundary that cannot be read", |account| account.boundary = Err(fault()), [Yes, Unknown, Yes, Unknown]),
        (
            "an endpoint that denies it",
            |account| endpoint(account, "bedrock-runtime").policy = Some(PolicyDocument::of(vec![deny_all()])),
            [Yes, Yes, No, No],
        ),
        ("an endpoint without a policy", |account| endpoint(account, "bedrock-runtime").policy = None, [Yes, Yes, Yes, Yes]),
        (
            "no endpoint",
            |account| account.observed.endpoints.as_mut().unwrap().retain(|one| !one.service_name.ends_with("bedrock-runtime")),
            [Yes, Yes, No, No],
        ),
        ("endpoints that cannot be read", |account| account.observed.endpoints = Err(fault()), [Yes, Yes, Unknown, Unknown]),
        (
            "a boundary and an endpoint that say no and nothing",
            |account| {
                account.observed.endpoints = Err(fault());
                account.boundary = Ok(Some(PolicyDocument::of(vec![deny_all()])));
            },
            [Yes, No, Unknown, No],
        ),
    ];
    for (name, change, wanted) in cases {
        let mut account = Account::of(settled());
        change(&mut account);
        let explained = account.explained();
        let power = explained.allowed.iter().find(|power| power.action == "bedrock:InvokeModel").unwrap();
        let found = [power.role_lets_through, power.boundary_lets_through, power.endpoint_lets_through, power.effective];
        assert_eq!(found, wanted, "{name}");
    }
}

#[test]
fn what_differs_and_what_is_not_known_is_said() {
    type Change = fn(&mut Account);
    // What is changed, and words of what is then not as declared, or not known.
    let cases: [(&str, Change, &str, &str); 7] = [
        (
            "a policy that someone attached",
            |account| {
                account.world.role.as_mut().unwrap().attached.insert(ADMINISTRATOR.into());
                account.attached.insert(ADMINISTRATOR.into(), Ok(Some(PolicyDocument::of(vec![allow_all()]))));
                account.boundary = Ok(Some(PolicyDocument::of(vec![allow_all()])));
            },
            "nothing declares * on *, which arn:aws:iam::aws:policy/AdministratorAccess allows",
            "",
        ),
        (
            "a document that someone widened",
            |account| account.world.policy.as_mut().unwrap().document.as_mut().unwrap().statement.push(allow_all()),
            "the policy does not allow exactly the declared access",
            "",
        ),
        ("no service account", |account| account.world.service_account = None, "does not exist; create it", ""),
        (
            "an access that is not given",
            |account| account.world.accesses.push(access("letters", "anthropic.claude-9")),
            "BedrockAccess letters: model anthropic.claude-9 is not approved",
            "",
        ),
        ("a role that cannot be read", |account| account.role = Some(fault()), "", "the role could not be read"),
        (
            "a policy that cannot be read",
            |account| account.attached.values_mut().for_each(|read| *read = Err(fault())),
            "",
            "which is attached to the role, could not be read",
        ),
        ("no facts", |account| account.facts_known = false, "", "the environment's facts are not known"),
    ];
    for (name, change, differs, unknown) in cases {
        let mut account = Account::of(settled());
        change(&mut account);
        let explained = account.explained();
        let says = |sentences: &[String], words: &str| words.is_empty() || sentences.iter().any(|sentence| sentence.contains(words));
        assert!(says(&explained.not_as_declared, differs), "{name}: {:?}", explained.not_as_declared);
        assert!(says(&explained.unknown, unknown), "{name}: {:?}", explained.unknown);
        assert!(!explained.is_as_declared(), "{name}");
        if unknown.is_empty() {
            assert_eq!(explained.unknown, Vec::<String>::new(), "{name}");
        }
    }
}

#[test]
fn stores_and_their_keys_come_from_the_fields_that_name_them() {
    let store: DataStore = serde_json::from_value(serde_json::json!({
        "name": "tasks", "type": "SQS", "arn": "arn:aws:sqs:us-east-1:123456789012:tasks", "verbs": ["read"], "namespaceSelector": {},
        "kmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1",
    }))
    .unwrap();
    let mut world = World::empty(vec![access("summaries", HAIKU)]);
    world.facts.boundary = Some(permissions_boundary(&world.facts.setting(), &BTreeSet::new(), &GuardrailLimits::default(), &[&store]));
    world.facts.stores = vec![store];
    world.spec.stores = Some(vec!["tasks".into()]);
    world.admitted_stores = ["tasks".to_owned()].into();
    for _ in 0..2 {
        let plan = world.plan().plan;
        world.carry_out(&plan);
    }
    let explained = Account::of(world).explained();
    let of = |action: &str| explained.allowed.iter().find(|power| power.action == action).unwrap();
    let origin = "PhiWorkload clinic/notes spec.stores (tasks), declared by PhiEnvironment prod spec.stores";
    for action in ["sqs:ReceiveMessage", "kms:Decrypt"] {
        assert_eq!(of(action).origins, [origin], "{action}");
    }
    assert_eq!(of("sqs:ReceiveMessage").effective, Answer::No, "the VPC has no endpoint for it");
    assert_eq!((of("kms:Decrypt").endpoint_lets_through, of("kms:Decrypt").effective), (Answer::NotAsked, Answer::Yes));
}

#[test]
fn the_text_says_all_of_it() {
    let mut account = Account::of(settled());
    account.world.role.as_mut().unwrap().attached.insert(ADMINISTRATOR.into());
    account.attached.insert(ADMINISTRATOR.into(), Err(fault()));
    endpoint(&mut account, "bedrock-runtime").policy = Some(PolicyDocument::of(vec![deny_all()]));
    let text = text(&account.explained());
    for words in [
        "Service account clinic/notes (PhiWorkload clinic/notes, PhiEnvironment prod: account 123456789012, Region us-east-1, cluster prod)",
        "What it can do\n  nothing",
        "role yes, boundary yes, endpoint no: it does not get through",
        "only if aws:RequestedRegion is us-east-1 and aws:SourceVpc is vpc-1",
        "from BedrockAccess clinic/summaries spec.models",
        "What is denied whatever allows it\n  aws-marketplace:*",
        "Not as declared\n  AdministratorAccess:",
        "AdministratorAccess, which is attached to the role, could not be read",
        "Guardrail\n  BedrockAccess summaries: none is declared",
    ] {
        assert!(text.contains(words), "{words}\nis not in\n{text}");
    }
}
