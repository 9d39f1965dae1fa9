//! What our kinds have in common as objects of the API.

use std::fmt::Debug;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{Api, Client, Resource, ResourceExt};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::api::annotations::{HOLD, RECONCILE_AT};
use crate::api::{BedrockAccess, BedrockAccessStatus, PhiEnvironment, PhiEnvironmentStatus, PhiWorkload, PhiWorkloadStatus};

/// A kind with a status of ours.
pub trait WithStatus: Resource {
    /// Its name in metrics and logs.
    const KIND: &'static str;
    /// Its status.
    type Status: Clone + Debug + Default + PartialEq + Serialize + DeserializeOwned;

    /// The status it carries.
    fn status(&self) -> Option<&Self::Status>;
    /// The conditions of a status.
    fn conditions(status: &Self::Status) -> &[Condition];
    /// The API for objects in `namespace`, or for the cluster's.
    fn api(client: &Client, namespace: Option<&str>) -> Api<Self>
    where
        Self: Sized;
}

impl WithStatus for PhiEnvironment {
    const KIND: &'static str = "environment";

    type Status = PhiEnvironmentStatus;

    fn status(&self) -> Option<&Self::Status> {
        self.status.as_ref()
    }

    fn conditions(status: &Self::Status) -> &[Condition] {
        &status.conditions
    }

    fn api(client: &Client, _namespace: Option<&str>) -> Api<Self> {
        Api::all(client.clone())
    }
}

macro_rules! namespaced {
    ($kind:ty, $status:ty, $word:literal) => {
        impl WithStatus for $kind {
            const KIND: &'static str = $word;

            type Status = $status;

            fn status(&self) -> Option<&Self::Status> {
                self.status.as_ref()
            }

            fn conditions(status: &Self::Status) -> &[Condition] {
                &status.conditions
            }

            fn api(client: &Client, namespace: Option<&str>) -> Api<Self> {
                Api::namespaced(client.clone(), namespace.unwrap_or("default"))
            }
        }
    };
}

namespaced!(PhiWorkload, PhiWorkloadStatus, "workload");
namespaced!(BedrockAccess, BedrockAccessStatus, "access");

/// The person's reason if all writes for the object are stopped.
#[must_use]
pub fn hold(object: &impl ResourceExt) -> Option<&str> {
    object.annotations().get(HOLD).map(String::as_str)
}

/// The person's last wish for a pass.
#[must_use]
pub fn reconcile_at(object: &impl ResourceExt) -> Option<&String> {
    object.annotations().get(RECONCILE_AT)
}
