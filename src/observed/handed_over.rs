//! What a workload left behind when it had to go before it was cleaned up.

use serde::{Deserialize, Serialize};

/// What is left of one workload. The key in the list is the name of its role, or [`HandedOver::fence_key`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HandedOver {
    /// ARN of the policy; empty if no role of the workload is recorded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub policy_arn: String,
    /// Its namespace.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The service account that carries our annotation, with its UID: without one, a patch could make a deleted account again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<(String, String)>,
    /// The network policy that is ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_policy: Option<String>,
}

impl HandedOver {
    /// The key of a workload of which nothing is recorded but its fence. The name of a role has no two dots in a row.
    #[must_use]
    pub fn fence_key(namespace: &str, network_policy: &str) -> String {
        format!("fence..{namespace}..{network_policy}")
    }

    /// Whether it speaks of a role.
    #[must_use]
    pub fn has_role(&self) -> bool {
        !self.policy_arn.is_empty()
    }

    /// An entry as it is stored. What is not JSON is a policy's ARN, as earlier versions stored it.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_else(|_| Self { policy_arn: text.to_owned(), ..Self::default() })
    }

    /// The entry as it is stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| self.policy_arn.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_comes_back_and_an_old_one_is_understood() {
        let entry = HandedOver {
            policy_arn: "arn:aws:iam::1:policy/p".into(),
            namespace: "clinic".into(),
            service_account: Some(("notes".into(), "uid".into())),
            network_policy: Some("np".into()),
        };
        assert_eq!(HandedOver::parse(&entry.to_text()), entry);
        let old = HandedOver::parse("arn:aws:iam::1:policy/p");
        assert_eq!(old, HandedOver { policy_arn: "arn:aws:iam::1:policy/p".into(), ..HandedOver::default() });
    }
}
