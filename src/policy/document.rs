//! A policy document: the JSON policy grammar of IAM, read leniently and written compactly.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Characters of a customer-managed policy.
pub const MANAGED_POLICY_SIZE: usize = 6144;

/// A policy document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// Language version; ours are always `2012-10-17`.
    #[serde(default)]
    pub version: String,
    /// The statements, in order.
    #[serde(deserialize_with = "one_or_many")]
    pub statement: Vec<Statement>,
}

/// One statement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Name of the statement; letters and digits only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// Whom it speaks of; absent in identity policies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Principal>,
    /// Whom it does not speak of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_principal: Option<Principal>,
    /// Actions, with wildcards.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "texts")]
    pub action: Vec<String>,
    /// All actions but these.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "texts")]
    pub not_action: Vec<String>,
    /// Resources, with wildcards; absent in trust policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "texts")]
    pub resource: Vec<String>,
    /// All resources but these.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "texts")]
    pub not_resource: Vec<String>,
    /// Operator → key → values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: BTreeMap<String, BTreeMap<String, Values>>,
}

/// Allow or deny.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Effect {
    /// The statement allows.
    Allow,
    /// The statement denies; also what an unreadable effect is taken for, because it gives nothing.
    #[default]
    Deny,
}

/// Whom a statement speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Principal {
    /// `"*"`.
    Anyone(String),
    /// By kind: `AWS`, `Federated`, `Service`.
    Of(BTreeMap<String, Values>),
}

impl Principal {
    /// Everyone, also the anonymous.
    #[must_use]
    pub fn anyone() -> Self {
        Self::Anyone("*".into())
    }

    /// One principal of a kind.
    #[must_use]
    pub fn one(kind: &str, value: impl Into<String>) -> Self {
        Self::Of(BTreeMap::from([(kind.to_owned(), Values(vec![value.into()]))]))
    }
}

/// Values that the grammar writes as one text or a list of texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(pub Vec<String>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        texts::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        texts::deserialize(deserializer).map(Self)
    }
}

impl PolicyDocument {
    /// A document of `statements` in the present language version.
    #[must_use]
    pub fn of(statements: Vec<Statement>) -> Self {
        Self { version: "2012-10-17".into(), statement: statements }
    }

    /// Reads a document as an API gives it: JSON, possibly percent-encoded (IAM encodes, RFC 3986).
    ///
    /// # Errors
    /// When the text is not a policy document; the error says where.
    pub fn parse(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(&Self::json_in(text))
    }

    /// The JSON in a text that may be percent-encoded.
    #[must_use]
    pub fn json_in(text: &str) -> Cow<'_, str> {
        if text.trim_start().starts_with('{') {
            Cow::Borrowed(text)
        } else {
            percent_encoding::percent_decode_str(text).decode_utf8_lossy()
        }
    }

    /// The document as compact JSON, as it is sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        // The types hold nothing that JSON cannot.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether it fits a customer-managed policy: 6,144 characters, white space aside
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>).
    #[must_use]
    pub fn fits_managed_policy(&self) -> bool {
        self.to_json().chars().filter(|character| !character.is_whitespace()).count() <= MANAGED_POLICY_SIZE
    }

    /// The document as a JSON value, for people to read.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether it gives nothing: it has no statement that allows.
    #[must_use]
    pub fn only_denies(&self) -> bool {
        self.statement.iter().all(|statement| statement.effect == Effect::Deny)
    }
}

impl Statement {
    /// A statement that allows `actions` on `resources`.
    #[must_use]
    pub fn allow(sid: &str, actions: &[&str], resources: Vec<String>) -> Self {
        Self::of(Effect::Allow, sid, actions, resources)
    }

    /// A statement that denies `actions` on `resources`.
    #[must_use]
    pub fn deny(sid: &str, actions: &[&str], resources: Vec<String>) -> Self {
        Self::of(Effect::Deny, sid, actions, resources)
    }

    fn of(effect: Effect, sid: &str, actions: &[&str], resources: Vec<String>) -> Self {
        Self {
            sid: Some(sid.to_owned()),
            effect,
            action: actions.iter().map(|&action| action.to_owned()).collect(),
            resource: resources,
            ..Self::default()
        }
    }

    /// The same statement, for `principal`.
    #[must_use]
    pub fn for_principal(mut self, principal: Principal) -> Self {
        self.principal = Some(principal);
        self
    }

    /// The same statement, under one more condition.
    #[must_use]
    pub fn when(mut self, operator: &str, key: &str, values: Vec<String>) -> Self {
        self.condition.entry(operator.to_owned()).or_default().insert(key.to_owned(), Values(values));
        self
    }
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Statement>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        Many(Vec<Statement>),
        One(Box<Statement>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::Many(statements) => statements,
        OneOrMany::One(statement) => vec![*statement],
    })
}

/// One text or a list of texts; numbers and booleans, which conditions may hold, are read as their text.
mod texts {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Value};
    use serde::de::Error as _;

    pub fn serialize<S: Serializer>(values: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        match values {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        let values = match Value::deserialize(deserializer)? {
            Value::Array(values) => values,
            one => vec![one],
        };
        values.into_iter().map(|value| super::scalar(value).map_err(D::Error::custom)).collect()
    }
}

fn scalar(value: Value) -> Result<String, serde_json::Error> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        _ => Err(serde_json::Error::custom("expected a text or a list of texts")),
    }
}
