//! What accesses name of the families that an environment approves: to be asked of the account beside what the environment itself names.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::BedrockAccessSpec;
use crate::policy::terms::Terms;

/// Models and profiles that are asked for because the accesses of one namespace name them: each is a call for every sweep, and no tenant
/// uses up what the others need.
const OF_NAMESPACE: usize = 16;

/// Approved models and profiles that the environment does not name by their exact ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Foundation models that are asked for.
    pub models: BTreeSet<String>,
    /// Inference profiles that are asked for.
    pub profiles: BTreeSet<String>,
    /// What no namespace has room for.
    pub too_many: BTreeSet<String>,
}

impl Named {
    /// What these accesses, each with its namespace, name on these terms: at most 16 models and profiles of each namespace, the first by
    /// their names.
    #[must_use]
    pub fn of<'a>(terms: &Terms, accesses: impl Iterator<Item = (&'a str, &'a BedrockAccessSpec)>) -> Self {
        let mut by_namespace: BTreeMap<&str, BTreeSet<(&String, bool)>> = BTreeMap::new();
        for (namespace, access) in accesses {
            let names = by_namespace.entry(namespace).or_default();
            let models = access.models.iter().flatten().filter(|model| !terms.models.contains(*model) && terms.approves_model(model));
            names.extend(models.map(|model| (model, true)));
            let exact = |profile: &&String| terms.profiles.contains(*profile) || terms.application_profiles.contains_key(*profile);
            let profiles = access.inference_profiles.iter().flatten().filter(|profile| !exact(profile) && terms.approves_profile(profile));
            names.extend(profiles.map(|profile| (profile, false)));
        }
        let mut named = Self::default();
        for names in by_namespace.values() {
            for (name, is_model) in names.iter().take(OF_NAMESPACE) {
                if *is_model {
                    named.models.insert((*name).clone())
                } else {
                    named.profiles.insert((*name).clone())
                };
            }
        }
        let all = by_namespace.values().flatten().map(|(name, _)| (*name).clone());
        named.too_many = all.filter(|name| !named.models.contains(name) && !named.profiles.contains(name)).collect();
        named
    }

    /// Whether the account is asked for it because accesses name it.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.models.contains(name) || self.profiles.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_family_approves_is_asked_for_and_no_namespace_takes_room_from_another() {
        let terms = Terms {
            models: ["a.one*", "b.two"].map(str::to_owned).into(),
            profiles: ["us.a.one*"].map(str::to_owned).into(),
            ..Terms::default()
        };
        let access = |models: Vec<String>, profiles: Vec<String>| {
            let spec = serde_json::json!({
                "workloadRef": { "name": "w" }, "useCase": "Scheduling", "models": models, "inferenceProfiles": profiles
            });
            serde_json::from_value::<BedrockAccessSpec>(spec).unwrap()
        };
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        let one = access(texts(&["a.one-z", "b.two", "c.three"]), texts(&["us.a.one-1", "eu.a.one-1", "global.a.one-1"]));
        let named = Named::of(&terms, [("clinic", &one)].into_iter());
        assert_eq!(named.models, BTreeSet::from(["a.one-z".to_owned()]));
        assert_eq!(named.profiles, BTreeSet::from(["us.a.one-1".to_owned()]));
        let many: Vec<_> = (0..4).map(|n| access((0..30).map(|m| format!("a.one-{n}-{m:02}")).collect(), Vec::new())).collect();
        let accesses = many.iter().map(|access| ("greedy", access)).chain([("clinic", &one)]);
        let named = Named::of(&terms, accesses);
        assert!(named.contains("a.one-z") && named.contains("us.a.one-1"), "the other namespace has what it names");
        assert_eq!((named.models.len(), named.too_many.len()), (17, 104));
    }
}
