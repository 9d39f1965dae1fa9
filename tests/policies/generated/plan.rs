//! The documents of a generated declaration, from the library.

use std::collections::BTreeMap;

use hipaa_operator::preview::{Declared, KnownFacts, Preview, preview};
use serde_json::{Value, json};

use super::{ACCOUNT, Access, CLUSTER, Declaration, GUARDRAILS, HOME, MODELS, OPERATIONS, PROFILES, ProfileRow, VPC};

/// The documents that the declaration leads to.
pub(super) fn plan(declared: &Declaration) -> Preview {
    let named =
        |taken: &dyn Fn(&Access) -> &Vec<usize>, number: usize| declared.accesses.iter().any(|access| taken(access).contains(&number));
    let by = |number: usize, id: &str, family: Option<&str>| match family.filter(|_| declared.families[number]) {
        Some(family) => family.to_owned(),
        None => id.to_owned(),
    };
    let models = (0..MODELS.len()).filter(|&number| named(&|access| &access.models, number) || declared.families[number]);
    let models: Vec<String> = models.map(|number| by(number, MODELS[number].0, Some(MODELS[number].1))).collect();
    let profiles = PROFILES.iter().enumerate().filter(|(number, row)| row.0.contains('.') && named(&|access| &access.profiles, *number));
    let profiles: Vec<String> = profiles.map(|(number, row)| by(MODELS.len() + number, row.0, row.2)).collect();
    let mut bedrock = json!({
        "approvedRegions": ["us-east-1", "us-east-2", "us-west-2", "ca-central-1"],
        "models": models,
        "inferenceProfiles": profiles,
        "applicationInferenceProfiles": [{"name": "visit-notes", "arn": format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:{}", PROFILES[2].1)}],
    });
    if declared.guardrails {
        let one = |(number, (id, version)): (usize, &(&str, &str))| json!({"name": format!("g{number}"), "default": number == 0, "management": "Verify", "guardrailId": id, "version": version});
        bedrock["guardrails"] = GUARDRAILS.iter().enumerate().map(one).collect();
    }
    let object = |kind: &str, name: &str, namespace: &str, spec: Value| json!({"apiVersion": "hipaa-operator.io/v1alpha1", "kind": kind, "metadata": {"name": name, "namespace": namespace}, "spec": spec});
    let environment = object(
        "PhiEnvironment",
        "prod",
        "",
        json!({
            "enforcement": "Enforce",
            "aws": {"accountId": ACCOUNT, "region": HOME, "clusterName": "clinic"},
            "namespaceSelector": {"matchLabels": {"hipaa-operator.io/phi": "allowed"}},
            "identity": {"requireFederation": declared.federation},
            "bedrock": bedrock,
        }),
    );
    let workload = |name: &str| {
        object(
            "PhiWorkload",
            name,
            name,
            json!({
                "environmentRef": {"name": "prod"}, "serviceAccountName": name, "podSelector": {"matchLabels": {"app": name}},
            }),
        )
    };
    let access = |(number, access): (usize, &Access)| {
        let operations: Vec<&str> =
            OPERATIONS.iter().filter(|(operation, ..)| access.operations.contains(operation)).map(|(_, name, _)| *name).collect();
        let mut spec = json!({
            "workloadRef": {"name": access.workload}, "useCase": "Summarization", "operations": operations,
            "models": access.models.iter().map(|&model| MODELS[model].0).collect::<Vec<_>>(),
            "inferenceProfiles": access.profiles.iter().map(|&profile| PROFILES[profile].0).collect::<Vec<_>>(),
        });
        if let Some(guardrail) = access.guardrail {
            spec["guardrailRef"] = json!({"name": format!("g{guardrail}")});
        }
        serde_json::from_value(object("BedrockAccess", &format!("a{number}"), access.workload, spec)).expect("an access")
    };
    let all = Declared {
        environments: vec![serde_json::from_value(environment).expect("an environment")],
        workloads: ["notes", "intake"].map(|name| serde_json::from_value(workload(name)).expect("a workload")).into(),
        accesses: declared.accesses.iter().enumerate().map(access).collect(),
        ..Declared::default()
    };
    preview(&all, &facts())
}

fn facts() -> KnownFacts {
    let arns = |row: &ProfileRow| -> Vec<String> {
        row.4.iter().map(|region| format!("arn:aws:bedrock:{region}::foundation-model/{}", row.3)).collect()
    };
    let profiles: BTreeMap<&str, Vec<String>> = PROFILES.iter().map(|row| (row.0, arns(row))).collect();
    let known = json!({"environments": {"prod": {
        "partition": "aws", "vpcId": VPC, "vpcCidrs": ["10.0.0.0/16"], "oidcIssuer": CLUSTER,
        "operatorArn": format!("arn:aws:iam::{ACCOUNT}:role/platform/hipaa-operator"),
        "profiles": profiles,
    }}});
    serde_json::from_value(known).expect("facts")
}
