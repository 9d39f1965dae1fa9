//! Claims: an environment is written for by one API server alone, and an endpoint is made by one environment alone.
//!
//! First the claim is taken, then the account is read anew, then what was claimed is made: between the reading and the making nobody
//! else can have made it.

mod settings;

use std::collections::BTreeSet;

use crate::api::annotations::TAKE_OVER_CLAIM;
use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::domain::{Fault, Scope, names, tags};
use crate::observed::claims::{Claim, Claims};
use crate::plan::action::{ClaimOn, NewClaim};
use crate::plan::facts::without_scheme;
use crate::plan::{Action, Finding, Plan};
use crate::policy::claim::Holder;

use super::EnvironmentInputs;

pub(super) use settings::{Leave, SettingClaims};

const FAMILY: ConditionType = ConditionType::ScopeVerified;

/// Whose a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing<'a> {
    Ours,
    /// Nobody's who still is there, or that of someone we may replace.
    Free,
    Taken(&'a Claim),
}

/// Us, before the claims of the account.
struct Claimant<'a> {
    scope: &'a Scope,
    claims: &'a Claims,
    us: Holder,
    take_over: Option<&'a str>,
}

impl<'a> Claimant<'a> {
    /// `None` if the cluster is not known, without which there is nothing to claim.
    fn of(inputs: &EnvironmentInputs<'a>) -> Option<Result<Self, &'a Fault>> {
        let observed = inputs.observed;
        let Ok(Some(cluster)) = &observed.cluster else { return None };
        let (claims, api_server) = match (&observed.claims, &observed.api_server) {
            (Ok(claims), Ok(api_server)) => (claims, api_server),
            (Err(fault), _) | (_, Err(fault)) => return Some(Err(fault)),
        };
        let scope = &inputs.rules.scope;
        let us = Holder {
            cluster_arn: scope.cluster_arn(),
            environment: scope.environment.clone(),
            api_server: api_server.clone(),
            issuer: without_scheme(&cluster.issuer).to_owned(),
        };
        Some(Ok(Self { scope, claims, us, take_over: inputs.take_over }))
    }

    fn environment(&self) -> String {
        names::claim_on_environment(&self.us.cluster_arn, &self.us.environment)
    }

    /// Whose the environment is. A cluster's name is unique in its account and Region, and its issuer never given again: who claimed it
    /// under another issuer was deleted with the cluster of that time. Anyone else is replaced only with a person's leave.
    fn on_environment(&self) -> Standing<'a> {
        let Some(claim) = self.claims.on(&self.environment()) else { return Standing::Free };
        match &claim.holder {
            Some(holder) if holder.is_same(&self.us) => Standing::Ours,
            Some(holder) if self.is_of_a_deleted_cluster(holder) => Standing::Free,
            _ if self.take_over == Some(claim.name()) => Standing::Free,
            _ => Standing::Taken(claim),
        }
    }

    /// Whose an endpoint or setting is, if the environment is ours. What another API server claimed for it is then ours too; and whoever
    /// claims such things without an environment is gone, because that claim is the first to be taken and the last to be released.
    fn on_thing(&self, thing: &str) -> Standing<'a> {
        let Some(claim) = self.claims.on(thing) else { return Standing::Free };
        match &claim.holder {
            Some(holder) if holder.is_same(&self.us) => Standing::Ours,
            Some(holder) if holder.is_namesake(&self.us) || self.is_of_a_deleted_cluster(holder) => Standing::Free,
            Some(holder) if self.claims.on(&names::claim_on_environment(&holder.cluster_arn, &holder.environment)).is_none() => {
                Standing::Free
            }
            _ => Standing::Taken(claim),
        }
    }

    fn is_of_a_deleted_cluster(&self, holder: &Holder) -> bool {
        holder.cluster_arn == self.us.cluster_arn && holder.issuer != self.us.issuer
    }

    fn take(&self, on: ClaimOn, thing: &str) -> Action {
        let name = format!("{thing}.{}", self.claims.next(thing));
        let arn = self.scope.claim_arn(&name);
        Action::TakeClaim(Box::new(NewClaim { on, name, arn, document: self.us.document(), tags: tags::of_environment(self.scope) }))
    }

    /// Takes a claim that is free, and clears away what one of ours superseded.
    fn keep(&self, on: ClaimOn, thing: &str, standing: Standing) -> Vec<Action> {
        match standing {
            Standing::Free => vec![self.take(on, thing)],
            Standing::Ours => self.claims.superseded(thing).map(release_one).collect(),
            Standing::Taken(_) => Vec::new(),
        }
    }

    fn holds(&self, thing: &str) -> bool {
        let holder = self.claims.on(thing).and_then(|claim| claim.holder.as_ref());
        holder.is_some_and(|holder| holder.is_same(&self.us))
    }

    fn release(&self, thing: &str) -> Vec<Action> {
        self.claims.superseded(thing).chain(self.claims.on(thing)).map(release_one).collect()
    }

    fn is_elsewhere(&self, claim: &Claim) -> Finding {
        let (environment, cluster) = (&self.us.environment, &self.us.cluster_arn);
        let holder = claim.holder.as_ref().map_or_else(
            || "whom its document does not name".to_owned(),
            |holder| format!("API server {} (UID of its namespace kube-system, issuer {})", holder.api_server, holder.issuer),
        );
        let message = format!(
            "environment {environment} of cluster {cluster} is claimed by {holder}, not by this API server, {}: nothing is written for it here. Give this environment another name; or, if that API server is gone, take over what it made: kubectl annotate phienv {environment} {TAKE_OVER_CLAIM}={}. Roles that no PhiWorkload here declares are then cut off. The claim is the policy {}",
            self.us.api_server,
            claim.name(),
            claim.arn
        );
        Finding::fail(Control::Segmentation, FAMILY, Reason::ClaimedElsewhere, message)
    }
}

