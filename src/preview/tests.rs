use kube::ResourceExt;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::plan::environment::EnvironmentInputs;
use crate::policy::relation::{Coverage, covers};
use crate::policy::{Effect, PolicyDocument};

const MODELS: [&str; 4] = ["a.one-v1:0", "a.two-v1:0", "b.three-v1:0", "b.four-v1:0"];
const PROFILE: &str = "us.c.five-v1:0";

fn environment(name: &str, change: impl Fn(&mut Value)) -> PhiEnvironment {
    let mut value = json!({
        "apiVersion": "hipaa-operator.io/v1alpha1", "kind": "PhiEnvironment", "metadata": {"name": name},
        "spec": {
            "enforcement": "Enforce",
            "aws": {"accountId": "111122223333", "region": "us-east-1", "clusterName": "clinic"},
            "namespaceSelector": {"matchLabels": {"phi": "allowed"}},
            "bedrock": {"models": MODELS, "inferenceProfiles": [PROFILE]},
            "network": {"peers": [{"name": "db", "cidrs": ["10.1.0.0/24"], "ports": [{"port": 5432}]}]},
        },
    });
    change(&mut value["spec"]);
    serde_json::from_value(value).unwrap()
}

fn workload(name: &str, account: &str, change: impl Fn(&mut Value)) -> PhiWorkload {
    let mut value = json!({
        "apiVersion": "hipaa-operator.io/v1alpha1", "kind": "PhiWorkload", "metadata": {"name": name, "namespace": "clinic"},
        "spec": {"environmentRef": {"name": "prod"}, "serviceAccountName": account, "podSelector": {"matchLabels": {"app": name}}},
    });
    change(&mut value["spec"]);
    serde_json::from_value(value).unwrap()
}

fn access(name: &str, workload: &str, models: &[&str], change: impl Fn(&mut Value)) -> BedrockAccess {
    let mut value = json!({
        "apiVersion": "hipaa-operator.io/v1alpha1", "kind": "BedrockAccess", "metadata": {"name": name, "namespace": "clinic"},
        "spec": {"workloadRef": {"name": workload}, "useCase": "Summarization", "models": models},
    });
    change(&mut value["spec"]);
    serde_json::from_value(value).unwrap()
}

fn same(_: &mut Value) {}

/// One environment, one workload, two accesses.
fn clinic() -> Declared {
    Declared {
        environments: vec![environment("prod", same)],
        workloads: vec![workload("notes", "notes", same)],
        accesses: vec![
            access("first", "notes", &[MODELS[0]], |spec| spec["operations"] = json!(["Invoke"])),
            access("second", "notes", &[MODELS[1]], |spec| spec["operations"] = json!(["InvokeStream"])),
        ],
        ..Declared::default()
    }
}

fn plain(declared: &Declared) -> Preview {
    preview(declared, &KnownFacts::default())
}

fn item<'a>(preview: &'a Preview, kind: &str, subject: &str) -> &'a Item {
    let mut found = preview.aws.iter().filter(|item| item.kind == kind && item.subject.name == subject);
    let item = found.next().unwrap_or_else(|| panic!("no {kind} of {subject}"));
    assert!(found.next().is_none(), "several {kind} of {subject}");
    item
}

fn policy<'a>(preview: &'a Preview, workload: &str) -> &'a PolicyDocument {
    item(preview, "Policy", workload).document.as_ref().unwrap()
}

/// (action, resource) pairs that a document allows.
fn allowed(document: &PolicyDocument) -> BTreeSet<(String, String)> {
    let allows = document.statement.iter().filter(|statement| statement.effect == Effect::Allow);
    allows
        .flat_map(|statement| {
            statement.action.iter().flat_map(|action| statement.resource.iter().map(move |resource| (action.clone(), resource.clone())))
        })
        .collect()
}

fn on(action: &str, model: &str) -> (String, String) {
    (format!("bedrock:{action}"), format!("arn:aws:bedrock:us-east-1::foundation-model/{model}"))
}

fn reasons(preview: &Preview) -> Vec<(&str, &str, &str)> {
    preview.errors.iter().map(|error| (error.subject.name.as_str(), error.field.as_str(), error.reason)).collect()
}

fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            found.push(key.clone());
            texts(value, found);
        }),
        _ => {}
    }
}

