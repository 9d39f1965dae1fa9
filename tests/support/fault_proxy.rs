//! A stub between the operator and the emulators that counts and names its calls, and lets happen to them what happens in production:
//! lost answers, errors, throttling, slowness, and time to kill the caller before or after any call.

mod connection;
pub mod foreign;
pub mod plan;
pub mod refusal;
pub mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;
use axum::http::request::Parts;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::call::{Call, Shown};
use super::emulators::Emulators;
use connection::{Cut, Loopback};
use plan::{Decisions, Fault, Plan, Seen};
use world::{Memory, Passing, World};

/// The call that every pass over an environment begins with.
const FIRST_OF_A_PASS: &str = "GetCallerIdentity";

/// The running proxy. Ended on drop.
pub struct FaultProxy {
    /// Where it listens.
    pub url: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    moto: String,
    bedrock: String,
    decisions: Mutex<Decisions>,
    world: Mutex<(World, Arc<Memory>)>,
    traffic: watch::Sender<Traffic>,
}

/// What is under way.
#[derive(Clone, Copy, Debug, Default)]
struct Traffic {
    /// Calls that were not answered yet.
    open: usize,
    /// Those of them that wait for the gate.
    waiting: usize,
    /// Passes wait at their first call.
    gate_closed: bool,
    /// The plan's call came.
    struck: bool,
    /// The number of the plan: what is held waits for another one.
    plan: u64,
}

impl FaultProxy {
    /// Starts it in front of both emulators, without a fault.
    pub async fn start(emulators: &Emulators) -> Self {
        let listener = Loopback::bind().await;
        let url = listener.url();
        let shared = Arc::new(Shared {
            moto: emulators.moto_url.clone(),
            bedrock: emulators.bedrock.url.clone(),
            decisions: Mutex::default(),
            world: Mutex::default(),
            traffic: watch::Sender::default(),
        });
        let router = Router::new().fallback(handle).with_state(shared.clone());
        let service = router.into_make_service_with_connect_info::<Cut>();
        let task = tokio::spawn(async move { axum::serve(listener, service).await.expect("the proxy serves") });
        Self { url, shared, task }
    }

