//! What a workload's application is told to use: a `ConfigMap` beside its pods, with the Region, the endpoint and, for each access that
//! is given, its models, profiles and guardrail. It gives no power; it says what there is.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Resource;

use crate::api::PhiWorkload;
use crate::api::annotations::{MANAGED_BY, MANAGER, SETTINGS_DIGEST, WORKLOAD_LABEL};
use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::domain::{digest, names};
use crate::plan::access::{DeclaredAccess, judge};
use crate::plan::facts::{EnvironmentFacts, FIPS_RUNTIME};
use crate::plan::{Action, Finding, Plan};

use super::WorkloadInputs;

const FAMILY: ConditionType = ConditionType::SettingsPublished;
const CONTROL: Control = Control::ApprovedModels;
/// Key of the Region.
const REGION: &str = "region";
/// Key of the host name that Bedrock's runtime is called by.
const ENDPOINT: &str = "endpoint";
/// What the key of anything of an access begins with, before the access's name.
const OF_ACCESS: &str = "access.";

/// Plans the settings for the accesses that are `given`. Without any, what is there of ours goes. They come once there is a role that
/// `serves` the accesses; what keeps it away is told of the identity.
pub(super) fn plan(inputs: &WorkloadInputs, given: &[&str], serves: bool) -> Plan {
    let found = inputs.settings.filter(|found| is_ours(found, inputs.name, inputs.uid));
    let mut plan = Plan::default();
    if given.is_empty() {
        plan.actions.extend(found.map(|found| Action::DeleteConfigMap {
            namespace: inputs.namespace.to_owned(),
            name: names::settings(inputs.name),
            uid: found.metadata.uid.clone(),
        }));
    } else if found.is_none() && (inputs.settings.is_some() || inputs.settings_taken) {
        plan.findings.push(Finding::fail(
            CONTROL,
            FAMILY,
            Reason::Conflict,
            format!(
                "ConfigMap {} is there and is not ours, so the application is not told its endpoint and models by it; rename or delete it",
                names::settings(inputs.name)
            ),
        ));
    } else if serves {
        plan.extend(publish(inputs, found, wanted(inputs, given)));
        plan.findings.extend(path(inputs.facts));
    } else {
        let left = found.and_then(|found| reduced(found, &wanted(inputs, given)));
        plan.actions.extend(left.map(|left| Action::ApplyConfigMap {
            config_map: Box::new(left),
            uid: found.and_then(|found| found.metadata.uid.clone()),
            takes_away: true,
            reduced: None,
        }));
    }
    plan
}

fn publish(inputs: &WorkloadInputs, found: Option<&ConfigMap>, wanted: ConfigMap) -> Plan {
    if found.is_some_and(|found| says(found, &wanted)) {
        let message = format!("ConfigMap {} tells the application its Region, endpoint, models and profiles", names::settings(inputs.name));
        return Plan { findings: vec![Finding::pass(CONTROL, FAMILY, message)], ..Plan::default() };
    }
    let reduced = found.and_then(|found| reduced(found, &wanted));
    let takes_away = reduced.as_ref().is_some_and(|reduced| reduced.data == wanted.data);
    let what = if found.is_some() { "does not say what is declared" } else { "does not exist" };
    let message = format!("ConfigMap {}, which tells the application what to use, {what}", names::settings(inputs.name));
    let action = Action::ApplyConfigMap {
        config_map: Box::new(wanted),
        uid: found.and_then(|found| found.metadata.uid.clone()),
        takes_away,
        reduced: reduced.filter(|_| !takes_away).map(Box::new),
    };
    Plan { actions: vec![action], findings: vec![Finding::fail(CONTROL, FAMILY, Reason::Drifted, message)], ..Plan::default() }
}

/// The settings as they are to be.
fn wanted(inputs: &WorkloadInputs, given: &[&str]) -> ConfigMap {
    let scope = &inputs.facts.scope;
    let service = if inputs.facts.fips_runtime.is_some() { FIPS_RUNTIME } else { "bedrock-runtime" };
    let mut data = BTreeMap::from([(REGION.to_owned(), scope.region.clone()), (ENDPOINT.to_owned(), scope.host(service))]);
    let given = inputs.accesses.iter().filter(|access| given.contains(&access.name.as_str()));
    data.extend(given.flat_map(|access| of_access(access, inputs.facts)));
    let owner = OwnerReference {
        api_version: PhiWorkload::api_version(&()).into_owned(),
        kind: PhiWorkload::kind(&()).into_owned(),
        name: inputs.name.to_owned(),
        uid: inputs.uid.to_owned(),
        ..OwnerReference::default()
    };
    let labels = [(MANAGED_BY, MANAGER), (WORKLOAD_LABEL, inputs.name)];
    let metadata = ObjectMeta {
        name: Some(names::settings(inputs.name)),
        namespace: Some(inputs.namespace.to_owned()),
        labels: Some(labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into()),
        owner_references: (!inputs.uid.is_empty()).then(|| vec![owner]),
        ..ObjectMeta::default()
    };
    holding(metadata, data)
}

