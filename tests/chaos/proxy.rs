//! What the proxy does to calls, shown with the SDK on the emulators alone.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_ec2::error::ProvideErrorMetadata as _;
use aws_sdk_ec2::types::VpcEndpointType;
use aws_sdk_iam::types::EntityType;

use crate::support::call::Call;
use crate::support::emulators::Emulators;
use crate::support::fault_proxy::FaultProxy;
use crate::support::fault_proxy::foreign::Foreign;
use crate::support::fault_proxy::plan::{Fault, Plan, Which};
use crate::support::fault_proxy::refusal::Refusal;
use crate::support::fault_proxy::world::World;
use crate::support::wait;

const SOON: Duration = Duration::from_secs(10);
const SERVICE: &str = "com.amazonaws.us-east-1.sts";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

/// The proxy on an account of its own.
struct Road {
    ec2: aws_sdk_ec2::Client,
    iam: aws_sdk_iam::Client,
    kms: aws_sdk_kms::Client,
    vpc: String,
    proxy: FaultProxy,
    emulators: Emulators,
    _folder: tempfile::TempDir,
}

impl Road {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let emulators = Emulators::start(folder.path(), "123456789012", "us-east-1").await;
        let proxy = FaultProxy::start(&emulators).await;
        let config = emulators.sdk_config().into_builder().endpoint_url(&proxy.url).build();
        let vpc = emulators.ec2().create_vpc().cidr_block("10.9.0.0/16").send().await.unwrap().vpc.unwrap().vpc_id.unwrap();
        Self {
            ec2: aws_sdk_ec2::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
            kms: aws_sdk_kms::Client::new(&config),
            vpc,
            proxy,
            emulators,
            _folder: folder,
        }
    }

    fn endpoint(
        &self,
        token: &str,
        private_dns: bool,
    ) -> aws_sdk_ec2::operation::create_vpc_endpoint::builders::CreateVpcEndpointFluentBuilder {
        let call = self.ec2.create_vpc_endpoint().vpc_id(&self.vpc).service_name(SERVICE).client_token(token);
        call.vpc_endpoint_type(VpcEndpointType::Interface).private_dns_enabled(private_dns)
    }

    async fn endpoints(&self) -> usize {
        self.emulators.ec2().describe_vpc_endpoints().send().await.unwrap().vpc_endpoints().len()
    }

    fn at(&self, service: &str, operation: &str, fault: Fault) {
        let call = Call { service: service.to_owned(), operation: operation.to_owned(), mutating: operation.starts_with("Create") };
        self.proxy.plan(Some(Plan { which: Which::Named(call, 1), fault }));
    }
}

#[tokio::test]
async fn the_proxy_is_what_it_says() {
    let road = Road::open().await;
    tokens_are_honoured(&road).await;
    dry_runs_do_nothing(&road).await;
    answers_are_lost(&road).await;
    refusals_carry_the_service_s_code(&road).await;
    held_calls_reach_the_service_or_do_not(&road).await;
    endpoints_take_their_time(&road).await;
    reads_lag_behind(&road).await;
    accounts_are_paged(&road).await;
}

async fn tokens_are_honoured(road: &Road) {
    let id = || async { road.endpoint("one", false).send().await.unwrap().vpc_endpoint.unwrap().vpc_endpoint_id };
    assert_eq!(id().await, id().await);
    let other = road.endpoint("one", true).send().await.unwrap_err();
    assert_eq!(other.code(), Some("IdempotentParameterMismatch"));
    road.endpoint("two", false).send().await.unwrap();
    assert_eq!(road.endpoints().await, 2);
}

async fn dry_runs_do_nothing(road: &Road) {
    let refused = road.endpoint("dry", false).dry_run(true).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("DryRunOperation"));
    let kept = road.ec2.delete_vpc_endpoints().vpc_endpoint_ids("vpce-any").dry_run(true).send().await.unwrap_err();
    assert_eq!(kept.code(), Some("DryRunOperation"));
    assert_eq!(road.endpoints().await, 2);
}

async fn answers_are_lost(road: &Road) {
    road.at("iam", "CreateRole", Fault::AnswerLost);
    let repeated = road.iam.create_role().role_name("lost").assume_role_policy_document(TRUST).send().await.unwrap_err();
    assert_eq!(repeated.code(), Some("EntityAlreadyExists"), "the SDK tries again, and meets the effect");
    let met: Vec<_> = road.proxy.seen().iter().map(|seen| seen.met).collect();
    assert_eq!(met, [Some(Fault::AnswerLost), None]);

    road.at("kms", "CreateKey", Fault::AnswersLost);
    let unanswered = road.kms.create_key().send().await.unwrap_err();
    assert!(unanswered.code().is_none(), "{unanswered:?}");
    let tries = road.proxy.seen().len();
    let keys = road.emulators.kms().list_keys().send().await.unwrap().keys().len();
    assert!(tries > 1 && keys == tries, "{keys} keys by {tries} tries");
}

