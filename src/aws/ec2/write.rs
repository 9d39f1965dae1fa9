//! What we make of the network: security groups and interface endpoints.

use std::collections::BTreeSet;

use aws_sdk_ec2::operation::delete_vpc_endpoints::DeleteVpcEndpointsOutput;
use aws_sdk_ec2::types::{ResourceType, TagSpecification, VpcEndpointType};

use super::rules::permissions_of;
use super::{Ec2, tag_list};
use crate::aws::calls::gone;
use crate::aws::fault::incomplete;
use crate::domain::Fault;
use crate::domain::tags::Tags;
use crate::observed::network::SecurityGroupRule;

/// An interface endpoint to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEndpoint {
    /// Full service name.
    pub service_name: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its subnets, at most one in each zone.
    pub subnet_ids: Vec<String>,
    /// Its security groups.
    pub security_group_ids: Vec<String>,
    /// Its policy; `None` where the service supports none.
    pub policy_json: Option<String>,
    /// Whether the service's usual name resolves to it in the whole VPC.
    pub private_dns: bool,
    /// The same for the same endpoint on each try: EC2 then makes one.
    pub client_token: String,
    /// Its tags.
    pub tags: Tags,
}

/// What to change of an endpoint; what is empty or `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointChange {
    /// The new policy.
    pub policy_json: Option<String>,
    /// Subnets to add.
    pub add_subnet_ids: Vec<String>,
    /// Subnets to remove.
    pub remove_subnet_ids: Vec<String>,
    /// Security groups to add.
    pub add_security_group_ids: Vec<String>,
    /// Security groups to remove.
    pub remove_security_group_ids: Vec<String>,
    /// Private DNS on or off.
    pub private_dns: Option<bool>,
}

