//! What would be observed once a plan was carried out in an account and a cluster that had nothing of ours.

use std::collections::BTreeSet;

use k8s_openapi::api::networking::v1::NetworkPolicy;

use crate::observed::account::Key;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::{ManagedPolicy, Role};
use crate::observed::network::{Endpoint, SecurityGroup};
use crate::plan::Action;
use crate::plan::action::{NewEndpoint, NewRole};
use crate::plan::environment::Rules;
use crate::plan::workload::ServiceAccountFacts;

use super::assumed;
use super::observed::KnownEnvironment;

/// Adds to the observation what the actions make.
pub(super) fn environment(observed: &mut EnvironmentObservation, rules: &Rules, known: &KnownEnvironment, actions: &[Action]) {
    for action in actions {
        match action {
            Action::CreateSecurityGroup { service, name, tags, .. } => {
                let group = SecurityGroup { id: group_id(service), name: name.clone(), tags: tags.clone(), ..SecurityGroup::default() };
                observed.security_groups.iter_mut().for_each(|groups| groups.push(group.clone()));
            }
            Action::AuthorizeSecurityGroupIngress { name, rules, .. } => {
                for group in observed.security_groups.iter_mut().flatten().filter(|group| group.name == *name) {
                    group.ingress.extend(rules.iter().cloned());
                }
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
            Action::TakeClaim(claim) => {
                let policy = ManagedPolicy { arn: claim.arn.clone(), document: Some(claim.document.clone()), ..ManagedPolicy::default() };
                observed.claims.iter_mut().for_each(|claims| claims.add(&policy));
            }
            Action::CreateBoundary { arn, document, .. } => {
                observed.boundary =
                    Ok(Some(ManagedPolicy { arn: arn.clone(), document: Some(document.clone()), ..ManagedPolicy::default() }));
            }
            _ => {}
        }
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
        security_group_ids: BTreeSet::from([group_id(&new.service)]),
        addresses: assumed::addresses(known, &new.service),
        tags: new.tags.clone(),
    }
}

/// What is there of a workload.
#[derive(Default)]
pub(super) struct WorkloadThings {
    pub service_account: ServiceAccountFacts,
    pub role: Option<Role>,
    pub policy: Option<ManagedPolicy>,
    pub network_policy: Option<NetworkPolicy>,
    /// The platform's role, where it makes roles.
    pub platform_role: Option<Role>,
}

/// What there is of a workload once the actions are carried out.
pub(super) fn workload(mut things: WorkloadThings, actions: &[Action]) -> WorkloadThings {
    for action in actions {
        match action {
            Action::CreatePolicy { arn, document, .. } => {
                things.policy = Some(ManagedPolicy { arn: arn.clone(), document: Some(document.clone()), ..ManagedPolicy::default() });
            }
            Action::CreateRole(new) => things.role = Some(role(new)),
            Action::AttachPolicy { policy_arn, .. } => {
                let roles = things.role.iter_mut().chain(&mut things.platform_role);
                roles.for_each(|role| role.attached = BTreeSet::from([policy_arn.clone()]));
            }
            Action::ApplyNetworkPolicy(policy) => things.network_policy = Some((**policy).clone()),
            Action::AnnotateServiceAccount { role_arn, .. } => things.service_account.role_arn = Some(role_arn.clone()),
            _ => {}
        }
    }
    things
}

fn role(new: &NewRole) -> Role {
    Role {
        name: new.name.clone(),
        arn: new.arn.clone(),
        trust: Some(new.trust.clone()),
        boundary_arn: Some(new.boundary_arn.clone()),
        tags: new.tags.clone(),
        ..Role::default()
    }
}
