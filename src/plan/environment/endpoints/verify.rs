//! Endpoints of someone else's: judged property by property, never touched. What keeps workloads from their calls blocks; what is only
//! wider or weaker than it should be counts for `Compliant` alone.

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::observed::network::{Endpoint, OfferedService};
use crate::plan::environment::rules::EndpointRule;
use crate::plan::{Finding, Plan};

use super::serving::{has_right_type, is_interface};
use super::{FAMILY, Network};

impl Network<'_> {
    /// Judges an endpoint that is not ours, or not ours to keep.
    pub(super) fn verify(&self, rule: &EndpointRule, endpoint: &Endpoint, offered: &OfferedService) -> Plan {
        let mut findings: Vec<Finding> =
            [service(endpoint, offered), kind(rule, endpoint), self.place(rule, endpoint)].into_iter().flatten().collect();
        // Of an endpoint that is another one than meant, nothing more is worth saying.
        if findings.is_empty() {
            findings.push(state(endpoint));
            findings.extend(self.policy_of_others(rule, endpoint, offered));
            if is_interface(endpoint) {
                findings.push(self.dns(rule, endpoint));
                findings.extend(self.zones(rule, endpoint, offered));
                findings.extend(self.groups_of_others(endpoint));
            }
        }
        Plan { findings: findings.into_iter().map(|finding| finding.about(&rule.service)).collect(), ..Plan::default() }
    }

    /// In another VPC than declared.
    fn place(&self, rule: &EndpointRule, endpoint: &Endpoint) -> Option<Finding> {
        let wanted = rule.hub_vpc_id.as_deref().unwrap_or(self.vpc_id);
        (endpoint.vpc_id != wanted).then(|| {
            let message = format!(
                "{} lies in {}, wanted in {wanted}; name the endpoint of {wanted}, or, if workloads are to reach it in {}, set vpcId to that",
                endpoint.id, endpoint.vpc_id, endpoint.vpc_id
            );
            Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::EndpointVpcMismatch, message)
        })
    }

    /// Private DNS works in the endpoint's own VPC. What brings the name of a hub's endpoint into this VPC is not read.
    fn dns(&self, rule: &EndpointRule, endpoint: &Endpoint) -> Finding {
        let (control, id) = (Control::PrivateDns, &endpoint.id);
        if endpoint.vpc_id != self.vpc_id {
            let addresses: Vec<&str> = endpoint.addresses.iter().map(String::as_str).collect();
            return Finding::unread(control, FAMILY, format!(
                "{id} lies in {}: whether the name of {} leads to it in {} depends on a Route 53 profile or an associated private hosted zone, which are not read; resolve it from a pod, wanted: {}",
                endpoint.vpc_id,
                rule.service,
                self.vpc_id,
                addresses.join(", ")
            ))
            .advisory();
        }
        if endpoint.private_dns {
            Finding::pass(control, FAMILY, format!("{id} has private DNS"))
        } else {
            Finding::fail(
                control,
                FAMILY,
                Reason::PrivateDnsDisabled,
                format!("private DNS of {id} is off, wanted on: calls leave by the public name; turn it on"),
            )
        }
    }

    fn zones(&self, rule: &EndpointRule, endpoint: &Endpoint, offered: &OfferedService) -> Option<Finding> {
        let have = self.zones_of(endpoint);
        let wanted: Vec<&str> = self.wanted_subnets(rule, offered).into_keys().collect();
        let lacking: Vec<&str> = wanted.iter().copied().filter(|zone| !have.contains(zone)).collect();
        (!lacking.is_empty()).then(|| {
            let found: Vec<&str> = have.into_iter().collect();
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            let message = format!(
                "{} has addresses in {found}, wanted in {}; add a subnet in {}",
                endpoint.id,
                wanted.join(", "),
                lacking.join(", ")
            );
            Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::ZonesNotCovered, message).advisory()
        })
    }
}

fn service(endpoint: &Endpoint, offered: &OfferedService) -> Option<Finding> {
    (endpoint.service_name != offered.name).then(|| {
        let message =
            format!("{} is an endpoint for {}, wanted for {}; correct vpcEndpointId", endpoint.id, endpoint.service_name, offered.name);
        Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::EndpointServiceMismatch, message)
    })
}

fn kind(rule: &EndpointRule, endpoint: &Endpoint) -> Option<Finding> {
    (!has_right_type(rule, endpoint)).then(|| {
        let message = format!(
            "{} is of the type {}, wanted Interface: only those have addresses in the VPC; name another one",
            endpoint.id, endpoint.endpoint_type
        );
        Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::EndpointNotInterface, message)
    })
}

fn state(endpoint: &Endpoint) -> Finding {
    let (control, id, state) = (Control::PrivateEndpoints, &endpoint.id, &endpoint.state);
    if state == "available" {
        Finding::pass(control, FAMILY, format!("{id} is available"))
    } else {
        let help = match state.as_str() {
            "pendingacceptance" => "its service has to accept it",
            "pending" => "wait until it is",
            _ => "see why in the VPC console, and create it anew if it does not recover",
        };
        Finding::fail(control, FAMILY, Reason::EndpointNotAvailable, format!("{id} is {state}, wanted available; {help}"))
    }
}
