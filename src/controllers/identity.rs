//! The account's IAM as last read in bulk, written through by our own writes.
//!
//! A fact read before our own last write of a thing is never drift, and within IAM's settling time a read that does not show our write
//! yet is not believed (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::observed::identity::{DocumentText, IdentitySnapshot, ManagedPolicy, Role};
use crate::plan::Action;
use crate::policy::PolicyDocument;

/// The shared snapshot of one environment.
#[derive(Debug)]
pub struct SharedIdentity {
    settling: Duration,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    snapshot: Arc<IdentitySnapshot>,
    /// When we last wrote a role (by name) or a policy (by ARN).
    written: HashMap<String, Instant>,
}

/// What a pass over a workload takes from the snapshot.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The workload's role.
    pub role: Option<Role>,
    /// The workload's policy.
    pub policy: Option<ManagedPolicy>,
    /// What tells policies that only deny.
    pub rest: IdentitySnapshot,
}

impl SharedIdentity {
    /// An empty snapshot; reads older than `settling` after a write are believed.
    #[must_use]
    pub fn new(settling: Duration) -> Self {
        Self { settling, inner: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a bulk read that began at `began`. Gives the names of roles that changed by it, policies under the role's name.
    pub fn refresh(&self, mut fresh: IdentitySnapshot, began: Instant) -> BTreeSet<String> {
        let mut inner = self.lock();
        let settling = self.settling;
        inner.written.retain(|_, at| *at + settling > began);
        for key in inner.written.keys() {
            keep(&mut fresh.roles, &inner.snapshot.roles, key);
            keep(&mut fresh.policies, &inner.snapshot.policies, key);
        }
        let mut changed = differing(&inner.snapshot.roles, &fresh.roles);
        let name = |arn: String| arn.rsplit('/').next().unwrap_or_default().to_owned();
        changed.extend(differing(&inner.snapshot.policies, &fresh.policies).into_iter().map(name));
        inner.snapshot = Arc::new(fresh);
        changed
    }

    /// What is known of a role and its policy.
    #[must_use]
    pub fn view(&self, role: &str, policy_arn: &str) -> View {
        let inner = self.lock();
        View {
            role: inner.snapshot.roles.get(role).map(Role::read),
            policy: inner.snapshot.policies.get(policy_arn).map(ManagedPolicy::read),
            rest: IdentitySnapshot { deny_only: inner.snapshot.deny_only.clone(), ..IdentitySnapshot::default() },
        }
    }

    /// The policy with this ARN.
    #[must_use]
    pub fn policy(&self, arn: &str) -> Option<ManagedPolicy> {
        self.lock().snapshot.policies.get(arn).map(ManagedPolicy::read)
    }

    /// Everything that is known.
    #[must_use]
    pub fn snapshot(&self) -> Arc<IdentitySnapshot> {
        self.lock().snapshot.clone()
    }

    /// Writes an action that was carried out through to the snapshot. `version` is the id of a policy version that it made.
    pub fn write_through(&self, action: &Action, version: Option<String>) {
        let mut inner = self.lock();
        if let Some(key) = apply(Arc::make_mut(&mut inner.snapshot), action, version) {
            inner.written.insert(key, Instant::now());
        }
    }
}

/// Keeps what we know of `key` instead of what was read.
fn keep<T: Clone>(fresh: &mut BTreeMap<String, T>, known: &BTreeMap<String, T>, key: &str) {
    match known.get(key) {
        Some(value) => {
            fresh.insert(key.to_owned(), value.clone());
        }
        None => {
            fresh.remove(key);
        }
    }
}

fn differing<T: PartialEq>(before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> BTreeSet<String> {
    let keys = before.keys().chain(after.keys());
    keys.filter(|&key| before.get(key) != after.get(key)).cloned().collect()
}

/// A document as IAM keeps it after we wrote it.
fn kept(document: &PolicyDocument) -> DocumentText {
    DocumentText::of(&document.to_json())
}

/// Changes the snapshot as the action changed the account; gives the role's name or the policy's ARN.
fn apply(snapshot: &mut IdentitySnapshot, action: &Action, version: Option<String>) -> Option<String> {
    match action {
        Action::CreatePolicy { arn, document, .. } | Action::CreateBoundary { arn, document, .. } => {
            let policy = ManagedPolicy {
                arn: arn.clone(),
                default_version: "v1".to_owned(),
                other_versions: Vec::new(),
                document: Some(kept(document)),
            };
            snapshot.policies.insert(arn.clone(), policy);
            Some(arn.clone())
        }
        Action::ChangePolicy { arn, document, prune, .. } | Action::ChangeBoundary { arn, document, prune } => {
            let policy = snapshot.policies.get_mut(arn)?;
            policy.other_versions.retain(|version| Some(version) != prune.as_ref());
            let former = std::mem::replace(&mut policy.default_version, version?);
            policy.other_versions.push(former);
            policy.document = Some(kept(document));
            Some(arn.clone())
        }
        Action::DeletePolicy { arn, .. } | Action::DeleteBoundary { arn, .. } => {
            snapshot.policies.remove(arn);
            Some(arn.clone())
        }
        Action::CreateRole(new) => {
            let role = Role {
                name: new.name.clone(),
                arn: new.arn.clone(),
                trust: Some(kept(&new.trust)),
                boundary_arn: Some(new.boundary_arn.clone()),
                tags: new.tags.clone(),
                ..Role::default()
            };
            snapshot.roles.insert(new.name.clone(), role);
            Some(new.name.clone())
        }
        Action::DeleteRole { role, .. } => {
            snapshot.roles.remove(role);
            Some(role.clone())
        }
        _ => apply_to_role(snapshot, action),
    }
}

fn apply_to_role(snapshot: &mut IdentitySnapshot, action: &Action) -> Option<String> {
    let (Action::UpdateTrust { role: name, .. }
    | Action::PutPermissionsBoundary { role: name, .. }
    | Action::TagRole { role: name, .. }
    | Action::AttachPolicy { role: name, .. }
    | Action::DetachPolicy { role: name, .. }
    | Action::StripRole { role: name, .. }
    | Action::DeleteInlinePolicy { role: name, .. }) = action
    else {
        return None;
    };
    let role = snapshot.roles.get_mut(name)?;
    match action {
        Action::UpdateTrust { trust, .. } => role.trust = Some(kept(trust)),
        Action::PutPermissionsBoundary { boundary_arn, .. } => role.boundary_arn = Some(boundary_arn.clone()),
        Action::TagRole { tags, .. } => role.tags.extend(tags.clone()),
        Action::AttachPolicy { policy_arn, .. } => drop(role.attached.insert(policy_arn.clone())),
        Action::DetachPolicy { policy_arn, .. } => drop(role.attached.remove(policy_arn)),
        Action::DeleteInlinePolicy { policy_name, .. } => drop(role.inline.remove(policy_name)),
        Action::StripRole { attached, inline, .. } => {
            role.attached.retain(|arn| !attached.contains(arn));
            role.inline.retain(|name, _| !inline.contains(name));
        }
        _ => {}
    }
    Some(name.clone())
}
