use std::collections::BTreeSet;

use serde_json::json;

use crate::api::conditions::Reason;
use crate::domain::{Fault, FaultClass};
use crate::observed::environment::EnvironmentObservation;
use crate::plan::environment::Rules;
use crate::plan::environment::tests::{Case, MODEL, allow_all, each_has_its_reason, provisioned, rules_with, spec};
use crate::policy::boundary::{GuardrailLimits, permissions_boundary};
use crate::policy::{Effect, PolicyDocument, Statement};

const ARN: &str = "arn:aws:iam::123456789012:policy/platform";
const OTHER: &str = "anthropic.claude-3-sonnet-20240229-v1:0";

fn rules() -> Rules {
    let mut bedrock = json!(spec().bedrock);
    bedrock["models"] = json!([MODEL, OTHER]);
    rules_with(&json!({ "bedrock": bedrock, "identity": { "boundaryArn": ARN } }))
}

fn admitting(models: &[&str]) -> PolicyDocument {
    let mut rules = rules();
    rules.terms.models = models.iter().map(|&model| model.to_owned()).collect();
    permissions_boundary(&rules.setting("vpc-1", "oidc.example/id/1"), &BTreeSet::new(), &GuardrailLimits::default(), &[])
}

fn sound() -> EnvironmentObservation {
    EnvironmentObservation { platform_boundary: Ok(Some(admitting(&[MODEL, OTHER]))), ..provisioned() }
}

fn unreadable(code: &str, class: FaultClass) -> Fault {
    Fault { class, service: "iam", operation: "GetPolicyVersion", code: code.to_owned() }
}

#[test]
fn each_missing_property_of_a_boundary_has_its_own_reason() {
    let cases: [Case; 7] = [
        ("gone", |seen| seen.platform_boundary = Ok(None), Reason::BoundaryNotFound, true, &[ARN, "create it"]),
        (
            "no document",
            |seen| seen.platform_boundary = Err(unreadable("UnreadableDocument", FaultClass::Unexpected)),
            Reason::BoundaryUnreadable,
            true,
            &["no policy document"],
        ),
        (
            "not permitted",
            |seen| seen.platform_boundary = Err(unreadable("AccessDenied", FaultClass::Denied)),
            Reason::NotAuthorized,
            true,
            &["allow the operator"],
        ),
        (
            "one model less",
            |seen| seen.platform_boundary = Ok(Some(admitting(&[MODEL]))),
            Reason::BoundaryTooNarrow,
            false,
            &[OTHER, "from vpc-1", "accesses to them wait"],
        ),
        ("no model", |seen| seen.platform_boundary = Ok(Some(admitting(&["x"]))), Reason::BoundaryTooNarrow, true, &[MODEL, OTHER]),
        (
            "under a condition",
            |seen| {
                let mut all = Statement::allow("All", &["bedrock:Invoke*", "bedrock:CountTokens"], vec!["*".into()]);
                all = all.when("StringEquals", "aws:PrincipalTag/team", vec!["x".into()]);
                let mut document = admitting(&[MODEL]);
                document.statement.retain(|statement| statement.effect == Effect::Deny);
                document.statement.push(all);
                seen.platform_boundary = Ok(Some(document));
            },
            Reason::NotRead,
            false,
            &["depends on its conditions"],
        ),
        (
            "everything",
            |seen| seen.platform_boundary = Ok(Some(allow_everything())),
            Reason::SideDoorsOpen,
            false,
            &["bedrock-mantle:*", "bedrock:InvokeTool", "wanted a deny"],
        ),
    ];
    each_has_its_reason(&rules(), &sound(), &cases);
}

fn allow_everything() -> PolicyDocument {
    let mut document = allow_all();
    document.statement[0].principal = None;
    document
}