/// What is told of one access, by key: all that an application has to know to make its calls. An application profile is called by its
/// ARN, not by the environment's name for it; and calls have to name the guardrail that is in use.
fn of_access(access: &DeclaredAccess, facts: &EnvironmentFacts) -> Vec<(String, String)> {
    let called_by = |profile: &String| facts.terms.application_profiles.get(profile).unwrap_or(profile).clone();
    let profiles: Vec<String> = access.spec.inference_profiles.iter().flatten().map(called_by).collect();
    let guardrail = judge(&access.spec, facts).0.and_then(|grant| grant.guardrail);
    let (id, version) = guardrail.map(|pinned| (pinned.id, pinned.version)).unwrap_or_default();
    let told = [
        ("models", access.spec.models.as_deref().unwrap_or_default().join(",")),
        ("inferenceProfiles", profiles.join(",")),
        ("guardrailId", id),
        ("guardrailVersion", version),
    ];
    let told = told.into_iter().filter(|(_, value)| !value.is_empty());
    told.map(|(key, value)| (format!("{OF_ACCESS}{}.{key}", access.name), value)).collect()
}

fn holding(mut metadata: ObjectMeta, data: BTreeMap<String, String>) -> ConfigMap {
    metadata.annotations = Some(BTreeMap::from([(SETTINGS_DIGEST.to_owned(), digest::of_value(&data))]));
    ConfigMap { metadata, data: Some(data), ..ConfigMap::default() }
}

/// What is there without the keys that are not wanted any more; `None` if there are none of these.
fn reduced(found: &ConfigMap, wanted: &ConfigMap) -> Option<ConfigMap> {
    let (there, wanted_data) = (found.data.as_ref()?, wanted.data.as_ref()?);
    let left: BTreeMap<String, String> =
        there.iter().filter(|(key, _)| wanted_data.contains_key(*key)).map(|(key, value)| (key.clone(), value.clone())).collect();
    let gone = there.keys().any(|key| key.starts_with(OF_ACCESS) && !wanted_data.contains_key(key));
    gone.then(|| holding(wanted.metadata.clone(), left))
}

/// Whether a `ConfigMap` is that of the application of this workload: by its labels, or because it belongs to the workload.
#[must_use]
pub fn is_ours(found: &ConfigMap, workload: &str, uid: &str) -> bool {
    let label = |name: &str| found.metadata.labels.as_ref().and_then(|labels| labels.get(name)).map(String::as_str);
    let belongs = found.metadata.owner_references.iter().flatten().any(|owner| owner.uid == uid);
    belongs || (label(MANAGED_BY) == Some(MANAGER) && label(WORKLOAD_LABEL) == Some(workload))
}

/// Whether the settings that were found say what is `wanted`, belong to the same workload and were last written so by us. Keys that others
/// add are theirs.
#[must_use]
pub fn says(found: &ConfigMap, wanted: &ConfigMap) -> bool {
    let digest = |of: &ConfigMap| of.metadata.annotations.as_ref().and_then(|all| all.get(SETTINGS_DIGEST).cloned());
    let owners = |of: &ConfigMap| of.metadata.owner_references.clone().unwrap_or_default();
    let labels = |of: &ConfigMap| of.metadata.labels.clone().unwrap_or_default();
    let (there, said) = (found.data.as_ref(), wanted.data.iter().flatten());
    let owned = owners(wanted).iter().all(|owner| owners(found).iter().any(|there| there.uid == owner.uid));
    digest(found) == digest(wanted)
        && owned
        && labels(wanted).iter().all(|(label, value)| labels(found).get(label) == Some(value))
        && said.into_iter().all(|(key, value)| there.is_some_and(|there| there.get(key) == Some(value)))
}

/// Whether a key is one that we write: of the rest nothing is kept in memory.
#[must_use]
pub fn is_kept(key: &str) -> bool {
    key == REGION || key == ENDPOINT || key.starts_with(OF_ACCESS)
}

/// The private path to the host that the application is told, where that is not the one every workload waits for.
fn path(facts: &EnvironmentFacts) -> Option<Finding> {
    let (control, service) = (Control::PrivateEndpoints, FIPS_RUNTIME);
    let finding = if facts.fips_runtime? {
        Finding::pass(control, FAMILY, format!("an endpoint leads to {service}"))
    } else {
        let message = format!(
            "{} has no available endpoint for {}, so no call to the host that the application is told gets through; ask the platform team to add {{service: {service}, management: Provision}} to the environment's spec.endpoints, or to remove spec.fips",
            facts.vpc_id,
            facts.scope.endpoint_service_name(service)
        );
        Finding::fail(control, FAMILY, Reason::EndpointNotFound, message)
    };
    Some(finding.about(service))
}

#[cfg(test)]
mod tests;
