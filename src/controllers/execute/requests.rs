//! What is asked of EC2 and IAM, in their adapters' words.

use crate::aws::ec2::{EndpointChange as Ec2EndpointChange, NewEndpoint as Ec2NewEndpoint};
use crate::aws::iam::NewRole as IamNewRole;
use crate::domain::names;
use crate::plan::action::{EndpointChange, NewEndpoint, NewRole};

use super::{Obstacle, Results};

impl Results {
    pub(super) fn endpoint(&self, new: &NewEndpoint) -> Result<Ec2NewEndpoint, Obstacle> {
        let group = self.group(&new.group)?;
        Ok(Ec2NewEndpoint {
            service_name: new.service_name.clone(),
            vpc_id: new.vpc_id.clone(),
            subnet_ids: new.subnet_ids.iter().cloned().collect(),
            policy_json: new.policy.as_ref().map(crate::policy::PolicyDocument::to_json),
            private_dns: true,
            // The same token with other parameters is refused, so the group is part of it.
            client_token: names::client_token(&[&new.client_token, &group]),
            security_group_ids: vec![group],
            tags: new.tags.clone(),
        })
    }

    pub(super) fn change(&self, change: &EndpointChange) -> Result<Ec2EndpointChange, Obstacle> {
        let add = change.add_group.as_ref().map(|group| self.group(group)).transpose()?;
        Ok(Ec2EndpointChange {
            policy_json: change.policy.as_ref().map(crate::policy::PolicyDocument::to_json),
            add_subnet_ids: change.add_subnet_ids.iter().cloned().collect(),
            remove_subnet_ids: Vec::new(),
            add_security_group_ids: add.into_iter().collect(),
            remove_security_group_ids: change.remove_group_ids.iter().cloned().collect(),
            private_dns: change.enable_private_dns.then_some(true),
        })
    }
}

pub(super) fn iam_role(new: &NewRole) -> IamNewRole {
    IamNewRole {
        name: new.name.clone(),
        path: new.path.clone(),
        trust_json: new.trust.to_json(),
        boundary_arn: new.boundary_arn.clone(),
        max_session_duration: new.max_session_duration,
        description: "Bedrock access of one service account, by hipaa-operator".to_owned(),
        tags: new.tags.clone(),
    }
}
