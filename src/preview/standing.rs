//! The account and the cluster as they were observed: what exists is taken as it is, and what is not among the facts does not exist.

mod workload;

use std::collections::BTreeSet;

use crate::api::PhiEnvironmentSpec;
use crate::api::phi_environment_status::EndpointStatus;
use crate::api::shared::Management;
use crate::domain::tags::{self, Tags};
use crate::domain::{Scope, names};
use crate::observed::account::Key;
use crate::observed::claims::Claims;
use crate::observed::cluster::OidcProvider;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::identity::ManagedPolicy;
use crate::observed::network::{Endpoint, OfferedService, SecurityGroup, Subnet};
use crate::plan::environment::Rules;
use crate::plan::facts::is_placeholder;
use crate::policy::claim::Holder;
use crate::policy::endpoint::{Admission, perimeter};
use crate::policy::key::key_policy;

use super::observed::{Found, FoundEndpoint, FoundHolder, FoundKey, FoundPolicy, KnownEnvironment, KnownSubnet};
use super::{assumed, save};

pub(super) use workload::workload;

/// The observation of an account in which `found` exists.
pub(super) fn observation(rules: &Rules, spec: &PhiEnvironmentSpec, known: &KnownEnvironment, found: &Found) -> EnvironmentObservation {
    let assumed = assumed::observation(rules, spec, known);
    let vpc_id = assumed.vpc.as_ref().ok().and_then(Option::as_ref).map(|vpc| vpc.id.clone()).unwrap_or_default();
    let subnet = |known: &KnownSubnet| Subnet {
        id: known.id.clone(),
        zone: known.zone.clone(),
        vpc_id: known.vpc_id.clone().unwrap_or_else(|| vpc_id.clone()),
    };
    let subnets: Vec<Subnet> = known.subnets.iter().flatten().map(subnet).collect();
    let mut other_subnets: Vec<Subnet> = found.other_subnets.iter().map(subnet).collect();
    // Those that the spec names and nobody asked for.
    for named in assumed.subnets.iter().flatten() {
        if !subnets.iter().chain(&other_subnets).any(|known| known.id == named.id) {
            other_subnets.push(named.clone());
        }
    }
    let boundary_arn = rules.scope.policy_arn(&names::boundary(&rules.scope));
    EnvironmentObservation {
        cluster: assumed.cluster.map(|cluster| {
            cluster.map(|cluster| crate::observed::cluster::Cluster {
                subnet_ids: subnets.iter().map(|subnet| subnet.id.clone()).collect(),
                ..cluster
            })
        }),
        vpc: assumed.vpc.map(|vpc| {
            vpc.map(|vpc| crate::observed::network::Vpc {
                dns_support: found.vpc_dns_support,
                dns_hostnames: found.vpc_dns_hostnames,
                ..vpc
            })
        }),
        oidc_provider: Ok(found.oidc_audiences.clone().map(|client_ids| OidcProvider { client_ids })),
        offered: assumed.offered.map(|offered| offered_services(rules, offered, found)),
        endpoints: Ok(found.endpoints.iter().map(|endpoint| endpoint_of(&rules.scope, &vpc_id, endpoint, known)).collect()),
        security_groups: Ok(groups(&rules.scope, found)),
        key: if knows_key(rules, spec, found) { Ok(found.key.found.as_ref().map(|key| key_of(&rules.scope, key))) } else { assumed.key },
        boundary: Ok(found.policies.get(&boundary_arn).map(|policy| policy_of(&boundary_arn, policy))),
        platform_boundary: match (&rules.platform_boundary_arn, &found.platform_boundary) {
            (Some(arn), Some(known)) if known.arn == *arn && !known.exists => Ok(None),
            _ => assumed.platform_boundary,
        },
        claims: Ok(claims(&rules.scope, found)),
        guardrails: assumed
            .guardrails
            .into_iter()
            .map(|(name, read)| match found.guardrails.get(&name) {
                Some(known) => (name, Ok(known.clone())),
                None => (name, read),
            })
            .collect(),
        subnets: Ok(subnets),
        other_subnets: Ok(other_subnets),
        ..assumed
    }
}

/// Whether the key that these rules mean is the one that was asked for.
pub(super) fn knows_key(rules: &Rules, spec: &PhiEnvironmentSpec, found: &Found) -> bool {
    save::asked_key(&rules.scope, spec) == found.key.asked
}

/// The service is offered as it was found; one that nobody asked for is assumed to be.
fn offered_services(rules: &Rules, assumed: Vec<OfferedService>, found: &Found) -> Vec<OfferedService> {
    let asked = |service: &OfferedService| {
        let rule = rules.endpoints.iter().find(|rule| rules.scope.endpoint_service_name(&rule.service) == service.name);
        rule.and_then(|rule| found.services.get(&rule.service))
    };
    let one = |service: OfferedService| match asked(&service) {
        None => Some(service),
        Some(None) => None,
        Some(Some(known)) => {
            // The zone of a subnet that nobody asked for is a placeholder.
            let zones = known.zones.iter().chain(service.zones.iter().filter(|zone| is_placeholder(zone))).cloned().collect();
            Some(OfferedService { name: service.name, zones, policy_supported: known.policy_supported })
        }
    };
    assumed.into_iter().filter_map(one).collect()
}

