//! Generated environments and accesses in bulk: what must come out is told from the declaration alone, by the rules of AWS that
//! [`Declaration::allows`] states anew.

mod bulk;
mod plan;

use proptest::prelude::*;

pub use bulk::all_as_declared;

const ACCOUNT: &str = "111122223333";
const HOME: &str = "us-east-1";

/// A model, and a family that it is of.
const MODELS: [(&str, &str); 6] = [
    ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3*"),
    ("anthropic.claude-v2:1", "anthropic.claude-v2*"),
    ("amazon.nova-lite-v1:0", "amazon.nova-l*"),
    ("amazon.nova-pro-v1:0", "amazon.nova-pro*"),
    ("amazon.titan-embed-text-v2:0", "amazon.titan-embed*"),
    ("cohere.rerank-v3-5:0", "cohere.rerank*"),
];

/// A profile as accesses name it, its ARN's end, a family of it if it can be of one, the model behind it, and where it leads.
type ProfileRow = (&'static str, &'static str, Option<&'static str>, &'static str, &'static [&'static str]);

const PROFILES: [ProfileRow; 4] = [
    (
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        "inference-profile/us.anthropic.claude-3-5-sonnet-20241022-v2:0",
        Some("us.anthropic.claude-3-5*"),
        "anthropic.claude-3-5-sonnet-20241022-v2:0",
        &["us-east-1", "us-east-2", "us-west-2"],
    ),
    (
        "us.amazon.nova-premier-v1:0",
        "inference-profile/us.amazon.nova-premier-v1:0",
        Some("us.amazon.nova-p*"),
        "amazon.nova-premier-v1:0",
        &["us-east-1", "us-west-2"],
    ),
    ("visit-notes", "application-inference-profile/abcdef012345", None, "amazon.nova-micro-v1:0", &["us-east-1", "us-east-2"]),
    ("us.cohere.embed-v4:0", "inference-profile/us.cohere.embed-v4:0", Some("us.cohere.embed*"), "cohere.embed-v4:0", &["us-east-1"]),
];

/// Guardrails: id and version.
const GUARDRAILS: [(&str, &str); 2] = [("phiphiphi001", "3"), ("letters00001", "1")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Invoke,
    Stream,
    Count,
    Apply,
}

const OPERATIONS: [(Operation, &str, &str); 4] = [
    (Operation::Invoke, "Invoke", "bedrock:InvokeModel"),
    (Operation::Stream, "InvokeStream", "bedrock:InvokeModelWithResponseStream"),
    (Operation::Count, "CountTokens", "bedrock:CountTokens"),
    (Operation::Apply, "ApplyGuardrail", "bedrock:ApplyGuardrail"),
];

/// An access; models, profiles and guardrails by their places in the tables above.
#[derive(Clone, Debug)]
struct Access {
    workload: &'static str,
    models: Vec<usize>,
    profiles: Vec<usize>,
    operations: Vec<Operation>,
    /// One of its own, in the place of the default, which is the first.
    guardrail: Option<usize>,
}

#[derive(Clone, Debug)]
struct Declaration {
    /// Which models and profiles are approved by their families.
    families: Vec<bool>,
    guardrails: bool,
    federation: bool,
    accesses: Vec<Access>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    /// A model in a Region, called through a profile or directly.
    Model {
        id: &'static str,
        region: &'static str,
        through: Option<usize>,
    },
    Profile(usize),
    Guardrail(usize),
}

/// A request; each of its parts can be changed by itself.
#[derive(Clone, Debug)]
struct Request {
    workload: &'static str,
    operation: Operation,
    target: Target,
    vpc: Option<&'static str>,
    region: &'static str,
    guardrail: Option<&'static str>,
    cluster: Option<&'static str>,
}

const VPC: &str = "vpc-0a1b2c3d4e5f60718";
const CLUSTER: &str = "accounts.google.com";

