//! The HTTP client of all services: every request, also a retry or a page, takes a token of its service's bucket before it goes.

use std::sync::Arc;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::{RuntimeComponents, RuntimeComponentsBuilder};
use aws_smithy_types::config_bag::ConfigBag;

use super::traffic::Traffic;

/// The SDK's own client, paced.
#[derive(Debug)]
pub(super) struct PacedClient {
    inner: SharedHttpClient,
    traffic: Arc<Traffic>,
}

impl PacedClient {
    /// The client that the SDK would make by itself, with the proxy of the environment.
    pub(super) fn new(traffic: Arc<Traffic>) -> Self {
        let inner = Builder::new().build_with_connector_fn(|settings, components| {
            let mut connector = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            connector.set_connector_settings(settings.cloned());
            connector.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            connector.set_proxy_config(Some(ProxyConfig::from_env()));
            connector.build()
        });
        Self { inner, traffic }
    }
}

impl HttpClient for PacedClient {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Paced { inner: self.inner.http_connector(settings, components), traffic: self.traffic.clone() })
    }

    fn validate_base_client_config(&self, components: &RuntimeComponentsBuilder, config: &ConfigBag) -> Result<(), BoxError> {
        HttpClient::validate_base_client_config(&self.inner, components, config)
    }

    fn validate_final_config(&self, components: &RuntimeComponents, config: &ConfigBag) -> Result<(), BoxError> {
        HttpClient::validate_final_config(&self.inner, components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.inner.connector_metadata()
    }
}

#[derive(Debug)]
struct Paced {
    inner: SharedHttpConnector,
    traffic: Arc<Traffic>,
}

impl HttpConnector for Paced {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = request.headers().get("authorization").and_then(service_of).map(str::to_owned);
        let retry = request.headers().get("amz-sdk-request").is_some_and(is_retry);
        let (inner, traffic) = (self.inner.clone(), self.traffic.clone());
        HttpConnectorFuture::new(async move {
            // What is not signed fetches credentials: once for all calls, and rarely.
            if let Some(service) = &service {
                traffic.turn(service, retry).await;
            }
            let answer = inner.call(request).await;
            if let (Some(service), Ok(answer)) = (&service, &answer)
                && slows_down(answer)
            {
                // Told of each attempt: an operation that fails in the end was throttled several times.
                traffic.throttled(service);
            }
            answer
        })
    }
}

/// The service that a signature is for: `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, ...`
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-signing-elements.html>).
fn service_of(authorization: &str) -> Option<&str> {
    authorization.split_once("Credential=")?.1.split(',').next()?.rsplit('/').nth(1)
}

/// Whether the status alone asks us to slow down: 429 is what REST services answer
/// (<https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html>), 503 what EC2 does. Other services say it in the body, which
/// is read when the operation is over.
fn slows_down(answer: &HttpResponse) -> bool {
    matches!(answer.status().as_u16(), 429 | 503)
}

/// Whether the SDK has tried before: `attempt=2; max=4`.
fn is_retry(request: &str) -> bool {
    request.split(';').any(|part| part.trim().strip_prefix("attempt=").is_some_and(|attempt| attempt != "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_service_and_attempt_from_the_headers() {
        let signature = "AWS4-HMAC-SHA256 Credential=AKIA/20261124/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0";
        assert_eq!(service_of(signature), Some("iam"));
        assert_eq!(service_of("Bearer abc"), None);
        assert!(is_retry("ttl=20261124T000000Z; attempt=2; max=4"));
        assert!(!is_retry("attempt=1; max=4"));
    }
}