fn tags_if(tagged: bool, wanted: Tags) -> Tags {
    if tagged { wanted } else { Tags::new() }
}

fn endpoint_of(scope: &Scope, vpc_id: &str, found: &FoundEndpoint, known: &KnownEnvironment) -> Endpoint {
    let addresses = known.endpoints.get(&found.service).map(|service| service.addresses.iter().cloned().collect());
    let policy = match found.admits_everyone {
        None => found.policy.clone(),
        // As an endpoint without a policy of its own, which admits everyone.
        Some(true) => None,
        // One that is narrowed is assumed to let through what is needed.
        Some(false) => Some(perimeter(scope, &found.service, &Admission::default())),
    };
    Endpoint {
        id: found.id.clone(),
        vpc_id: vpc_id.to_owned(),
        service_name: scope.endpoint_service_name(&found.service),
        state: found.state.clone(),
        endpoint_type: found.endpoint_type.clone(),
        private_dns: found.private_dns,
        policy,
        subnet_ids: found.subnet_ids.clone(),
        security_group_ids: found.security_group_ids.clone(),
        addresses: addresses.unwrap_or_default(),
        tags: tags_if(found.tagged, tags::of_environment(scope)),
    }
}

fn groups(scope: &Scope, found: &Found) -> Vec<SecurityGroup> {
    let groups = found.security_groups.iter();
    groups
        .map(|group| SecurityGroup {
            id: group.id.clone(),
            name: group.name.clone(),
            ingress: group.ingress.clone(),
            egress: group.egress.clone(),
            tags: tags::of_environment(scope),
        })
        .collect()
}

fn key_of(scope: &Scope, found: &FoundKey) -> Key {
    let mut tags = tags_if(found.tagged, tags::of_environment(scope));
    if found.orphaned {
        tags.insert(tags::ORPHANED.to_owned(), names::key_alias(scope));
    }
    Key {
        arn: found.arn.clone(),
        state: found.state.clone(),
        customer_managed: found.customer_managed,
        usage: None,
        spec: None,
        rotation_enabled: found.rotation_enabled,
        rotation_period_in_days: found.rotation_period_in_days,
        // Of someone else's key only that it exists is kept; its policy is assumed to be as usual.
        policy: found.policy.clone().or_else(|| (!found.tagged && !found.recorded).then(|| key_policy(scope, &[], "", &BTreeSet::new()))),
        tags,
    }
}

fn policy_of(arn: &str, found: &FoundPolicy) -> ManagedPolicy {
    ManagedPolicy {
        arn: arn.to_owned(),
        default_version: found.default_version.clone(),
        other_versions: found.other_versions.clone(),
        document: found.document.clone(),
    }
}

fn claims(scope: &Scope, found: &Found) -> Claims {
    let policies: Vec<ManagedPolicy> = found
        .claims
        .iter()
        .map(|claim| ManagedPolicy {
            arn: scope.claim_arn(&claim.name),
            default_version: String::new(),
            other_versions: claim.other_versions.clone(),
            document: claim.holder.as_ref().map(|holder| holder_of(holder).document()),
        })
        .collect();
    Claims::of(&policies)
}

fn holder_of(found: &FoundHolder) -> Holder {
    Holder {
        cluster_arn: found.cluster_arn.clone(),
        environment: found.environment.clone(),
        api_server: found.api_server.clone(),
        issuer: found.issuer.clone(),
    }
}

/// The endpoints that the status records as ours.
pub(super) fn recorded_endpoints(found: &Found) -> Vec<EndpointStatus> {
    let recorded = found.endpoints.iter().filter(|endpoint| endpoint.recorded);
    recorded
        .map(|endpoint| EndpointStatus {
            service: endpoint.service.clone(),
            management: Management::Provision,
            vpc_endpoint_id: Some(endpoint.id.clone()),
            security_group_id: None,
            state: None,
            zones: Vec::new(),
        })
        .collect()
}

/// The key that the status records.
pub(super) fn recorded_key(found: &Found) -> Option<&str> {
    found.key.found.as_ref().filter(|key| key.recorded).map(|key| key.arn.as_str())
}

/// Whether the namespace was looked at.
pub(super) fn looked_at(found: Option<&Found>, namespace: &str) -> bool {
    found.is_some_and(|found| found.namespaces.contains_key(namespace))
}

/// Services that these rules want and nobody asked for.
pub(super) fn not_asked<'a>(rules: &'a Rules, found: &Found) -> BTreeSet<&'a str> {
    let services = rules.endpoints.iter().map(|rule| rule.service.as_str());
    services.filter(|service| !found.services.contains_key(*service)).collect()
}
