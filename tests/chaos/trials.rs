//! Which faults are tried at which calls.

use std::collections::HashMap;
use std::time::Duration;

use crate::lane::Setting;
use crate::support::call::Call;
use crate::support::fault_proxy::plan::{Fault, Plan, Which};
use crate::support::fault_proxy::refusal::Refusal;
use crate::trial::Trial;

/// The operation that reads all of IAM.
const BULK: &str = "GetAccountAuthorizationDetails";

/// Everything that the campaign tries on a flow with these calls: SIGKILL and a lost answer at every call, the rest at some.
pub fn all(calls: &[Call]) -> Vec<Trial> {
    let points = points(calls);
    let changes = changes(&points);
    let mut trials = killed_or_unanswered(&points);
    let seconds = Duration::from_secs;
    trials.extend(at("5xx", Setting::Plain, Fault::Refused(Refusal::ServerError, seconds(3)), &sample(&points, 6)));
    trials.extend(at("throttled", Setting::Plain, Fault::Refused(Refusal::Throttled, seconds(5)), &sample(&points, 4)));
    let expired = Fault::Refused(Refusal::ExpiredCredentials, seconds(3));
    trials.extend(at("expired-credentials", Setting::Plain, expired, &sample(&points, 4)));
    trials.extend(at("slow", Setting::Plain, Fault::Late(seconds(1), seconds(5)), &sample(&points, 2)));
    // Longer than the operator waits for an answer.
    trials.extend(at("slow", Setting::Plain, Fault::Late(seconds(11), seconds(0)), &sample(&changes, 2)));
    for (name, setting) in [("stale-reads", Setting::Stale), ("pending", Setting::Pending)] {
        trials.push(Trial { name, setting, plan: None });
        trials.extend(at(name, setting, Fault::HeldAfter, &sample(&changes, 3)));
        trials.extend(at(name, setting, Fault::AnswerLost, &sample(&changes, 3)));
    }
    trials.push(Trial { name: "paging", setting: Setting::Crowded, plan: None });
    if let Some((bulk, _)) = points.iter().find(|point| point.0.operation == BULK) {
        trials.extend(at("paging", Setting::Crowded, Fault::HeldBefore, &[(bulk.clone(), 9)]));
        trials.extend(at("paging", Setting::Crowded, Fault::AnswerLost, &[(bulk.clone(), 20)]));
    }
    trials
}

/// SIGKILL before each call and after each change, and answers lost of each.
fn killed_or_unanswered(points: &[(Call, usize)]) -> Vec<Trial> {
    let changes = changes(points);
    let mut trials = at("kill", Setting::Plain, Fault::HeldBefore, points);
    trials.extend(at("kill-after-effect", Setting::Plain, Fault::HeldAfter, &changes));
    trials.extend(at("response-lost", Setting::Plain, Fault::AnswerLost, points));
    trials.extend(at("every-response-lost", Setting::Plain, Fault::AnswersLost, &changes));
    trials
}

/// Those that may change something.
fn changes(points: &[(Call, usize)]) -> Vec<(Call, usize)> {
    points.iter().filter(|(call, _)| call.mutating).cloned().collect()
}

/// Each call by its name and its number among the calls of that name.
fn points(calls: &[Call]) -> Vec<(Call, usize)> {
    let mut counts = HashMap::<&Call, usize>::new();
    let numbered = calls.iter().map(|call| {
        let count = counts.entry(call).or_default();
        *count += 1;
        (call.clone(), *count)
    });
    numbered.collect()
}

fn at(name: &'static str, setting: Setting, fault: Fault, points: &[(Call, usize)]) -> Vec<Trial> {
    let trial = |(call, nth): &(Call, usize)| Trial { name, setting, plan: Some(Plan { which: Which::Named(call.clone(), *nth), fault }) };
    points.iter().map(trial).collect()
}

/// At most this many, evenly spread.
fn sample<T: Clone>(all: &[T], count: usize) -> Vec<T> {
    let count = count.min(all.len());
    (0..count).map(|number| all[(2 * number + 1) * all.len() / (2 * count)].clone()).collect()
}
