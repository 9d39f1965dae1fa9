//! What would be observed once a plan was carried out.

mod guardrails;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::api::PhiWorkloadStatus;
use crate::api::phi_workload::WorkloadIdentityStatus;
use crate::observed::account::Key;
use crate::observed::account_settings::InvocationLogging;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::{IdentitySnapshot, ManagedPolicy, Role};
use crate::observed::network::{Endpoint, SecurityGroup};
use crate::plan::Action;
use crate::plan::action::{EndpointChange, GroupReference, NewEndpoint};
use crate::plan::environment::Rules;
use crate::plan::workload::ServiceAccountFacts;
use crate::plan::written::written;

use super::assumed;
use super::observed::KnownEnvironment;

/// Adds to the observation what the actions make and change.
pub(super) fn environment(observed: &mut EnvironmentObservation, rules: &Rules, known: &KnownEnvironment, actions: &[Action]) {
    for action in actions {
        match action {
            Action::CreateSecurityGroup { service, name, tags, .. } => {
                let group = SecurityGroup { id: group_id(service), name: name.clone(), tags: tags.clone(), ..SecurityGroup::default() };
                observed.security_groups.iter_mut().for_each(|groups| groups.push(group.clone()));
            }
            Action::CreateVpcEndpoint(new) => observed.endpoints.iter_mut().for_each(|endpoints| endpoints.push(endpoint(new, known))),
            Action::CreateKey { policy, tags, .. } => {
                observed.key = Ok(Some(Key {
                    arn: "<key-arn>".into(),
                    state: "Enabled".into(),
                    customer_managed: true,
                    usage: None,
                    spec: None,
                    rotation_enabled: true,
                    rotation_period_in_days: Some(rules.resolved.rotation_period_in_days),
                    policy: Some(policy.clone()),
                    tags: tags.clone(),
                }));
            }
            Action::CreateGuardrail(_) | Action::UpdateGuardrail { .. } | Action::CreateGuardrailVersion { .. } => {
                guardrails::carry_out(observed, rules, action);
            }
            Action::TakeClaim(claim) => {
                let policy = ManagedPolicy { arn: claim.arn.clone(), document: Some(claim.document.clone()), ..ManagedPolicy::default() };
                observed.claims.iter_mut().for_each(|claims| claims.add(&policy));
            }
            Action::CreateBoundary { arn, document, .. } => {
                observed.boundary =
                    Ok(Some(ManagedPolicy { arn: arn.clone(), document: Some(document.clone()), ..ManagedPolicy::default() }));
            }
            Action::ChangeBoundary { document, .. } => {
                observed.boundary.iter_mut().flatten().for_each(|boundary| boundary.document = Some(document.clone()));
            }
            Action::PutAccountDataRetention { region, mode } => {
                observed.settings.data_retention.insert(region.clone(), Ok(mode.clone()));
            }
            Action::PutModelInvocationLogging { configuration, .. } => observed.settings.invocation_logging = Ok(configuration.clone()),
            Action::DeleteModelInvocationLogging { .. } => observed.settings.invocation_logging = Ok(InvocationLogging::default()),
            _ => {
                change_network(observed, action);
                observed.key.iter_mut().flatten().for_each(|key| change_key(key, action));
            }
        }
    }
}

fn change_network(observed: &mut EnvironmentObservation, action: &Action) {
    let mut groups = observed.security_groups.iter_mut().flatten();
    let mut endpoints = observed.endpoints.iter_mut().flatten();
    match action {
        Action::AuthorizeSecurityGroupIngress { name, rules, .. } => {
            groups.filter(|group| group.name == *name).for_each(|group| group.ingress.extend(rules.iter().cloned()));
        }
        Action::RevokeSecurityGroupIngress { name, rules, .. } => {
            groups.filter(|group| group.name == *name).for_each(|group| group.ingress.retain(|rule| !rules.contains(rule)));
        }
        Action::RevokeSecurityGroupEgress { name, rules, .. } => {
            groups.filter(|group| group.name == *name).for_each(|group| group.egress.retain(|rule| !rules.contains(rule)));
        }
        Action::ModifyVpcEndpoint(change) => {
            endpoints.filter(|endpoint| endpoint.id == change.id).for_each(|endpoint| change_endpoint(endpoint, change));
        }
        Action::CreateTags { id, tags } => {
            groups.find(|group| group.id == *id).into_iter().for_each(|group| group.tags.extend(tags.clone()));
            endpoints.find(|endpoint| endpoint.id == *id).into_iter().for_each(|endpoint| endpoint.tags.extend(tags.clone()));
        }
        _ => {}
    }
}

fn change_endpoint(endpoint: &mut Endpoint, change: &EndpointChange) {
    if let Some(policy) = &change.policy {
        endpoint.policy = Some(policy.clone());
    }
    endpoint.subnet_ids.extend(change.add_subnet_ids.iter().cloned());
    endpoint.security_group_ids.retain(|id| !change.remove_group_ids.contains(id));
    endpoint.security_group_ids.extend(change.add_group.as_ref().map(|group| match group {
        GroupReference::Id(id) => id.clone(),
        GroupReference::ForService(service) => group_id(service),
    }));
    endpoint.private_dns |= change.enable_private_dns;
}

