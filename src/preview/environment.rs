//! The preview of an environment.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::api::annotations::{HOLD, TAKE_OVER_CLAIM};
use crate::api::shared::Management;
use crate::api::{PhiEnvironment, PhiEnvironmentSpec};
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::guardrails::in_use;
use crate::plan::environment::{EnvironmentInputs, Named, Rules, model_not_available, plan as plan_environment};
use crate::plan::facts::EnvironmentFacts;
use crate::plan::{Finding, Mode};

use super::observed::{Found, KnownEnvironment};
use super::{Assumption, Declared, Preview, Subject, account_settings, assumed, carried_out, items, standing};

/// An environment that workloads can bind to, with the facts that follow once its plan is carried out.
pub(super) struct Bound<'a> {
    pub spec: &'a PhiEnvironmentSpec,
    pub hold: Option<&'a str>,
    pub facts: EnvironmentFacts,
    /// What exists already, if it was observed.
    pub found: Option<&'a Found>,
}

/// Plans an environment, and tells what workloads may count on.
pub(super) fn plan<'a>(
    declared: &Declared,
    environment: &'a PhiEnvironment,
    known: &'a KnownEnvironment,
    preview: &mut Preview,
) -> Option<Bound<'a>> {
    let (name, spec) = (environment.name_any(), &environment.spec);
    let subject = Subject::of("PhiEnvironment", environment);
    let mut rules = Rules::of(&name, spec, known.partition.as_deref());
    let each = declared.accesses.iter();
    rules.named = Named::of(&rules.terms, each.map(|access| (access.metadata.namespace.as_deref().unwrap_or_default(), &access.spec)));
    let mut observed = observation(&rules, spec, known);
    if known.found.is_some() {
        rules.add_enforced(&observed.settings, None);
    }
    let recorded_endpoints = known.found.as_ref().map(standing::recorded_endpoints).unwrap_or_default();
    let recorded_guardrails = known.found.as_ref().map(|found| found.recorded_guardrails.as_slice()).unwrap_or_default();
    let recorded_key = known.found.as_ref().and_then(standing::recorded_key);
    let take_over = environment.annotations().get(TAKE_OVER_CLAIM).map(String::as_str);
    let plan_on = |observed: &EnvironmentObservation| {
        plan_environment(&EnvironmentInputs {
            // A plan shows what a new spec leads to.
            may_hold: false,
            asked: true,
            recorded_key,
            recorded_endpoints: &recorded_endpoints,
            recorded_guardrails,
            take_over,
            ..EnvironmentInputs::of(&rules, observed)
        })
    };

    let plan = plan_on(&observed);
    let hold = environment.annotations().get(HOLD).map(String::as_str);
    let mode = Mode::of(spec.enforcement, &[hold]);
    items::add(preview, &subject, &plan.actions, &mode);
    tell_assumptions(preview, &subject, &Told { rules: &rules, spec, known, hold });

    carried_out::environment(&mut observed, &rules, known, &plan.actions);
    let told = known.models.iter().filter(|(model, _)| rules.terms.models.contains(*model));
    let obstacles = told.filter_map(|(model, obstacle)| Some(model_not_available(model, obstacle.as_deref()?)));
    for finding in plan_on(&observed).findings.into_iter().chain(obstacles) {
        preview.judge(&subject, &finding, field(spec, &finding));
    }
    let used = in_use(&rules, &observed.guardrails, recorded_guardrails, None, Timestamp::default());
    let mut facts = EnvironmentFacts::of(&rules, spec, &observed, &used, None)?;
    for (model, obstacle) in &known.models {
        facts.models.entry(model.clone()).and_modify(|found| found.clone_from(obstacle));
    }
    Some(Bound { spec, hold, facts, found: known.found.as_ref() })
}

/// What a pass would read: assumed, or as it was observed.
pub(super) fn observation(rules: &Rules, spec: &PhiEnvironmentSpec, known: &KnownEnvironment) -> EnvironmentObservation {
    match &known.found {
        Some(found) => standing::observation(rules, spec, known, found),
        None => assumed::observation(rules, spec, known),
    }
}

