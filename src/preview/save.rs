//! From what was read to facts that can be kept: of others only that they exist, and no value of any tag.

mod account_settings;
mod claims;
mod identity;
mod settings;

pub use settings::config_map;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{PhiEnvironmentSpec, PhiEnvironmentStatus, PhiWorkload};
use crate::domain::tags::{self, Tags};
use crate::domain::{Fault, Scope, names};
use crate::observed::account::Key;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::guardrails::ObservedGuardrail;
use crate::observed::identity::IdentitySnapshot;
use crate::observed::network::{Endpoint, Subnet};
use crate::plan::environment::{Rules, admits_everyone, is_recorded};
use crate::plan::facts::{obstacle, without_scheme};
use crate::status::environment::recorded_key;

use super::observed::{
    AskedKey, Found, FoundEndpoint, FoundGroup, FoundKey, FoundNamespace, FoundService, KnownEndpoint, KnownEnvironment, KnownSubnet,
    PlatformBoundary,
};

/// What an environment's facts are made from.
pub struct Seen<'a> {
    /// The spec, resolved.
    pub rules: &'a Rules,
    /// The spec.
    pub spec: &'a PhiEnvironmentSpec,
    /// The environment's status: what is recorded as ours.
    pub status: &'a PhiEnvironmentStatus,
    /// What a pass over the environment reads.
    pub observed: &'a EnvironmentObservation,
    /// The account's IAM, as far as it is ours.
    pub identity: &'a IdentitySnapshot,
    /// The workloads that are bound to the environment.
    pub workloads: &'a [PhiWorkload],
    /// ARNs of policies that no status records and that carry our tags.
    pub tagged_policies: &'a BTreeSet<String>,
    /// The namespaces that matter.
    pub namespaces: BTreeMap<String, FoundNamespace>,
    /// When it was read, in RFC 3339.
    pub at: String,
}

/// Every read that failed: with any of them there are no facts.
#[must_use]
pub fn unread(observed: &EnvironmentObservation) -> BTreeSet<String> {
    let single = [
        observed.caller.as_ref().err(),
        observed.operator_arn.as_ref().err(),
        observed.api_server.as_ref().err(),
        observed.claims.as_ref().err(),
        observed.api_server_issuer.as_ref().err(),
        observed.cluster.as_ref().err(),
        observed.vpc.as_ref().err(),
        observed.subnets.as_ref().err(),
        observed.other_subnets.as_ref().err(),
        observed.oidc_provider.as_ref().err(),
        observed.offered.as_ref().err(),
        observed.endpoints.as_ref().err(),
        observed.other_endpoints.as_ref().err(),
        observed.security_groups.as_ref().err(),
        observed.other_security_groups.as_ref().err(),
        observed.boundary_is_ours.as_ref().err(),
        observed.key.as_ref().err(),
        observed.boundary.as_ref().err(),
        observed.platform_boundary.as_ref().err(),
        observed.attachment_quota.as_ref().err(),
        observed.dns_service_addresses.as_ref().err(),
        observed.settings.invocation_logging.as_ref().err(),
        observed.settings.enforced_guardrails.as_ref().err(),
    ];
    let policies = observed.additional_policies.values().filter_map(|read| read.as_ref().err());
    let retention = observed.settings.data_retention.values().filter_map(|read| read.as_ref().err());
    let models = observed.models.values().filter_map(|read| read.as_ref().err());
    let guardrails = observed.guardrails.values().filter_map(|read| read.as_ref().err());
    let profiles = observed.profiles.values().filter_map(|read| read.as_ref().err());
    let all = single.into_iter().flatten().chain(policies).chain(models).chain(profiles).chain(guardrails).chain(retention);
    all.map(ToString::to_string).collect()
}

fn guardrails(observed: &EnvironmentObservation) -> Result<BTreeMap<String, ObservedGuardrail>, Fault> {
    observed.guardrails.iter().map(|(name, read)| Ok((name.clone(), read.clone()?))).collect()
}

