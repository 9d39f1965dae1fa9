//! How credentials and calls get where they go.

use crate::observed::network::Endpoint;
use crate::policy::relation::Coverage;
use crate::policy::trust::lets_in;

use super::{Seen, Subject};

/// One sentence for each part of the path.
pub(super) fn sentences(seen: &Seen) -> Vec<String> {
    let mut sentences = vec![annotation(seen), trust(seen)];
    let services: Vec<&str> = seen.rules.endpoints.iter().map(|rule| rule.service.as_str()).collect();
    let stores: Vec<&str> = seen.rules.store_services().filter(|service| !services.iter().any(|one| one == service)).collect();
    sentences.extend(services.into_iter().chain(stores).map(|service| endpoint(seen, service)));
    sentences.push(format!(
        "inference runs in {}: what else a profile leads to is not approved",
        seen.rules.resolved.approved_regions.join(", ")
    ));
    sentences
}

fn annotation(seen: &Seen) -> String {
    let Subject { namespace, service_account, annotation, .. } = seen.subject;
    match annotation {
        Some(arn) => format!("pods of service account {namespace}/{service_account} assume {arn}, which its annotation names"),
        None => format!("service account {namespace}/{service_account} names no role, so its pods get no credentials"),
    }
}

fn trust(seen: &Seen) -> String {
    let Subject { namespace, service_account, .. } = seen.subject;
    let (Ok(Some(role)), Ok(Some(cluster))) = (&seen.role, &seen.observed.cluster) else {
        return "whom the role trusts is not known".to_owned();
    };
    let issuer = crate::plan::facts::without_scheme(&cluster.issuer);
    let admitted = role.trust.as_ref().map(|trust| lets_in(trust, &seen.rules.scope, issuer, namespace, service_account));
    match admitted {
        Some(Coverage::Covered) => {
            format!("role {} trusts system:serviceaccount:{namespace}:{service_account} by the web identity of {issuer}", role.name)
        }
        Some(Coverage::Missing) => format!("role {} does not let system:serviceaccount:{namespace}:{service_account} in", role.name),
        Some(Coverage::Unproven) | None => {
            format!(
                "whether role {} lets system:serviceaccount:{namespace}:{service_account} in cannot be told from its trust policy",
                role.name
            )
        }
    }
}

fn endpoint(seen: &Seen, service: &str) -> String {
    let (Ok(endpoints), Ok(others)) = (&seen.observed.endpoints, &seen.observed.other_endpoints) else {
        return format!("{service}: its endpoint could not be read");
    };
    let name = seen.rules.scope.endpoint_service_name(service);
    let serving = endpoints.iter().chain(others).filter(|endpoint| endpoint.service_name == name);
    let told = |endpoint: &Endpoint| {
        let dns = if endpoint.private_dns { ", private DNS on" } else { "" };
        format!("{} in {} ({}, {}{dns})", endpoint.id, endpoint.vpc_id, endpoint.endpoint_type, endpoint.state)
    };
    let serving: Vec<String> = serving.map(told).collect();
    let declared = seen.rules.endpoints.iter().find(|rule| rule.service == service && !rule.address_ranges.is_empty());
    match (serving.is_empty(), declared) {
        (false, _) => format!("{service}: through {}", serving.join(" and ")),
        (true, Some(_)) => format!("{service}: through an endpoint of another account, which is declared and cannot be read"),
        (true, None) => format!("{service}: no endpoint, so no call of the pods gets there"),
    }
}