    /// What a program needs in its environment, after that of the emulators, to call through the proxy.
    pub fn environment(&self) -> Vec<(String, String)> {
        let names = ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_BEDROCK", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME"];
        names.map(|name| (name.to_owned(), self.url.clone())).to_vec()
    }

    /// Counts calls anew, with this plan. What the former plan held is let go unanswered.
    pub fn plan(&self, plan: Option<Plan>) {
        let mut decisions = self.shared.decisions();
        decisions.begin(plan);
        self.shared.traffic.send_modify(|traffic| {
            traffic.struck = false;
            traffic.plan += 1;
        });
    }

    /// From now on the account behaves like this, and remembers nothing of before.
    pub fn world(&self, world: World) {
        *self.shared.world.lock().unwrap_or_else(PoisonError::into_inner) = (world, Arc::default());
    }

    /// Waits until the plan's call came, at most this long; says whether it did.
    pub async fn struck(&self, deadline: Duration) -> bool {
        self.until(deadline, |traffic| traffic.struck).await
    }

    /// Lets no further pass over an environment begin, until [`resume`](Self::resume), and waits until one waits and nothing else is
    /// under way; says whether that came within the time. The SDK gives a call up after ten seconds.
    pub async fn pause(&self, deadline: Duration) -> bool {
        self.shared.traffic.send_modify(|traffic| traffic.gate_closed = true);
        self.until(deadline, |traffic| traffic.waiting > 0 && traffic.open == traffic.waiting).await
    }

    /// Waits until nothing is under way; says whether that came within the time.
    pub async fn quiet(&self, deadline: Duration) -> bool {
        self.until(deadline, |traffic| traffic.open == 0).await
    }

    /// Lets passes go on.
    pub fn resume(&self) {
        self.shared.traffic.send_modify(|traffic| traffic.gate_closed = false);
    }

    /// The calls since the plan was made, in the order of their arrival.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.decisions().seen().to_vec()
    }

    async fn until(&self, deadline: Duration, condition: impl FnMut(&Traffic) -> bool) -> bool {
        let mut traffic = self.shared.traffic.subscribe();
        let waited = tokio::time::timeout(deadline, traffic.wait_for(condition)).await;
        waited.is_ok_and(|changed| changed.is_ok())
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn decisions(&self) -> MutexGuard<'_, Decisions> {
        self.decisions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault that a call meets, and the number of the plan that says so.
    fn decide(&self, call: &Call, head: &Parts) -> (Option<Fault>, u64) {
        let invocation = head.headers.get("amz-sdk-invocation-id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        let mut decisions = self.decisions();
        (decisions.decide(call, invocation, Instant::now()), self.traffic.borrow().plan)
    }

    /// Tells who waits that the call of this plan came.
    fn strike(&self, plan: u64) {
        self.traffic.send_if_modified(|traffic| traffic.plan == plan && !std::mem::replace(&mut traffic.struck, true));
    }

    /// Passes a call on, and gives the emulator's answer.
    async fn pass_on(&self, call: &Call, head: Parts, body: Bytes) -> Response<Body> {
        let (world, memory) = self.world.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let upstream = if call.service == "bedrock" { &self.bedrock } else { &self.moto };
        let answer = memory.answer(&world, Passing { call, upstream, head, body }).await;
        answer.unwrap_or_else(|error| refusal::response(502, "text/plain", error))
    }

    /// Waits until the plan is another one.
    async fn held(&self, plan: u64) {
        // An error says that the proxy has ended.
        let _ = self.traffic.subscribe().wait_for(|traffic| traffic.plan != plan).await;
    }

    async fn gate(&self) {
        self.traffic.send_modify(|traffic| traffic.waiting += 1);
        let _waiting = Leaving(self, |traffic| traffic.waiting -= 1);
        let _ = self.traffic.subscribe().wait_for(|traffic| !traffic.gate_closed).await;
    }
}

/// Counts down when a call is over, also when its caller was killed and nobody waits for the answer.
struct Leaving<'a>(&'a Shared, fn(&mut Traffic));

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.traffic.send_modify(self.1);
    }
}

async fn handle(State(shared): State<Arc<Shared>>, ConnectInfo(cut): ConnectInfo<Cut>, request: Request) -> Response<Body> {
    shared.traffic.send_modify(|traffic| traffic.open += 1);
    let _open = Leaving(&shared, |traffic| traffic.open -= 1);
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let call = call_of(&head, &body);
    if call.operation == FIRST_OF_A_PASS {
        shared.gate().await;
    }
    let (Some(met), plan) = shared.decide(&call, &head) else {
        return shared.pass_on(&call, head, body).await;
    };
    match met {
        Fault::Refused(refusal, _) => {
            shared.strike(plan);
            return refusal.answer(&call.service);
        }
        Fault::HeldBefore => {}
        Fault::HeldAfter | Fault::AnswerLost | Fault::AnswersLost => drop(shared.pass_on(&call, head, body).await),
        Fault::Late(by, _) => {
            let answer = shared.pass_on(&call, head, body).await;
            shared.strike(plan);
            tokio::time::sleep(by).await;
            return answer;
        }
    }
    shared.strike(plan);
    if matches!(met, Fault::HeldBefore | Fault::HeldAfter) {
        shared.held(plan).await;
    }
    cut.cut();
    Response::new(Body::empty())
}

fn call_of(head: &Parts, body: &Bytes) -> Call {
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    Call::of(&Shown {
        method: head.method.as_str(),
        path: head.uri.path(),
        authorization: header("authorization"),
        target: header("x-amz-target"),
        form: std::str::from_utf8(body).ok(),
    })
}
