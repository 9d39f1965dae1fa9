//! Requests over the documents of many declarations, judged in one call.

use std::collections::BTreeMap;

use hipaa_operator::policy::PolicyDocument;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::plan::plan;
use super::{ACCOUNT, Declaration, GUARDRAILS, OPERATIONS, PROFILES, Request, Target, VPC, declaration};
use crate::judge::{Case, Verdict, wrong_over};

/// Judges requests over this many declarations, all in one call of the judge.
pub fn all_as_declared(declarations: usize) {
    let mut runner = TestRunner::default();
    let mut bulk = Bulk::default();
    let (mut turn, mut too_large) = (0, 0);
    while turn < declarations {
        let declared = declaration().new_tree(&mut runner).expect("a declaration").current();
        if bulk.add(&declared, turn) {
            turn += 1;
        } else {
            too_large += 1;
        }
        assert!(too_large <= declarations / 4, "{too_large} declarations do not fit IAM's quotas");
    }
    let allows = bulk.cases.iter().filter(|case| case.expected == Verdict::Allow).count();
    println!("{declarations} declarations, {} requests, {allows} of them allowed", bulk.cases.len());
    assert!(allows > declarations && bulk.cases.len() - allows > 10 * declarations, "too few requests of one kind");
    let wrong = wrong_over(&bulk.documents, &bulk.cases);
    let first = wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n");
    assert!(wrong.is_empty(), "{} of {} requests, such as:\n{first}", wrong.len(), bulk.cases.len());
}

/// Documents, each once, and the cases over them.
#[derive(Default)]
struct Bulk {
    documents: Vec<Value>,
    numbers: BTreeMap<String, usize>,
    cases: Vec<Case>,
}

impl Bulk {
    fn number(&mut self, document: Value) -> usize {
        let next = self.documents.len();
        let number = *self.numbers.entry(document.to_string()).or_insert(next);
        if number == next {
            self.documents.push(document);
        }
        number
    }

    /// Adds the requests over a declaration; says whether all of it fits IAM's quotas.
    fn add(&mut self, declared: &Declaration, turn: usize) -> bool {
        let plan = plan(declared);
        let (too_large, wrong): (Vec<_>, Vec<_>) = plan.errors.iter().partition(|error| error.reason == "QuotaExceeded");
        assert!(wrong.is_empty(), "{declared:?}: {wrong:?}");
        if !too_large.is_empty() {
            return false;
        }
        let mut document = |kind: &str, about: &dyn Fn(&Value) -> bool| {
            let items = plan.aws.iter().filter(|item| item.kind == kind && about(&serde_json::to_value(item).expect("JSON")));
            let found: Vec<Value> = items.filter_map(|item| item.document.as_ref()).map(PolicyDocument::to_value).collect();
            found.into_iter().next().map(|document| self.number(document))
        };
        let policies = ["notes", "intake"].map(|workload| document("Policy", &|item| item["subject"]["name"] == workload));
        let boundary = document("PermissionsBoundary", &|_| true).expect("a boundary");
        let endpoint = document("VpcEndpoint", &|item| item["properties"]["service"] == "bedrock-runtime").expect("an endpoint");
        for request in declared.requests(turn) {
            let policy = policies[usize::from(request.workload == "intake")];
            let allowed = declared.allows(&request);
            let mut simulation = json!({
                "request": request.as_json(),
                "identityPolicies": policy.map(|number| json!({"name": "policy", "policy": number})).into_iter().collect::<Vec<_>>(),
                "serviceControlPolicies": [],
                "resourceControlPolicies": [],
            });
            // What is allowed is so by all documents together; what is denied, by the role's policy alone.
            if allowed {
                simulation["permissionBoundaryPolicies"] = json!([{"name": "boundary", "policy": boundary}]);
                if request.vpc == Some(VPC) {
                    simulation["vpcEndpointPolicies"] = json!([{"name": "endpoint", "policy": endpoint}]);
                }
            }
            let expected = if allowed { Verdict::Allow } else { Verdict::Deny };
            self.cases.push(Case { row: format!("{request:?} over {declared:?}"), expected, simulation });
        }
        true
    }
}

impl Request {
    fn as_json(&self) -> Value {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/hipaa-operator/us-east-1/clinic/prod/{}", self.workload);
        let mut context = json!({"aws:RequestedRegion": self.region, "aws:PrincipalArn": role, "aws:PrincipalAccount": ACCOUNT});
        let mut set = |key: &str, value: Option<String>| {
            if let Some(value) = value {
                context[key] = json!(value);
            }
        };
        set("aws:SourceVpc", self.vpc.map(str::to_owned));
        set("aws:FederatedProvider", self.cluster.map(|issuer| format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}")));
        set("bedrock:GuardrailIdentifier", self.guardrail.map(|id| format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/{id}")));
        let profile = |number: usize| format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:{}", PROFILES[number].1);
        let resource = match self.target {
            Target::Model { id, region, through } => {
                set("bedrock:InferenceProfileArn", through.map(profile));
                format!("arn:aws:bedrock:{region}::foundation-model/{id}")
            }
            Target::Profile(number) => profile(number),
            Target::Guardrail(which) => format!("arn:aws:bedrock:us-east-1:{ACCOUNT}:guardrail/{}", GUARDRAILS[which].0),
        };
        let action = OPERATIONS.iter().find(|(operation, ..)| *operation == self.operation).expect("an operation").2;
        json!({"principal": role, "action": action, "resource": {"resource": resource, "accountId": ACCOUNT}, "contextVariables": context})
    }
}