/// The field of the spec that a finding comes from.
fn field(spec: &PhiEnvironmentSpec, finding: &Finding) -> String {
    let declared = spec.endpoints.as_deref().unwrap_or_default();
    match declared.iter().position(|rule| rule.service == finding.about) {
        Some(index) => format!("spec.endpoints[{index}]"),
        None => "spec".to_owned(),
    }
}

/// What the assumptions on an environment are told from.
struct Told<'a> {
    rules: &'a Rules,
    spec: &'a PhiEnvironmentSpec,
    known: &'a KnownEnvironment,
    hold: Option<&'a str>,
}

fn tell_assumptions(preview: &mut Preview, subject: &Subject, told: &Told) {
    let Told { rules, spec, known, hold } = told;
    let found = known.found.as_ref();
    if **known == KnownEnvironment::default() {
        preview.assume(
            subject,
            Assumption::FactsNotKnown,
            "nothing of this environment is assumed to exist yet; what only the account knows is written as a placeholder in angle brackets; give the facts with --observed FILE",
        );
    }
    if let Some(at) = &known.observed_at {
        preview.assume(
            subject,
            Assumption::Observed,
            format!("what exists was observed at {at}; nothing is assumed to have changed since"),
        );
    }
    let asked = rules.models();
    let assumed: Vec<&str> = asked.iter().filter(|model| !known.models.contains_key(*model)).map(String::as_str).collect();
    if !assumed.is_empty() {
        preview.assume(
            subject,
            Assumption::ModelsAvailable,
            format!("the account is assumed to be able to call {}: agreement, authorization and Region", assumed.join(", ")),
        );
    }
    for profile in rules.profiles().iter().filter(|profile| !known.profiles.contains_key(*profile)) {
        let message = format!(
            "the Regions that profile {profile} leads to are known to the account only; they must all be in spec.bedrock.approvedRegions"
        );
        preview.assume(subject, Assumption::DestinationsNotKnown, message);
    }
    for service in found.map(|found| standing::not_asked(rules, found)).unwrap_or_default() {
        let message =
            format!("{service} was not among the environment's services as it was observed; it is assumed to be offered in every zone");
        preview.assume(subject, Assumption::ServiceOffered, message);
    }
    for rule in rules.endpoints.iter().filter(|rule| !rule.provision && found.is_none()) {
        let which = rule.vpc_endpoint_id.as_deref().unwrap_or("an endpoint");
        let service = &rule.service;
        if !rule.address_ranges.is_empty() {
            let ranges: Vec<&str> = rule.address_ranges.iter().map(String::as_str).collect();
            let message = format!("{which} for {service} lies in another account; workloads may open port 443 to {}", ranges.join(", "));
            preview.assume(subject, Assumption::EndpointDeclared, message);
            continue;
        }
        let message = match &rule.hub_vpc_id {
            Some(hub) => format!(
                "{which} for {service} is assumed to be in {hub}, available, and the name of the service to lead to it; it is only verified"
            ),
            None => format!("{which} for {service} is assumed to be in the VPC, available and with private DNS; it is only verified"),
        };
        preview.assume(subject, Assumption::EndpointPresent, message);
    }
    for service in assumed::without_rule(rules).filter(|_| found.is_none()) {
        let message = format!("an endpoint for {service}, where stores are, is assumed to be in the VPC and available");
        preview.assume(subject, Assumption::EndpointPresent, message);
    }
    if rules.resolved.key_management == Management::Verify && !found.is_some_and(|found| standing::knows_key(rules, spec, found)) {
        preview.assume(
            subject,
            Assumption::KeyPresent,
            "the key in spec.key.keyArn is assumed to be enabled and rotated; it is only verified",
        );
    }
    if let Some(arn) = &rules.platform_boundary_arn {
        let message =
            format!("the platform's boundary {arn} is assumed to let every declared access through; it is attached and never changed");
        preview.assume(subject, Assumption::BoundaryPresent, message);
    }
    if let Some(message) = account_settings::assumption(rules, known.account_settings.as_ref()) {
        preview.assume(subject, Assumption::AccountSettings, message);
    }
    if let Some(reason) = hold {
        preview.assume(subject, Assumption::OnHold, format!("the annotation {HOLD} stops all writes ({reason})"));
    }
}