#[test]
fn everything_declared_is_planned_and_nothing_else() {
    let preview = plain(&clinic());
    assert_eq!(preview.errors, vec![]);
    let kinds: Vec<&str> = preview.aws.iter().map(|item| item.kind.as_str()).collect();
    let endpoints = ["Claim", "SecurityGroup", "VpcEndpoint"].repeat(3);
    assert_eq!(kinds, [vec!["Claim"], endpoints, vec!["Key", "Alias", "PermissionsBoundary", "Policy", "Role"]].concat());
    assert!(preview.aws.iter().all(|item| !item.withheld && item.operation == "Create"));
    let manifests: Vec<&str> = preview.kubernetes.iter().filter_map(|manifest| manifest["kind"].as_str()).collect();
    assert_eq!(manifests, ["NetworkPolicy", "ServiceAccount", "ConfigMap"]);
    assert_eq!(
        item(&preview, "Role", "notes").properties["attachedPolicies"],
        json!([item(&preview, "Policy", "notes").properties["arn"]])
    );
    assert_eq!(
        item(&preview, "Role", "notes").properties["arn"],
        preview.kubernetes[1]["metadata"]["annotations"]["eks.amazonaws.com/role-arn"]
    );
    assert_eq!(item(&preview, "Key", "prod").properties["rotationPeriodInDays"], 365);
    assert_eq!(preview.aws[3].properties["securityGroups"], json!([preview.aws[2].name]));
}

