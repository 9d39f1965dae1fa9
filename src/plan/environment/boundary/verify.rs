//! The platform's boundary: is it there, does it let through what the approved models and the stores need, and shut the side doors? Never changed.

use std::collections::BTreeSet;

use crate::api::Operation;
use crate::api::conditions::Reason;
use crate::api::stores::DataStore;
use crate::catalogue::Control;
use crate::domain::Fault;
use crate::plan::Finding;
use crate::plan::environment::EnvironmentInputs;
use crate::plan::facts::callable_profiles;
use crate::policy::PolicyDocument;
use crate::policy::denies::should_be_denied;
use crate::policy::permissions::{Grant, workload_policy};
use crate::policy::relation::{Coverage, admits, covers};
use crate::policy::terms::Terms;

use super::FAMILY;

const CONTROL: Control = Control::PermissionsBoundary;
/// The code of the fault that says that a document is none.
const UNREADABLE: &str = "UnreadableDocument";

/// Judges the boundary that the spec names.
pub(super) fn judge(inputs: &EnvironmentInputs, arn: &str) -> Vec<Finding> {
    match &inputs.observed.platform_boundary {
        Err(Fault { code, .. }) if code == UNREADABLE => {
            let message = format!("{arn} is no policy document that can be read; correct it, or name another in spec.identity.boundaryArn");
            vec![Finding::fail(CONTROL, FAMILY, Reason::BoundaryUnreadable, message)]
        }
        Err(fault) => vec![Finding::unreadable(CONTROL, FAMILY, fault)],
        Ok(None) => {
            let message = format!("{arn} does not exist; create it, or remove spec.identity.boundaryArn to have one made");
            vec![Finding::fail(CONTROL, FAMILY, Reason::BoundaryNotFound, message)]
        }
        Ok(Some(document)) => {
            let mut findings = coverage(inputs, arn, document);
            findings.extend(side_doors(&inputs.rules.terms, arn, document));
            findings
        }
    }
}

/// Whether every approved model and profile and every store gets through. Accesses to those that do not wait, each by itself.
fn coverage(inputs: &EnvironmentInputs, arn: &str, document: &PolicyDocument) -> Vec<Finding> {
    let Ok(Some(vpc)) = &inputs.observed.vpc else { return vec![Finding::waiting(CONTROL, FAMILY)] };
    let rules = inputs.rules;
    let setting = rules.setting(&vpc.id, "");
    let wanted = |grant: Grant, stores: &[&DataStore]| covers(document, &workload_policy(&setting, &[grant], stores));
    let operations = BTreeSet::from([Operation::Invoke, Operation::InvokeStream, Operation::CountTokens]);
    let model = |model: &String| Grant { models: BTreeSet::from([model.clone()]), operations: operations.clone(), ..Grant::default() };
    let profile = |profile| Grant { profiles: BTreeSet::from([profile]), operations: operations.clone(), ..Grant::default() };
    let models = rules.terms.models.iter().map(|name| (name.clone(), wanted(model(name), &[])));
    let profiles = callable_profiles(&inputs.observed.profiles, &rules.terms).into_iter();
    let profiles = profiles.map(|found| (found.id.clone(), wanted(profile(found), &[])));
    let known = rules.stores.iter().filter(|store| !store.is_unrecognized());
    let stores = known.map(|store| (format!("store {}", store.name), wanted(Grant::default(), &[store])));
    let judged: Vec<(String, Coverage)> = models.chain(profiles).chain(stores).collect();
    let of = |coverage| judged.iter().filter(|(_, found)| *found == coverage).map(|(id, _)| id.as_str()).collect::<Vec<_>>();
    let (missing, unproven) = (of(Coverage::Missing), of(Coverage::Unproven));
    let mut findings = Vec::new();
    if !missing.is_empty() {
        let message = format!(
            "{arn} does not let through all that was approved: it lacks {} (bedrock:InvokeModel, InvokeModelWithResponseStream and CountTokens on models and profiles, the actions of their verbs on stores, from {}); allow them, or approve fewer: accesses to them wait",
            missing.join(", "),
            vpc.id
        );
        let finding = Finding::fail(CONTROL, FAMILY, Reason::BoundaryTooNarrow, message);
        findings.push(if missing.len() == judged.len() { finding } else { finding.advisory() });
    }
    if !unproven.is_empty() {
        let message = format!(
            "whether {arn} lets {} through depends on its conditions, whose outcome is not known; compare them",
            unproven.join(", ")
        );
        findings.push(Finding::unread(CONTROL, FAMILY, message).advisory());
    }
    if missing.len() < judged.len() || judged.is_empty() {
        findings.insert(0, Finding::pass(CONTROL, FAMILY, format!("{arn} is the platform's boundary")));
    }
    findings
}

/// What ours denies, theirs should deny too, or not allow. The policy of each role of ours denies it by itself.
fn side_doors(terms: &Terms, arn: &str, document: &PolicyDocument) -> Option<Finding> {
    let open: Vec<&str> = should_be_denied(terms).into_iter().filter(|action| admits(document, action)).collect();
    (!open.is_empty()).then(|| {
        let message =
            format!("{arn} lets {} through, wanted a deny; deny them in the boundary: they go around the declared access", open.join(", "));
        Finding::fail(CONTROL, FAMILY, Reason::SideDoorsOpen, message).about("side-doors").advisory()
    })
}
