//! What the demo says: headings, steps that were seen, and a line every two seconds of waiting.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// The longest silence.
const TICK: Duration = Duration::from_secs(2);
/// Longest text of a progress line, in characters.
const PROGRESS: usize = 160;

static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// When the demo began: the first call is the beginning.
pub fn began() -> Instant {
    *BEGAN
}

/// What follows belongs together.
pub fn heading(text: &str) {
    println!("\n== {text}");
}

/// A step that was seen.
pub fn seen(text: &str) {
    println!("✓ [{:5.1} s] {text}", began().elapsed().as_secs_f64());
}

/// What the demo does next.
pub fn doing(text: &str) {
    println!("→ [{:5.1} s] {text}", began().elapsed().as_secs_f64());
}

/// Something to look at.
pub fn shown(text: &str) {
    for line in text.lines() {
        println!("{}", format!("    {line}").trim_end());
    }
}

/// Does `work`, with a line for every two seconds that it takes.
pub async fn attended<T>(what: &str, work: impl Future<Output = T>) -> T {
    attended_with(|| what.to_owned(), work).await
}

/// The same, with a text that may change.
pub async fn attended_with<T>(what: impl Fn() -> String, work: impl Future<Output = T>) -> T {
    tokio::select! {
        done = work => done,
        never = ticking(what) => match never {},
    }
}

async fn ticking(what: impl Fn() -> String) -> Infallible {
    loop {
        tokio::time::sleep(TICK).await;
        let text = what().split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = text.chars().take(PROGRESS).collect();
        let more = if cut.len() < text.len() { "…" } else { "" };
        println!("… [{:5.1} s] {cut}{more}", began().elapsed().as_secs_f64());
    }
}
