//! Endpoints that are to be verified and that were not read.

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::plan::Finding;
use crate::plan::environment::rules::EndpointRule;

use super::{FAMILY, Network};

impl Network<'_> {
    /// Of another account, if the addresses are declared; else it is not there.
    pub(super) fn not_read(&self, rule: &EndpointRule, service_name: &str) -> Finding {
        let control = Control::PrivateEndpoints;
        let vpc = rule.hub_vpc_id.as_deref().unwrap_or(self.vpc_id);
        match &rule.vpc_endpoint_id {
            Some(id) if !rule.address_ranges.is_empty() => {
                let ranges: Vec<&str> = rule.address_ranges.iter().map(String::as_str).collect();
                Finding::declared(
                    control,
                    FAMILY,
                    format!(
                        "{id} for {service_name} is declared to lie in another account and was not read: its state, zones, private DNS, security groups and policy are not proven, and workloads may open port 443 to {}; have its owner attest them, and see that the name resolves to these addresses in {}",
                        ranges.join(", "),
                        self.vpc_id
                    ),
                )
            }
            Some(id) => Finding::fail(
                control,
                FAMILY,
                Reason::EndpointNotFound,
                format!(
                    "{id} for {service_name} is not among the endpoints of this account (wanted in {vpc}); correct vpcEndpointId, or, if it lies in another account, declare its addressRanges"
                ),
            ),
            None => Finding::fail(
                control,
                FAMILY,
                Reason::EndpointNotFound,
                format!(
                    "{vpc} has no endpoint for {service_name}; create one, or set management to Provision for {}, or name one of a hub VPC in vpcEndpointId",
                    rule.service
                ),
            ),
        }
    }
}
