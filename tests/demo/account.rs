//! What exists in the account, as a listing.

use std::fmt::Write as _;

use aws_sdk_ec2::types::{Filter, IpPermission, SecurityGroup, VpcEndpoint};
use hipaa_operator::domain::tags;
use serde_json::Value;

use crate::reads;
use crate::support::bed::Bed;

/// A document as people read it.
pub fn pretty(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// Everything of the environment.
pub async fn listing(bed: &Bed) -> Result<String, String> {
    let emulators = &bed.emulators;
    let mut text = endpoints(&emulators.ec2()).await?;
    text += &security_groups(&emulators.ec2()).await?;
    let key = reads::environment_key(&emulators.kms()).await?;
    let rotation = if key.rotated { "is rotated" } else { "is not rotated" };
    let _ = writeln!(text, "key\n  {} = {}, {}, {rotation}", key.alias, key.id, key.state);
    text += &identity(&emulators.iam()).await?;
    Ok(text)
}

/// The endpoints that carry our tag.
pub async fn owned_endpoints(ec2: &aws_sdk_ec2::Client) -> Result<Vec<VpcEndpoint>, String> {
    let answer = ec2.describe_vpc_endpoints().filters(ours()).send().await.map_err(reads::told)?;
    let mut endpoints = answer.vpc_endpoints.unwrap_or_default();
    endpoints.sort_by(|one, other| one.service_name.cmp(&other.service_name));
    Ok(endpoints)
}

async fn endpoints(ec2: &aws_sdk_ec2::Client) -> Result<String, String> {
    let mut text = "VPC endpoints\n".to_owned();
    for endpoint in owned_endpoints(ec2).await? {
        let _ = writeln!(
            text,
            "  {:<40} {} {} private-dns={} {}",
            endpoint.service_name().unwrap_or_default(),
            endpoint.vpc_endpoint_id().unwrap_or_default(),
            endpoint.state().map(aws_sdk_ec2::types::State::as_str).unwrap_or_default(),
            endpoint.private_dns_enabled().unwrap_or_default(),
            endpoint.subnet_ids().join(","),
        );
    }
    Ok(text)
}

async fn security_groups(ec2: &aws_sdk_ec2::Client) -> Result<String, String> {
    let answer = ec2.describe_security_groups().filters(ours()).send().await.map_err(reads::told)?;
    let mut groups: Vec<SecurityGroup> = answer.security_groups.unwrap_or_default();
    groups.sort_by(|one, other| one.group_name.cmp(&other.group_name));
    let mut text = "security groups\n".to_owned();
    for group in groups {
        let name = group.group_name().unwrap_or_default();
        let (ingress, egress) = (rules(group.ip_permissions()), rules(group.ip_permissions_egress()));
        let _ = writeln!(text, "  {name:<40} {} in: {ingress} out: {egress}", group.group_id().unwrap_or_default());
    }
    Ok(text)
}

fn rules(permissions: &[IpPermission]) -> String {
    let each = permissions.iter().flat_map(|permission| {
        let protocol = permission.ip_protocol().unwrap_or_default();
        let port = permission.from_port().map(|port| format!(" {port}")).unwrap_or_default();
        let ranges = permission.ip_ranges().iter().filter_map(|range| range.cidr_ip());
        ranges.map(move |range| format!("{protocol}{port} from {range}"))
    });
    let each: Vec<_> = each.collect();
    if each.is_empty() { "nothing".to_owned() } else { each.join(", ") }
}

async fn identity(iam: &aws_sdk_iam::Client) -> Result<String, String> {
    let mut text = format!("roles under {}\n", reads::PATH);
    for role in reads::role_names(iam).await? {
        let boundary = reads::boundary(iam, &role).await?.unwrap_or_else(|| "none".to_owned());
        let attached = reads::attached(iam, &role).await?.join(", ");
        let _ = writeln!(text, "  {role}\n    attached: {attached}\n    boundary: {boundary}");
    }
    let _ = writeln!(text, "policies under {}", reads::PATH);
    for arn in reads::policy_arns(iam).await? {
        let _ = writeln!(text, "  {arn}");
    }
    Ok(text)
}

fn ours() -> Filter {
    Filter::builder().name("tag-key").values(tags::ENVIRONMENT).build()
}
