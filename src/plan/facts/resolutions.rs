//! What the account makes of the models and profiles that are approved: those that the environment names, and those of its families that
//! an access names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::BedrockAccessSpec;
use crate::observed::Read;
use crate::observed::bedrock::ModelAvailability;
use crate::policy::guardrails::PinnedGuardrail;
use crate::policy::permissions::Profile;
use crate::policy::terms::Terms;

use super::{EnvironmentFacts, is_placeholder};

/// An approved profile, as the account resolves it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProfileFact {
    /// It can be called, and all its Regions are approved.
    Callable(Profile),
    /// The account does not see it, or it could not be read.
    NotFound(String),
    /// It leads to Regions that are not approved.
    OtherRegions(BTreeSet<String>),
}

/// What one access depends on, beside what all depend on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resolution<'a> {
    models: Vec<&'a Option<String>>,
    profiles: Vec<&'a ProfileFact>,
    /// Id and version.
    guardrail: Option<(&'a str, &'a str)>,
}

impl EnvironmentFacts {
    /// The models and profiles that accesses name, that are approved by a family, and that the account was not asked for yet.
    #[must_use]
    pub fn not_asked<'a>(&self, accesses: impl Iterator<Item = &'a BedrockAccessSpec>) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for access in accesses {
            let known = |name: &String| self.models.contains_key(name) || self.profiles.contains_key(name) || self.too_many.contains(name);
            let models = access.models.iter().flatten().filter(|model| self.terms.approves_model(model) && !known(model));
            let profiles =
                access.inference_profiles.iter().flatten().filter(|profile| self.terms.approves_profile(profile) && !known(profile));
            names.extend(models.chain(profiles).map(String::as_str));
        }
        names
    }

    /// Whether models, profiles and guardrails resolve as in the `other` facts.
    #[must_use]
    pub fn resolves_alike(&self, other: &Self) -> bool {
        let resolved = |facts: &Self| (facts.models.clone(), facts.profiles.clone(), facts.too_many.clone(), facts.guardrails.clone());
        resolved(self) == resolved(other)
    }

    /// Whether what an access gives depends on something that the `other` facts say otherwise.
    #[must_use]
    pub fn differs_for(&self, other: &Self, access: &BedrockAccessSpec) -> bool {
        let names = || access.models.iter().flatten().chain(access.inference_profiles.iter().flatten());
        let too_many = |facts: &Self| names().filter(|name| facts.too_many.contains(*name)).count();
        self.resolution(access) != other.resolution(access)
            || too_many(self) != too_many(other)
            || self.guardrail_of(access) != other.guardrail_of(access)
    }

    fn guardrail_of(&self, access: &BedrockAccessSpec) -> Option<&Option<PinnedGuardrail>> {
        let named = access.guardrail_ref.as_ref().map(|reference| &reference.name).or(self.default_guardrail.as_ref());
        named.and_then(|name| self.guardrails.get(name))
    }

    /// What the account says of the models and profiles that an access names, and which version of its guardrail is to be used. The end
    /// of a roll-out changes nothing of it: nobody asked for that at that moment.
    #[must_use]
    pub fn resolution<'a>(&'a self, access: &BedrockAccessSpec) -> Resolution<'a> {
        let pinned = self.guardrail_of(access).and_then(Option::as_ref);
        Resolution {
            models: access.models.iter().flatten().filter_map(|model| self.models.get(model)).collect(),
            profiles: access.inference_profiles.iter().flatten().filter_map(|profile| self.profiles.get(profile)).collect(),
            guardrail: pinned.map(|pinned| (pinned.id.as_str(), pinned.version.as_str())),
        }
    }
}

/// One fact for each thing read: made from the read, or, if that failed, the one known before. Without either, `None` for what the
/// environment itself approves; what only an access names is left out, so that no tenant keeps the others from theirs.
pub(super) fn read_or_kept<T, F: Clone>(
    reads: &BTreeMap<String, Read<T>>,
    known: Option<&BTreeMap<String, F>>,
    approved: &BTreeSet<&String>,
    fact: impl Fn(&Read<T>) -> F,
) -> Option<BTreeMap<String, F>> {
    let mut facts = BTreeMap::new();
    for (id, read) in reads {
        let kept = || known.and_then(|known| known.get(id)).cloned();
        match if read.is_ok() { Some(fact(read)) } else { kept() } {
            Some(fact) => drop(facts.insert(id.clone(), fact)),
            None if approved.contains(id) => return None,
            None => {}
        }
    }
    Some(facts)
}

/// What keeps the account from calling a model, and what to do; `None` if nothing does.
#[must_use]
pub fn obstacle(read: &Read<Option<ModelAvailability>>) -> Option<String> {
    match read {
        Ok(Some(availability)) => availability.obstacle().map(str::to_owned),
        Ok(None) => Some("Bedrock does not know it; correct the id".to_owned()),
        Err(fault) => Some(format!("its availability could not be read ({fault})")),
    }
}

/// The approved profiles whose every destination is an approved Region.
#[must_use]
pub fn callable_profiles(profiles: &BTreeMap<String, Read<Option<Profile>>>, terms: &Terms) -> BTreeSet<Profile> {
    profiles
        .values()
        .filter_map(|read| match profile_fact(read, terms) {
            ProfileFact::Callable(profile) => Some(profile),
            _ => None,
        })
        .collect()
}

pub(in crate::plan) fn profile_fact(read: &Read<Option<Profile>>, terms: &Terms) -> ProfileFact {
    let profile = match read {
        Ok(Some(profile)) => profile,
        Ok(None) => return ProfileFact::NotFound("the account does not see it in this Region; correct the id".to_owned()),
        Err(fault) => return ProfileFact::NotFound(format!("it could not be read ({fault})")),
    };
    let others: BTreeSet<String> = profile
        .model_arns
        .iter()
        .filter_map(|arn| arn.split(':').nth(3))
        .filter(|region| !(is_placeholder(region) || terms.regions.contains(*region) || (region.is_empty() && terms.global_profiles)))
        .map(|region| if region.is_empty() { "any commercial Region".to_owned() } else { region.to_owned() })
        .collect();
    if others.is_empty() { ProfileFact::Callable(profile.clone()) } else { ProfileFact::OtherRegions(others) }
}