#[test]
fn what_only_the_account_knows_is_a_named_placeholder() {
    let preview = plain(&clinic());
    let mut found = Vec::new();
    texts(&serde_json::to_value(&preview.aws).unwrap(), &mut found);
    texts(&serde_json::to_value(&preview.kubernetes).unwrap(), &mut found);
    let mut names: BTreeSet<&str> = BTreeSet::new();
    for text in &found {
        assert!(!text.contains("${") && !text.contains('?'), "{text}");
        let mut rest = text.as_str();
        while let Some(start) = rest.find('<') {
            let end = start + rest[start..].find('>').unwrap_or_else(|| panic!("{text}"));
            names.insert(&rest[start..=end]);
            rest = &rest[end..];
        }
    }
    let wanted = [
        "<bedrock-endpoint-addresses>",
        "<bedrock-runtime-endpoint-addresses>",
        "<cluster-dns-service-address>",
        "<oidc-issuer>",
        "<sts-endpoint-addresses>",
        "<subnet-id-of-each-zone>",
        "<uid-of-namespace-kube-system>",
        "<us-destination-region>",
        "<vpc-cidr>",
        "<vpc-id>",
    ];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn audit_and_hold_withhold_everything() {
    let mut audit = clinic();
    audit.environments[0].spec.enforcement = None;
    let mut hold = clinic();
    hold.environments[0].annotations_mut().insert("hipaa-operator.io/hold".into(), "incident".into());
    for declared in [audit, hold] {
        let preview = plain(&declared);
        assert!(preview.aws.len() == plain(&clinic()).aws.len() && preview.aws.iter().all(|item| item.withheld));
        assert!(preview.kubernetes.len() == 3 && preview.kubernetes.iter().all(|manifest| manifest["withheld"] == true));
        let value = serde_json::to_value(&preview).unwrap();
        assert!(value["aws"].as_array().unwrap().iter().all(|item| item["withheld"] == true));
    }
    let mut one = clinic();
    one.workloads[0].annotations_mut().insert("hipaa-operator.io/hold".into(), "incident".into());
    let preview = plain(&one);
    assert!(preview.aws.iter().all(|item| item.withheld == (item.subject.kind == "PhiWorkload")));
}

#[test]
fn two_accesses_of_a_workload_give_the_union_in_one_policy() {
    let preview = plain(&clinic());
    let wanted = BTreeSet::from([on("InvokeModel", MODELS[0]), on("InvokeModelWithResponseStream", MODELS[1])]);
    assert_eq!(allowed(policy(&preview, "notes")), wanted);
}

#[test]
fn a_broken_access_leaves_its_sibling() {
    type Change = fn(&mut Value);
    let table: [(&str, &str, Change); 8] = [
        ("spec.models[1]", "ModelNotApproved", |spec| spec["models"] = json!([MODELS[2], "c.six-v1:0"])),
        ("spec.inferenceProfiles[0]", "ModelNotApproved", |spec| spec["inferenceProfiles"] = json!(["eu.c.five-v1:0"])),
        ("spec.useCase", "UseCaseProhibited", |spec| spec["useCase"] = json!("Diagnosis")),
        ("spec.useCase", "UseCaseProhibited", |spec| spec["useCase"] = json!("Dosing")),
        ("spec.overseer", "OverseerMissing", |spec| spec["useCase"] = json!("RiskScoring")),
        ("spec.useCase", "UnrecognizedValue", |spec| spec["useCase"] = json!("Poetry")),
        ("spec.operations", "UnrecognizedValue", |spec| spec["operations"] = json!(["Dream"])),
        ("spec.workloadRef.name", "WorkloadNotFound", |spec| spec["workloadRef"]["name"] = json!("gone")),
    ];
    for (field, reason, change) in table {
        let mut declared = clinic();
        declared.accesses[1] = access("second", "notes", &[MODELS[1]], change);
        let preview = plain(&declared);
        assert_eq!(reasons(&preview), [("second", field, reason)]);
        assert_eq!(allowed(policy(&preview, "notes")), BTreeSet::from([on("InvokeModel", MODELS[0])]), "{reason}");
    }
}

#[test]
fn what_does_not_fit_the_quota_is_told_and_the_rest_stays() {
    let long: Vec<String> = (0..32).map(|number| format!("a.{number}-{}", "x".repeat(130))).collect();
    let mut declared = clinic();
    let many = || json!([long.clone(), MODELS.map(str::to_owned).to_vec()].concat());
    declared.environments[0] = environment("prod", |spec| spec["bedrock"]["models"] = many());
    assert_eq!(reasons(&plain(&declared))[0], ("prod", "spec", "QuotaExceeded"), "our boundary would not fit either");
    declared.environments[0] = environment("prod", |spec| {
        spec["bedrock"]["models"] = many();
        spec["identity"] = json!({"boundaryArn": "arn:aws:iam::111122223333:policy/platform"});
    });
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    declared.accesses[1] = access("second", "notes", &long, same);
    let preview = plain(&declared);
    assert_eq!(reasons(&preview), [("second", "spec", "QuotaExceeded")]);
    assert_eq!(allowed(policy(&preview, "notes")), BTreeSet::from([on("InvokeModel", MODELS[0])]));
}

#[test]
fn a_broken_workload_gets_no_identity() {
    let admitted = |labels: Value| BTreeMap::from([("clinic".to_owned(), serde_json::from_value(labels).unwrap())]);
    let mut unlabelled = clinic();
    unlabelled.namespaces = admitted(json!({"phi": "no"}));
    let mut peer = clinic();
    peer.workloads[0].spec.network_peers = Some(vec!["db".into(), "cache".into()]);
    let mut lost = clinic();
    lost.workloads[0].spec.environment_ref.name = "staging".into();
    let table = [
        (unlabelled, "metadata.namespace", "NamespaceNotAdmitted"),
        (peer, "spec.networkPeers[1]", "PeerNotFound"),
        (lost, "spec.environmentRef.name", "EnvironmentNotFound"),
    ];
    for (declared, field, reason) in table {
        let preview = plain(&declared);
        assert_eq!(reasons(&preview), [("notes", field, reason)]);
        assert!(preview.aws.iter().all(|item| item.subject.kind == "PhiEnvironment"), "{reason}");
        assert_eq!(preview.kubernetes, Vec::<Value>::new(), "{reason}");
    }
}

#[test]
fn a_namespace_decides_by_its_labels_and_its_name() {
    let assumed = |preview: &Preview| preview.findings.iter().any(|finding| finding.reason == "NamespaceAssumedAdmitted");
    assert!(assumed(&plain(&clinic())));
    let mut labelled = clinic();
    labelled.namespaces.insert("clinic".into(), BTreeMap::from([("phi".into(), "allowed".into())]));
    assert!(!assumed(&plain(&labelled)) && plain(&labelled).errors.is_empty());
    // The API server gives every namespace a label with its name, which the file need not write.
    let by_name = |spec: &mut Value| spec["namespaceSelector"] = json!({"matchLabels": {"kubernetes.io/metadata.name": "clinic"}});
    labelled.environments[0] = environment("prod", by_name);
    labelled.namespaces.insert("clinic".into(), BTreeMap::new());
    assert!(plain(&labelled).errors.is_empty());
}

#[test]
fn a_service_account_belongs_to_the_first_workload() {
    let mut declared = clinic();
    declared.workloads.insert(0, workload("zebra", "notes", same));
    let preview = plain(&declared);
    assert_eq!(reasons(&preview), [("notes", "spec.serviceAccountName", "ServiceAccountClaimed")]);
    assert!(preview.aws.iter().all(|item| item.subject.name != "notes"));
}

#[test]
fn nothing_comes_of_a_refused_object_and_its_dependants_say_so() {
    let mut declared = clinic();
    declared.environments.clear();
    declared.refused.insert(Subject { kind: "PhiEnvironment".into(), namespace: None, name: "prod".into() });
    let preview = plain(&declared);
    assert!(preview.errors.is_empty() && preview.aws.is_empty());
    assert!(preview.findings.iter().any(|finding| finding.reason == "NotPlanned"));
}

#[test]
fn exclusive_endpoints_admit_the_roles_only() {
    let mut declared = clinic();
    let exclusive = json!([{"service": "bedrock-runtime", "management": "Provision", "exclusive": true}]);
    declared.environments[0] = environment("prod", |spec| spec["endpoints"] = exclusive.clone());
    let preview = plain(&declared);
    let endpoint = preview.aws.iter().find(|item| item.name.ends_with(".bedrock-runtime") && item.kind == "VpcEndpoint").unwrap();
    let text = endpoint.document.as_ref().unwrap().to_json();
    assert!(text.contains("role/hipaa-operator/us-east-1/clinic/prod/*") && !text.contains("aws:PrincipalAccount"), "{text}");
}

#[test]
fn what_the_platform_keeps_is_assumed_and_not_planned() {
    let mut declared = clinic();
    declared.environments[0] = environment("prod", |spec| {
        spec["endpoints"] = json!([
            {"service": "bedrock-runtime", "management": "Verify", "vpcEndpointId": "vpce-0123456789abcdef0"},
            {"service": "sts", "management": "Verify"},
        ]);
        spec["identity"] = json!({"boundaryArn": "arn:aws:iam::111122223333:policy/platform"});
        spec["key"] = json!({"management": "Verify", "keyArn": "arn:aws:kms:us-east-1:111122223333:key/abc"});
        spec["bedrock"]["guardrails"] = json!([{
            "name": "phi", "management": "Verify", "default": true, "guardrailId": "g1", "version": "3",
            "kmsKeyArn": "arn:aws:kms:us-east-1:111122223333:key/guardrail",
        }]);
    });
    let preview = plain(&declared);
    assert_eq!(preview.errors, vec![]);
    let kinds: Vec<&str> = preview.aws.iter().map(|item| item.kind.as_str()).collect();
    assert_eq!(kinds, ["Claim", "Claim", "SecurityGroup", "VpcEndpoint", "Policy", "Role"]);
    assert_eq!(item(&preview, "Role", "notes").properties["permissionsBoundary"], "arn:aws:iam::111122223333:policy/platform");
    let reasons: Vec<&str> = preview.findings.iter().map(|finding| finding.reason).collect();
    for reason in ["EndpointAssumedPresent", "BoundaryAssumedPresent", "KeyAssumedPresent"] {
        assert!(reasons.contains(&reason), "{reason}");
    }
    assert!(preview.findings.iter().all(|finding| finding.severity == "info"), "{:?}", preview.findings);
}

#[test]
fn a_guardrail_is_shown_and_demanded_of_every_inference() {
    let mut declared = clinic();
    declared.environments[0] = environment("prod", |spec| {
        let entity = json!({"type": "NAME", "action": "ANONYMIZE"});
        spec["bedrock"]["guardrails"] = json!([{"name": "phi", "management": "Provision", "default": true, "piiEntities": [entity]}]);
    });
    let preview = plain(&declared);
    assert_eq!(preview.errors, vec![]);
    let guardrail = preview.aws.iter().find(|item| item.kind == "Guardrail").unwrap();
    assert_eq!((guardrail.operation.as_str(), &guardrail.properties["content"]["piiEntities"]), ("Create", &json!({"NAME": "ANONYMIZE"})));
    let text = policy(&preview, "notes").to_json();
    assert!(text.contains("guardrail/<guardrail-id-of-phi>:1") && text.contains("WithoutGuardrail"), "{text}");
    declared.accesses[1] = access("second", "notes", &[MODELS[1]], |spec| spec["guardrailRef"] = json!({"name": "other"}));
    let preview = plain(&declared);
    let told: Vec<_> = preview.errors.iter().map(|error| (error.reason, error.field.as_str())).collect();
    assert_eq!(told, [("GuardrailNotFound", "spec.guardrailRef")]);
}

#[test]
fn named_subnets_are_used_as_named() {
    let mut declared = clinic();
    let endpoints = json!([{"service": "sts", "management": "Provision", "subnetIds": ["subnet-0123456789abcdef0"]}]);
    declared.environments[0] = environment("prod", |spec| spec["endpoints"] = endpoints.clone());
    let preview = plain(&declared);
    let subnets = |service: &str| {
        let endpoint = preview.aws.iter().find(|item| item.kind == "VpcEndpoint" && item.properties["service"] == service);
        endpoint.unwrap().properties["subnetIds"].clone()
    };
    assert_eq!(subnets("sts"), json!(["subnet-0123456789abcdef0"]));
    assert_eq!(subnets("bedrock"), json!(["<subnet-id-of-each-zone>"]));
    assert_eq!(preview.errors, vec![]);
}

#[test]
fn facts_take_the_place_of_placeholders() {
    let mut declared = clinic();
    declared.accesses.push(access("third", "notes", &[], |spec| {
        spec.as_object_mut().unwrap().remove("models");
        spec["inferenceProfiles"] = json!([PROFILE]);
    }));
    let known: KnownFacts = serde_json::from_value(json!({"environments": {"prod": {
        "partition": "aws", "vpcId": "vpc-1", "apiServer": "uid-1", "vpcCidrs": ["10.0.0.0/16"], "oidcIssuer": "https://oidc.example/id/1",
        "operatorArn": "arn:aws:iam::111122223333:role/op", "subnets": [{"id": "subnet-1", "zone": "a"}, {"id": "subnet-2", "zone": "b"}],
        "endpoints": {"bedrock": {"addresses": ["10.0.0.1"]}, "bedrock-runtime": {"addresses": ["10.0.0.2"]}, "sts": {"addresses": ["fd00::1"]}},
        "dnsServiceAddresses": ["172.20.0.10"], "autoMode": false,
        "profiles": {PROFILE: ["arn:aws:bedrock:us-east-1::foundation-model/c.five-v1:0", "arn:aws:bedrock:us-west-2::foundation-model/c.five-v1:0"]},
        "models": {MODELS[1]: "its agreement is not made", MODELS[0]: null},
    }}}))
    .unwrap();
    let preview = preview(&declared, &known);
    assert_eq!(
        reasons(&preview),
        [("second", "spec.models[0]", "ModelNotAvailable"), ("third", "spec.inferenceProfiles[0]", "RegionNotApproved")]
    );
    let text = serde_json::to_string(&(&preview.aws, &preview.kubernetes)).unwrap();
    assert!(!text.contains('<'), "{text}");
    assert!(text.contains("oidc.example/id/1:sub") && text.contains("fd00::1/128") && text.contains("10.0.0.2/32"));
}

#[test]
fn facts_are_read_strictly() {
    for wrong in [
        json!({"environments": {"prod": {"vpcid": "vpc-1"}}}),
        json!({"environment": {}}),
        json!([]),
        json!({"environments": {"prod": {"subnets": ["subnet-1"]}}}),
    ] {
        assert!(serde_json::from_value::<KnownFacts>(wrong.clone()).is_err(), "{wrong}");
    }
}

/// What is carried out leaves nothing to do: the plans of the controllers settle.
#[test]
fn a_carried_out_plan_settles() {
    let rules = crate::plan::environment::Rules::of("prod", &environment("prod", same).spec, None);
    let known = observed::KnownEnvironment::default();
    let spec = environment("prod", same).spec;
    let mut seen = assumed::observation(&rules, &spec, &known);
    let plan = |seen: &_| {
        let inputs = EnvironmentInputs { may_hold: false, ..EnvironmentInputs::of(&rules, seen) };
        crate::plan::environment::plan(&inputs)
    };
    let first = plan(&seen);
    carried_out::environment(&mut seen, &rules, &known, &first.actions);
    assert_eq!(plan(&seen).actions, vec![]);
}

fn operations() -> impl Strategy<Value = Vec<&'static str>> {
    proptest::sample::subsequence(vec!["Invoke", "InvokeStream", "CountTokens"], 1..=3)
}

