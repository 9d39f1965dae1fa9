//! All trials, spread over lanes: each cycle brings an account through the three flows, with a fault in each.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::flow::Flow;
use crate::lane::{Lane, Setting};
use crate::report::Tally;
use crate::support::fault_proxy::plan::Which;
use crate::trial::{Ending, Reference, Trial, reference};

/// The longest silence.
const TICK: Duration = Duration::from_secs(10);

/// The trials that are left, and what came of the others.
pub struct Campaign {
    references: BTreeMap<Flow, Reference>,
    state: Mutex<State>,
}

struct State {
    left: BTreeMap<(Setting, Flow), VecDeque<Trial>>,
    tally: Tally,
    total: usize,
    told: Instant,
}

/// The trials of one cycle.
type Cycle = BTreeMap<Flow, Trial>;

impl Campaign {
    /// Runs the flows undisturbed on a lane, and plans the trials of each by its calls.
    pub async fn plan(lane: &mut Lane, trials: impl Fn(Flow, &Reference) -> Vec<Trial>) -> Result<Self, String> {
        lane.renew(Setting::default()).await?;
        let mut references = BTreeMap::new();
        let mut left = BTreeMap::<_, VecDeque<_>>::new();
        let mut tally = Tally::default();
        for flow in Flow::ALL {
            let before = references.get(&Flow::Provision).map(|reference: &Reference| &reference.picture);
            let undisturbed = reference(flow, lane, before).await?;
            for trial in trials(flow, &undisturbed) {
                tally.expect(flow, trial.name, undisturbed.calls.len());
                left.entry((trial.setting, flow)).or_default().push_back(trial);
            }
            references.insert(flow, undisturbed);
        }
        let total = left.values().map(VecDeque::len).sum();
        Ok(Self { references, state: Mutex::new(State { left, tally, total, told: Instant::now() }) })
    }

    /// How many calls each flow makes, and how many trials there are.
    pub fn summary(&self) -> String {
        let calls = self.references.iter().map(|(flow, reference)| format!("{flow} {}", reference.calls.len()));
        format!("calls of the undisturbed flows: {}; {} points", calls.collect::<Vec<_>>().join(", "), self.state().total)
    }

    /// Takes trials until none is left.
    pub async fn work(&self, lane: &mut Lane) -> Result<(), String> {
        while let Some((setting, cycle)) = self.take() {
            self.cycle(lane, setting, cycle).await?;
        }
        lane.kill();
        Ok(())
    }

    /// What came of all trials.
    pub fn tally(self) -> Tally {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).tally
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next trial of each flow, all on an account that behaves in the same way.
    fn take(&self) -> Option<(Setting, Cycle)> {
        let mut state = self.state();
        let setting = state.left.iter().find(|(_, trials)| !trials.is_empty()).map(|((setting, _), _)| *setting)?;
        let taken = Flow::ALL.into_iter().filter_map(|flow| Some((flow, state.left.get_mut(&(setting, flow))?.pop_front()?)));
        Some((setting, taken.collect()))
    }

    /// Brings an account through the flows. After a trial that did not end well the rest of the cycle has an account of its own.
    async fn cycle(&self, lane: &mut Lane, setting: Setting, mut cycle: Cycle) -> Result<(), String> {
        while !cycle.is_empty() {
            lane.renew(setting).await?;
            for flow in Flow::ALL {
                if cycle.is_empty() {
                    break;
                }
                let wanted = &self.references[&flow].picture;
                let Some(trial) = cycle.remove(&flow) else {
                    let undisturbed = Trial { name: "none", setting, plan: None };
                    let ending = undisturbed.run(flow, lane, wanted).await?;
                    if !ending.good() {
                        return Err(format!("an undisturbed {flow} did not end well:\n{}\n{}", ending.difference, lane.logs()));
                    }
                    continue;
                };
                let ending = trial.run(flow, lane, wanted).await?;
                let good = ending.good();
                self.record(flow, &trial, &ending, lane);
                if !ending.struck
                    && let Some(by_number) = self.by_number(flow, &trial)
                {
                    // It made fewer calls of this name than undisturbed: then by its number among all calls.
                    cycle.insert(flow, by_number);
                    break;
                }
                if !good {
                    break;
                }
            }
        }
        Ok(())
    }

    fn by_number(&self, flow: Flow, trial: &Trial) -> Option<Trial> {
        let plan = trial.plan.as_ref()?;
        let Which::Named(call, nth) = &plan.which else { return None };
        let calls = self.references[&flow].calls.iter().enumerate();
        let number = calls.filter(|(_, other)| *other == call).nth(nth - 1).map(|(index, _)| index + 1)?;
        let mut trial = trial.clone();
        trial.plan.as_mut()?.which = Which::Number(number);
        Some(trial)
    }

    fn record(&self, flow: Flow, trial: &Trial, ending: &Ending, lane: &Lane) {
        let mut state = self.state();
        state.tally.add(flow, trial, ending);
        if !ending.good() {
            println!("✗ {flow}, {}: after {:.1} s\n{}", trial.told(), ending.took.as_secs_f64(), ending.difference);
            if let Some(calls) = ending.throttled {
                println!("  {calls} calls in a second while all were throttled");
            }
            crate::report::keep_logs(flow, trial, ending, &lane.logs());
        }
        if state.told.elapsed() > TICK {
            state.told = Instant::now();
            println!("{}", state.tally.progress(state.total));
        }
    }
}
