//! The security groups of an endpoint of someone else's: do they admit HTTPS from all of the VPC, and not from everywhere?

use std::collections::BTreeSet;

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::domain::cidr::is_covered;
use crate::observed::network::{Endpoint, RulePeer, SecurityGroup, SecurityGroupRule};
use crate::plan::Finding;

use super::{FAMILY, Network};

impl Network<'_> {
    pub(super) fn groups_of_others(&self, endpoint: &Endpoint) -> Vec<Finding> {
        let control = Control::EndpointSecurityGroups;
        let known = || self.groups.1.iter().chain(self.groups.0);
        let groups: Vec<&SecurityGroup> =
            endpoint.security_group_ids.iter().filter_map(|id| known().find(|group| group.id == *id)).collect();
        if groups.is_empty() || groups.len() < endpoint.security_group_ids.len() {
            let message = format!("the security groups of {} were not all read; see that they belong to this account", endpoint.id);
            return vec![Finding::unread(control, FAMILY, message).advisory()];
        }
        let rules: Vec<&SecurityGroupRule> = groups.iter().flat_map(|group| &group.ingress).filter(|rule| rule.admits_https()).collect();
        let names: Vec<&str> = groups.iter().map(|group| group.id.as_str()).collect();
        let subject = format!("{} of {}", names.join(", "), endpoint.id);
        let mut findings = Vec::new();
        findings.extend(self.everyone(&subject, &rules));
        findings.extend(self.lacking(&subject, &rules));
        if findings.is_empty() {
            findings.push(Finding::pass(control, FAMILY, format!("{subject} admit HTTPS from {}", self.ranges())));
        }
        findings
    }

    fn ranges(&self) -> String {
        self.cidrs.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
    }

    fn everyone(&self, subject: &str, rules: &[&SecurityGroupRule]) -> Option<Finding> {
        let wide = rules.iter().find_map(|rule| match &rule.peer {
            RulePeer::Cidr(range) if range.ends_with("/0") => Some(range),
            _ => None,
        })?;
        let message = format!("{subject} admit HTTPS from {wide}, wanted from {} only; narrow the rule", self.ranges());
        Some(Finding::fail(Control::EndpointSecurityGroups, FAMILY, Reason::SecurityGroupTooWide, message).advisory())
    }

    fn lacking(&self, subject: &str, rules: &[&SecurityGroupRule]) -> Option<Finding> {
        let control = Control::EndpointSecurityGroups;
        let found: BTreeSet<&str> = rules.iter().filter_map(|rule| range(rule)).collect();
        let covered = |wanted: &&String| found.contains(wanted.as_str()) || is_covered(wanted, found.iter().copied());
        let lacking: Vec<&str> = self.cidrs.iter().filter(|wanted| !covered(wanted)).map(String::as_str).collect();
        if lacking.is_empty() {
            return None;
        }
        let lacking = lacking.join(", ");
        if rules.is_empty() {
            let message = format!("{subject} admit HTTPS from nowhere, wanted from {lacking}; add a rule for TCP 443");
            return Some(Finding::fail(control, FAMILY, Reason::SecurityGroupTooNarrow, message));
        }
        let others: Vec<&str> = rules.iter().filter_map(|rule| other(rule)).collect();
        let ranges = found.into_iter().collect::<Vec<_>>().join(", ");
        Some(if others.is_empty() {
            let message = format!("{subject} admit HTTPS from {ranges}, wanted also from {lacking}; add a rule, if pods run there");
            Finding::fail(control, FAMILY, Reason::SecurityGroupTooNarrow, message).advisory()
        } else {
            let message = format!(
                "{subject} admit HTTPS from {}, and whether the pods in {lacking} are among those is not read; see that they are",
                others.join(", ")
            );
            Finding::unread(control, FAMILY, message).advisory()
        })
    }
}

fn range(rule: &SecurityGroupRule) -> Option<&str> {
    match &rule.peer {
        RulePeer::Cidr(range) => Some(range),
        _ => None,
    }
}

/// A peer that is known by its id only.
fn other(rule: &SecurityGroupRule) -> Option<&str> {
    match &rule.peer {
        RulePeer::Cidr(_) => None,
        RulePeer::SecurityGroup(id) | RulePeer::PrefixList(id) => Some(id),
    }
}