proptest! {
    /// Whatever is declared and approved: the policy allows exactly the union, the boundary lets it through, and the order of the
    /// files is no matter.
    #[test]
    fn the_policy_allows_exactly_the_union(
        declared in proptest::collection::vec((proptest::sample::subsequence(MODELS.to_vec(), 1..=4), operations(), any::<bool>()), 1..6),
        turn in 0usize..6,
    ) {
        let mut whole = clinic();
        whole.accesses.clear();
        let mut wanted = BTreeSet::new();
        for (number, (models, operations, approved)) in declared.iter().enumerate() {
            let mut models = models.clone();
            if !approved {
                models.push("z.unknown-v1:0");
            }
            whole.accesses.push(access(&format!("a{number}"), "notes", &models, |spec| spec["operations"] = json!(operations)));
            for (model, operation) in models.iter().flat_map(|model| operations.iter().map(move |operation| (model, operation))).filter(|_| *approved) {
                let action = match *operation {
                    "Invoke" => "InvokeModel",
                    "InvokeStream" => "InvokeModelWithResponseStream",
                    other => other,
                };
                wanted.insert(on(action, model));
            }
        }
        let straight = plain(&whole);
        prop_assert_eq!(straight.errors.len(), declared.iter().filter(|(_, _, approved)| !approved).count());
        let found = straight.aws.iter().find(|item| item.kind == "Policy").and_then(|item| item.document.clone());
        prop_assert_eq!(found.as_ref().map(allowed).unwrap_or_default(), wanted);
        if let Some(found) = found {
            let boundary = item(&straight, "PermissionsBoundary", "prod").document.clone().unwrap();
            prop_assert_eq!(covers(&boundary, &found), Coverage::Covered);
        }
        let length = whole.accesses.len();
        whole.accesses.rotate_left(turn % length);
        whole.environments.push(environment("another", same));
        whole.environments.reverse();
        let turned = plain(&whole);
        let of_workload = |preview: &Preview| preview.aws.iter().filter(|item| item.subject.kind == "PhiWorkload").cloned().collect::<Vec<_>>();
        prop_assert_eq!(of_workload(&turned), of_workload(&straight));
        prop_assert_eq!(turned.kubernetes, straight.kubernetes);
        prop_assert_eq!(turned.errors, straight.errors);
    }
}