/// The facts; `None` if there is no cluster or no VPC.
///
/// # Errors
/// The first read that failed.
pub fn save(seen: &Seen) -> Result<Option<KnownEnvironment>, Fault> {
    let fail = |fault: &Fault| fault.clone();
    let (observed, scope) = (seen.observed, &seen.rules.scope);
    let caller = observed.caller.as_ref().map_err(fail)?;
    let cluster = observed.cluster.as_ref().map_err(fail)?;
    let vpc = observed.vpc.as_ref().map_err(fail)?;
    let (Some(cluster), Some(vpc)) = (cluster, vpc) else {
        return Ok(None);
    };
    let subnet = |found: &Subnet| KnownSubnet {
        id: found.id.clone(),
        zone: found.zone.clone(),
        vpc_id: (found.vpc_id != vpc.id).then(|| found.vpc_id.clone()),
    };
    let endpoints = observed.endpoints.as_ref().map_err(fail)?;
    let mut profiles = BTreeMap::new();
    for (id, read) in &observed.profiles {
        let profile = read.as_ref().map_err(fail)?.as_ref();
        profiles.insert(id.clone(), profile.map(|profile| profile.model_arns.iter().cloned().collect()));
    }
    for read in observed.models.values() {
        read.as_ref().map_err(fail)?;
    }
    let found = Found {
        vpc_dns_support: vpc.dns_support,
        vpc_dns_hostnames: vpc.dns_hostnames,
        oidc_audiences: observed.oidc_provider.as_ref().map_err(fail)?.as_ref().map(|provider| provider.client_ids.clone()),
        services: seen.services()?,
        other_subnets: observed.other_subnets.as_ref().map_err(fail)?.iter().map(subnet).collect(),
        endpoints: endpoints.iter().filter_map(|endpoint| seen.endpoint(endpoint)).collect(),
        security_groups: seen.groups()?,
        key: AskedKey { asked: asked_key(scope, seen.spec), found: observed.key.as_ref().map_err(fail)?.as_ref().map(|key| seen.key(key)) },
        platform_boundary: match &seen.rules.platform_boundary_arn {
            Some(arn) => Some(PlatformBoundary { arn: arn.clone(), exists: observed.platform_boundary.as_ref().map_err(fail)?.is_some() }),
            None => None,
        },
        guardrails: guardrails(observed)?,
        recorded_guardrails: seen.status.guardrails.clone(),
        policies: seen.policies(),
        roles: seen.roles(),
        claims: claims::near(scope, &vpc.id, observed.claims.as_ref().map_err(fail)?),
        namespaces: seen.namespaces.clone(),
    };
    Ok(Some(KnownEnvironment {
        observed_at: Some(seen.at.clone()),
        partition: Some(scope.partition.clone()),
        account_id: Some(caller.account_id.clone()),
        region: Some(scope.region.clone()),
        cluster_name: Some(scope.cluster_name.clone()),
        vpc_id: Some(vpc.id.clone()),
        vpc_cidrs: Some(vpc.cidrs.iter().cloned().collect()),
        oidc_issuer: Some(without_scheme(&cluster.issuer).to_owned()),
        api_server: Some(observed.api_server.as_ref().map_err(fail)?.clone()),
        operator_arn: Some(observed.operator_arn.as_ref().map_err(fail)?.clone()),
        subnets: Some(observed.subnets.as_ref().map_err(fail)?.iter().map(subnet).collect()),
        endpoints: addresses(scope, endpoints),
        dns_service_addresses: Some(observed.dns_service_addresses.as_ref().map_err(fail)?.clone()),
        auto_mode: Some(cluster.auto_mode),
        profiles,
        models: observed.models.iter().map(|(model, read)| (model.clone(), obstacle(read))).collect(),
        account_settings: Some(account_settings::keep(&observed.settings)?),
        found: Some(found),
    }))
}

