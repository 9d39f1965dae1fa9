//! The preview of an environment.

use kube::ResourceExt;

use crate::api::annotations::HOLD;
use crate::api::shared::Management;
use crate::api::{PhiEnvironment, PhiEnvironmentSpec};
use crate::plan::environment::{EnvironmentInputs, Rules, plan as plan_environment};
use crate::plan::facts::EnvironmentFacts;
use crate::plan::{Finding, Mode};

use super::observed::KnownEnvironment;
use super::{Assumption, Preview, Subject, assumed, carried_out, items};

/// An environment that workloads can bind to, with the facts that follow once its plan is carried out.
pub(super) struct Bound<'a> {
    pub spec: &'a PhiEnvironmentSpec,
    pub hold: Option<&'a str>,
    pub facts: EnvironmentFacts,
}

/// Plans an environment, and tells what workloads may count on.
pub(super) fn plan<'a>(environment: &'a PhiEnvironment, known: &KnownEnvironment, preview: &mut Preview) -> Option<Bound<'a>> {
    let (name, spec) = (environment.name_any(), &environment.spec);
    let subject = Subject::of("PhiEnvironment", environment);
    let rules = Rules::of(&name, spec, known.partition.as_deref());
    let mut observed = assumed::observation(&rules, spec, known);

    let plan = plan_environment(&EnvironmentInputs {
        rules: &rules,
        observed: &observed,
        may_hold: false,
        recorded_key: None,
        boundary_refused: false,
        recorded_endpoints: &[],
        take_over: None,
    });
    let hold = environment.annotations().get(HOLD).map(String::as_str);
    let mode = Mode::of(spec.enforcement, &[hold]);
    items::add(preview, &subject, &plan.actions, &mode);
    tell_assumptions(preview, &subject, &rules, known, hold);

    carried_out::environment(&mut observed, &rules, known, &plan.actions);
    let settled = plan_environment(&EnvironmentInputs {
        rules: &rules,
        observed: &observed,
        may_hold: false,
        recorded_key: None,
        boundary_refused: false,
        recorded_endpoints: &[],
        take_over: None,
    });
    for finding in &settled.findings {
        preview.judge(&subject, finding, field(spec, finding));
    }
    let mut facts = EnvironmentFacts::of(&rules, spec, &observed, None)?;
    for (model, obstacle) in &known.models {
        facts.models.entry(model.clone()).and_modify(|found| found.clone_from(obstacle));
    }
    Some(Bound { spec, hold, facts })
}

/// The field of the spec that a finding comes from.
fn field(spec: &PhiEnvironmentSpec, finding: &Finding) -> String {
    let declared = spec.endpoints.as_deref().unwrap_or_default();
    match declared.iter().position(|rule| rule.service == finding.about) {
        Some(index) => format!("spec.endpoints[{index}]"),
        None => "spec".to_owned(),
    }
}

fn tell_assumptions(preview: &mut Preview, subject: &Subject, rules: &Rules, known: &KnownEnvironment, hold: Option<&str>) {
    if *known == KnownEnvironment::default() {
        preview.assume(
            subject,
            Assumption::FactsNotKnown,
            "nothing of this environment is assumed to exist yet; what only the account knows is written as a placeholder in angle brackets; give the facts with --observed FILE",
        );
    }
    let assumed: Vec<&str> = rules.models.iter().filter(|model| !known.models.contains_key(*model)).map(String::as_str).collect();
    if !assumed.is_empty() {
        preview.assume(
            subject,
            Assumption::ModelsAvailable,
            format!("the account is assumed to be able to call {}: agreement, authorization and Region", assumed.join(", ")),
        );
    }
    for profile in rules.profiles.iter().filter(|profile| !known.profiles.contains_key(*profile)) {
        let message =
            format!("the Regions that profile {profile} leads to are known to the account only; they must all be in spec.approvedRegions");
        preview.assume(subject, Assumption::DestinationsNotKnown, message);
    }
    for rule in rules.endpoints.iter().filter(|rule| !rule.provision) {
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
    if rules.resolved.key_management == Management::Verify {
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
    if let Some(reason) = hold {
        preview.assume(subject, Assumption::OnHold, format!("the annotation {HOLD} stops all writes ({reason})"));
    }
}
