//! Writes whose answer is asked for and read only as far as it is needed: else the API server gives the whole object back.

use std::collections::BTreeMap;

use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use kube::core::request::{Error as Unbuildable, Request};
use kube::{Client, Error, Resource};
use serde::Deserialize;

/// How the API server is asked for the metadata of an object alone
/// (<https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources>).
const METADATA_ONLY: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";

/// What we look at in the answer to a write.
#[derive(Debug, Deserialize)]
pub(super) struct Written {
    metadata: WrittenMetadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenMetadata {
    uid: Option<String>,
    resource_version: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Written {
    /// The object's UID.
    pub(super) fn uid(&self) -> Option<&str> {
        self.metadata.uid.as_deref()
    }

    /// The value of an annotation.
    pub(super) fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.get(name).map(String::as_str)
    }

    /// The version that the write made.
    pub(super) fn version(&self) -> u64 {
        self.metadata.resource_version.as_deref().map_or(0, version_number)
    }
}

/// A resource version as a number: for one object, a greater one is later
/// (<https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version>).
pub(super) fn version_number(version: &str) -> u64 {
    version.parse().unwrap_or(0)
}

/// Requests for objects of one kind in `namespace`, or of the cluster's.
pub(super) fn of<K: Resource<DynamicType = ()>>(namespace: Option<&str>) -> Request {
    Request::new(K::url_path(&(), namespace))
}

/// Sends a write.
///
/// # Errors
/// When it cannot be built, is refused or not answered.
pub(super) async fn send(client: &Client, request: Result<axum::http::Request<Vec<u8>>, Unbuildable>) -> Result<Written, Error> {
    let mut request = request.map_err(Error::BuildRequest)?;
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static(METADATA_ONLY));
    client.request(request).await
}
