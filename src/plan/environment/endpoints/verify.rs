//! Endpoints of someone else's: judged, never touched.

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::observed::network::{Endpoint, OfferedService};
use crate::plan::environment::rules::EndpointRule;
use crate::plan::{Finding, Plan};
use crate::policy::{Effect, PolicyDocument, Principal};

use super::{FAMILY, Network};

impl Network<'_> {
    /// An endpoint of someone else's: judged, never touched.
    pub(super) fn verify(&self, rule: &EndpointRule, endpoint: &Endpoint, offered: &OfferedService) -> Plan {
        let have = self.zones_of(endpoint);
        let lacking: Vec<&str> = self.wanted_subnets(rule, offered).into_keys().filter(|zone| !have.contains(zone)).collect();
        let id = &endpoint.id;
        let mut findings = vec![
            if endpoint.state == "available" {
                Finding::pass(Control::PrivateEndpoints, FAMILY, format!("{id} is available"))
            } else {
                Finding::fail(
                    Control::PrivateEndpoints,
                    FAMILY,
                    Reason::EndpointNotAvailable,
                    format!("{id} is {}; it has to be available", endpoint.state),
                )
            },
            if endpoint.private_dns {
                Finding::pass(Control::PrivateDns, FAMILY, format!("{id} has private DNS"))
            } else {
                Finding::fail(
                    Control::PrivateDns,
                    FAMILY,
                    Reason::PrivateDnsDisabled,
                    format!("private DNS of {id} is off, so calls leave by the public name; turn it on"),
                )
            },
        ];
        if !lacking.is_empty() {
            let zones = lacking.join(", ");
            findings.push(
                Finding::fail(
                    Control::PrivateEndpoints,
                    FAMILY,
                    Reason::ZonesNotCovered,
                    format!("{id} has no address in {zones}; add a subnet there"),
                )
                .advisory(),
            );
        }
        findings.push(if endpoint.policy.as_ref().is_none_or(admits_everyone) {
            Finding::fail(
                Control::EndpointPolicies,
                FAMILY,
                Reason::EndpointPolicyTooWide,
                format!("the policy of {id} admits every principal and resource; narrow it to the account's own"),
            )
            .advisory()
        } else {
            Finding::pass(Control::EndpointPolicies, FAMILY, format!("the policy of {id} is narrowed"))
        });
        Plan { findings: findings.into_iter().map(|finding| finding.about(&rule.service)).collect(), ..Plan::default() }
    }
}

/// The default policy of an endpoint, or one as wide: anyone may do anything to anything.
#[must_use]
pub fn admits_everyone(policy: &PolicyDocument) -> bool {
    policy.statement.iter().any(|statement| {
        statement.effect == Effect::Allow
            && statement.condition.is_empty()
            && statement.action.iter().any(|action| action == "*")
            && statement.resource.iter().any(|resource| resource == "*")
            && statement.principal.as_ref().is_some_and(is_anyone)
    })
}

fn is_anyone(principal: &Principal) -> bool {
    match principal {
        Principal::Anyone(text) => text == "*",
        Principal::Of(kinds) => kinds.get("AWS").is_some_and(|values| values.0.iter().any(|value| value == "*")),
    }
}
