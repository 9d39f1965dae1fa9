//! The terms on which an environment lets Amazon Bedrock be called: what its documents are made from, beside the single accesses.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::SideDoor;
use crate::domain::Scope;

use super::relation::matches;

/// What an environment approves in Bedrock, and what it opens on purpose. Changes only with its spec, so that the documents that
/// all workloads share do too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terms {
    /// Foundation model ids, and families that end in `*`.
    pub models: BTreeSet<String>,
    /// System-defined inference profile ids, and families that end in `*`.
    pub profiles: BTreeSet<String>,
    /// ARNs of application inference profiles, by the environment's name for each.
    pub application_profiles: BTreeMap<String, String>,
    /// Regions in which inference may run.
    pub regions: BTreeSet<String>,
    /// Whether profiles that may lead to any commercial Region can be approved.
    pub global_profiles: bool,
    /// Ways around the declared access that are not denied.
    pub side_doors: BTreeSet<SideDoor>,
    /// ARNs of guardrails that the account or its organisation enforces, wherever they live: without leave to apply them every call is
    /// refused (<https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html>).
    pub enforced_guardrails: BTreeSet<String>,
    /// Whether only sessions that the cluster's OIDC provider federates may do anything.
    pub require_federation: bool,
}

/// Where documents apply, and on which terms.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Where the environment is.
    pub scope: &'a Scope,
    /// VPC that calls come from.
    pub vpc_id: &'a str,
    /// OIDC issuer of the cluster, without the scheme.
    pub issuer: &'a str,
    /// What is approved and opened.
    pub terms: &'a Terms,
}

impl Setting<'_> {
    /// ARN of a profile by its id, or of an application profile by the environment's name for it.
    #[must_use]
    pub fn profile_arn(&self, profile: &str) -> String {
        self.terms.application_profiles.get(profile).cloned().unwrap_or_else(|| self.scope.inference_profile_arn(profile))
    }
}

impl Terms {
    /// Whether a foundation model is approved, by its id or by a family.
    #[must_use]
    pub fn approves_model(&self, model: &str) -> bool {
        !is_family(model) && self.models.iter().any(|approved| is_of(approved, model))
    }

    /// Whether an inference profile is approved: a system-defined one by its id or a family, an application profile by its name.
    #[must_use]
    pub fn approves_profile(&self, profile: &str) -> bool {
        let global = profile.starts_with(GLOBAL);
        self.application_profiles.contains_key(profile)
            || ((!global || self.global_profiles) && !is_family(profile) && self.profiles.iter().any(|approved| is_of(approved, profile)))
    }

    /// What is left of these terms under others: nothing that either of them does not give.
    #[must_use]
    pub fn under(&self, others: &Self) -> Self {
        Self {
            models: in_both(&self.models, &others.models),
            profiles: in_both(&self.profiles, &others.profiles),
            application_profiles: both(&self.application_profiles, &others.application_profiles),
            regions: self.regions.intersection(&others.regions).cloned().collect(),
            global_profiles: self.global_profiles && others.global_profiles,
            side_doors: self.side_doors.intersection(&others.side_doors).copied().collect(),
            enforced_guardrails: self.enforced_guardrails.intersection(&others.enforced_guardrails).cloned().collect(),
            require_federation: self.require_federation || others.require_federation,
        }
    }

    /// What Bedrock is asked for when a profile is named so: its id, or the ARN of an application profile.
    #[must_use]
    pub fn identifier<'a>(&'a self, profile: &'a str) -> &'a str {
        self.application_profiles.get(profile).map_or(profile, String::as_str)
    }

    /// The approved models that are no families.
    pub fn exact_models(&self) -> impl Iterator<Item = &String> {
        self.models.iter().filter(|model| !is_family(model))
    }

    /// The approved profiles that are no families, application profiles by their names.
    pub fn exact_profiles(&self) -> impl Iterator<Item = &String> {
        self.profiles.iter().filter(|profile| !is_family(profile)).chain(self.application_profiles.keys())
    }
}

/// How profiles begin that may lead to any commercial Region
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html>).
pub const GLOBAL: &str = "global.";

/// The entries of either that are approved by the other too.
fn in_both(one: &BTreeSet<String>, other: &BTreeSet<String>) -> BTreeSet<String> {
    // Of two families the narrower one, if one holds the other.
    let approved = |by: &BTreeSet<String>, entry: &String| by.iter().any(|one| one == entry || (is_family(one) && matches(one, entry)));
    let ours = one.iter().filter(|entry| approved(other, entry));
    ours.chain(other.iter().filter(|entry| approved(one, entry))).cloned().collect()
}

fn both(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    one.iter().filter(|(name, arn)| other.get(*name) == Some(arn)).map(|(name, arn)| (name.clone(), arn.clone())).collect()
}

/// Whether an approved entry is a family: everything that begins alike.
#[must_use]
pub fn is_family(approved: &str) -> bool {
    approved.ends_with('*')
}

fn is_of(approved: &str, id: &str) -> bool {
    approved == id || (is_family(approved) && !is_family(id) && matches(approved, id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_ids_by_table() {
        let mut terms = Terms {
            models: ["anthropic.claude-3*", "amazon.nova-pro-v1:0"].map(str::to_owned).into(),
            profiles: ["us.anthropic.claude*", "global.amazon.nova-2-lite-v1:0"].map(str::to_owned).into(),
            application_profiles: BTreeMap::from([("notes".to_owned(), "arn:profile".to_owned())]),
            ..Terms::default()
        };
        for (model, approved) in [
            ("anthropic.claude-3-haiku-20240307-v1:0", true),
            ("anthropic.claude-3", true),
            ("anthropic.claude-2", false),
            ("amazon.nova-pro-v1:0", true),
            ("amazon.nova-pro-v1:0:24k", false),
            ("anthropic.claude-3*", false),
        ] {
            assert_eq!(terms.approves_model(model), approved, "{model}");
        }
        for (profile, approved) in [
            ("us.anthropic.claude-sonnet-4-v1:0", true),
            ("eu.anthropic.claude-sonnet-4-v1:0", false),
            ("notes", true),
            ("global.amazon.nova-2-lite-v1:0", false),
        ] {
            assert_eq!(terms.approves_profile(profile), approved, "{profile}");
        }
        terms.global_profiles = true;
        assert!(terms.approves_profile("global.amazon.nova-2-lite-v1:0"));
        assert_eq!((terms.identifier("notes"), terms.identifier("us.a.b")), ("arn:profile", "us.a.b"));
    }
}
