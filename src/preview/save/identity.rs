//! Roles and policies: of ours what they say, of others that they are there.

use std::collections::{BTreeMap, BTreeSet};

use kube::ResourceExt;

use crate::api::phi_workload::WorkloadIdentityStatus;
use crate::domain::names::last;
use crate::domain::{names, tags};
use crate::observed::identity::{DocumentText, Role};
use crate::policy::PolicyDocument;
use crate::preview::observed::{FoundPolicy, FoundRole};

use super::Seen;

impl Seen<'_> {
    /// The identity that a workload's status records, by role name.
    fn recorded(&self) -> BTreeMap<&str, &WorkloadIdentityStatus> {
        let identities = self.workloads.iter().filter_map(|workload| workload.status.as_ref()?.identity.as_ref());
        identities.map(|identity| (last(&identity.role_arn), identity)).collect()
    }

    pub(super) fn policies(&self) -> BTreeMap<String, FoundPolicy> {
        let recorded: BTreeSet<&String> = self.recorded().into_values().map(|identity| &identity.policy_arn).collect();
        // The boundary lies at an ARN that nobody else's thing has.
        let boundary = self.rules.scope.policy_arn(&names::boundary(&self.rules.scope));
        // The bulk read brings the claims too, which lie elsewhere.
        let policies = self.identity.policies.iter().filter(|(arn, _)| arn.starts_with(&self.rules.scope.policy_arn("")));
        policies
            .map(|(arn, policy)| {
                let ours = *arn == boundary || recorded.contains(arn) || self.tagged_policies.contains(arn);
                let found = FoundPolicy {
                    ours,
                    default_version: policy.default_version.clone(),
                    other_versions: policy.other_versions.clone(),
                    document: policy.document.as_ref().filter(|_| ours).and_then(DocumentText::read),
                };
                (arn.clone(), found)
            })
            .collect()
    }

    pub(super) fn roles(&self) -> BTreeMap<String, FoundRole> {
        let scope = &self.rules.scope;
        let derived: BTreeSet<String> = self
            .workloads
            .iter()
            .map(|workload| names::role(scope, &workload.namespace().unwrap_or_default(), &workload.spec.service_account_name))
            .collect();
        let recorded = self.recorded();
        let near = self.identity.roles.iter().filter(|(name, role)| role.arn == scope.role_arn(name) || derived.contains(*name));
        near.map(|(name, role)| (name.clone(), self.role(&role.read(), recorded.get(name.as_str()).copied()))).collect()
    }

    fn role(&self, role: &Role, recorded: Option<&WorkloadIdentityStatus>) -> FoundRole {
        let scope = &self.rules.scope;
        let tagged = match (role.tags.get(tags::NAMESPACE), role.tags.get(tags::SERVICE_ACCOUNT)) {
            (Some(namespace), Some(account)) => {
                names::role(scope, namespace, account) == role.name
                    && tags::owned(&role.tags, &tags::of_workload(scope, namespace, account))
            }
            _ => false,
        };
        let recorded = recorded.filter(|identity| identity.role_arn == role.arn);
        let on_it = role.attached.iter().chain(&role.boundary_arn);
        FoundRole {
            arn: role.arn.clone(),
            tagged,
            recorded: recorded.is_some(),
            max_session_duration: recorded.and_then(|identity| identity.max_session_duration),
            trust: role.trust.clone().filter(|_| tagged || recorded.is_some()),
            boundary_arn: role.boundary_arn.clone(),
            attached: role.attached.clone(),
            additional: recorded.into_iter().flat_map(|identity| identity.additional_policies.iter().cloned()).collect(),
            deny_only: on_it.filter(|arn| self.identity.only_denies(arn)).cloned().collect(),
            inline: role.inline.iter().map(|(name, document)| (name.clone(), only_denies(document.as_ref()))).collect(),
        }
    }
}

fn only_denies(document: Option<&PolicyDocument>) -> bool {
    document.is_some_and(PolicyDocument::only_denies)
}
