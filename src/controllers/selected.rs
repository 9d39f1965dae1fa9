//! Which pods each object of a kind selected when it was last looked at.

use std::collections::HashMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt;

/// Selectors by namespace and name, as text: there are thousands, and each is read once it changes.
#[derive(Debug, Default)]
pub(super) struct Selected(HashMap<String, Box<str>>);

impl Selected {
    /// Notes what an object selects now, `None` if nothing any more. Gives what it selected before.
    pub fn note(&mut self, object: &impl ResourceExt, now: Option<&LabelSelector>) -> Option<LabelSelector> {
        let name = format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any());
        let before = match now.and_then(|now| serde_json::to_string(now).ok()) {
            Some(now) => self.0.insert(name, now.into_boxed_str()),
            None => self.0.remove(&name),
        };
        before.and_then(|before| serde_json::from_str(&before).ok())
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ConfigMap;
    use serde_json::json;

    use super::*;

    fn named(namespace: &str) -> ConfigMap {
        serde_json::from_value(json!({ "metadata": { "name": "notes", "namespace": namespace } })).unwrap()
    }

    #[test]
    fn tells_what_was_selected_before() {
        let labels = |app: &str| serde_json::from_value::<LabelSelector>(json!({ "matchLabels": { "app": app } })).unwrap();
        let mut selected = Selected::default();
        assert_eq!(selected.note(&named("clinic"), Some(&labels("a"))), None);
        assert_eq!(selected.note(&named("ward"), Some(&LabelSelector::default())), None, "of the same name elsewhere");
        assert_eq!(selected.note(&named("clinic"), Some(&labels("b"))), Some(labels("a")));
        assert_eq!(selected.note(&named("clinic"), None), Some(labels("b")));
        assert_eq!(selected.note(&named("clinic"), None), None);
        assert_eq!(selected.note(&named("ward"), None), Some(LabelSelector::default()));
    }
}
