//! The claims that plans of an environment depend on.

use std::collections::BTreeSet;

use crate::domain::{Scope, names};
use crate::observed::claims::{Claim, Claims};
use crate::preview::observed::{FoundClaim, FoundHolder};

/// Those on the environment, on endpoints of its VPC, on settings of the account, and on the environments of those that hold them.
pub(super) fn near(scope: &Scope, vpc_id: &str, claims: &Claims) -> Vec<FoundClaim> {
    let on_environment = |cluster_arn: &str, environment: &str| names::claim_on_environment(cluster_arn, environment);
    let ours = |claim: &Claim| {
        claim.holder.as_ref().is_some_and(|holder| holder.cluster_arn == scope.cluster_arn() && holder.environment == scope.environment)
    };
    let of_vpc = names::claim_on_endpoint(&scope.region, vpc_id, "");
    let is_near =
        |thing: &&str| thing.starts_with(&of_vpc) || thing.starts_with(names::CLAIMS_ON_SETTINGS) || claims.on(thing).is_some_and(ours);
    let near: BTreeSet<String> = claims.things().filter(is_near).map(str::to_owned).collect();
    let holders = near.iter().filter_map(|thing| claims.on(thing)?.holder.as_ref());
    let of_holders = holders.map(|holder| on_environment(&holder.cluster_arn, &holder.environment));
    let environments: BTreeSet<String> = of_holders.chain([on_environment(&scope.cluster_arn(), &scope.environment)]).collect();
    let all = near.union(&environments).flat_map(|thing| claims.superseded(thing).chain(claims.on(thing)));
    all.map(|claim| FoundClaim {
        name: claim.name().to_owned(),
        other_versions: claim.other_versions.clone(),
        holder: claim.holder.as_ref().map(|holder| FoundHolder {
            cluster_arn: holder.cluster_arn.clone(),
            environment: holder.environment.clone(),
            api_server: holder.api_server.clone(),
            issuer: holder.issuer.clone(),
        }),
    })
    .collect()
}