#[test]
fn workloads_that_select_the_same_pods_are_warned_of_and_planned() {
    let selects = |app: &str| {
        let app = app.to_owned();
        workload("letters", "letters", move |spec| spec["podSelector"] = json!({"matchLabels": {"app": app}}))
    };
    let overlaps = |other: PhiWorkload| {
        let mut declared = clinic();
        declared.workloads.push(other);
        let preview = plain(&declared);
        assert!(preview.errors.is_empty(), "{:?}", preview.errors);
        let told = preview.findings.into_iter().filter(|finding| finding.reason == "SelectorsOverlap");
        told.map(|finding| (finding.severity, finding.subject.name)).collect::<Vec<_>>()
    };
    assert_eq!(overlaps(selects("letters")), []);
    assert_eq!(overlaps(selects("notes")), [("warning", "letters".to_owned()), ("warning", "notes".to_owned())]);
}

#[test]
fn roles_and_fences_of_the_platforms_are_assumed_and_get_a_policy() {
    let attach = |spec: &mut Value| {
        let roles = json!([{"namespace": "clinic", "serviceAccountName": "notes", "roleName": "notes-phi"}]);
        spec["identity"] = json!({"management": "Attach", "roles": roles});
        spec["network"] = json!({"management": "Verify"});
    };
    let declared = Declared { environments: vec![environment("prod", attach)], ..clinic() };
    let preview = plain(&declared);
    assert_eq!(preview.errors, vec![]);
    let role = item(&preview, "Role", "notes");
    assert_eq!((role.operation.as_str(), role.name.as_str(), &role.trust), ("Change", "notes-phi", &None));
    assert_eq!(role.properties["attachPolicies"], json!([item(&preview, "Policy", "notes").properties["arn"]]));
    let manifests: Vec<&str> = preview.kubernetes.iter().filter_map(|manifest| manifest["kind"].as_str()).collect();
    assert_eq!(manifests, ["ServiceAccount", "ConfigMap"], "no NetworkPolicy of ours");
    let annotation = &preview.kubernetes[0]["metadata"]["annotations"]["eks.amazonaws.com/role-arn"];
    assert_eq!(annotation, "arn:aws:iam::111122223333:role/notes-phi");
    let told: Vec<&str> = preview.findings.iter().map(|finding| finding.reason).collect();
    assert!(told.contains(&"RoleAssumedPresent") && told.contains(&"IsolationAssumedPresent"), "{told:?}");

    let unmapped = |spec: &mut Value| {
        attach(spec);
        spec["identity"]["roles"][0]["serviceAccountName"] = json!("other");
    };
    let preview = plain(&Declared { environments: vec![environment("prod", unmapped)], ..clinic() });
    assert_eq!(reasons(&preview), [("notes", "spec", "RoleNotMapped")]);
}

