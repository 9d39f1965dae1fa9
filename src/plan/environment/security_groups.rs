//! The security group of an endpoint of ours: HTTPS from the declared sources, nothing else in, nothing out.

use std::collections::BTreeSet;

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::domain::cidr::canonical;
use crate::domain::{names, tags};
use crate::observed::network::{RulePeer, SecurityGroup, SecurityGroupRule};
use crate::plan::action::GroupReference;
use crate::plan::{Action, Finding, Plan};

use super::endpoints::Network;
use super::rules::EndpointRule;

pub(super) fn plan(network: &Network, rule: &EndpointRule, group: Option<&SecurityGroup>) -> Plan {
    let family = ConditionType::EndpointsReady;
    let name = names::security_group(&network.rules.scope, &rule.service);
    let wanted = wanted_rules(network, rule);
    let Some(group) = group else {
        return create(network, rule, name, wanted);
    };
    let reference = GroupReference::Id(group.id.clone());
    let wider: BTreeSet<_> = group.ingress.difference(&wanted).cloned().collect();
    let lacking: BTreeSet<_> = wanted.difference(&group.ingress).cloned().collect();
    let tighter = wider.is_empty() && !lacking.is_empty() && network.may_hold;
    let mut actions = Vec::new();
    // What is lacking comes first: a group that is empty for a moment cuts the VPC off.
    if !lacking.is_empty() && !tighter {
        actions.push(Action::AuthorizeSecurityGroupIngress { group: reference.clone(), name: name.clone(), rules: lacking });
    }
    if !wider.is_empty() {
        actions.push(Action::RevokeSecurityGroupIngress { group: reference.clone(), name: name.clone(), rules: wider });
    }
    if !group.egress.is_empty() {
        actions.push(Action::RevokeSecurityGroupEgress { group: reference, name: name.clone(), rules: group.egress.clone() });
    }
    let as_declared = actions.is_empty();
    let wanted_tags = tags::of_environment(&network.rules.scope);
    if !tags::owned(&group.tags, &wanted_tags) {
        actions.push(Action::CreateTags { id: group.id.clone(), tags: wanted_tags });
    }
    let finding = if tighter {
        Finding::held(Control::EndpointSecurityGroups, family, "the endpoint's security group")
    } else if as_declared {
        Finding::pass(Control::EndpointSecurityGroups, family, format!("{} admits HTTPS from the declared sources only", group.id))
    } else {
        Finding::fail(
            Control::EndpointSecurityGroups,
            family,
            Reason::SecurityGroupDrifted,
            format!("{} has other rules than declared", group.id),
        )
    };
    Plan { actions, findings: vec![finding.about(&rule.service)], ..Plan::default() }
}

fn create(network: &Network, rule: &EndpointRule, name: String, wanted: BTreeSet<SecurityGroupRule>) -> Plan {
    let group = GroupReference::ForService(rule.service.clone());
    // EC2 gives every new group a rule that lets everything out.
    let outgoing = SecurityGroupRule { protocol: "-1".into(), from_port: -1, to_port: -1, peer: RulePeer::Cidr("0.0.0.0/0".into()) };
    let actions = vec![
        Action::CreateSecurityGroup {
            service: rule.service.clone(),
            name: name.clone(),
            vpc_id: network.vpc_id.to_owned(),
            tags: tags::of_environment(&network.rules.scope),
        },
        Action::AuthorizeSecurityGroupIngress { group: group.clone(), name: name.clone(), rules: wanted },
        Action::RevokeSecurityGroupEgress { group, name, rules: BTreeSet::from([outgoing]) },
    ];
    Plan { actions, ..Plan::default() }
}

fn wanted_rules(network: &Network, rule: &EndpointRule) -> BTreeSet<SecurityGroupRule> {
    if rule.sources.is_empty() {
        return network.cidrs.iter().cloned().map(RulePeer::Cidr).map(SecurityGroupRule::https_from).collect();
    }
    rule.sources
        .iter()
        .filter_map(|source| {
            let cidr = source.cidr.as_ref().map(|cidr| RulePeer::Cidr(canonical(cidr).unwrap_or_else(|| cidr.clone())));
            cidr.or_else(|| source.security_group_id.clone().map(RulePeer::SecurityGroup))
        })
        .map(SecurityGroupRule::https_from)
        .collect()
}
