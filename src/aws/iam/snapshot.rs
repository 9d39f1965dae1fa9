//! The whole account's roles and policies in a streamed read, of which only what is ours is kept: foreign documents are dropped page
//! by page.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, PolicyVersion, RoleDetail};

use super::{Iam, tags_of};
use crate::domain::scope::CLAIMS_PATH;
use crate::domain::tags;
use crate::observed::Read;
use crate::observed::identity::{DocumentText, IdentitySnapshot};

type Role = crate::observed::identity::Role<DocumentText>;
type ManagedPolicy = crate::observed::identity::ManagedPolicy<DocumentText>;

/// What is read apart, one after the other: a page holds a thousand of both together, so that it takes the same number of pages, give or
/// take one, and the longest answer in memory is that of one kind.
const KINDS: [EntityType; 2] = [EntityType::Role, EntityType::LocalManagedPolicy];

/// What counts as ours, and what is known of it already.
#[derive(Clone, Copy, Debug)]
pub struct Ours<'a> {
    /// Roles and policies under this path.
    pub path: &'a str,
    /// Roles with the tag of this cluster.
    pub cluster_arn: &'a str,
    /// The operator's own role, of which the ARN is looked for.
    pub operator_role_name: Option<&'a str>,
    /// Roles of these names.
    pub named_roles: &'a BTreeSet<String>,
    /// What was read before. What is still the same is not kept twice.
    pub known: &'a IdentitySnapshot,
}

impl Iam {
    /// The part of the account's IAM that concerns us: roles that are `ours`, policies under the path, all claims, which of the other
    /// local policies only deny, and the operator's own role. One call for every thousand roles and for every thousand policies of the
    /// account (<https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html>).
    ///
    /// # Errors
    /// When any page cannot be read: half a snapshot would make things look deleted.
    pub async fn snapshot(&self, ours: Ours<'_>) -> Read<IdentitySnapshot> {
        let mut snapshot = IdentitySnapshot::default();
        for kind in KINDS {
            let mut pages = self.client.get_account_authorization_details().filter(kind).into_paginator().page_size(1000).send();
            while let Some(page) = self.calls.page("iam", "GetAccountAuthorizationDetails", pages.next()).await? {
                page.role_detail_list.unwrap_or_default().into_iter().for_each(|role| ours.take_role(role, &mut snapshot));
                page.policies.unwrap_or_default().into_iter().for_each(|policy| ours.take_policy(policy, &mut snapshot));
            }
        }
        Ok(snapshot)
    }
}

impl Ours<'_> {
    fn take_role(&self, detail: RoleDetail, snapshot: &mut IdentitySnapshot) {
        if detail.role_name.is_some() && detail.role_name.as_deref() == self.operator_role_name {
            snapshot.operator_role_arn.clone_from(&detail.arn);
        }
        let tagged = || detail.tags().iter().any(|tag| tag.key == tags::CLUSTER && tag.value == self.cluster_arn);
        let named = detail.role_name().is_some_and(|name| self.named_roles.contains(name));
        if named || detail.path().is_some_and(|path| path.starts_with(self.path)) || tagged() {
            let role = role_of(detail);
            if named {
                snapshot.federated.extend(role.trust.clone().filter(is_federated).map(|trust| (role.arn.clone(), trust)));
            }
            let name = role.name.clone();
            let role = shared(self.known.roles.get(&name), role);
            snapshot.roles.insert(name, role);
        } else if let (Some(arn), Some(trust)) = (detail.arn, kept(detail.assume_role_policy_document)) {
            snapshot.federated.extend(is_federated(&trust).then_some((arn, trust)));
        }
    }

    fn take_policy(&self, detail: ManagedPolicyDetail, snapshot: &mut IdentitySnapshot) {
        let Some(arn) = detail.arn.clone() else { return };
        let under = |path: &str| path.starts_with(self.path) || path.starts_with(CLAIMS_PATH);
        let under_path = arn.split_once(":policy").is_some_and(|(_, path)| under(path));
        let policy = policy_of(arn.clone(), detail.policy_version_list.unwrap_or_default());
        if under_path {
            let policy = shared(self.known.policies.get(&arn), policy);
            snapshot.policies.insert(arn, policy);
        } else if policy.document.is_some_and(|document| document.only_denies()) {
            snapshot.deny_only.insert(arn);
        }
    }
}

/// Whether a trust policy speaks of an OIDC provider.
fn is_federated(trust: &DocumentText) -> bool {
    trust.holds("oidc-provider/") || trust.holds("AssumeRoleWithWebIdentity")
}

/// What was read, or what is known if that is the same.
fn shared<T: PartialEq>(known: Option<&Arc<T>>, read: T) -> Arc<T> {
    known.filter(|known| ***known == read).cloned().unwrap_or_else(|| Arc::new(read))
}

fn role_of(detail: RoleDetail) -> Role {
    let attached = detail.attached_managed_policies.unwrap_or_default();
    let inline = detail.role_policy_list.unwrap_or_default();
    Role {
        name: detail.role_name.unwrap_or_default(),
        arn: detail.arn.unwrap_or_default(),
        trust: kept(detail.assume_role_policy_document),
        boundary_arn: detail.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn),
        attached: attached.into_iter().filter_map(|policy| policy.policy_arn).collect(),
        inline: inline.into_iter().filter_map(|policy| Some((policy.policy_name?, kept(policy.policy_document)))).collect(),
        tags: tags_of(detail.tags),
    }
}

