//! Where an endpoint of ours stands, and whether its private DNS is on.

use crate::api::conditions::Reason;
use crate::catalogue::Control;
use crate::observed::network::Endpoint;
use crate::plan::Finding;
use crate::plan::action::EndpointChange;

use super::FAMILY;

/// The findings on an endpoint of ours that has still to be changed by `change`.
pub(super) fn judge(endpoint: &Endpoint, change: &EndpointChange) -> [Finding; 2] {
    let id = &endpoint.id;
    let place = if !change.add_subnet_ids.is_empty() {
        Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::ZonesNotCovered, format!("{id} misses zones that the cluster uses"))
    } else if change.add_group.is_some() || !change.remove_group_ids.is_empty() {
        Finding::fail(
            Control::EndpointSecurityGroups,
            FAMILY,
            Reason::SecurityGroupDrifted,
            format!("{id} does not have exactly our security group"),
        )
    } else if !endpoint.state.starts_with("pending") && endpoint.state != "available" {
        let message = format!("{id} is {}; delete it, and it is made anew", endpoint.state);
        Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::EndpointNotAvailable, message)
    } else if endpoint.state != "available" {
        Finding::fail(Control::PrivateEndpoints, FAMILY, Reason::Progressing, format!("{id} is {}", endpoint.state))
    } else {
        Finding::pass(Control::PrivateEndpoints, FAMILY, format!("{id} is available in every zone"))
    };
    let dns = if change.enable_private_dns {
        Finding::fail(Control::PrivateDns, FAMILY, Reason::PrivateDnsDisabled, format!("private DNS of {id} is off"))
    } else {
        Finding::pass(Control::PrivateDns, FAMILY, format!("{id} has private DNS"))
    };
    [place, dns]
}
