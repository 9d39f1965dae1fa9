//! The operator itself, as a process of its own: what ships is what is tested.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use super::http;
use super::process::{Process, free_port, tail};
use super::wait;

/// How long the operator may take to be ready.
const READY: Duration = Duration::from_mins(1);

/// A running operator. Ended on drop.
#[derive(Debug)]
pub struct Operator {
    process: Process,
    url: String,
}

impl Operator {
    /// Starts `binary run` with `flags`; its log is `<folder>/<name>.log`. It may not be ready yet.
    pub fn start(name: &str, binary: &Path, flags: &[&str], environment: &[(String, String)], folder: &Path) -> Self {
        let address = format!("127.0.0.1:{}", free_port());
        let arguments = ["run", "--listen", &address].into_iter().chain(flags.iter().copied());
        let process = Process::start(name, binary, arguments, environment, folder);
        Self { process, url: format!("http://{address}") }
    }

    /// Waits until `/readyz` says 200.
    ///
    /// # Panics
    /// If it does not in time or ends, with the end of its log.
    pub async fn wait_ready(&mut self) {
        let url = format!("{}/readyz", self.url);
        let asked = wait::until(READY, || {
            let gone = self.process.check().err();
            let url = &url;
            async move {
                if let Some(gone) = gone {
                    panic!("{gone}");
                }
                http::ok(http::get(url).await?)
            }
        });
        if let Err(error) = asked.await {
            panic!("the operator is not ready: {error}\n{}", tail(self.log()));
        }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it answers to a GET of `path`, such as `/readyz`.
    pub async fn get(&self, path: &str) -> Result<http::Answer, String> {
        http::get(&format!("{}{path}", self.url)).await
    }

    /// Its metrics, as Prometheus would read them.
    ///
    /// # Panics
    /// If it does not answer with 200.
    pub async fn metrics(&self) -> String {
        self.get("/metrics").await.and_then(http::ok).expect("the operator serves its metrics")
    }

    /// How it ended, if it did.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.exited()
    }

    /// Waits until it has ended by itself, and says how.
    ///
    /// # Panics
    /// If it runs on until `deadline`.
    pub async fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        self.process.wait_exit(deadline).await
    }

    /// Stops it where it is; see [`Self::resume`].
    pub fn pause(&mut self) {
        self.process.pause();
    }

    /// Lets it go on.
    pub fn resume(&mut self) {
        self.process.resume();
    }

    /// Asks it to end, and expects it to do so well.
    ///
    /// # Panics
    /// If it does not exit with 0 within ten seconds.
    pub fn stop(mut self) {
        let status = self.process.end();
        assert!(status.success(), "the operator did not end well: {status}\n{}", tail(self.log()));
    }

    /// Asks it to end, and waits until it has; it can still be asked how.
    pub fn end(&mut self) {
        self.process.end();
    }

    /// Kills it at once, as a crash would. The lease stays behind: see [`super::bed::Bed::free_lease`].
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// Where its log is.
    pub fn log(&self) -> &Path {
        self.process.log()
    }

    /// Its process group.
    pub fn group(&self) -> i32 {
        self.process.group()
    }
}

/// The operator's binary: cargo tells test crates, anything else finds it near itself.
///
/// # Panics
/// If it has not been built.
pub fn binary() -> PathBuf {
    if let Some(path) = option_env!("CARGO_BIN_EXE_hipaa-operator") {
        return PathBuf::from(path);
    }
    let me = std::env::current_exe().expect("this program has a path");
    let found = me.ancestors().skip(1).take(2).map(|folder| folder.join("hipaa-operator")).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no hipaa-operator near {}: cargo build", me.display()))
}