impl Ec2 {
    /// Creates a security group with its tags and gives its id. EC2 gives it a rule that lets everything out
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html>).
    ///
    /// # Errors
    /// `Conflict` if the VPC has a group of this name.
    pub async fn create_security_group(&self, name: &str, description: &str, vpc_id: &str, tags: &Tags) -> Result<String, Fault> {
        let request = self.client.create_security_group().group_name(name).description(description).vpc_id(vpc_id);
        let call = request.tag_specifications(tagged(ResourceType::SecurityGroup, tags)).send();
        let answer = self.calls.watch("ec2", "CreateSecurityGroup", call).await?;
        answer.group_id.ok_or_else(|| incomplete("ec2", "CreateSecurityGroup"))
    }

    /// Adds rules for incoming traffic, all or none. Not to be called with none.
    ///
    /// # Errors
    /// `Conflict` if one of them is there.
    pub async fn authorize_ingress(&self, group_id: &str, rules: &BTreeSet<SecurityGroupRule>) -> Result<(), Fault> {
        let request = self.client.authorize_security_group_ingress().group_id(group_id);
        let call = request.set_ip_permissions(Some(permissions_of(rules))).send();
        self.calls.watch("ec2", "AuthorizeSecurityGroupIngress", call).await.map(drop)
    }

    /// Removes rules for incoming traffic. Not to be called with none.
    ///
    /// # Errors
    /// `NotFound` if one of them is not there; then none is removed.
    pub async fn revoke_ingress(&self, group_id: &str, rules: &BTreeSet<SecurityGroupRule>) -> Result<(), Fault> {
        let request = self.client.revoke_security_group_ingress().group_id(group_id);
        let call = request.set_ip_permissions(Some(permissions_of(rules))).send();
        self.calls.watch("ec2", "RevokeSecurityGroupIngress", call).await.map(drop)
    }

    /// Removes rules for outgoing traffic. Not to be called with none.
    ///
    /// # Errors
    /// `NotFound` if one of them is not there; then none is removed.
    pub async fn revoke_egress(&self, group_id: &str, rules: &BTreeSet<SecurityGroupRule>) -> Result<(), Fault> {
        let request = self.client.revoke_security_group_egress().group_id(group_id);
        let call = request.set_ip_permissions(Some(permissions_of(rules))).send();
        self.calls.watch("ec2", "RevokeSecurityGroupEgress", call).await.map(drop)
    }

    /// Creates an interface endpoint with its tags in one call and gives its id; it becomes available later
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVpcEndpoint.html>).
    ///
    /// # Errors
    /// `Invalid` if, among others, private DNS conflicts with another endpoint of the VPC; `Quota`; or when the call fails.
    pub async fn create_endpoint(&self, new: &NewEndpoint) -> Result<String, Fault> {
        let call = self
            .client
            .create_vpc_endpoint()
            .vpc_endpoint_type(VpcEndpointType::Interface)
            .service_name(&new.service_name)
            .vpc_id(&new.vpc_id)
            .set_subnet_ids(some(&new.subnet_ids))
            .set_security_group_ids(some(&new.security_group_ids))
            .set_policy_document(new.policy_json.clone())
            .private_dns_enabled(new.private_dns)
            .client_token(&new.client_token)
            .tag_specifications(tagged(ResourceType::VpcEndpoint, &new.tags))
            .send();
        let answer = self.calls.watch("ec2", "CreateVpcEndpoint", call).await?;
        let id = answer.vpc_endpoint.and_then(|endpoint| endpoint.vpc_endpoint_id);
        id.ok_or_else(|| incomplete("ec2", "CreateVpcEndpoint"))
    }

    /// Changes an endpoint in one call (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVpcEndpoint.html>).
    ///
    /// # Errors
    /// `Conflict` while an earlier change is being made.
    pub async fn modify_endpoint(&self, id: &str, change: &EndpointChange) -> Result<(), Fault> {
        let call = self
            .client
            .modify_vpc_endpoint()
            .vpc_endpoint_id(id)
            .set_policy_document(change.policy_json.clone())
            .set_add_subnet_ids(some(&change.add_subnet_ids))
            .set_remove_subnet_ids(some(&change.remove_subnet_ids))
            .set_add_security_group_ids(some(&change.add_security_group_ids))
            .set_remove_security_group_ids(some(&change.remove_security_group_ids))
            .set_private_dns_enabled(change.private_dns)
            .send();
        self.calls.watch("ec2", "ModifyVpcEndpoint", call).await.map(drop)
    }

    /// Deletes an endpoint; its network interfaces go some time later
    /// (<https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteVpcEndpoints.html>).
    ///
    /// # Errors
    /// When the call fails, or EC2 answers that it would not delete it.
    pub async fn delete_endpoint(&self, id: &str) -> Result<(), Fault> {
        let call = self.client.delete_vpc_endpoints().vpc_endpoint_ids(id).send();
        gone(self.calls.watch_refusal("ec2", "DeleteVpcEndpoints", call, refused).await)
    }

    /// Deletes a security group.
    ///
    /// # Errors
    /// `Conflict` while something uses it, such as an interface of an endpoint that is being deleted.
    pub async fn delete_security_group(&self, id: &str) -> Result<(), Fault> {
        let call = self.client.delete_security_group().group_id(id).send();
        gone(self.calls.watch("ec2", "DeleteSecurityGroup", call).await)
    }

    /// Adds or replaces tags of an endpoint or a security group.
    ///
    /// # Errors
    /// When the call fails.
    pub async fn tag(&self, id: &str, tags: &Tags) -> Result<(), Fault> {
        let call = self.client.create_tags().resources(id).set_tags(Some(tag_list(tags))).send();
        self.calls.watch("ec2", "CreateTags", call).await.map(drop)
    }
}

fn tagged(kind: ResourceType, tags: &Tags) -> TagSpecification {
    TagSpecification::builder().resource_type(kind).set_tags(Some(tag_list(tags))).build()
}

fn some(ids: &[String]) -> Option<Vec<String>> {
    (!ids.is_empty()).then(|| ids.to_vec())
}

fn refused(answer: &DeleteVpcEndpointsOutput) -> Option<String> {
    let error = answer.unsuccessful().first()?.error();
    Some(error.and_then(|error| error.code()).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::{UnsuccessfulItem, UnsuccessfulItemError};

    use super::*;

    #[test]
    fn finds_a_refusal_in_a_good_answer() {
        let error = UnsuccessfulItemError::builder().code("DependencyViolation").build();
        let answer = DeleteVpcEndpointsOutput::builder().unsuccessful(UnsuccessfulItem::builder().error(error).build()).build();
        assert_eq!(refused(&answer).as_deref(), Some("DependencyViolation"));
        assert_eq!(refused(&DeleteVpcEndpointsOutput::builder().build()), None);
    }
}
