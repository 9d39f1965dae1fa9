//! A child process that cannot outlive its test, whatever ends the test.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

/// How long a process may take to end by itself before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// Runs the command given as arguments, and ends it when standard input closes: the other end of that pipe is held by the
/// test alone, so it closes whenever the test process is gone, also by SIGKILL. All of them are in one process group.
const GUARDIAN: &str = r#"
exec 3<&0 </dev/null
trap : TERM INT HUP
"$@" 3<&- &
child=$!
{
  trap '' TERM INT HUP
  read -r _ <&3
  kill -TERM "$child"
  tries=0
  while kill -0 "$child" && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL 0
} 2>/dev/null &
watcher=$!
exec 3<&-
while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
kill -KILL "$watcher"
wait "$watcher" 2>/dev/null
exit "$status"
"#;

/// A running program, its output in a log file. Ended on drop.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    group: Pid,
    // Held, never written to: see GUARDIAN.
    _leash: ChildStdin,
}

impl Process {
    /// Starts `program` in a clean environment plus `environment`; the log is `<folder>/<name>.log`.
    ///
    /// # Panics
    /// If the program cannot be started.
    pub fn start<A: AsRef<OsStr>>(
        name: &str,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(String, String)],
        folder: &Path,
    ) -> Self {
        assert!(program.is_file(), "{name}: there is no {}", program.display());
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).unwrap_or_else(|error| panic!("{}: {error}", log.display()));
        let errors = output.try_clone().expect("a file handle can be cloned");
        let mut child = Command::new("/bin/sh")
            .args(["-c", GUARDIAN, name])
            .arg(program)
            .args(arguments)
            .env_clear()
            .envs(clean_environment())
            .envs(environment.iter().cloned())
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let leash = child.stdin.take().expect("standard input was asked for");
        let group = Pid::from_child(&child);
        Self { name: name.to_owned(), child, log, group, _leash: leash }
    }

    /// The id of its process group: see [`group_is_alive`].
    pub fn group(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// Where its output goes.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// An error with the end of the log if it is no longer running.
    pub fn check(&mut self) -> Result<(), String> {
        match self.exited() {
            None => Ok(()),
            Some(status) => Err(format!("{} has ended, {status}\n{}", self.name, tail(&self.log))),
        }
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours to wait for")
    }

    /// Asks it to end, kills it if it has not within ten seconds, and says how it ended.
    pub fn end(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        // One that is paused would not hear of it.
        self.resume();
        let end = Instant::now() + GRACE;
        while Instant::now() < end {
            if let Some(status) = self.exited() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        eprintln!("{}: still running {GRACE:?} after SIGTERM, killed", self.name);
        self.kill()
    }

    /// Kills it at once, as a crash would.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.child.wait().expect("the child is ours to wait for")
    }

    /// Stops it where it is, as a machine does that has no time for it.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// Waits until it has ended by itself, and says how.
    ///
    /// # Panics
    /// If it runs on until `deadline`, with the end of its log.
    pub async fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let exited = super::wait::until(deadline, || {
            let exited = self.exited();
            async move { exited.ok_or_else(|| "it runs on".to_owned()) }
        });
        match exited.await {
            Ok(status) => status,
            Err(error) => panic!("{}: {error} after {deadline:?}\n{}", self.name, tail(&self.log)),
        }
    }

    fn signal(&mut self, signal: Signal) {
        // Only while it runs: once it has been waited for, its number may belong to someone else.
        if self.exited().is_none() {
            // An error says that the group is gone, which is what was wanted.
            let _ = kill_process_group(self.group, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether any process of the group is left.
pub fn group_is_alive(group: i32) -> bool {
    Pid::from_raw(group).is_some_and(|group| test_kill_process_group(group).is_ok())
}

/// The last forty lines of a log.
pub fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    format!("--- end of {} ---\n{}", log.display(), lines[lines.len().saturating_sub(40)..].join("\n"))
}

/// A loopback port nobody listens on, never the same twice in one process.
pub fn free_port() -> u16 {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("a bound socket has an address").port();
        if GIVEN.lock().expect("no holder panics").insert(port) {
            return port;
        }
    }
}

/// This process's environment without what could lead a child to a real account, a real cluster or a proxy.
fn clean_environment() -> impl Iterator<Item = (OsString, OsString)> {
    std::env::vars_os().filter(|(name, _)| {
        let name = name.to_string_lossy().to_uppercase();
        let unwanted = ["AWS_", "KUBE", "SSL_CERT_"].iter().any(|prefix| name.starts_with(prefix))
            || ["PROXY", "_CA_BUNDLE"].iter().any(|suffix| name.ends_with(suffix));
        !unwanted
    })
}
