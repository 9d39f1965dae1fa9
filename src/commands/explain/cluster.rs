//! What the cluster holds of a service account: its workload, the environment, and what is live of both.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::api::ListParams;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use crate::api::annotations::ROLE_ARN;
use crate::api::{BedrockAccess, PhiEnvironment, PhiWorkload, PhiWorkloadStatus};
use crate::aws::Account;
use crate::cluster::fault::fault_of;
use crate::domain::{Fault, names, tags};
use crate::observed::Read;
use crate::observed::identity::{IdentitySnapshot, ManagedPolicy, Role};
use crate::plan::access::DeclaredAccess;
use crate::plan::facts::EnvironmentFacts;
use crate::plan::workload::{ServiceAccountFacts, WorkloadInputs, admits, settings_are_ours};
use crate::plan::{additional, stores};

/// What was declared, and what lies in the cluster beside it.
pub(super) struct Found {
    pub namespace: String,
    pub service_account: String,
    pub workload: PhiWorkload,
    pub environment: PhiEnvironment,
    pub account: Option<ServiceAccountFacts>,
    labels: BTreeMap<String, String>,
    pub accesses: Vec<DeclaredAccess>,
    policies: Vec<NetworkPolicy>,
    settings: Option<ConfigMap>,
    pub others: Vec<(String, LabelSelector)>,
    status: PhiWorkloadStatus,
}

/// What is live of the workload's identity.
pub(super) struct Live {
    role: Option<Role>,
    platform_role: Option<Role>,
    policy: Option<ManagedPolicy>,
    policy_is_ours: bool,
    session: Option<i32>,
    rest: IdentitySnapshot,
    admitted: bool,
    stores: BTreeSet<String>,
    policies: BTreeSet<String>,
    pub others: Vec<NetworkPolicy>,
    fence: Option<NetworkPolicy>,
    settings_taken: bool,
}

/// Finds the workload of a service account with all that belongs to it.
///
/// # Errors
/// What is not there, or could not be read.
pub(super) async fn find(client: &Client, namespace: &str, service_account: &str) -> Result<Found, String> {
    let failed = |operation| move |error: kube::Error| format!("the cluster cannot be read: {}", fault_of(operation, &error));
    let workloads = all::<PhiWorkload>(client, namespace).await.map_err(failed("ListPhiWorkloads"))?;
    let (mut claimants, others): (Vec<_>, Vec<_>) =
        workloads.into_iter().partition(|workload| workload.spec.service_account_name == service_account);
    // As with the operator, the oldest has the service account.
    claimants.sort_by_key(|workload| (workload.creation_timestamp().map(|time| time.0), workload.name_any()));
    let younger: Vec<PhiWorkload> = claimants.drain(1.min(claimants.len())..).collect();
    let workload = claimants.pop().ok_or_else(|| {
        format!("no PhiWorkload in namespace {namespace} has service account {service_account}: correct the name, or declare one")
    })?;
    let environment = &workload.spec.environment_ref.name;
    let found = Api::<PhiEnvironment>::all(client.clone()).get_opt(environment).await.map_err(failed("GetPhiEnvironment"))?;
    let environment = found
        .ok_or_else(|| format!("there is no PhiEnvironment {environment}, which PhiWorkload {namespace}/{} names", workload.name_any()))?;
    let around = Api::<Namespace>::all(client.clone()).get_metadata(namespace).await.map_err(failed("GetNamespace"))?;
    let account = Api::<ServiceAccount>::namespaced(client.clone(), namespace).get_metadata_opt(service_account).await;
    let account = account.map_err(failed("GetServiceAccount"))?;
    let settings = Api::<ConfigMap>::namespaced(client.clone(), namespace).get_opt(&names::settings(&workload.name_any())).await;
    let accesses = all::<BedrockAccess>(client, namespace).await.map_err(failed("ListBedrockAccesses"))?;
    let lives = |other: &&PhiWorkload| other.metadata.deletion_timestamp.is_none();
    Ok(Found {
        labels: around.labels().clone(),
        account: account.map(|account| ServiceAccountFacts { uid: account.uid(), role_arn: account.annotations().get(ROLE_ARN).cloned() }),
        accesses: accesses.into_iter().filter_map(|access| declared(access, &workload.name_any())).collect(),
        policies: all::<NetworkPolicy>(client, namespace).await.map_err(failed("ListNetworkPolicies"))?,
        settings: settings.map_err(failed("GetConfigMap"))?,
        others: others.iter().chain(&younger).filter(lives).map(|other| (other.name_any(), other.spec.pod_selector.clone())).collect(),
        status: workload.status.clone().unwrap_or_default(),
        namespace: namespace.to_owned(),
        service_account: service_account.to_owned(),
        workload,
        environment,
    })
}

