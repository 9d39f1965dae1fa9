//! A judgement on one control.

use crate::api::Verdict;
use crate::api::conditions::{ConditionType, Reason};
use crate::catalogue::Control;
use crate::domain::Fault;

/// The judgement on one control for one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The control.
    pub control: Control,
    /// The family condition it counts for.
    pub family: ConditionType,
    /// The thing, where the subject has several, such as an endpoint's service; else empty.
    pub about: String,
    /// The judgement.
    pub verdict: Verdict,
    /// Stable reason.
    pub reason: Reason,
    /// What is wrong, where, and what to do; for `Pass`, what was proven.
    pub message: String,
    /// Whether the family condition, and so `Ready`, depends on it; else it counts for `Compliant` alone.
    pub blocks: bool,
}

impl Finding {
    /// It holds.
    #[must_use]
    pub fn pass(control: Control, family: ConditionType, message: impl Into<String>) -> Self {
        Self::of(control, family, Verdict::Pass, Reason::Proven, message)
    }

    /// It is broken.
    #[must_use]
    pub fn fail(control: Control, family: ConditionType, reason: Reason, message: impl Into<String>) -> Self {
        Self::of(control, family, Verdict::Fail, reason, message)
    }

    /// It could not be read.
    #[must_use]
    pub fn unreadable(control: Control, family: ConditionType, fault: &Fault) -> Self {
        Self::of(control, family, Verdict::Unknown, fault.reason(), fault.to_string())
    }

    /// It was not read yet, or not enough of it.
    #[must_use]
    pub fn unread(control: Control, family: ConditionType, message: impl Into<String>) -> Self {
        Self::of(control, family, Verdict::Unknown, Reason::NotRead, message)
    }

    /// The account could not be read for so long that nothing is claimed of what depends on it. Counts for `Compliant` alone.
    #[must_use]
    pub fn stale(family: ConditionType, reason: Reason, why: &str) -> Self {
        let message = format!("the account could not be read for several sweeps, so nothing is claimed any more: {why}");
        Self::of(Control::OperatorPath, family, Verdict::Unknown, reason, message).about("account").advisory()
    }

    /// Someone narrowed it; it is left.
    #[must_use]
    pub fn held(control: Control, family: ConditionType, what: &str) -> Self {
        let message = format!(
            "{what} was made narrower and is left so; change the spec or set the annotation hipaa-operator.io/reconcile-at to restore it"
        );
        Self::of(control, family, Verdict::Held, Reason::Held, message)
    }

    /// Someone cut something off; only a person undoes that.
    #[must_use]
    pub fn cut_off(control: Control, family: ConditionType, message: impl Into<String>) -> Self {
        Self::of(control, family, Verdict::Held, Reason::Held, message)
    }

    /// It was not judged, because something it depends on is not proven.
    #[must_use]
    pub fn waiting(control: Control, family: ConditionType) -> Self {
        Self::of(control, family, Verdict::Unknown, Reason::DependenciesNotReady, "not judged before what it depends on is proven")
    }

    fn of(control: Control, family: ConditionType, verdict: Verdict, reason: Reason, message: impl Into<String>) -> Self {
        Self { control, family, about: String::new(), verdict, reason, message: message.into(), blocks: true }
    }

    /// The same, about one of several things.
    #[must_use]
    pub fn about(mut self, thing: &str) -> Self {
        thing.clone_into(&mut self.about);
        self
    }

    /// The same, but counting for `Compliant` alone.
    #[must_use]
    pub fn advisory(mut self) -> Self {
        self.blocks = false;
        self
    }

    /// Identifier in a status: the control's id, and the thing.
    #[must_use]
    pub fn id(&self) -> String {
        if self.about.is_empty() { self.control.id().to_owned() } else { format!("{}/{}", self.control.id(), self.about) }
    }
}
