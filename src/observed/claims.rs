//! The claims of the account: what is claimed, and by whom.

use std::collections::BTreeMap;

use crate::domain::names::last;
use crate::domain::scope::CLAIMS_PATH;
use crate::policy::claim::Holder;

use super::identity::{DocumentText, ManagedPolicy};

/// One claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// ARN of the policy that it is.
    pub arn: String,
    /// Versions of the policy that are not the default: there are none unless someone made them.
    pub other_versions: Vec<String>,
    /// Who holds it; `None` if the document names nobody.
    pub holder: Option<Holder>,
}

impl Claim {
    /// Name of the policy: that of the thing claimed, a dot, and the generation.
    #[must_use]
    pub fn name(&self) -> &str {
        last(&self.arn)
    }
}

/// All claims of the account, by the name of the thing claimed.
///
/// A claim is taken over by one of the next generation, which only one can make; the highest is in force. A claim is never changed, so
/// that no two ever believe to have taken over the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims(BTreeMap<String, BTreeMap<u32, Claim>>);

impl Claims {
    /// The claims among the account's policies.
    #[must_use]
    pub fn of<'a>(policies: impl IntoIterator<Item = &'a ManagedPolicy>) -> Self {
        let mut claims = Self::default();
        policies.into_iter().for_each(|policy| claims.add(policy));
        claims
    }

    /// The same, of policies whose documents were not read yet: those of claims alone are.
    #[must_use]
    pub fn among<'a>(policies: impl IntoIterator<Item = &'a ManagedPolicy<DocumentText>>) -> Self {
        let mut claims = Self::default();
        let candidates = policies.into_iter().filter(|policy| policy.arn.contains(CLAIMS_PATH));
        candidates.for_each(|policy| claims.add(&policy.read()));
        claims
    }

    /// Adds a policy if it is a claim.
    pub fn add(&mut self, policy: &ManagedPolicy) {
        let name = policy.arn.split_once(":policy").and_then(|(_, path)| path.strip_prefix(CLAIMS_PATH));
        let Some((thing, generation)) = name.and_then(|name| name.rsplit_once('.')) else { return };
        let Ok(generation) = generation.parse() else { return };
        let holder = policy.document.as_ref().and_then(Holder::of);
        let claim = Claim { arn: policy.arn.clone(), other_versions: policy.other_versions.clone(), holder };
        self.0.entry(thing.to_owned()).or_default().insert(generation, claim);
    }

    /// The claim in force on a thing.
    #[must_use]
    pub fn on(&self, thing: &str) -> Option<&Claim> {
        self.0.get(thing).and_then(|generations| generations.values().next_back())
    }

    /// The generation of the next claim on a thing; the first is 1.
    #[must_use]
    pub fn next(&self, thing: &str) -> u32 {
        self.0.get(thing).and_then(|generations| generations.keys().next_back()).map_or(1, |last| last.saturating_add(1))
    }

    /// The claims on a thing that are no longer in force.
    pub fn superseded(&self, thing: &str) -> impl Iterator<Item = &Claim> {
        self.0.get(thing).into_iter().flat_map(|generations| generations.values().rev().skip(1))
    }

    /// The names of all things claimed.
    pub fn things(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(name: &str) -> ManagedPolicy {
        ManagedPolicy { arn: format!("arn:aws:iam::1:policy{name}"), ..ManagedPolicy::default() }
    }

    #[test]
    fn the_highest_generation_is_in_force() {
        let names = ["a.b.9", "a.b.10", "a.2", "no-generation", "a.b.x"].map(|name| policy(&format!("{CLAIMS_PATH}{name}")));
        let claims = Claims::of(names.iter().chain([&policy("/hipaa-operator/a.b.11"), &policy("/a.b.12")]));
        assert_eq!(claims.on("a.b").map(Claim::name), Some("a.b.10"));
        assert_eq!(claims.superseded("a.b").map(Claim::name).collect::<Vec<_>>(), ["a.b.9"]);
        assert_eq!((claims.next("a.b"), claims.next("a"), claims.next("b")), (11, 3, 1));
        assert_eq!(claims.things().collect::<Vec<_>>(), ["a", "a.b"]);
    }
}
