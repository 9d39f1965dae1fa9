//! Is this the account, the cluster and the network that the spec means? Nothing is written before it is.

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::observed::cluster::Cluster;
use crate::plan::Finding;
use crate::policy::trust::AUDIENCE;

use super::{EnvironmentInputs, claims};

const FAMILY: ConditionType = ConditionType::ScopeVerified;

/// Judges account, cluster, network, OIDC provider, and whose the environment is.
#[must_use]
pub fn judge(inputs: &EnvironmentInputs) -> Vec<Finding> {
    let mut findings = vec![account(inputs), cluster(inputs), network(inputs), provider(inputs)];
    findings.extend(claims::judge(inputs));
    findings
}

fn account(inputs: &EnvironmentInputs) -> Finding {
    let control = Control::OperatorPath;
    let wanted = &inputs.rules.scope.account_id;
    match &inputs.observed.caller {
        Err(fault) => Finding::unreadable(control, FAMILY, fault),
        Ok(caller) if caller.account_id == *wanted => {
            Finding::pass(control, FAMILY, format!("the operator works in account {wanted}"))
        }
        Ok(caller) => Finding::fail(control, FAMILY, Reason::AccountMismatch, format!(
            "spec.aws.accountId is {wanted}, but the operator's credentials belong to account {}; give the operator a role of account {wanted}, or create an environment for {}",
            caller.account_id, caller.account_id
        )),
    }
    .about("account")
}

fn cluster(inputs: &EnvironmentInputs) -> Finding {
    let control = Control::Segmentation;
    let scope = &inputs.rules.scope;
    let cluster = match &inputs.observed.cluster {
        Err(fault) => return Finding::unreadable(control, FAMILY, fault).about("cluster"),
        Ok(None) => {
            return Finding::fail(
                control,
                FAMILY,
                Reason::ClusterNotFound,
                format!(
                    "there is no EKS cluster {} in account {} and Region {}; correct spec.aws in a new environment",
                    scope.cluster_name, scope.account_id, scope.region
                ),
            )
            .about("cluster");
        }
        Ok(Some(cluster)) => cluster,
    };
    match &inputs.observed.api_server_issuer {
        Err(fault) => Finding::unreadable(control, FAMILY, fault),
        Ok(issuer) if same_issuer(issuer, cluster) => {
            Finding::pass(control, FAMILY, format!("this API server is that of cluster {}", scope.cluster_name))
        }
        Ok(issuer) => Finding::fail(control, FAMILY, Reason::ClusterMismatch, format!(
            "cluster {} issues tokens as {}, but this API server issues them as {issuer}: the environment describes another cluster, and nothing is written; create an environment that names this cluster",
            scope.cluster_name, cluster.issuer
        )),
    }
    .about("cluster")
}

fn same_issuer(issuer: &str, cluster: &Cluster) -> bool {
    !cluster.issuer.is_empty() && issuer.trim_end_matches('/') == cluster.issuer.trim_end_matches('/')
}

fn network(inputs: &EnvironmentInputs) -> Finding {
    let control = Control::PrivateDns;
    let finding = match (&inputs.observed.vpc, &inputs.observed.subnets) {
        (Err(fault), _) | (_, Err(fault)) => Finding::unreadable(control, FAMILY, fault),
        (Ok(None), _) => Finding::fail(
            control,
            FAMILY,
            Reason::VpcNotFound,
            "the VPC cannot be told: it does not exist, or the cluster's subnets lie in several or none; set spec.aws.vpcId",
        ),
        (Ok(Some(vpc)), Ok(subnets)) => {
            if !vpc.dns_support || !vpc.dns_hostnames {
                Finding::fail(
                    control,
                    FAMILY,
                    Reason::VpcDnsDisabled,
                    format!(
                        "private DNS of endpoints needs DNS support and DNS host names on {}; turn both on (aws ec2 modify-vpc-attribute)",
                        vpc.id
                    ),
                )
            } else if !subnets.iter().any(|subnet| subnet.vpc_id == vpc.id) {
                Finding::fail(
                    control,
                    FAMILY,
                    Reason::VpcNotFound,
                    format!("none of the cluster's subnets lies in {}; correct or remove spec.aws.vpcId", vpc.id),
                )
            } else {
                Finding::pass(control, FAMILY, format!("{} has DNS support and host names", vpc.id))
            }
        }
    };
    finding.about("vpc")
}

fn provider(inputs: &EnvironmentInputs) -> Finding {
    let control = Control::WebIdentity;
    let finding = match &inputs.observed.oidc_provider {
        Err(fault) => Finding::unreadable(control, FAMILY, fault),
        Ok(Some(provider)) if provider.client_ids.iter().any(|id| id == AUDIENCE) => {
            Finding::pass(control, FAMILY, "the account has an OIDC provider for the cluster's issuer")
        }
        Ok(Some(_)) => Finding::fail(
            control,
            FAMILY,
            Reason::OidcProviderNotFound,
            format!("the IAM OIDC provider of the cluster does not accept the audience {AUDIENCE}; add it as a client id"),
        ),
        Ok(None) => Finding::fail(
            control,
            FAMILY,
            Reason::OidcProviderNotFound,
            "the account has no IAM OIDC provider for the cluster's issuer, so no pod can assume a role; create it (eksctl utils associate-iam-oidc-provider)",
        ),
    };
    finding.about("oidc-provider")
}
