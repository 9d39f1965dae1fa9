//! Which endpoint serves a service: for the plan, for the status, and for the facts that workloads depend on.

use std::collections::BTreeSet;

use crate::api::phi_environment_status::EndpointStatus;
use crate::api::shared::Management;
use crate::domain::tags;
use crate::observed::environment::EnvironmentObservation;
use crate::observed::network::Endpoint;
use crate::plan::environment::Rules;
use crate::plan::environment::rules::EndpointRule;

/// Services that also have endpoints of the type Gateway, which stand in route tables.
pub const WITH_GATEWAYS: [&str; 2] = ["s3", "dynamodb"];

/// Whether the status records this endpoint as provisioned.
#[must_use]
pub fn is_recorded(recorded: &[EndpointStatus], id: &str) -> bool {
    recorded.iter().any(|endpoint| endpoint.management == Management::Provision && endpoint.vpc_endpoint_id.as_deref() == Some(id))
}

/// The endpoint that serves: the one named, wherever it lies; or of the VPC's ours, or whichever has private DNS before one without.
/// `places` holds the VPC's endpoints and the others.
pub(super) fn present<'a>(
    rule: &EndpointRule,
    service_name: &str,
    places: (&'a [Endpoint], &'a [Endpoint]),
    ours: impl Fn(&Endpoint) -> bool,
) -> Option<&'a Endpoint> {
    if let Some(id) = &rule.vpc_endpoint_id {
        return places.0.iter().chain(places.1).find(|endpoint| endpoint.id == *id);
    }
    let usable = |endpoint: &&Endpoint| endpoint.service_name == service_name && has_right_type(rule, endpoint);
    let usable = || places.0.iter().filter(usable);
    usable().find(|endpoint| ours(endpoint)).or_else(|| usable().max_by_key(|endpoint| endpoint.private_dns))
}

/// Whether the endpoint is of a type that serves.
pub(super) fn has_right_type(rule: &EndpointRule, endpoint: &Endpoint) -> bool {
    is_interface(endpoint) || (WITH_GATEWAYS.contains(&rule.service.as_str()) && endpoint.endpoint_type.eq_ignore_ascii_case("gateway"))
}

/// Whether the endpoint has network interfaces.
pub(super) fn is_interface(endpoint: &Endpoint) -> bool {
    endpoint.endpoint_type.eq_ignore_ascii_case("interface")
}

/// The endpoint of a rule in an observation, and whether it is ours.
#[must_use]
pub fn chosen<'a>(
    rules: &Rules,
    rule: &EndpointRule,
    observed: &'a EnvironmentObservation,
    recorded: &[EndpointStatus],
) -> Option<(&'a Endpoint, bool)> {
    let wanted = tags::of_environment(&rules.scope);
    let ours = |endpoint: &Endpoint| tags::owned(&endpoint.tags, &wanted) || is_recorded(recorded, &endpoint.id);
    let places = (observed.endpoints.as_deref().unwrap_or_default(), observed.other_endpoints.as_deref().unwrap_or_default());
    let found = present(rule, &rules.scope.endpoint_service_name(&rule.service), places, ours)?;
    Some((found, ours(found)))
}

/// The endpoints that may carry a rule's traffic: those that the VPC has for the service, and the one named if it lies elsewhere.
fn candidates<'a>(rules: &Rules, rule: &'a EndpointRule, places: [&'a [Endpoint]; 2]) -> impl Iterator<Item = &'a Endpoint> {
    let service_name = rules.scope.endpoint_service_name(&rule.service);
    let [of_vpc, others] = places;
    let named = others.iter().filter(|endpoint| rule.vpc_endpoint_id.as_ref() == Some(&endpoint.id));
    of_vpc.iter().chain(named).filter(move |endpoint| endpoint.service_name == service_name)
}

/// Whether the rule's endpoint is known from its declaration alone.
fn is_declared(rule: &EndpointRule, places: [&[Endpoint]; 2]) -> bool {
    let read = places.iter().flat_map(|place| place.iter()).any(|endpoint| rule.vpc_endpoint_id.as_ref() == Some(&endpoint.id));
    !rule.address_ranges.is_empty() && !read
}

/// Whether an available endpoint, or one that is declared and cannot be read, leads to the service.
#[must_use]
pub fn leads_to(rules: &Rules, service: &str, places: [&[Endpoint]; 2]) -> bool {
    let mut of_service = rules.endpoints.iter().filter(|rule| rule.service == service);
    of_service.any(|rule| is_declared(rule, places) || candidates(rules, rule, places).any(|endpoint| endpoint.state == "available"))
}

/// Whether an available endpoint leads to the service of a store, which needs no rule of its own.
#[must_use]
pub fn leads_to_store(rules: &Rules, service: &str, places: [&[Endpoint]; 2]) -> bool {
    leads_to(rules, service, places) || of_service(rules, service, places[0]).any(|endpoint| endpoint.state == "available")
}

fn of_service<'a>(rules: &Rules, service: &str, endpoints: &'a [Endpoint]) -> impl Iterator<Item = &'a Endpoint> {
    let service_name = rules.scope.endpoint_service_name(service);
    endpoints.iter().filter(move |endpoint| endpoint.service_name == service_name)
}

/// Addresses and address ranges of all endpoints of the environment and of those of the VPC that lead to its stores. One of the type
/// Gateway has none.
#[must_use]
pub fn addresses(rules: &Rules, places: [&[Endpoint]; 2]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for rule in &rules.endpoints {
        found.extend(candidates(rules, rule, places).flat_map(|endpoint| endpoint.addresses.iter().cloned()));
        if is_declared(rule, places) {
            found.extend(rule.address_ranges.iter().cloned());
        }
    }
    for service in rules.store_services() {
        found.extend(of_service(rules, service, places[0]).flat_map(|endpoint| endpoint.addresses.iter().cloned()));
    }
    found
}