/// A policy from its versions; a version that carries no document leaves it unreadable.
pub(super) fn policy_of(arn: String, versions: Vec<PolicyVersion>) -> ManagedPolicy {
    let mut policy = ManagedPolicy { arn, ..ManagedPolicy::default() };
    for version in versions {
        let id = version.version_id.unwrap_or_default();
        if version.is_default_version {
            policy.default_version = id;
            policy.document = kept(version.document);
        } else {
            policy.other_versions.push(id);
        }
    }
    policy.other_versions.sort_by_key(|id| age_of(id));
    policy
}

/// IAM numbers versions upwards and never again uses a number: `v2`, `v10`.
fn age_of(version_id: &str) -> u32 {
    version_id.trim_start_matches('v').parse().unwrap_or(u32::MAX)
}

fn kept(text: Option<String>) -> Option<DocumentText> {
    text.map(|text| DocumentText::of(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DENY: &str = r#"{"Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

    fn version(id: &str, is_default: bool) -> PolicyVersion {
        PolicyVersion::builder().version_id(id).is_default_version(is_default).document(DENY).build()
    }

    #[test]
    fn orders_versions_by_number() {
        let policy = policy_of("arn".into(), vec![version("v10", false), version("v11", true), version("v9", false)]);
        assert_eq!(policy.default_version, "v11");
        assert_eq!(policy.other_versions, ["v9", "v10"]);
        assert!(policy.document.unwrap().only_denies());
    }

    #[test]
    fn what_is_known_is_not_kept_twice() {
        let named_roles = &BTreeSet::new();
        let read = |document: &str, known: &IdentitySnapshot| {
            let ours = Ours { path: "/hipaa-operator/e/", cluster_arn: "arn:c", operator_role_name: None, named_roles, known };
            let mut snapshot = IdentitySnapshot::default();
            let role = RoleDetail::builder().role_name("r").path(ours.path).arn("r").assume_role_policy_document(document).build();
            ours.take_role(role, &mut snapshot);
            let version = PolicyVersion::builder().version_id("v1").is_default_version(true).document(document).build();
            let arn = "arn:aws:iam::1:policy/hipaa-operator/e/p";
            ours.take_policy(ManagedPolicyDetail::builder().arn(arn).policy_version_list(version).build(), &mut snapshot);
            snapshot
        };
        let is_shared = |one: &IdentitySnapshot, other: &IdentitySnapshot| {
            let roles = one.roles.values().zip(other.roles.values()).map(|(one, other)| Arc::ptr_eq(one, other));
            let policies = one.policies.values().zip(other.policies.values()).map(|(one, other)| Arc::ptr_eq(one, other));
            roles.chain(policies).collect::<Vec<_>>()
        };
        let first = read(DENY, &IdentitySnapshot::default());
        let again = read(DENY, &first);
        assert_eq!((is_shared(&first, &again), &again), (vec![true, true], &first));
        let changed = read("{}", &first);
        assert_eq!(is_shared(&first, &changed), [false, false]);
        assert_eq!(changed, read("{}", &IdentitySnapshot::default()));
    }

    #[test]
    fn keeps_what_is_ours_and_what_denies() {
        let named_roles = &BTreeSet::from(["theirs".to_owned()]);
        let known = &IdentitySnapshot::default();
        let ours = Ours { path: "/hipaa-operator/e/", cluster_arn: "arn:c", operator_role_name: Some("op"), named_roles, known };
        let mut snapshot = IdentitySnapshot::default();
        for (name, path) in [("mine", "/hipaa-operator/e/f/"), ("op", "/"), ("near", "/hipaa-operator-2/"), ("theirs", "/team/")] {
            let arn = format!("arn:aws:iam::1:role{path}{name}");
            ours.take_role(RoleDetail::builder().role_name(name).path(path).arn(arn).build(), &mut snapshot);
        }
        for arn in ["hipaa-operator/e/p", "hipaa-operator/claims/c.1", "hipaa-operator/f/p", "quarantine"] {
            let arn = format!("arn:aws:iam::1:policy/{arn}");
            let detail = ManagedPolicyDetail::builder().arn(arn).policy_version_list(version("v1", true)).build();
            ours.take_policy(detail, &mut snapshot);
        }
        assert_eq!(snapshot.roles.keys().collect::<Vec<_>>(), ["mine", "theirs"]);
        assert_eq!(snapshot.operator_role_arn.as_deref(), Some("arn:aws:iam::1:role/op"));
        for (name, principal) in [("web", r#"{"Federated":"arn:aws:iam::1:oidc-provider/x"}"#), ("user", r#"{"AWS":"*"}"#)] {
            let trust = format!(r#"{{"Statement":{{"Effect":"Allow","Action":"*","Principal":{principal}}}}}"#);
            let detail = RoleDetail::builder().role_name(name).path("/").arn(name).assume_role_policy_document(trust);
            ours.take_role(detail.build(), &mut snapshot);
        }
        assert_eq!(snapshot.federated.keys().collect::<Vec<_>>(), ["web"]);
        let policies = snapshot.policies.keys().map(|arn| arn.rsplit_once(':').unwrap().1).collect::<Vec<_>>();
        assert_eq!(policies, ["policy/hipaa-operator/claims/c.1", "policy/hipaa-operator/e/p"]);
        assert!(snapshot.only_denies("arn:aws:iam::1:policy/quarantine"));
    }
}
