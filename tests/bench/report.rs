//! The figures, for people and for tools.

use serde::Serialize;

/// Everything that was measured, of the operator's process alone. All figures are totals.
#[derive(Debug, Serialize)]
pub struct Report {
    pub accesses: usize,
    pub create: Create,
    pub sweeps: Sweeps,
    pub peak_memory_mib: f64,
}

/// From the first apply until every access is ready.
#[derive(Debug, Serialize)]
pub struct Create {
    pub wall_seconds: f64,
    pub cpu_seconds: f64,
    pub aws_calls: u64,
    pub aws_mutating_calls: u64,
    pub kubernetes_writes: u64,
}

/// Forced sweeps of a world that does not change.
#[derive(Debug, Serialize)]
pub struct Sweeps {
    pub count: u64,
    pub cpu_seconds: f64,
    pub aws_calls: u64,
    pub kubernetes_writes: u64,
}

/// ACK's iam-controller 1.8 with 8 workers, which does the same job from two objects (Role and Policy): CPU in milliseconds and AWS
/// calls for each access, to create it and to resync it, and MB at 500 accesses.
const ACK: [f64; 5] = [16.0, 16.0, 11.0, 12.0, 72.0];

impl Report {
    /// The figures as a table, in all and for each access.
    #[allow(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    pub fn table(&self) -> String {
        let (create, sweeps, accesses) = (&self.create, &self.sweeps, self.accesses as f64);
        let swept = accesses * sweeps.count as f64;
        let row = |what: &str, total: String, each: String, ack: Option<(f64, &str)>| {
            let ack = ack.map(|(value, unit)| format!("{value} {unit}")).unwrap_or_default();
            format!("{what:<36} {total:>12} {each:>14} {:>14}\n", ack.trim_end())
        };
        let calls = |count: u64| count.to_string();
        let each = |count: u64, of: f64| format!("{:.3}", count as f64 / of);
        let milliseconds = |seconds: f64, of: f64| format!("{:.3} ms", seconds * 1000.0 / of);
        [
            row(&format!("{} accesses", self.accesses), "in all".to_owned(), "an access".to_owned(), None)
                .replace('\n', "       ACK 1.8\n"),
            row("create  from apply to all ready", format!("{:.1} s", create.wall_seconds), String::new(), None),
            row("        CPU", format!("{:.2} s", create.cpu_seconds), milliseconds(create.cpu_seconds, accesses), Some((ACK[0], "ms"))),
            row("        AWS calls", calls(create.aws_calls), each(create.aws_calls, accesses), Some((ACK[1], ""))),
            row("        of them mutating", calls(create.aws_mutating_calls), each(create.aws_mutating_calls, accesses), None),
            row("        Kubernetes writes", calls(create.kubernetes_writes), each(create.kubernetes_writes, accesses), None),
            row(&format!("{} sweeps", sweeps.count), String::new(), "and sweep".to_owned(), None),
            row("        CPU", format!("{:.2} s", sweeps.cpu_seconds), milliseconds(sweeps.cpu_seconds, swept), Some((ACK[2], "ms"))),
            row("        AWS calls", calls(sweeps.aws_calls), each(sweeps.aws_calls, swept), Some((ACK[3], ""))),
            row("        Kubernetes writes", calls(sweeps.kubernetes_writes), each(sweeps.kubernetes_writes, swept), None),
            row("memory  at most", format!("{:.1} MiB", self.peak_memory_mib), String::new(), Some((ACK[4], "MB at 500"))),
        ]
        .concat()
    }
}
