//! What the kernel knows of a process.

use std::fs;
use std::path::Path;

/// Clock ticks of a second in `/proc/PID/stat`: `USER_HZ`, 100 on every architecture that the operator is built for
/// (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
const TICKS: f64 = 100.0;

/// A process among those of a group.
#[derive(Clone, Copy, Debug)]
pub struct Watched(u32);

impl Watched {
    /// The one process of `group` that runs `program`. The group's first process is the shell that guards it.
    ///
    /// # Panics
    /// If there is none.
    pub fn of(group: i32, program: &Path) -> Self {
        let program = program.canonicalize().expect("the program is there");
        let processes = fs::read_dir("/proc").expect("/proc can be read").flatten();
        let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let found = numbers.find(|number| {
            let of_group = fields(*number).is_some_and(|fields| fields[2] == group.to_string());
            of_group && fs::read_link(format!("/proc/{number}/exe")).is_ok_and(|path| path == program)
        });
        Self(found.unwrap_or_else(|| panic!("{} does not run", program.display())))
    }

    /// Seconds of CPU that all its threads have used so far, in the kernel and outside of it.
    ///
    /// # Panics
    /// If it has ended.
    pub fn cpu_seconds(self) -> f64 {
        let fields = fields(self.0).expect("the operator runs");
        let ticks = |place: usize| fields[place].parse::<u32>().expect("ticks are a number");
        f64::from(ticks(11) + ticks(12)) / TICKS
    }

    /// The most memory that it ever had resident, in MiB.
    ///
    /// # Panics
    /// If it has ended.
    pub fn peak_memory_mib(self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).expect("the operator runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells the peak");
        let kib: u32 = line.trim().trim_end_matches("kB").trim().parse().expect("the peak is a number");
        f64::from(kib) / 1024.0
    }
}

/// The fields of `/proc/PID/stat` from the third on: the second may hold spaces and ends with the last parenthesis.
fn fields(process: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}
