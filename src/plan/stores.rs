//! Which of the stores that a workload names are given to it, and what it is told of each. One that is refused takes nothing from the
//! others, and nothing from the accesses.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::Verdict;
use crate::api::conditions::{ConditionType, Reason};
use crate::api::phi_workload::AppliedStore;
use crate::api::stores::{DataStore, StoreType};
use crate::catalogue::Control;
use crate::domain::digest;
use crate::policy::document::MANAGED_POLICY_SIZE;
use crate::policy::permissions::workload_policy;

use super::Finding;
use super::access::boundary;
use super::environment::WITH_GATEWAYS;
use super::facts::EnvironmentFacts;
use super::workload::admits;

const FAMILY: ConditionType = ConditionType::StoresResolved;

/// What a workload asks for beside its accesses.
#[derive(Clone, Copy, Debug)]
pub struct StoreRequest<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// The stores it names.
    pub names: &'a [String],
    /// The environment's stores that its namespace may have.
    pub admitted: &'a BTreeSet<String>,
    /// The stores that its policy contains.
    pub applied: &'a [AppliedStore],
}

/// A named store: what of it may be given, and the findings.
#[derive(Clone, Debug)]
pub(super) struct JudgedStore<'a> {
    pub name: &'a str,
    /// The store, unless it is refused.
    pub store: Option<&'a DataStore>,
    /// Whether the policy contains it as it is declared now.
    pub there: bool,
    pub findings: Vec<Finding>,
}

/// Names of those stores that a namespace with these labels may have.
#[must_use]
pub fn admitted(stores: &[DataStore], labels: &BTreeMap<String, String>) -> BTreeSet<String> {
    stores.iter().filter(|store| admits(&store.namespace_selector, labels)).map(|store| store.name.clone()).collect()
}

/// A store as it is recorded once it is in the policy. Whom else it is given to changes nothing of what it gives.
pub(super) fn applied(store: &DataStore) -> AppliedStore {
    let DataStore { name, kind, arn, prefixes, kms_key_arn, verbs, namespace_selector: _ } = store;
    AppliedStore { name: name.clone(), digest: digest::of_value(&(kind, arn, prefixes, kms_key_arn, verbs)) }
}

/// Judges every store that the workload names, in the order of their names.
pub(super) fn judge<'a>(request: &StoreRequest<'a>, facts: &'a EnvironmentFacts) -> Vec<JudgedStore<'a>> {
    let names: BTreeSet<&str> = request.names.iter().map(String::as_str).collect();
    names.into_iter().map(|name| judge_one(name, request, facts)).collect()
}

fn judge_one<'a>(name: &'a str, request: &StoreRequest, facts: &'a EnvironmentFacts) -> JudgedStore<'a> {
    let store = match find(name, request, facts) {
        Ok(store) => store,
        Err(finding) => return JudgedStore { name, store: None, there: false, findings: vec![finding.about(name)] },
    };
    let there = request.applied.contains(&applied(store));
    let wanted = workload_policy(&facts.setting(), &[], &[store]);
    let limit = boundary(&wanted, facts, FAMILY, "store").about(name);
    // As with an access: what is in the policy stays there, and the boundary limits it by itself.
    let given = limit.verdict != Verdict::Fail || there;
    let mut findings =
        vec![Finding::pass(Control::LeastPrivilege, FAMILY, format!("store {name} is declared and admitted")).about(name), limit];
    findings.extend(path(store, facts));
    JudgedStore { name, store: Some(store).filter(|_| given), there, findings }
}

/// The store of this name, if it may be given to the namespace.
fn find<'a>(name: &str, request: &StoreRequest, facts: &'a EnvironmentFacts) -> Result<&'a DataStore, Finding> {
    let environment = &facts.scope.environment;
    let Some(store) = facts.stores.iter().find(|store| store.name == name) else {
        let admitted: Vec<&str> = request.admitted.iter().map(String::as_str).collect();
        let known = if admitted.is_empty() { "none".to_owned() } else { admitted.join(", ") };
        let message = format!(
            "environment {environment} has no store {name} (namespace {} may have: {known}); correct spec.stores, or ask the platform team to add it to the environment's spec.stores",
            request.namespace
        );
        return Err(Finding::fail(Control::LeastPrivilege, FAMILY, Reason::StoreNotFound, message));
    };
    if !request.admitted.contains(name) {
        let message = format!(
            "environment {environment} does not give store {name} to namespace {}: its labels do not match the store's namespaceSelector; ask the platform team to label the namespace, or remove it from spec.stores",
            request.namespace
        );
        return Err(Finding::fail(Control::Segmentation, FAMILY, Reason::StoreNotAdmitted, message));
    }
    if !store.is_in(&facts.scope.partition) {
        let message = format!(
            "store {name} of environment {environment}, or its key, is not in partition {}, where the environment is; ask the platform team to correct its ARN",
            facts.scope.partition
        );
        return Err(Finding::fail(Control::LeastPrivilege, FAMILY, Reason::InvalidConfiguration, message));
    }
    if store.is_unrecognized() {
        let message = format!(
            "store {name} of environment {environment} has a type or verb that this version of the operator does not know; ask the platform team to upgrade the operator, or to declare another store"
        );
        return Err(Finding::fail(Control::LeastPrivilege, FAMILY, Reason::UnrecognizedValue, message));
    }
    Ok(store)
}

/// The private path to a store. Without it the store is given and does not work, because it may be used from the VPC only.
fn path(store: &DataStore, facts: &EnvironmentFacts) -> Option<Finding> {
    let service = store.kind.service()?;
    let name = &store.name;
    let finding = if facts.store_services.contains(service) {
        Finding::pass(Control::PrivateEndpoints, FAMILY, format!("an endpoint leads to {service}, where store {name} is"))
    } else {
        let message = format!(
            "{}, so no call to store {name} gets through; ask the platform team for it",
            missing_endpoint(&facts.vpc_id, &facts.scope.endpoint_service_name(service), store.kind)
        );
        Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::EndpointNotFound, message)
    };
    Some(finding.about(name))
}

/// What a VPC lacks, and how it gets it: gateway endpoints stand in route tables, which are never ours to change.
pub(super) fn missing_endpoint(vpc_id: &str, service_name: &str, kind: StoreType) -> String {
    let service = kind.service().unwrap_or_default();
    let remedy = if WITH_GATEWAYS.contains(&service) {
        "create a gateway endpoint".to_owned()
    } else {
        format!("add {{service: {service}, management: Provision}} to the environment's spec.endpoints")
    };
    format!("{vpc_id} has no available endpoint for {service_name} ({remedy})")
}

/// The finding on a store that the policy has no room for.
pub(super) fn no_room(name: &str) -> Finding {
    let message = format!(
        "with store {name} the workload's policy would exceed IAM's {MANAGED_POLICY_SIZE} characters; name fewer stores or models, or use another workload"
    );
    Finding::fail(Control::LeastPrivilege, FAMILY, Reason::QuotaExceeded, message).about(name)
}

/// The findings as long as the workload is not admitted.
pub(super) fn waiting(names: &[String]) -> Vec<Finding> {
    names.iter().map(|name| Finding::waiting(Control::LeastPrivilege, FAMILY).about(name)).collect()
}
