//! Roles that others made and that let a workload's service account in too: what they give is not in the workload's policy.

use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::plan::Finding;
use crate::plan::facts::without_scheme;
use crate::policy::federation::{Subject, may_admit};

use super::EnvironmentInputs;

const FAMILY: ConditionType = ConditionType::ScopeVerified;
/// Roles that are told of one by one.
const TOLD: usize = 10;

/// Judges the roles of the account that trust an OIDC provider. Roles of other accounts cannot be seen.
pub(super) fn judge(inputs: &EnvironmentInputs) -> Vec<Finding> {
    let Ok(Some(cluster)) = &inputs.observed.cluster else { return Vec::new() };
    let issuer = without_scheme(&cluster.issuer);
    let provider_arn = &inputs.rules.scope.oidc_provider_arn(issuer);
    let mut findings = Vec::new();
    for (role, trust) in inputs.federated {
        let Some(trust) = trust.read() else {
            let message = format!("the trust policy of {role} cannot be read, so whom it lets in is not known");
            findings.push(Finding::unread(Control::ExactTrust, FAMILY, message).about(role).advisory());
            continue;
        };
        let admits = |(namespace, account): &&(String, String)| {
            let subject = &format!("system:serviceaccount:{namespace}:{account}");
            may_admit(&trust, &Subject { provider_arn, issuer, subject }) && !is_mapped(inputs, role, namespace, account)
        };
        let mut admitted = inputs.service_accounts.iter().filter(admits);
        let Some((namespace, account)) = admitted.next() else { continue };
        let more = admitted.count();
        let others = if more > 0 { format!(" and {more} more of this environment's workloads") } else { String::new() };
        let message = format!(
            "{role} lets service account {namespace}/{account}{others} in too, with what that role may do; narrow its trust policy to the service accounts that need it, or give those a workload of their own"
        );
        findings.push(Finding::fail(Control::ExactTrust, FAMILY, Reason::TrustedElsewhere, message).about(role).advisory());
    }
    if findings.is_empty() && !inputs.service_accounts.is_empty() {
        let message = "no other role of this account lets a workload's service account in; roles of other accounts cannot be seen";
        findings.push(Finding::pass(Control::ExactTrust, FAMILY, message).about("other-roles").advisory());
    }
    findings.truncate(TOLD);
    findings
}

/// Whether the environment itself gives the role to the service account.
fn is_mapped(inputs: &EnvironmentInputs, role: &str, namespace: &str, account: &str) -> bool {
    let mapped = inputs.rules.platform_roles.iter().flatten();
    let name = crate::domain::names::last(role);
    mapped.into_iter().any(|mapping| mapping.role_name == name && mapping.namespace == namespace && mapping.service_account_name == account)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use crate::api::Verdict;
    use crate::api::conditions::Reason;
    use crate::observed::identity::DocumentText;
    use crate::plan::environment::tests::{provisioned, rules, rules_with};
    use crate::plan::environment::{EnvironmentInputs, plan};

    const ROLE: &str = "arn:aws:iam::123456789012:role/team/Reports";

    fn trust(subject: &str) -> BTreeMap<String, DocumentText> {
        let trust = json!({ "Statement": [{
            "Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": { "Federated": "arn:aws:iam::123456789012:oidc-provider/oidc.example/id/1" },
            "Condition": { "StringLike": { "oidc.example/id/1:sub": subject } },
        }] });
        BTreeMap::from([(ROLE.to_owned(), DocumentText::of(&trust.to_string()))])
    }

    #[test]
    fn a_role_that_lets_a_workload_in_is_told_of() {
        let accounts = [("clinic".to_owned(), "notes".to_owned()), ("clinic".to_owned(), "intake".to_owned())];
        let mapped = rules_with(&json!({ "identity": { "management": "Attach", "roles": [
            { "namespace": "clinic", "serviceAccountName": "notes", "roleName": "Reports" },
        ] } }));
        let (ours, seen) = (rules(), provisioned());
        let judged = |rules, federated: &_| {
            let inputs = EnvironmentInputs { federated, service_accounts: &accounts, ..EnvironmentInputs::of(rules, &seen) };
            let findings = plan(&inputs).findings.into_iter();
            findings.filter(|finding| finding.about == ROLE || finding.about == "other-roles").collect::<Vec<_>>()
        };
        let wide = judged(&ours, &trust("system:serviceaccount:clinic:*"));
        assert_eq!((wide.len(), wide[0].reason, wide[0].blocks), (1, Reason::TrustedElsewhere, false));
        assert!(wide[0].message.contains("clinic/notes and 1 more"), "{}", wide[0].message);
        for (rules, subject, verdict) in [
            (&ours, "system:serviceaccount:clinic:notes", Verdict::Fail),
            (&ours, "system:serviceaccount:lab:*", Verdict::Pass),
            (&mapped, "system:serviceaccount:clinic:notes", Verdict::Pass),
            (&mapped, "system:serviceaccount:clinic:*", Verdict::Fail),
        ] {
            let found = judged(rules, &trust(subject));
            assert_eq!(found.iter().map(|finding| finding.verdict).collect::<Vec<_>>(), [verdict], "{subject}");
        }
    }
}
