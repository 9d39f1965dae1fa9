//! How the SDK is set up: everything that its defaults or the environment could change under us is said explicitly.

use std::sync::Arc;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};

use super::http::PacedClient;
use super::traffic::Traffic;

/// Requests that one operation makes at the most.
const ATTEMPTS: u32 = 3;

/// Which endpoints to talk to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// The Region.
    pub region: String,
    /// Whether to use FIPS endpoints. `false` leaves the choice to the process (`AWS_USE_FIPS_ENDPOINT`).
    pub fips: bool,
}

/// The SDK's configuration for `settings`.
///
/// Credentials come from the SDK's chain: environment, profile, web identity, container (Pod Identity), instance metadata. The client
/// honours `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` by itself since behaviour version 2025-08-07; `NO_PROXY` must name
/// the addresses that hand out credentials (169.254.170.23, 169.254.169.254).
///
/// Retries are the SDK's, a few and short ones; each takes a token of the service's bucket, as every request does. Long waits are the
/// reconciler's.
pub(super) async fn load(settings: &Settings, traffic: &Arc<Traffic>) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new(settings.region.clone()))
        .http_client(PacedClient::new(traffic.clone()))
        // Said here because a bad AWS_MAX_ATTEMPTS would end the process.
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .timeout_config(timeouts());
    if let Ok(name) = AppName::new("hipaa-operator") {
        loader = loader.app_name(name);
    }
    if settings.fips {
        loader = loader.use_fips(true);
    }
    loader.load().await
}

/// Limits of one request, from when it is sent: a limit of the whole operation would count the wait for a token. An answer that has
/// begun and does not go on is ended by the SDK's protection against stalled streams.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_millis(3_100)).read_timeout(Duration::from_secs(10)).build()
}

/// Names of the environment variables that send calls elsewhere than to AWS (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_IAM`, ...), sorted.
/// A silent redirect is a way out for data, so the caller refuses to start with any, unless told otherwise
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>).
#[must_use]
pub fn endpoint_overrides() -> Vec<String> {
    overrides_among(std::env::vars_os().map(|(name, value)| (name.to_string_lossy().into_owned(), !value.is_empty())))
}

fn overrides_among(variables: impl Iterator<Item = (String, bool)>) -> Vec<String> {
    let mut names: Vec<String> =
        variables.filter(|(name, set)| *set && name.starts_with("AWS_ENDPOINT_URL")).map(|(name, _)| name).collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::alarm::Alarm;

    #[test]
    fn names_only_overrides_that_are_set() {
        let variables = [("PATH", true), ("AWS_ENDPOINT_URL_IAM", true), ("AWS_ENDPOINT_URL", true), ("AWS_ENDPOINT_URL_EC2", false)];
        let found = overrides_among(variables.into_iter().map(|(name, set)| (name.to_owned(), set)));
        assert_eq!(found, ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM"]);
    }

    #[tokio::test]
    async fn says_every_limit_itself() {
        let config = load(&Settings { region: "us-gov-west-1".into(), fips: true }, &Traffic::new(&Alarm::default())).await;
        assert_eq!(config.region().map(AsRef::as_ref), Some("us-gov-west-1"));
        assert_eq!(config.use_fips(), Some(true));
        assert_eq!(config.retry_config().map(RetryConfig::max_attempts), Some(ATTEMPTS));
        assert_eq!(config.timeout_config().and_then(TimeoutConfig::read_timeout), Some(Duration::from_secs(10)));
        assert_eq!(config.app_name().map(AsRef::as_ref), Some("hipaa-operator"));
    }
}
