//! What the account makes of the models and profiles that are approved: those that the environment names, and those of its families that
//! an access names.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::api::BedrockAccessSpec;
use crate::domain::FaultClass;
use crate::observed::Read;
use crate::observed::bedrock::ModelAvailability;
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

impl EnvironmentFacts {
    /// The models and profiles that accesses name, that are approved by a family, and that the account was not asked for yet.
    #[must_use]
    pub fn not_asked<'a>(&self, accesses: impl Iterator<Item = &'a BedrockAccessSpec>) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for access in accesses {
            let models = access.models.iter().flatten();
            names.extend(models.filter(|model| self.terms.approves_model(model) && !self.models.contains_key(*model)).map(String::as_str));
            let profiles = access.inference_profiles.iter().flatten();
            let asked = |profile: &&String| !self.terms.approves_profile(profile) || self.profiles.contains_key(*profile);
            names.extend(profiles.filter(|profile| !asked(profile)).map(String::as_str));
        }
        names
    }

    /// What the account says of the models and profiles that an access names.
    #[must_use]
    pub fn resolution<'a>(&'a self, access: &BedrockAccessSpec) -> (Vec<&'a Option<String>>, Vec<&'a ProfileFact>) {
        let models = access.models.iter().flatten().filter_map(|model| self.models.get(model)).collect();
        (models, access.inference_profiles.iter().flatten().filter_map(|profile| self.profiles.get(profile)).collect())
    }
}

/// One fact for each thing read: made from the read, or, if that failed, the one known before; `None` if there is neither. What the
/// operator may not read of a thing that only an access names is a fact too: no tenant keeps the others from theirs.
pub(super) fn read_or_kept<T, F: Clone>(
    reads: &BTreeMap<String, Read<T>>,
    known: Option<&BTreeMap<String, F>>,
    approved: &BTreeSet<&String>,
    fact: impl Fn(&Read<T>) -> F,
) -> Option<BTreeMap<String, F>> {
    let one = |id: &String, read: &Read<T>| match read {
        Ok(_) => Some(fact(read)),
        Err(fault) if fault.class == FaultClass::Denied && !approved.contains(id) => Some(fact(read)),
        Err(_) => known.and_then(|known| known.get(id)).cloned(),
    };
    reads.iter().map(|(id, read)| Some((id.clone(), one(id, read)?))).collect()
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
