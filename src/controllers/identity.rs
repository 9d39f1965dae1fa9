//! The account's IAM as last read in bulk, written through by our own writes.
//!
//! A fact read before our own last write of a thing is never drift, and within IAM's settling time a read that does not show our write
//! yet is not believed (<https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency>).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::domain::names::last;
use crate::domain::tags::Tags;
use crate::observed::claims::Claims;
use crate::observed::identity::{DocumentText, IdentitySnapshot, ManagedPolicy, Role};
use crate::plan::Action;
use crate::plan::written::written;

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
    /// Roles that changed and whose workloads were not woken yet.
    changed: BTreeSet<String>,
    /// How often a read found a role, or a policy under the role's name, not as we knew it.
    drifts: HashMap<String, u64>,
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

/// What of a workload's identity is there.
#[derive(Clone, Debug, Default)]
pub struct There {
    /// Tags of the role.
    pub role: Option<Tags>,
    /// Whether its policy is.
    pub policy: bool,
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

    /// Takes over a bulk read that began at `began`. Gives the names of roles that changed by it or before and are not
    /// [told](Self::told) yet, policies under the role's name.
    pub fn refresh(&self, mut fresh: IdentitySnapshot, began: Instant) -> BTreeSet<String> {
        let mut inner = self.lock();
        let settling = self.settling;
        inner.written.retain(|_, at| *at + settling > began);
        for key in inner.written.keys() {
            keep(&mut fresh.roles, &inner.snapshot.roles, key);
            keep(&mut fresh.policies, &inner.snapshot.policies, key);
        }
        let mut changed = differing(&inner.snapshot.roles, &fresh.roles);
        let name = |arn: String| last(&arn).to_owned();
        changed.extend(differing(&inner.snapshot.policies, &fresh.policies).into_iter().map(name));
        inner.snapshot = Arc::new(fresh);
        for name in &changed {
            *inner.drifts.entry(name.clone()).or_default() += 1;
        }
        inner.changed.append(&mut changed);
        inner.changed.clone()
    }

    /// How often reads found the role, or the policy of its name, not as we knew it. Our own writes do not count.
    #[must_use]
    pub fn drifts(&self, role: &str) -> u64 {
        self.lock().drifts.get(role).copied().unwrap_or_default()
    }

    /// The workloads of these roles were woken.
    pub fn told(&self, changed: &BTreeSet<String>) {
        self.lock().changed.retain(|role| !changed.contains(role));
    }

    /// What is known of a role and its policy.
    #[must_use]
    pub fn view(&self, role: &str, policy_arn: &str) -> View {
        let inner = self.lock();
        View {
            role: inner.snapshot.roles.get(role).map(|role| role.read()),
            policy: inner.snapshot.policies.get(policy_arn).map(|policy| policy.read()),
            rest: IdentitySnapshot { deny_only: inner.snapshot.deny_only.clone(), ..IdentitySnapshot::default() },
        }
    }

    /// Whether a role and its policy are there: the same without reading their documents.
    #[must_use]
    pub fn there(&self, role: &str, policy_arn: &str) -> There {
        let inner = self.lock();
        There {
            role: inner.snapshot.roles.get(role).map(|role| role.tags.clone()),
            policy: inner.snapshot.policies.contains_key(policy_arn),
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn role(&self, name: &str) -> Option<Role> {
        self.lock().snapshot.roles.get(name).map(|role| role.read())
    }

    /// The policy with this ARN.
    #[must_use]
    pub fn policy(&self, arn: &str) -> Option<ManagedPolicy> {
        self.lock().snapshot.policies.get(arn).map(|policy| policy.read())
    }

    /// Trust policies of the account's other roles that web identities may assume, by ARN.
    #[must_use]
    pub fn federated(&self) -> BTreeMap<String, DocumentText> {
        self.lock().snapshot.federated.clone()
    }

    /// The claims of the account.
    #[must_use]
    pub fn claims(&self) -> Claims {
        Claims::among(self.lock().snapshot.policies.values().map(AsRef::as_ref))
    }

    /// Everything that is known.
    #[must_use]
    pub fn snapshot(&self) -> Arc<IdentitySnapshot> {
        self.lock().snapshot.clone()
    }

    /// Writes an action that was carried out through to the snapshot. `version` is the id of a policy version that it made.
    pub fn write_through(&self, action: &Action, version: Option<String>) {
        let mut inner = self.lock();
        if let Some(key) = written(Arc::make_mut(&mut inner.snapshot), action, version) {
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

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLING: Duration = Duration::from_secs(10);

    /// An account with one role, which has these policies.
    fn account(attached: &[&str]) -> IdentitySnapshot {
        let attached = attached.iter().map(|&arn| arn.to_owned()).collect();
        let role = Role { name: "notes".to_owned(), attached, ..Role::default() };
        IdentitySnapshot { roles: [("notes".to_owned(), role.kept().into())].into(), ..IdentitySnapshot::default() }
    }

    fn notes() -> BTreeSet<String> {
        ["notes".to_owned()].into()
    }

    #[test]
    fn a_change_is_told_until_its_workload_was_woken() {
        let (identity, none) = (SharedIdentity::new(SETTLING), BTreeSet::new());
        assert_eq!(identity.refresh(account(&[]), Instant::now()), notes());
        assert_eq!(identity.refresh(account(&[]), Instant::now()), notes(), "the pass that heard of it woke nobody");
        identity.told(&notes());
        assert_eq!(identity.refresh(account(&[]), Instant::now()), none);
        assert_eq!(identity.refresh(account(&["p"]), Instant::now()), notes());
        identity.told(&["another".to_owned()].into());
        assert_eq!(identity.refresh(account(&["p"]), Instant::now()), notes());
    }

    #[test]
    fn others_changes_are_counted_and_our_own_are_not() {
        let identity = SharedIdentity::new(SETTLING);
        identity.refresh(account(&[]), Instant::now());
        let known = identity.drifts("notes");
        let attach = Action::AttachPolicy { role: "notes".to_owned(), policy_arn: "ours".to_owned() };
        identity.write_through(&attach, None);
        identity.refresh(account(&[]), Instant::now());
        assert_eq!(identity.role("notes").unwrap().attached.len(), 1, "a read that began before our write settled is not believed");
        identity.refresh(account(&["ours"]), Instant::now() + SETTLING * 2);
        assert_eq!(identity.drifts("notes"), known);
        identity.refresh(account(&["ours", "theirs"]), Instant::now() + SETTLING * 2);
        assert_eq!((identity.drifts("notes"), identity.drifts("other")), (known + 1, 0));
    }
}
