//! The EKS cluster and the API server.

/// An EKS cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// ARN of the cluster.
    pub arn: String,
    /// OIDC issuer with its scheme; empty if the cluster has none.
    pub issuer: String,
    /// The cluster's subnets.
    pub subnet_ids: Vec<String>,
    /// Whether compute is managed by EKS Auto Mode, where DNS runs on the nodes.
    pub auto_mode: bool,
}

/// The IAM OIDC provider of the cluster's issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OidcProvider {
    /// Audiences it accepts.
    pub client_ids: Vec<String>,
}
