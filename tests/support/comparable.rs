//! Texts by which two looks at an account can be compared: what has no order is sorted.

use std::fmt::Debug;

use aws_sdk_ec2::types::IpPermission;
use hipaa_operator::policy::PolicyDocument;

/// The rules of a security group.
pub fn rules(permissions: &[IpPermission]) -> String {
    sorted(permissions.iter().flat_map(|one| {
        let ports = (one.ip_protocol().map(str::to_owned), one.from_port(), one.to_port());
        one.ip_ranges().iter().map(move |range| (ports.clone(), range.cidr_ip().map(str::to_owned)))
    }))
}

/// A policy document; what is none is left as it is.
pub fn canonical(document: &str) -> String {
    PolicyDocument::parse(document).map_or_else(|_| document.to_owned(), |document| document.to_json())
}

/// Things in whatever order.
pub fn sorted<T: Debug>(things: impl Iterator<Item = T>) -> String {
    let mut texts: Vec<_> = things.map(|thing| format!("{thing:?}")).collect();
    texts.sort();
    texts.join(", ")
}
