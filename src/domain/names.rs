//! Names of the things we make: derived from cluster, environment, namespace and service account alone, so that a re-created or
//! restored object finds its own again; bounded by AWS's limits; and injective through a digest.

use super::digest;
use super::scope::Scope;

/// Hexadecimal digits of the digest at the end of a derived name (64 bits).
const DIGEST_LENGTH: usize = 16;

/// What the name of every application's `ConfigMap` ends with.
pub const SETTINGS: &str = "-bedrock";

/// Name of the role and of the policy of one service account, at most 64 characters (IAM's limit for role names).
#[must_use]
pub fn role(scope: &Scope, namespace: &str, service_account: &str) -> String {
    let digest = digest::of_parts(&[&scope.cluster_arn(), &scope.environment, namespace, service_account], DIGEST_LENGTH);
    bounded(&format!("{namespace}.{service_account}"), &digest, 64)
}

/// Name of the environment's permissions boundary, at most 128 characters.
#[must_use]
pub fn boundary(scope: &Scope) -> String {
    let digest = digest::of_parts(&[&scope.cluster_arn(), &scope.environment, "boundary"], DIGEST_LENGTH);
    bounded(&format!("boundary.{}.{}", scope.cluster_name, scope.environment), &digest, 128)
}

/// Alias of the environment's key, with its `alias/` prefix; at most 256 characters.
#[must_use]
pub fn key_alias(scope: &Scope) -> String {
    format!("alias/hipaa-operator/{}/{}", scope.cluster_name, scope.environment)
}

/// Name of the security group of an endpoint, at most 255 characters.
#[must_use]
pub fn security_group(scope: &Scope, service: &str) -> String {
    format!("hipaa-operator/{}/{}/{service}", scope.cluster_name, scope.environment)
}

/// Name of a guardrail of the operator's making, at most 50 characters (Bedrock's limit).
#[must_use]
pub fn guardrail(scope: &Scope, name: &str) -> String {
    let digest = digest::of_parts(&[&scope.cluster_arn(), &scope.environment, "guardrail", name], DIGEST_LENGTH);
    bounded(&format!("{}-{name}", scope.environment), &digest, 50)
}

/// Name of a workload's `NetworkPolicy`: that of the workload, at most 63 characters, behind a prefix.
#[must_use]
pub fn network_policy(workload: &str) -> String {
    format!("hipaa-operator.{workload}")
}

/// Name of the `ConfigMap` that tells a workload's application what to use: that of the workload, at most 63 characters, before a suffix;
/// at most 71 of the 253 characters that Kubernetes allows.
#[must_use]
pub fn settings(workload: &str) -> String {
    format!("{workload}{SETTINGS}")
}

/// Name of the claim on an environment, without its generation; at most 118 of the 128 characters that IAM allows.
#[must_use]
pub fn claim_on_environment(cluster_arn: &str, environment: &str) -> String {
    let digest = digest::of_parts(&[cluster_arn, environment, "claim"], DIGEST_LENGTH);
    let cluster = last(cluster_arn);
    bounded(&format!("environment.{cluster}.{environment}"), &digest, 118)
}

/// What the names of all claims on endpoints begin with.
pub const CLAIMS_ON_ENDPOINTS: &str = "endpoint.";

/// Name of the claim on the endpoint of a service in a VPC, without its generation. Region and VPC hold no dot, so that no two are the
/// same; it is at most 118 characters, because Regions have at most 16, and services at most 63.
#[must_use]
pub fn claim_on_endpoint(region: &str, vpc_id: &str, service: &str) -> String {
    format!("{CLAIMS_ON_ENDPOINTS}{region}.{vpc_id}.{service}")
}

/// What the names of all claims on settings of the account begin with.
pub const CLAIMS_ON_SETTINGS: &str = "setting.";

/// Name of the claim on a setting that the account has once in each Region, without its generation.
#[must_use]
pub fn claim_on_setting(region: &str, setting: &str) -> String {
    format!("{CLAIMS_ON_SETTINGS}{region}.{setting}")
}

/// What stands behind the last slash: the name in the ARN of a role or policy, the id in that of a key, or the text itself.
#[must_use]
pub fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// Session name and client tokens are made of the digest of what they stand for; at most 64 characters.
#[must_use]
pub fn client_token(parts: &[&str]) -> String {
    digest::of_parts(parts, 64)
}

fn bounded(readable: &str, digest: &str, limit: usize) -> String {
    let room = limit - digest.len() - 1;
    let head: String = readable.chars().take(room).collect();
    format!("{head}-{digest}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(cluster: &str, environment: &str) -> Scope {
        Scope {
            partition: "aws".into(),
            account_id: "123456789012".into(),
            region: "us-east-1".into(),
            cluster_name: cluster.into(),
            environment: environment.into(),
            path: "/hipaa-operator/".into(),
        }
    }

    proptest! {
        #[test]
        fn role_names_fit_iam_and_differ_with_any_input(
            a in ("[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "[a-z0-9-]{1,63}", "[a-z0-9-]{1,63}", "[a-z0-9.-]{1,253}"),
            b in ("[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "[a-z0-9-]{1,63}", "[a-z0-9-]{1,63}", "[a-z0-9.-]{1,253}"),
        ) {
            let left = role(&scope(&a.0, &a.1), &a.2, &a.3);
            let right = role(&scope(&b.0, &b.1), &b.2, &b.3);
            prop_assert!(left.len() <= 64);
            prop_assert!(left.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c)));
            prop_assert_eq!(left == right, a == b);
        }
    }

    proptest! {
        #[test]
        fn claims_on_environments_fit_iam_and_differ_with_any_input(
            a in ("[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "[a-z0-9.-]{1,253}"),
            b in ("[A-Za-z0-9][A-Za-z0-9_-]{0,99}", "[a-z0-9.-]{1,253}"),
        ) {
            let left = claim_on_environment(&scope(&a.0, &a.1).cluster_arn(), &a.1);
            let right = claim_on_environment(&scope(&b.0, &b.1).cluster_arn(), &b.1);
            prop_assert!(left.len() <= 118);
            prop_assert_eq!(left.to_lowercase() == right.to_lowercase(), a == b);
        }
    }

    #[test]
    fn a_dot_in_a_service_account_does_not_make_two_names_one() {
        let scope = scope("prod", "prod");
        assert_ne!(role(&scope, "a", "b.c"), role(&scope, "a.b", "c"));
    }
}