async fn refusals_carry_the_service_s_code(road: &Road) {
    for (refusal, ec2, kms) in [
        (Refusal::Throttled, "RequestLimitExceeded", "ThrottlingException"),
        (Refusal::ServerError, "InternalError", "KMSInternalException"),
        (Refusal::ExpiredCredentials, "RequestExpired", "ExpiredTokenException"),
    ] {
        road.proxy.plan(Some(Plan { which: Which::Number(1), fault: Fault::Refused(refusal, Duration::from_mins(1)) }));
        let keys = road.emulators.kms().list_keys().send().await.unwrap().keys().len();
        assert_eq!(road.endpoint("refused", false).send().await.unwrap_err().code(), Some(ec2));
        assert_eq!(road.kms.create_key().send().await.unwrap_err().code(), Some(kms));
        let now = road.emulators.kms().list_keys().send().await.unwrap().keys().len();
        assert_eq!((road.endpoints().await, now), (2, keys), "what is refused has no effect");
    }
    road.proxy.plan(None);
    road.kms.list_keys().send().await.unwrap();
}

async fn held_calls_reach_the_service_or_do_not(road: &Road) {
    for (name, fault, exists) in [("before", Fault::HeldBefore, false), ("after", Fault::HeldAfter, true)] {
        road.at("iam", "CreateRole", fault);
        let call = tokio::spawn(road.iam.create_role().role_name(name).assume_role_policy_document(TRUST).send());
        assert!(road.proxy.struck(SOON).await);
        call.abort();
        assert!(road.proxy.quiet(SOON).await, "a call whose caller is gone is over");
        assert_eq!(road.emulators.iam().get_role().role_name(name).send().await.is_ok(), exists, "{name}");
    }
    road.proxy.plan(None);
}

async fn endpoints_take_their_time(road: &Road) {
    road.proxy.world(World { pending: Duration::from_secs(1), ..World::default() });
    let made = road.endpoint("slowly", false).send().await.unwrap().vpc_endpoint.unwrap();
    let id = made.vpc_endpoint_id.clone().unwrap();
    assert_eq!(made.state.unwrap().as_str(), "pending");
    let state = || async {
        let found = road.ec2.describe_vpc_endpoints().vpc_endpoint_ids(&id).send().await.unwrap();
        found.vpc_endpoints()[0].state().unwrap().as_str().to_owned()
    };
    assert_eq!(state().await, "pending");
    let available = || async { if state().await == "available" { Ok(()) } else { Err("it is pending".to_owned()) } };
    wait::until(SOON, available).await.unwrap();
}

async fn reads_lag_behind(road: &Road) {
    road.proxy.world(World { stale: Duration::from_secs(1), ..World::default() });
    let keys = || async { road.kms.list_keys().send().await.unwrap().keys().len() };
    let before = keys().await;
    road.kms.create_key().send().await.unwrap();
    assert_eq!(keys().await, before);
    let shown = || async { if keys().await == before + 1 { Ok(()) } else { Err("it is not shown".to_owned()) } };
    wait::until(SOON, shown).await.unwrap();
}

async fn accounts_are_paged(road: &Road) {
    let foreign = Foreign { roles: 50, versions: 5, on_a_page: 7 };
    road.proxy.world(World { foreign: Some(foreign), ..World::default() });
    let request = road.iam.get_account_authorization_details().filter(EntityType::Role).filter(EntityType::LocalManagedPolicy);
    let mut pages = request.into_paginator().send();
    let (mut count, mut roles, mut versions, mut empty) = (0, BTreeSet::new(), 0, 0);
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        count += 1;
        empty += usize::from(page.role_detail_list().is_empty());
        roles.extend(page.role_detail_list().iter().map(|role| role.role_name().unwrap().to_owned()));
        versions += page.policies().iter().map(|policy| policy.policy_version_list().len()).sum::<usize>();
    }
    assert!(count == foreign.pages() && empty > 0, "{count} pages, {empty} of them empty");
    assert!(roles.contains("lost") && roles.contains("foreign-0") && roles.contains("foreign-49"), "{roles:?}");
    assert_eq!(versions, 250);
}
