//! The network: what is there (`read`), what we make of it (`write`). `DryRun` is not used.

mod read;
mod rules;
mod write;

use aws_config::SdkConfig;
use aws_sdk_ec2::types::{Filter, Tag};

use super::CallObserver;
use crate::domain::tags::Tags;

pub use write::{EndpointChange, NewEndpoint};

/// Amazon EC2, as far as it is VPC.
#[derive(Clone, Debug)]
pub struct Ec2 {
    client: aws_sdk_ec2::Client,
    calls: CallObserver,
}

impl Ec2 {
    pub(super) fn new(config: &SdkConfig, calls: CallObserver) -> Self {
        Self { client: aws_sdk_ec2::Client::new(config), calls }
    }
}

fn filter(name: impl Into<String>, values: &[impl AsRef<str>]) -> Filter {
    let values = values.iter().map(|value| value.as_ref().to_owned()).collect();
    Filter::builder().name(name).set_values(Some(values)).build()
}

fn tag_list(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

fn tags_of(tags: Option<Vec<Tag>>) -> Tags {
    tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
}
