//! What accesses name of the families that an environment approves: to be asked of the account beside what the environment itself names.

use std::collections::BTreeSet;

use crate::api::BedrockAccessSpec;
use crate::policy::terms::Terms;

/// Models, and profiles, that are asked for at most because accesses name them: each is a call for every sweep.
pub(super) const MOST: usize = 256;

/// Approved models and profiles that the environment does not name by their exact ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Foundation models.
    pub models: BTreeSet<String>,
    /// Inference profiles.
    pub profiles: BTreeSet<String>,
}

impl Named {
    /// What these accesses name on these terms.
    #[must_use]
    pub fn of<'a>(terms: &Terms, accesses: impl Iterator<Item = &'a BedrockAccessSpec>) -> Self {
        let mut named = Self::default();
        for access in accesses {
            let models = access.models.iter().flatten().filter(|model| !terms.models.contains(*model) && terms.approves_model(model));
            named.models.extend(models.cloned());
            let exact = |profile: &&String| terms.profiles.contains(*profile) || terms.application_profiles.contains_key(*profile);
            let profiles = access.inference_profiles.iter().flatten().filter(|profile| !exact(profile) && terms.approves_profile(profile));
            named.profiles.extend(profiles.cloned());
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_family_approves_is_asked_for() {
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
        let one = access(texts(&["a.one-1", "b.two", "c.three"]), texts(&["us.a.one-1", "eu.a.one-1", "global.a.one-1"]));
        let named = Named::of(&terms, [&one].into_iter());
        assert_eq!(named.models, BTreeSet::from(["a.one-1".to_owned()]));
        assert_eq!(named.profiles, BTreeSet::from(["us.a.one-1".to_owned()]));
    }
}
