//! VPC endpoints: made where the VPC has none, kept as declared where they are ours, verified where they are not.

mod declared;
mod placement;
mod serving;
mod verify;
mod verify_groups;
mod verify_policy;

use std::collections::{BTreeMap, BTreeSet};

use crate::api::conditions::{ConditionType, Reason};
use crate::api::phi_environment_status::EndpointStatus;
use crate::catalogue::Control;
use crate::domain::{names, tags};
use crate::observed::network::{Endpoint, OfferedService, SecurityGroup, Subnet, by_zone};
use crate::plan::action::{EndpointChange, GroupReference, NewEndpoint};
use crate::plan::{Action, Finding, Plan};
use crate::policy::endpoint::{Admission, exclusive, perimeter};
use crate::policy::{PolicyDocument, Relation, relate};

pub use serving::{WITH_GATEWAYS, addresses, chosen, is_recorded, leads_to, leads_to_store};

use super::claims::EndpointClaims;
use super::rules::EndpointRule;
use super::security_groups;
use super::{EnvironmentInputs, Rules};
pub use verify_policy::admits_everyone;

const FAMILY: ConditionType = ConditionType::EndpointsReady;

/// What the plan of every endpoint shares.
pub(super) struct Network<'a> {
    pub rules: &'a Rules,
    pub vpc_id: &'a str,
    pub cidrs: &'a BTreeSet<String>,
    pub subnets: &'a [Subnet],
    pub other_subnets: &'a [Subnet],
    pub offered: &'a [OfferedService],
    pub endpoints: &'a [Endpoint],
    pub other_endpoints: &'a [Endpoint],
    /// Ours by their tags, and those read by id.
    pub groups: (&'a [SecurityGroup], &'a [SecurityGroup]),
    pub operator_arn: &'a str,
    pub may_hold: bool,
    pub recorded: &'a [EndpointStatus],
}

pub(super) fn plan(inputs: &EnvironmentInputs) -> Plan {
    let observed = inputs.observed;
    let reads =
        (&observed.vpc, &observed.subnets, &observed.other_subnets, &observed.offered, &observed.endpoints, &observed.other_endpoints);
    let more = (&observed.security_groups, &observed.other_security_groups, &observed.operator_arn);
    let (
        (Ok(Some(vpc)), Ok(subnets), Ok(other_subnets), Ok(offered), Ok(endpoints), Ok(other_endpoints)),
        (Ok(groups), Ok(other_groups), Ok(operator_arn)),
    ) = (reads, more)
    else {
        let faults = [
            reads.0.as_ref().err(),
            reads.1.as_ref().err(),
            reads.2.as_ref().err(),
            reads.3.as_ref().err(),
            reads.4.as_ref().err(),
            reads.5.as_ref().err(),
            more.0.as_ref().err(),
            more.1.as_ref().err(),
            more.2.as_ref().err(),
        ];
        let findings = faults.into_iter().flatten().take(1).map(|fault| Finding::unreadable(Control::PrivateEndpoints, FAMILY, fault));
        return Plan { findings: findings.collect(), ..Plan::default() };
    };
    let network = Network {
        rules: inputs.rules,
        vpc_id: &vpc.id,
        cidrs: &vpc.cidrs,
        subnets,
        other_subnets,
        offered,
        endpoints,
        other_endpoints,
        groups: (groups, other_groups),
        operator_arn,
        may_hold: inputs.may_hold,
        recorded: inputs.recorded_endpoints,
    };
    let mut plan = Plan::default();
    let mut claims = EndpointClaims::of(inputs, &vpc.id);
    for rule in &inputs.rules.endpoints {
        plan.extend(claims.guard(&rule.service, network.keeps_ours(rule), network.plan_one(rule)));
    }
    plan.extend(claims.release_others());
    plan
}