#[test]
fn endpoints_elsewhere_are_told_and_let_the_pods_through() {
    let elsewhere = |spec: &mut Value| {
        spec["endpoints"] = json!([
            {"service": "sts", "management": "Verify", "vpcEndpointId": "vpce-0123456789abcdef0", "vpcId": "vpc-0123456789abcdef0"},
            {"service": "bedrock-runtime", "management": "Verify", "vpcEndpointId": "vpce-0123456789abcdef1", "addressRanges": ["10.9.0.0/28"]},
        ]);
    };
    let preview = plain(&Declared { environments: vec![environment("prod", elsewhere)], ..clinic() });
    assert_eq!(preview.errors, vec![]);
    assert_eq!(preview.aws.iter().filter(|item| item.kind == "VpcEndpoint").count(), 1, "bedrock");
    let fence = preview.kubernetes.iter().find(|manifest| manifest["kind"] == "NetworkPolicy").unwrap().to_string();
    assert!(fence.contains("10.9.0.0/28") && fence.contains("<sts-endpoint-addresses>"), "{fence}");
    let told: Vec<&str> = preview.findings.iter().map(|finding| finding.reason).collect();
    assert!(told.contains(&"EndpointDeclared") && told.contains(&"EndpointAssumedPresent"), "{told:?}");
}

