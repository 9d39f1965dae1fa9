//! What several kinds have in common: references, switches, and the parts of a status.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether the operator may write to the account and to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Enforcement {
    /// Look, judge and report; write nothing but status and events.
    Audit,
    /// Provision, repair and take away.
    Enforce,
    /// A value of a newer version of this API; treated as `Audit`.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// Who makes a thing and keeps it true.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Management {
    /// The operator makes it where it is missing and repairs it.
    Provision,
    /// It is yours; the operator only looks.
    Verify,
    /// A value of a newer version of this API; treated as `Verify`.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// What becomes of shared things (endpoints, security groups, boundary) when the environment is deleted.
/// Access is never retained, and keys always are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Leave them in the account.
    Retain,
    /// Delete those that carry our ownership tags.
    Delete,
    /// A value of a newer version of this API; treated as `Retain`.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

/// The name of another object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
pub struct NameReference {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// The judgement on one control for one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Verdict {
    /// Proven to hold.
    Pass,
    /// Proven broken.
    Fail,
    /// Could not be read, so nothing is claimed.
    Unknown,
    /// Does not apply to this subject.
    NotApplicable,
    /// Stated by a named person.
    Attested,
    /// Accepted for a time, with a justification.
    Excepted,
    /// Someone made it narrower on purpose; left as it is.
    Held,
    /// A value of a newer version of this API.
    #[serde(other)]
    #[schemars(skip)]
    Unrecognized,
}

impl Verdict {
    /// The word as written into a status.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "Pass",
            Self::Fail => "Fail",
            Self::Unknown => "Unknown",
            Self::NotApplicable => "NotApplicable",
            Self::Attested => "Attested",
            Self::Excepted => "Excepted",
            Self::Held => "Held",
            Self::Unrecognized => "Unrecognized",
        }
    }
}

/// One control that is not `Pass` for this subject.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlStatus {
    /// Identifier of the control in the catalogue, such as `NET-6`, with the thing it was judged on where there are several.
    pub id: String,
    /// The judgement.
    pub verdict: Verdict,
    /// Stable reason in PascalCase.
    pub reason: String,
    /// What is wrong, where, and what to do.
    pub message: String,
    /// Since when this verdict has held.
    pub since: Time,
}

/// How many controls of the subject's own scope have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ControlCounts {
    /// Proven to hold.
    pub pass: i32,
    /// Proven broken.
    pub fail: i32,
    /// Could not be read.
    pub unknown: i32,
    /// Narrowed by someone, and left.
    pub held: i32,
}

/// An action that the plan holds and that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAction {
    /// Service the call would go to, such as `iam`.
    pub service: String,
    /// The call, such as `CreateRole`.
    pub operation: String,
    /// What it would act on.
    pub name: String,
}

/// The first actions of a plan and how many there are in all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlanStatus {
    /// All actions of the plan.
    pub total: i32,
    /// The first of them, at most 20.
    #[schemars(length(max = 20))]
    pub actions: Vec<PlannedAction>,
}