impl Network<'_> {
    fn plan_one(&self, rule: &EndpointRule) -> Plan {
        let service_name = self.rules.scope.endpoint_service_name(&rule.service);
        let Some(offered) = self.offered.iter().find(|service| service.name == service_name) else {
            return finding(
                Finding::fail(
                    Control::PrivateEndpoints,
                    FAMILY,
                    Reason::ServiceNotOffered,
                    format!("{service_name} is not offered in this Region; remove it from spec.endpoints"),
                )
                .about(&rule.service),
            );
        };
        let group = self.own_group(rule);
        match self.present(rule) {
            Some(endpoint) if rule.provision && self.is_ours(endpoint) => {
                let mut plan = security_groups::plan(self, rule, group);
                plan.extend(self.keep(rule, endpoint, offered, group.map(|group| group.id.as_str())));
                plan
            }
            Some(endpoint) => self.verify(rule, endpoint, offered),
            None if rule.provision => {
                let mut plan = security_groups::plan(self, rule, group);
                plan.extend(self.create(rule, &service_name, offered, group.map(|group| group.id.as_str())));
                plan
            }
            None => finding(self.not_read(rule, &service_name).about(&rule.service)),
        }
    }

    /// The group of our name that carries our tags, or that the status records: one that lost its tags stays ours.
    fn own_group(&self, rule: &EndpointRule) -> Option<&SecurityGroup> {
        let name = names::security_group(&self.rules.scope, &rule.service);
        let named = |group: &&SecurityGroup| group.name == name;
        let recorded = |group: &&SecurityGroup| self.recorded.iter().any(|endpoint| endpoint.security_group_id.as_ref() == Some(&group.id));
        self.groups.0.iter().find(named).or_else(|| self.groups.1.iter().filter(named).find(recorded))
    }

    /// Whether the endpoint that serves is one that we made and keep.
    fn keeps_ours(&self, rule: &EndpointRule) -> bool {
        rule.provision && self.present(rule).is_some_and(|endpoint| self.is_ours(endpoint))
    }

    fn present(&self, rule: &EndpointRule) -> Option<&Endpoint> {
        let service_name = self.rules.scope.endpoint_service_name(&rule.service);
        serving::present(rule, &service_name, (self.endpoints, self.other_endpoints), |endpoint| self.is_ours(endpoint))
    }

    fn is_ours(&self, endpoint: &Endpoint) -> bool {
        self.carries_our_tags(endpoint) || is_recorded(self.recorded, &endpoint.id)
    }

    fn carries_our_tags(&self, endpoint: &Endpoint) -> bool {
        tags::owned(&endpoint.tags, &tags::of_environment(&self.rules.scope))
    }

    fn create(&self, rule: &EndpointRule, service_name: &str, offered: &OfferedService, group: Option<&str>) -> Plan {
        let subnet_ids: BTreeSet<String> = self.wanted_subnets(rule, offered).into_values().map(str::to_owned).collect();
        if subnet_ids.is_empty() {
            return finding(
                Finding::fail(
                    Control::PrivateEndpoints,
                    FAMILY,
                    Reason::ServiceNotOffered,
                    format!("{service_name} is offered in none of the zones of the cluster's or the named subnets; name subnets of the VPC in other zones"),
                )
                .about(&rule.service),
            );
        }
        let scope = &self.rules.scope;
        let policy = offered.policy_supported.then(|| self.policy(rule));
        let text = policy.as_ref().map(PolicyDocument::to_json).unwrap_or_default();
        // A token stands for one endpoint, also after that was deleted: whoever deletes one must not keep us from making another.
        let gone = self.recorded.iter().find(|endpoint| endpoint.service == rule.service);
        let gone = gone.and_then(|endpoint| endpoint.vpc_endpoint_id.as_deref()).unwrap_or_default();
        let parts = [&scope.cluster_arn(), &scope.environment, &rule.service, self.vpc_id, &text, gone];
        let endpoint = NewEndpoint {
            client_token: names::client_token(&parts),
            service: rule.service.clone(),
            service_name: service_name.to_owned(),
            vpc_id: self.vpc_id.to_owned(),
            subnet_ids,
            group: Self::group(rule, group),
            policy,
            tags: tags::of_environment(scope),
        };
        let missing = Finding::fail(
            Control::PrivateEndpoints,
            FAMILY,
            Reason::EndpointNotFound,
            format!("{} has no endpoint for {service_name}", self.vpc_id),
        )
        .about(&rule.service);
        Plan { actions: vec![Action::CreateVpcEndpoint(Box::new(endpoint))], findings: vec![missing], ..Plan::default() }
    }

    /// An endpoint of ours: what is missing or wider is mended, what is narrower may be held.
    fn keep(&self, rule: &EndpointRule, endpoint: &Endpoint, offered: &OfferedService, group: Option<&str>) -> Plan {
        let mut change = EndpointChange { service: rule.service.clone(), id: endpoint.id.clone(), ..EndpointChange::default() };
        let mut findings = Vec::new();

        if offered.policy_supported {
            findings.push(self.keep_policy(rule, endpoint, &mut change));
        } else {
            findings.push(without_policy(rule));
        }

        let have: BTreeSet<&str> = self.zones_of(endpoint);
        let lacking = self.wanted_subnets(rule, offered).into_iter().filter(|(zone, _)| !have.contains(zone));
        change.add_subnet_ids = lacking.map(|(_, subnet)| subnet.to_owned()).collect();
        change.enable_private_dns = !endpoint.private_dns;
        match group {
            Some(id) => {
                change.add_group = (!endpoint.security_group_ids.contains(id)).then(|| GroupReference::Id(id.to_owned()));
                change.remove_group_ids = endpoint.security_group_ids.iter().filter(|&other| other != id).cloned().collect();
            }
            None => change.add_group = Some(GroupReference::ForService(rule.service.clone())),
        }
        findings.extend(placement::judge(endpoint, &change));
        let findings = findings.into_iter().map(|finding| finding.about(&rule.service)).collect();
        let mut actions = if change.is_empty() { vec![] } else { vec![Action::ModifyVpcEndpoint(Box::new(change))] };
        if !self.carries_our_tags(endpoint) {
            actions.push(Action::CreateTags { id: endpoint.id.clone(), tags: tags::of_environment(&self.rules.scope) });
        }
        Plan { actions, findings, ..Plan::default() }
    }

    fn keep_policy(&self, rule: &EndpointRule, endpoint: &Endpoint, change: &mut EndpointChange) -> Finding {
        let wanted = self.policy(rule);
        match endpoint.policy.as_ref().map_or(Relation::Wider, |policy| relate(&wanted, policy)) {
            Relation::Same => Finding::pass(Control::EndpointPolicies, FAMILY, "the policy is as declared"),
            Relation::Narrower if self.may_hold => Finding::held(Control::EndpointPolicies, FAMILY, "the endpoint's policy"),
            relation => {
                change.policy = Some(wanted);
                let narrow = relation == Relation::Narrower;
                let reason = if narrow { Reason::EndpointPolicyTooNarrow } else { Reason::EndpointPolicyTooWide };
                Finding::fail(Control::EndpointPolicies, FAMILY, reason, "the policy is not the declared one")
            }
        }
    }

    fn policy(&self, rule: &EndpointRule) -> PolicyDocument {
        let changes = self.rules.changes_in_bedrock();
        let admission = Admission { operator: self.operator_arn, changes: &changes, others: &rule.other_principals };
        let build = if rule.exclusive { exclusive } else { perimeter };
        build(&self.rules.scope, &rule.service, &admission)
    }

    fn group(rule: &EndpointRule, id: Option<&str>) -> GroupReference {
        id.map_or_else(|| GroupReference::ForService(rule.service.clone()), |id| GroupReference::Id(id.to_owned()))
    }

    fn zones_of(&self, endpoint: &Endpoint) -> BTreeSet<&str> {
        let known = self.subnets.iter().chain(self.other_subnets);
        known.filter(|subnet| endpoint.subnet_ids.contains(&subnet.id)).map(|subnet| subnet.zone.as_str()).collect()
    }

    /// Zone → subnet: those that the spec names, or the first of the cluster's in every zone that the service is offered in.
    fn wanted_subnets(&self, rule: &EndpointRule, offered: &OfferedService) -> BTreeMap<&str, &str> {
        let named = |subnet: &&Subnet| rule.subnet_ids.is_empty() || rule.subnet_ids.contains(&subnet.id);
        let others = self.other_subnets.iter().filter(|_| !rule.subnet_ids.is_empty());
        let eligible = self.subnets.iter().chain(others).filter(named).filter(|subnet| subnet.vpc_id == self.vpc_id);
        let zones = by_zone(eligible).into_iter().filter(|(zone, _)| offered.zones.contains(*zone));
        zones.filter_map(|(zone, ids)| ids.first().map(|id| (zone, *id))).collect()
    }
}

fn finding(finding: Finding) -> Plan {
    Plan { findings: vec![finding], ..Plan::default() }
}

/// A service whose endpoints take no policy: what narrows them is their security group alone.
fn without_policy(rule: &EndpointRule) -> Finding {
    if rule.exclusive {
        let message = format!(
            "endpoints of {} take no policy, so exclusive cannot keep other principals out; remove exclusive, and narrow the endpoint with sources",
            rule.service
        );
        return Finding::fail(Control::EndpointPolicies, FAMILY, Reason::EndpointPolicyTooWide, message).advisory();
    }
    Finding::not_applicable(Control::EndpointPolicies, FAMILY, "endpoints of this service take no policy")
}

#[cfg(test)]
mod tests;