async fn all<K>(client: &Client, namespace: &str) -> kube::Result<Vec<K>>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    Ok(Api::<K>::namespaced(client.clone(), namespace).list(&ListParams::default()).await?.items)
}

fn declared(access: BedrockAccess, workload: &str) -> Option<DeclaredAccess> {
    let meant = access.spec.workload_ref.name == workload && access.metadata.deletion_timestamp.is_none();
    meant.then(|| DeclaredAccess {
        name: access.name_any(),
        generation: access.metadata.generation.unwrap_or_default(),
        created: access.creation_timestamp().map(|time| time.0.to_string()).unwrap_or_default(),
        spec: access.spec,
    })
}

impl Found {
    pub(super) fn environment_name(&self) -> String {
        self.environment.name_any()
    }

    /// What is live of the identity: nothing if the role could not be read.
    pub(super) async fn live(
        &self,
        account: &Account,
        facts: &EnvironmentFacts,
        identity: &IdentitySnapshot,
        role: &Read<Option<Role>>,
    ) -> Option<Result<Live, Fault>> {
        role.as_ref().ok()?;
        Some(self.read(account, facts, identity).await)
    }

    async fn read(&self, account: &Account, facts: &EnvironmentFacts, identity: &IdentitySnapshot) -> Result<Live, Fault> {
        let scope = &facts.scope;
        let name = names::role(scope, &self.namespace, &self.service_account);
        let policy_arn = scope.policy_arn(&name);
        let policy = identity.policies.get(&policy_arn).map(|policy| policy.read());
        let recorded = self.status.identity.as_ref();
        let wanted = tags::of_workload(scope, &self.namespace, &self.service_account);
        let policy_is_ours = match (&policy, recorded) {
            (Some(_), None) => account.iam.policy_tags(&policy_arn).await?.is_some_and(|found| tags::owned(&found, &wanted)),
            _ => true,
        };
        let read = |name: &str| identity.roles.get(name).map(|role| role.read());
        let role = read(&name);
        let session = match (&role, recorded.and_then(|identity| identity.max_session_duration)) {
            (Some(role), None) => account.iam.max_session(&role.name).await?,
            _ => None,
        };
        let fence = names::network_policy(&self.workload.name_any());
        let (own, others): (Vec<_>, Vec<_>) = self.policies.iter().cloned().partition(|policy| policy.name_any() == fence);
        let uid = self.workload.uid().unwrap_or_default();
        Ok(Live {
            platform_role: facts.platform_role(&self.namespace, &self.service_account).and_then(read),
            role,
            policy,
            policy_is_ours,
            session,
            rest: IdentitySnapshot { deny_only: identity.deny_only.clone(), ..IdentitySnapshot::default() },
            admitted: admits(&self.environment.spec.namespace_selector, &self.labels),
            stores: stores::admitted(&facts.stores, &self.labels),
            policies: additional::admitted(&facts.additional_policies, &self.labels),
            others,
            fence: own.into_iter().next(),
            settings_taken: self.settings.as_ref().is_some_and(|found| !settings_are_ours(found, &self.workload.name_any(), &uid)),
        })
    }
}

impl Live {
    /// The same as the operator's pass sees, but for pods.
    pub(super) fn inputs<'a>(
        &'a self,
        found: &'a Found,
        facts: &'a EnvironmentFacts,
        others: &'a [&'a NetworkPolicy],
        workloads: &'a [(&'a str, &'a LabelSelector)],
    ) -> WorkloadInputs<'a> {
        WorkloadInputs {
            namespace: &found.namespace,
            name: found.workload.metadata.name.as_deref().unwrap_or_default(),
            uid: found.workload.metadata.uid.as_deref().unwrap_or_default(),
            spec: &found.workload.spec,
            previous: &found.status,
            facts,
            admitted: self.admitted,
            older_claimant: None,
            service_account: found.account.as_ref(),
            accesses: &found.accesses,
            admitted_stores: &self.stores,
            admitted_policies: &self.policies,
            role: self.role.as_ref(),
            platform_role: self.platform_role.as_ref(),
            known_session: self.session,
            policy: self.policy.as_ref(),
            policy_is_ours: self.policy_is_ours,
            identity: &self.rest,
            network_policy: self.fence.as_ref(),
            settings: found.settings.as_ref(),
            settings_taken: self.settings_taken,
            other_network_policies: others,
            pods: Some(&[]),
            other_workloads: workloads,
            may_hold: true,
        }
    }
}