fn release_one(claim: &Claim) -> Action {
    Action::ReleaseClaim { arn: claim.arn.clone(), other_versions: claim.other_versions.clone() }
}

/// Judges whose the environment is. None if the cluster is not known: that is told already.
pub(super) fn judge(inputs: &EnvironmentInputs) -> Option<Finding> {
    let finding = match Claimant::of(inputs)? {
        Err(fault) => Finding::unreadable(Control::Segmentation, FAMILY, fault),
        Ok(claimant) => match claimant.on_environment() {
            Standing::Ours => Finding::pass(Control::Segmentation, FAMILY, "this API server holds the claim on the environment"),
            Standing::Free => Finding::pass(Control::Segmentation, FAMILY, "no other API server holds the claim on the environment"),
            Standing::Taken(claim) => claimant.is_elsewhere(claim),
        },
    };
    Some(finding.about("claim"))
}

/// Takes the claim on the environment, as the first thing of all.
#[must_use]
pub fn take(inputs: &EnvironmentInputs) -> Plan {
    let Some(Ok(claimant)) = Claimant::of(inputs) else { return Plan::default() };
    let actions = claimant.keep(ClaimOn::Environment, &claimant.environment(), claimant.on_environment());
    Plan { actions, ..Plan::default() }
}

/// Whether the environment was read to be ours. Before that nothing but the claim is written, and nothing is swept.
#[must_use]
pub fn is_ours(inputs: &EnvironmentInputs) -> bool {
    matches!(Claimant::of(inputs), Some(Ok(claimant)) if claimant.on_environment() == Standing::Ours)
}

/// Releases everything that is claimed for an environment that is ours and goes: the environment last.
#[must_use]
pub fn release(inputs: &EnvironmentInputs) -> Vec<Action> {
    let Some(Ok(claimant)) = Claimant::of(inputs) else { return Vec::new() };
    let environment = claimant.environment();
    let endpoints = claimant.claims.things().filter(|thing| *thing != environment);
    endpoints.chain([environment.as_str()]).filter(|thing| claimant.holds(thing)).flat_map(|thing| claimant.release(thing)).collect()
}

/// The claims on the endpoints of an environment.
pub(super) struct EndpointClaims<'a> {
    claimant: Option<Claimant<'a>>,
    vpc_id: &'a str,
    kept: BTreeSet<String>,
}

impl<'a> EndpointClaims<'a> {
    pub(super) fn of(inputs: &EnvironmentInputs<'a>, vpc_id: &'a str) -> Self {
        Self { claimant: Claimant::of(inputs).and_then(Result::ok), vpc_id, kept: BTreeSet::new() }
    }

    /// What of the plan for the endpoint of a service may be done under its claim. `ours` says that the endpoint is there and ours: then
    /// it stays so, whoever claims to make one.
    pub(super) fn guard(&mut self, service: &str, ours: bool, mut plan: Plan) -> Plan {
        let makes = plan.actions.iter().any(|action| matches!(action, Action::CreateVpcEndpoint(_)));
        let Some(claimant) = self.claimant.as_ref().filter(|_| makes || ours) else { return plan };
        let thing = names::claim_on_endpoint(&claimant.scope.region, self.vpc_id, service);
        let standing = claimant.on_thing(&thing);
        if let (true, Standing::Taken(claim)) = (makes, standing) {
            return Plan { findings: vec![waiting(claim, self.vpc_id, service)], ..Plan::default() };
        }
        plan.actions.splice(0..0, claimant.keep(ClaimOn::Endpoint(service.to_owned()), &thing, standing));
        self.kept.insert(thing);
        plan
    }

    /// Releases the claims of ours on endpoints that are not ours to make any more.
    pub(super) fn release_others(self) -> Plan {
        let Some(claimant) = self.claimant else { return Plan::default() };
        let others = claimant.claims.things().filter(|thing| thing.starts_with(names::CLAIMS_ON_ENDPOINTS) && !self.kept.contains(*thing));
        let actions = others.filter(|thing| claimant.holds(thing)).flat_map(|thing| claimant.release(thing)).collect();
        Plan { actions, ..Plan::default() }
    }
}

fn waiting(claim: &Claim, vpc_id: &str, service: &str) -> Finding {
    let holder = claim.holder.as_ref().map_or_else(
        || "is claimed by someone whom the claim does not name".to_owned(),
        |holder| format!("is claimed by environment {} of cluster {}, which is to make it", holder.environment, holder.cluster_arn),
    );
    let message = format!(
        "the endpoint for {service} in {vpc_id} {holder}; it is verified once it is there. If that environment is gone, delete the policy {}",
        claim.arn
    );
    Finding::fail(Control::PrivateEndpoints, ConditionType::EndpointsReady, Reason::EndpointClaimed, message).about(service)
}

#[cfg(test)]
mod tests;
