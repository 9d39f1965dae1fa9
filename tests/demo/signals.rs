//! What ends the demo early: Ctrl-C, a terminal that closes, a polite kill.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals, caught from [`Signals::listen`] on.
pub struct Signals {
    interrupt: Signal,
    hang_up: Signal,
    terminate: Signal,
}

impl Signals {
    /// Catches them from now on.
    ///
    /// # Panics
    /// If the system does not let us.
    pub fn listen() -> Self {
        let catch = |kind| signal(kind).expect("signals can be caught");
        Self { interrupt: catch(SignalKind::interrupt()), hang_up: catch(SignalKind::hangup()), terminate: catch(SignalKind::terminate()) }
    }

    /// Waits for one of them, and says so.
    pub async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.hang_up.recv() => {}
            _ = self.terminate.recv() => {}
        }
        // Not println!, which panics if the terminal has gone.
        let _ = std::io::Write::write_all(&mut std::io::stdout(), b"\nending what was started ...\n");
    }
}
