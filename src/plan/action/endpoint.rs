//! An endpoint to make, and what to change on one.

use std::collections::BTreeSet;

use crate::domain::tags::Tags;
use crate::policy::PolicyDocument;

use super::GroupReference;

/// An endpoint to make.
#[derive(Clone, Debug, PartialEq)]
pub struct NewEndpoint {
    /// Short service name, such as `sts`.
    pub service: String,
    /// Full service name.
    pub service_name: String,
    /// The VPC.
    pub vpc_id: String,
    /// One subnet for each zone.
    pub subnet_ids: BTreeSet<String>,
    /// Its security group.
    pub group: GroupReference,
    /// Its policy; `None` where endpoints of the service take none.
    pub policy: Option<PolicyDocument>,
    /// Makes a repeated create return the first endpoint.
    pub client_token: String,
    /// Ownership tags.
    pub tags: Tags,
}

/// What to change on an endpoint of ours.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointChange {
    /// Short service name.
    pub service: String,
    /// The endpoint.
    pub id: String,
    /// A new policy.
    pub policy: Option<PolicyDocument>,
    /// Subnets in zones it lacks.
    pub add_subnet_ids: BTreeSet<String>,
    /// Our group, if it is not attached.
    pub add_group: Option<GroupReference>,
    /// Groups that are not ours.
    pub remove_group_ids: BTreeSet<String>,
    /// Turn private DNS on.
    pub enable_private_dns: bool,
}

impl EndpointChange {
    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self { service: self.service.clone(), id: self.id.clone(), ..Self::default() }
    }
}