/// Three stores: two for the clinic, one for others.
fn with_stores(declared: &mut Declared) {
    let store = |name: &str, kind: &str, arn: &str, team: &str| {
        json!({
            "name": name, "type": kind, "arn": arn, "verbs": ["read"], "namespaceSelector": {"matchLabels": {"team": team}},
            "kmsKeyArn": "arn:aws:kms:us-east-1:111122223333:key/1",
        })
    };
    let mut records = store("records", "S3", "arn:aws:s3:::clinic-records", "clinic");
    records["prefixes"] = json!(["notes/"]);
    let tasks = store("tasks", "SQS", "arn:aws:sqs:us-east-1:111122223333:tasks", "clinic");
    let ledger = store("ledger", "DynamoDB", "arn:aws:dynamodb:us-east-1:111122223333:table/ledger", "billing");
    declared.environments = vec![environment("prod", |spec| spec["stores"] = json!([records, tasks, ledger]))];
    declared.workloads = vec![workload("notes", "notes", |spec| spec["stores"] = json!(["tasks", "records"]))];
}

#[test]
fn stores_are_in_the_role_as_named_and_in_the_boundary_as_declared() {
    let mut declared = clinic();
    with_stores(&mut declared);
    let preview = plain(&declared);
    assert_eq!(reasons(&preview), []);
    let on = |action: &str, resource: &str| (action.to_owned(), resource.to_owned());
    let role = allowed(policy(&preview, "notes"));
    let boundary = item(&preview, "PermissionsBoundary", "prod").document.as_ref().unwrap();
    for pair in [
        on("s3:GetObject", "arn:aws:s3:::clinic-records/notes/*"),
        on("s3:ListBucket", "arn:aws:s3:::clinic-records"),
        on("sqs:ReceiveMessage", "arn:aws:sqs:us-east-1:111122223333:tasks"),
        on("kms:Decrypt", "arn:aws:kms:us-east-1:111122223333:key/1"),
    ] {
        assert!(role.contains(&pair) && allowed(boundary).contains(&pair), "{pair:?}");
    }
    let ledger = on("dynamodb:GetItem", "arn:aws:dynamodb:us-east-1:111122223333:table/ledger");
    assert!(!role.contains(&ledger) && allowed(boundary).contains(&ledger));
    assert_eq!(covers(boundary, policy(&preview, "notes")), Coverage::Covered);
    let told: Vec<&str> = preview.findings.iter().map(|finding| finding.message.as_str()).collect();
    for words in ["an endpoint for s3, where stores are, is assumed", "an endpoint for sqs", "give it the stores that this workload names"]
    {
        assert!(told.iter().any(|message| message.contains(words)), "{words}: {told:?}");
    }
    let fence = serde_json::to_string(&preview.kubernetes[0]).unwrap();
    assert!(
        fence.contains("<sqs-endpoint-addresses>") && !fence.contains("<s3-endpoint-addresses>"),
        "a gateway has no addresses: {fence}"
    );

    declared.accesses.clear();
    let alone = plain(&declared);
    let all = allowed(policy(&alone, "notes"));
    assert!(all.len() > 4 && all.iter().all(|(action, _)| !action.starts_with("bedrock:")), "{all:?}");
    assert!(!alone.findings.iter().any(|finding| finding.reason == "NoAccessDeclared"));
}