fn identifier(guardrail: usize) -> &'static str {
    ["phiphiphi001:3", "letters00001:1"][guardrail]
}

/// Models for vectors and for ranking take no guardrail.
fn takes_none(model: &str) -> bool {
    ["amazon.titan-embed-text-v2:0", "cohere.rerank-v3-5:0", "cohere.embed-v4:0"].contains(&model)
}

fn access() -> impl Strategy<Value = Access> {
    let models = prop::sample::subsequence((0..MODELS.len()).collect::<Vec<_>>(), 0..3);
    let profiles = prop::sample::subsequence((0..PROFILES.len()).collect::<Vec<_>>(), 0..2);
    let operations = prop::sample::subsequence(OPERATIONS.map(|(operation, ..)| operation).to_vec(), 1..4);
    let workload = prop::sample::select(vec!["notes", "notes", "intake"]);
    let some = (workload, models, profiles, operations, prop::option::of(0..GUARDRAILS.len()));
    some.prop_map(|(workload, mut models, profiles, operations, guardrail)| {
        if models.is_empty() && profiles.is_empty() {
            models.push(0);
        }
        Access { workload, models, profiles, operations, guardrail }
    })
}

fn declaration() -> impl Strategy<Value = Declaration> {
    let families = prop::collection::vec(any::<bool>(), MODELS.len() + PROFILES.len());
    let accesses = prop::collection::vec(access(), 1..4);
    (families, any::<bool>(), prop::bool::weighted(0.2), accesses).prop_map(|(families, guardrails, federation, mut accesses)| {
        for access in &mut accesses {
            if !guardrails {
                access.guardrail = None;
                access.operations.retain(|operation| *operation != Operation::Apply);
                if access.operations.is_empty() {
                    access.operations.push(Operation::Invoke);
                }
            }
        }
        Declaration { families, guardrails, federation, accesses }
    })
}

impl Declaration {
    /// Whether AWS lets this request through by what is declared.
    fn allows(&self, request: &Request) -> bool {
        let Request { operation, target, vpc, region, guardrail, cluster, .. } = request;
        if self.federation && *cluster != Some(CLUSTER) {
            return false;
        }
        let here = *vpc == Some(VPC) && *region == HOME;
        self.accesses.iter().filter(|access| access.workload == request.workload).any(|access| {
            let own = self.guardrails.then(|| access.guardrail.unwrap_or(0));
            let declared = access.operations.contains(operation);
            let filtered = |model: &str| takes_none(model) || own.is_none_or(|own| *guardrail == Some(identifier(own)));
            let models = || access.models.iter().map(|&model| MODELS[model].0);
            let calls = matches!(operation, Operation::Invoke | Operation::Stream);
            match *target {
                // Whoever has to name a guardrail may apply it: Bedrock does so for them.
                Target::Guardrail(which) => *operation == Operation::Apply && own == Some(which) && *region == HOME,
                Target::Model { id, region: at, through: None } if *operation == Operation::Count => {
                    let behind = access.profiles.iter().any(|&profile| PROFILES[profile].3 == id);
                    declared && here && at == HOME && (behind || models().any(|model| model == id))
                }
                Target::Model { id, region: at, through: None } => {
                    calls && declared && here && at == HOME && models().any(|model| model == id) && filtered(id)
                }
                Target::Model { id, region: at, through: Some(profile) } => {
                    let (.., behind, leads) = PROFILES[profile];
                    let led = behind == id && leads.contains(&at) && at == *region;
                    calls && declared && access.profiles.contains(&profile) && led && filtered(id)
                }
                Target::Profile(profile) => {
                    calls && declared && here && access.profiles.contains(&profile) && filtered(PROFILES[profile].3)
                }
            }
        })
    }

