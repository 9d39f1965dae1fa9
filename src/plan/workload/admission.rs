//! May this workload use the environment at all?

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::{Selector, SelectorExt};

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::plan::Finding;

use super::WorkloadInputs;

const FAMILY: ConditionType = ConditionType::Admitted;

/// Whether an environment's selector admits a namespace with these labels. A selector that is empty or cannot be read admits none.
#[must_use]
pub fn admits(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    Selector::try_from(selector.clone()).is_ok_and(|selector| !selector.selects_all() && selector.matches(labels))
}

pub(super) fn judge(inputs: &WorkloadInputs) -> Vec<Finding> {
    vec![namespace(inputs), service_account(inputs)]
}

fn namespace(inputs: &WorkloadInputs) -> Finding {
    let (namespace, environment) = (inputs.namespace, &inputs.facts.scope.environment);
    if inputs.admitted {
        return Finding::pass(Control::Segmentation, FAMILY, format!("environment {environment} admits namespace {namespace}"));
    }
    Finding::fail(
        Control::Segmentation,
        FAMILY,
        Reason::NamespaceNotAdmitted,
        format!(
            "environment {environment} does not admit namespace {namespace}: its labels do not match the environment's spec.namespaceSelector; ask the platform team to label the namespace"
        ),
    )
}

fn service_account(inputs: &WorkloadInputs) -> Finding {
    let account = &inputs.spec.service_account_name;
    match inputs.older_claimant {
        None => Finding::pass(Control::Segmentation, FAMILY, format!("service account {account} belongs to this workload")),
        Some(older) => Finding::fail(
            Control::Segmentation,
            FAMILY,
            Reason::ServiceAccountClaimed,
            format!(
                "service account {account} belongs to the older PhiWorkload {older}; use a service account of its own for each workload"
            ),
        ),
    }
    .about("service-account")
}
