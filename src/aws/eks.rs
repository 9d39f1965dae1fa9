//! The EKS cluster.

use aws_config::SdkConfig;

use super::CallObserver;
use super::calls::present;
use crate::observed::Read;
use crate::observed::cluster::Cluster;

/// Amazon EKS.
#[derive(Clone, Debug)]
pub struct Eks {
    client: aws_sdk_eks::Client,
    calls: CallObserver,
}

impl Eks {
    pub(super) fn new(config: &SdkConfig, calls: CallObserver) -> Self {
        Self { client: aws_sdk_eks::Client::new(config), calls }
    }

    /// The cluster of this name in the Region; `None` if there is none
    /// (<https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeCluster.html>).
    ///
    /// # Errors
    /// When the call fails.
    pub async fn cluster(&self, name: &str) -> Read<Option<Cluster>> {
        let call = self.client.describe_cluster().name(name).send();
        let answer = present(self.calls.watch("eks", "DescribeCluster", call).await)?;
        Ok(answer.and_then(|answer| answer.cluster).map(of_sdk))
    }
}

fn of_sdk(cluster: aws_sdk_eks::types::Cluster) -> Cluster {
    let issuer = cluster.identity.and_then(|identity| identity.oidc).and_then(|oidc| oidc.issuer);
    Cluster {
        arn: cluster.arn.unwrap_or_default(),
        issuer: issuer.unwrap_or_default(),
        subnet_ids: cluster.resources_vpc_config.and_then(|network| network.subnet_ids).unwrap_or_default(),
        auto_mode: cluster.compute_config.and_then(|compute| compute.enabled).unwrap_or(false),
    }
}