    /// Requests for what is declared, with all operations; one of them, by `turn`, with each single thing changed as well.
    fn requests(&self, turn: usize) -> Vec<Request> {
        let (mut requests, mut declared) = (Vec::new(), Vec::new());
        for access in &self.accesses {
            let guardrail = self.guardrails.then(|| identifier(access.guardrail.unwrap_or(0)));
            let direct = |id| Target::Model { id, region: HOME, through: None };
            let mut targets: Vec<(Target, bool)> = access.models.iter().map(|&model| (direct(MODELS[model].0), true)).collect();
            for &profile in &access.profiles {
                let (.., id, leads) = PROFILES[profile];
                targets.push((Target::Profile(profile), true));
                targets.push((direct(id), true));
                targets.extend(leads.iter().map(|&region| (Target::Model { id, region, through: Some(profile) }, false)));
            }
            if self.guardrails {
                targets.extend([(Target::Guardrail(0), true), (Target::Guardrail(1), true)]);
            }
            for (target, from_vpc) in targets {
                let region = if let Target::Model { region, .. } = target { region } else { HOME };
                for (operation, ..) in OPERATIONS.iter().filter(|(operation, ..)| fits(*operation, target)) {
                    let vpc = from_vpc.then_some(VPC);
                    // Only inferences carry a guardrail.
                    let guardrail = guardrail.filter(|_| matches!(operation, Operation::Invoke | Operation::Stream));
                    let base = Request {
                        workload: access.workload,
                        operation: *operation,
                        target,
                        vpc,
                        region,
                        guardrail,
                        cluster: Some(CLUSTER),
                    };
                    if self.allows(&base) {
                        declared.push(base.clone());
                    }
                    requests.push(base);
                }
            }
        }
        if !declared.is_empty() {
            requests.extend(changed(&declared[turn % declared.len()]));
        }
        requests
    }
}

/// Whether AWS knows the operation for such a thing.
fn fits(operation: Operation, target: Target) -> bool {
    match target {
        Target::Guardrail(_) => operation == Operation::Apply,
        Target::Model { through: None, .. } => operation != Operation::Apply,
        Target::Model { .. } | Target::Profile(_) => matches!(operation, Operation::Invoke | Operation::Stream),
    }
}

/// The request with each single thing changed.
fn changed(base: &Request) -> Vec<Request> {
    let with = |change: &dyn Fn(&mut Request)| {
        let mut request = base.clone();
        change(&mut request);
        request
    };
    let mut all = vec![
        with(&|it| it.workload = if base.workload == "notes" { "intake" } else { "notes" }),
        with(&|it| it.vpc = None),
        with(&|it| it.vpc = Some("vpc-09999999999999999")),
        with(&|it| it.region = "eu-west-1"),
        with(&|it| it.cluster = None),
        with(&|it| it.cluster = Some("oidc.eks.us-east-1.amazonaws.com/id/OTHER")),
    ];
    if matches!(base.operation, Operation::Invoke | Operation::Stream) {
        let others =
            [None, Some("phiphiphi001:3"), Some("phiphiphi001:2"), Some("phiphiphi001"), Some("letters00001:1"), Some("other0000001:3")];
        all.extend(others.map(|other| with(&|it| it.guardrail = other)));
    }
    if let Target::Model { id, region, through } = base.target {
        // Behind a profile AWS makes the call, with no VPC.
        let mut put = |id, region, through: Option<usize>| {
            all.push(with(&|it| {
                (it.target, it.region, it.vpc) = (Target::Model { id, region, through }, region, it.vpc.filter(|_| through.is_none()));
            }));
        };
        put("amazon.titan-text-express-v1", region, through);
        put(MODELS[2].0, region, through);
        put(id, "us-west-2", through);
        put(id, "ca-central-1", through);
        if base.operation != Operation::Count {
            put(id, region, Some(0));
            put(id, region, Some(1));
            put(id, region, None);
        }
    }
    if let Target::Profile(profile) = base.target {
        all.push(with(&|it| it.target = Target::Profile((profile + 1) % PROFILES.len())));
    }
    all
}
