//! What of a workload was observed.

use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::api::PhiWorkloadStatus;
use crate::api::annotations::{MANAGED_BY, MANAGER, SETTINGS_DIGEST, WORKLOAD_LABEL};
use crate::api::phi_workload::WorkloadIdentityStatus;
use crate::domain::tags::{self, Tags};
use crate::domain::{Scope, names};
use crate::observed::identity::{IdentitySnapshot, Role};
use crate::plan::workload::ServiceAccountFacts;
use crate::policy::{PolicyDocument, Statement};
use crate::preview::carried_out::WorkloadThings;
use crate::preview::observed::{Found, FoundConfigMap, FoundRole};

use super::{policy_of, tags_if};

/// What there is of the workload with this service account.
pub(in crate::preview) fn workload(scope: &Scope, found: &Found, namespace: &str, name: &str, service_account: &str) -> WorkloadThings {
    let role_name = names::role(scope, namespace, service_account);
    let policy_arn = scope.policy_arn(&role_name);
    let role = found.roles.get(&role_name);
    let policy = found.policies.get(&policy_arn);
    let around = found.namespaces.get(namespace);
    let policy_name = names::network_policy(name);
    let fence = around.and_then(|around| around.network_policies.get(&policy_name));
    let recorded = role.filter(|role| role.recorded);
    WorkloadThings {
        // Of a namespace that was not looked at nothing is known.
        service_account: match around {
            None => Some(ServiceAccountFacts::default()),
            Some(around) => {
                around.service_accounts.get(service_account).map(|role_arn| ServiceAccountFacts { uid: None, role_arn: role_arn.clone() })
            }
        },
        role: role.map(|found| role_of(&role_name, found, tags::of_workload(scope, namespace, service_account))),
        policy: policy.map(|found| policy_of(&policy_arn, found)),
        platform_role: None,
        policy_is_ours: policy.is_none_or(|policy| policy.ours),
        network_policy: fence.map(|fence| NetworkPolicy {
            metadata: ObjectMeta {
                name: Some(policy_name),
                namespace: Some(namespace.to_owned()),
                labels: fence.ours.then(|| [(MANAGED_BY.to_owned(), MANAGER.to_owned())].into()),
                ..ObjectMeta::default()
            },
            spec: fence.spec.clone(),
        }),
        settings: around.and_then(|around| around.config_maps.get(&names::settings(name))).map(|found| settings_of(namespace, name, found)),
        identity: IdentitySnapshot {
            deny_only: role.map(|role| role.deny_only.clone()).unwrap_or_default(),
            ..IdentitySnapshot::default()
        },
        previous: PhiWorkloadStatus {
            identity: recorded.map(|role| WorkloadIdentityStatus {
                role_arn: role.arn.clone(),
                policy_arn: policy_arn.clone(),
                management: None,
                former_role_arns: Vec::new(),
                max_session_duration: role.max_session_duration,
                accesses: Vec::new(),
                guardrails: Vec::new(),
                stores: Vec::new(),
                additional_policies: role.additional.iter().cloned().collect(),
            }),
            ..PhiWorkloadStatus::default()
        },
    }
}

fn settings_of(namespace: &str, workload: &str, found: &FoundConfigMap) -> ConfigMap {
    let labels = [(MANAGED_BY, MANAGER), (WORKLOAD_LABEL, workload)];
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(names::settings(workload)),
            namespace: Some(namespace.to_owned()),
            labels: found.ours.then(|| labels.map(|(label, value)| (label.to_owned(), value.to_owned())).into()),
            annotations: found.digest.clone().map(|digest| [(SETTINGS_DIGEST.to_owned(), digest)].into()),
            ..ObjectMeta::default()
        },
        data: found.data.clone(),
        ..ConfigMap::default()
    }
}

fn role_of(name: &str, found: &FoundRole, wanted: Tags) -> Role {
    let denies = || PolicyDocument::of(vec![Statement::deny("Kept", &["*"], vec!["*".to_owned()])]);
    Role {
        name: name.to_owned(),
        arn: found.arn.clone(),
        trust: found.trust.clone(),
        boundary_arn: found.boundary_arn.clone(),
        attached: found.attached.clone(),
        // The document of a foreign inline policy is not kept: one that is not readable counts as giving power.
        inline: found.inline.iter().map(|(name, only_denies)| (name.clone(), only_denies.then(denies))).collect(),
        tags: tags_if(found.tagged, wanted),
    }
}