#[test]
fn a_refused_store_is_told_at_its_place_and_the_rest_is_planned() {
    let clinic_has = |labels: Value| BTreeMap::from([("clinic".to_owned(), serde_json::from_value(labels).unwrap())]);
    for (labels, named, field, reason) in [
        (json!({"phi": "allowed", "team": "clinic"}), json!(["records", "recrods"]), "spec.stores[1]", "StoreNotFound"),
        (json!({"phi": "allowed", "team": "clinic"}), json!(["ledger", "records"]), "spec.stores[0]", "StoreNotAdmitted"),
    ] {
        let mut declared = clinic();
        with_stores(&mut declared);
        declared.namespaces = clinic_has(labels);
        declared.workloads = vec![workload("notes", "notes", |spec| spec["stores"] = named.clone())];
        let preview = plain(&declared);
        assert_eq!(reasons(&preview), [("notes", field, reason)]);
        let role = allowed(policy(&preview, "notes"));
        assert!(role.contains(&on("InvokeModel", MODELS[0])), "{role:?}");
        assert!(role.iter().any(|(action, _)| action == "s3:GetObject"), "{role:?}");
    }
}

#[test]
fn additional_policies_are_on_the_role_as_named_and_a_refused_one_is_told_at_its_place() {
    let arn = |name: &str| format!("arn:aws:iam::111122223333:policy/platform/{name}");
    let theirs = json!({"matchLabels": {"team": "research"}});
    let declared = |named: Value| Declared {
        environments: vec![environment("prod", |spec| {
            let one = |name: &str| json!({"name": name, "arn": arn(name)});
            let other = json!({"name": "traces", "arn": arn("traces"), "namespaceSelector": theirs});
            spec["identity"] = json!({"additionalPolicies": [one("logs"), one("metrics"), other]});
        })],
        workloads: vec![workload("notes", "notes", |spec| spec["additionalPolicies"] = named.clone())],
        namespaces: [("clinic".to_owned(), [("phi".to_owned(), "allowed".to_owned())].into())].into(),
        ..clinic()
    };
    let attached = |preview: &Preview| item(preview, "Role", "notes").properties["attachedPolicies"].as_array().unwrap()[1..].to_vec();
    let shown = plain(&declared(json!(["metrics", "logs"])));
    assert_eq!((attached(&shown), reasons(&shown)), (vec![json!(arn("logs")), json!(arn("metrics"))], vec![]));
    for (named, field, reason) in [
        (json!(["logs", "typo"]), "spec.additionalPolicies[1]", "AdditionalPolicyNotFound"),
        (json!(["traces", "logs"]), "spec.additionalPolicies[0]", "AdditionalPolicyNotAdmitted"),
    ] {
        let shown = plain(&declared(named));
        assert_eq!((attached(&shown), reasons(&shown)), (vec![json!(arn("logs"))], vec![("notes", field, reason)]));
    }
}