fn change_key(key: &mut Key, action: &Action) {
    match action {
        Action::EnableKey { .. } => "Enabled".clone_into(&mut key.state),
        Action::EnableKeyRotation { days, .. } => {
            key.rotation_enabled = true;
            key.rotation_period_in_days = Some(*days);
        }
        Action::PutKeyPolicy { policy, .. } => key.policy = Some(policy.clone()),
        Action::TagKey { tags, .. } => key.tags.extend(tags.clone()),
        Action::UntagKey { tags, .. } => key.tags.retain(|tag, _| !tags.contains(tag)),
        _ => {}
    }
}

fn group_id(service: &str) -> String {
    format!("<security-group-id-of-{service}>")
}

fn endpoint(new: &NewEndpoint, known: &KnownEnvironment) -> Endpoint {
    Endpoint {
        id: format!("<vpc-endpoint-id-of-{}>", new.service),
        vpc_id: new.vpc_id.clone(),
        service_name: new.service_name.clone(),
        state: "available".into(),
        endpoint_type: "Interface".into(),
        private_dns: true,
        policy: new.policy.clone(),
        subnet_ids: new.subnet_ids.clone(),
        security_group_ids: BTreeSet::from([match &new.group {
            GroupReference::Id(id) => id.clone(),
            GroupReference::ForService(service) => group_id(service),
        }]),
        addresses: assumed::addresses(known, &new.service),
        tags: new.tags.clone(),
    }
}

/// What is there of a workload.
pub(super) struct WorkloadThings {
    /// The service account; none if it does not exist.
    pub service_account: Option<ServiceAccountFacts>,
    pub role: Option<Role>,
    pub policy: Option<ManagedPolicy>,
    pub policy_is_ours: bool,
    pub network_policy: Option<NetworkPolicy>,
    /// The `ConfigMap` of its application's settings.
    pub settings: Option<ConfigMap>,
    /// The platform's role, where it makes roles.
    pub platform_role: Option<Role>,
    /// What tells policies that only deny.
    pub identity: IdentitySnapshot,
    /// What the status records.
    pub previous: PhiWorkloadStatus,
}

impl Default for WorkloadThings {
    /// Nothing but the service account.
    fn default() -> Self {
        Self {
            service_account: Some(ServiceAccountFacts::default()),
            role: None,
            policy: None,
            policy_is_ours: true,
            network_policy: None,
            settings: None,
            platform_role: None,
            identity: IdentitySnapshot::default(),
            previous: PhiWorkloadStatus::default(),
        }
    }
}

/// What there is of a workload once the actions are carried out.
pub(super) fn workload(mut things: WorkloadThings, actions: &[Action]) -> WorkloadThings {
    let mut account = things.identity.clone();
    account.roles.extend(things.role.take().map(|role| (role.name.clone(), role.kept().into())));
    let theirs = things.platform_role.take();
    let their_name = theirs.as_ref().map(|role| role.name.clone());
    account.roles.extend(theirs.map(|role| (role.name.clone(), role.kept().into())));
    account.policies.extend(things.policy.take().map(|policy| (policy.arn.clone(), policy.kept().into())));
    for action in actions {
        // The ids of versions are no matter here.
        let _ = written(&mut account, action, Some(String::new()));
        match action {
            Action::ApplyNetworkPolicy(policy) => things.network_policy = Some((**policy).clone()),
            Action::ApplyConfigMap { config_map, .. } => things.settings = Some((**config_map).clone()),
            Action::DeleteConfigMap { .. } => things.settings = None,
            Action::AnnotateServiceAccount { role_arn, .. } => {
                things.service_account.iter_mut().for_each(|account| account.role_arn = Some(role_arn.clone()));
            }
            Action::ClearServiceAccount { .. } => things.service_account.iter_mut().for_each(|account| account.role_arn = None),
            Action::CreateRole(new) => record(&mut things.previous, &new.arn, new.max_session_duration),
            Action::UpdateMaxSessionDuration { seconds, .. } => {
                things.previous.identity.iter_mut().for_each(|identity| identity.max_session_duration = Some(*seconds));
            }
            _ => {}
        }
    }
    things.platform_role = their_name.and_then(|name| account.roles.remove(&name)).map(|role| role.read());
    things.role = account.roles.values().next().map(|role| role.read());
    things.policy = account.policies.values().next().map(|policy| policy.read());
    things
}

fn record(previous: &mut PhiWorkloadStatus, role_arn: &str, session: i32) {
    let identity = previous.identity.get_or_insert_with(WorkloadIdentityStatus::default);
    role_arn.clone_into(&mut identity.role_arn);
    identity.max_session_duration = Some(session);
}