/// What names the key: the ARN in the spec, or our alias.
pub(super) fn asked_key(scope: &Scope, spec: &PhiEnvironmentSpec) -> String {
    spec.key.as_ref().and_then(|key| key.key_arn.clone()).unwrap_or_else(|| names::key_alias(scope))
}

/// Addresses by short service name.
fn addresses(scope: &Scope, endpoints: &[Endpoint]) -> BTreeMap<String, KnownEndpoint> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for endpoint in endpoints {
        if let Some(service) = short_name(scope, &endpoint.service_name) {
            all.entry(service).or_default().extend(endpoint.addresses.iter().cloned());
        }
    }
    all.into_iter().map(|(service, addresses)| (service, KnownEndpoint { addresses: addresses.into_iter().collect() })).collect()
}

/// The short name of an AWS service of the Region; `None` for a service of someone else's.
fn short_name(scope: &Scope, full: &str) -> Option<String> {
    let (_, short) = full.split_once(&format!(".amazonaws.{}.", scope.region))?;
    (scope.endpoint_service_name(short) == full).then(|| short.to_owned())
}

impl Seen<'_> {
    fn of_environment(&self, found: &Tags) -> bool {
        tags::owned(found, &tags::of_environment(&self.rules.scope))
    }

    fn services(&self) -> Result<BTreeMap<String, Option<FoundService>>, Fault> {
        let offered = self.observed.offered.as_ref().map_err(Clone::clone)?;
        let of = |service: &str| {
            let name = self.rules.scope.endpoint_service_name(service);
            let found = offered.iter().find(|offered| offered.name == name)?;
            Some(FoundService { zones: found.zones.clone(), policy_supported: found.policy_supported })
        };
        Ok(self.rules.endpoints.iter().map(|rule| (rule.service.clone(), of(&rule.service))).collect())
    }

    fn endpoint(&self, endpoint: &Endpoint) -> Option<FoundEndpoint> {
        let tagged = self.of_environment(&endpoint.tags);
        let recorded = is_recorded(&self.status.endpoints, &endpoint.id);
        let ours = tagged || recorded;
        Some(FoundEndpoint {
            id: endpoint.id.clone(),
            service: short_name(&self.rules.scope, &endpoint.service_name)?,
            state: endpoint.state.clone(),
            endpoint_type: endpoint.endpoint_type.clone(),
            private_dns: endpoint.private_dns,
            tagged,
            recorded,
            subnet_ids: endpoint.subnet_ids.clone(),
            security_group_ids: endpoint.security_group_ids.clone(),
            policy: endpoint.policy.clone().filter(|_| ours),
            admits_everyone: (!ours).then(|| endpoint.policy.as_ref().is_none_or(admits_everyone)),
        })
    }

    fn groups(&self) -> Result<Vec<FoundGroup>, Fault> {
        let groups = self.observed.security_groups.as_ref().map_err(Clone::clone)?;
        let ours = groups.iter().filter(|group| self.of_environment(&group.tags));
        Ok(ours
            .map(|group| FoundGroup {
                id: group.id.clone(),
                name: group.name.clone(),
                ingress: group.ingress.clone(),
                egress: group.egress.clone(),
            })
            .collect())
    }

    fn key(&self, key: &Key) -> FoundKey {
        let tagged = self.of_environment(&key.tags);
        let recorded = recorded_key(self.status) == Some(key.arn.as_str());
        let ours = tagged || (recorded && self.spec.key.as_ref().is_none_or(|declared| declared.key_arn.is_none()));
        FoundKey {
            arn: key.arn.clone(),
            state: key.state.clone(),
            customer_managed: key.customer_managed,
            rotation_enabled: key.rotation_enabled,
            rotation_period_in_days: key.rotation_period_in_days,
            tagged,
            orphaned: key.tags.contains_key(tags::ORPHANED),
            recorded,
            policy: key.policy.clone().filter(|_| ours),
        }
    }
}

#[cfg(test)]
mod tests;
