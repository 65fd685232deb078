//! Programs that are run to their end, and programs that go on beside the test.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::wait::{PATIENCE, until};

/// What became of a program.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote on its standard output.
    pub stdout: String,
    /// What it wrote on its standard error.
    pub stderr: String,
}

impl Finished {
    /// Its exit code; None when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Its standard output.
    ///
    /// # Panics
    /// When it did not exit with 0.
    #[track_caller]
    pub fn ok(&self) -> &str {
        assert!(self.status.success(), "{self:#?}");
        &self.stdout
    }

    /// Its standard output, read as JSON.
    ///
    /// # Panics
    /// When it did not exit with 0, or printed something else.
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_str(self.ok()).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Runs `command` to its end, with nothing to read on its standard input.
///
/// # Panics
/// When it cannot be started.
#[track_caller]
pub fn run(command: &mut Command) -> Finished {
    run_within(command, PATIENCE)
}

/// The same, ended when `time` is over.
///
/// # Panics
/// When it cannot be started, or has to be ended.
#[track_caller]
pub fn run_within(command: &mut Command, time: Duration) -> Finished {
    let mut child = spawn(command.stdin(Stdio::null()));
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = wait(&mut child, time);
    if status.is_none() {
        kill(&mut child);
    }
    let text = |thread: JoinHandle<String>| thread.join().expect("reading does not panic");
    let (stdout, stderr) = (text(stdout), text(stderr));
    let status =
        status.unwrap_or_else(|| panic!("not within {time:?}: {command:?}\n{stdout}\n{stderr}"));
    Finished {
        status,
        stdout,
        stderr,
    }
}

#[track_caller]
fn spawn(command: &mut Command) -> Child {
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
}

/// Waits for the end of `child`, so long.
pub(super) fn wait(child: &mut Child, time: Duration) -> Option<ExitStatus> {
    until(time, || {
        child.try_wait().expect("a child can be waited for")
    })
}

pub(super) fn kill(child: &mut Child) {
    // It may just have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    let mut stream = stream.expect("it is a pipe");
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What came before an error is shown.
        let _ = stream.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// A program that goes on beside the test, and its lines so far. It is ended when dropped.
///
/// The SDK clients' `watch` prints one JSON line a call and ends when its standard input does.
#[derive(Debug)]
pub struct Running {
    child: Child,
    lines: Arc<Lines>,
    stdout: Option<JoinHandle<()>>,
    stderr: Option<JoinHandle<String>>,
}

#[derive(Debug, Default)]
struct Lines {
    so_far: Mutex<Vec<String>>,
    more: Condvar,
}

impl Running {
    /// Starts `command` with a standard input that stays open.
    ///
    /// # Panics
    /// When it cannot be started.
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        let mut child = spawn(command.stdin(Stdio::piped()));
        let stderr = collect(child.stderr.take());
        let stdout = child.stdout.take().expect("it is a pipe");
        let lines = Arc::new(Lines::default());
        let reader = std::thread::spawn({
            let lines = Arc::clone(&lines);
            move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let mut so_far = lines.so_far.lock().unwrap_or_else(PoisonError::into_inner);
                    so_far.push(line);
                    lines.more.notify_all();
                }
            }
        });
        Self {
            child,
            lines,
            stdout: Some(reader),
            stderr: Some(stderr),
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The lines it has printed so far.
    pub fn lines(&self) -> Vec<String> {
        let so_far = self.lines.so_far.lock();
        so_far.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines as JSON.
    ///
    /// # Panics
    /// When one is not.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<serde_json::Value> {
        self.lines()
            .iter()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}")))
            .collect()
    }

    /// Waits until it has printed so many lines more than now.
    ///
    /// # Panics
    /// When that takes longer than [`PATIENCE`].
    #[track_caller]
    pub fn wait_for_more(&self, more: usize) {
        let so_far = self.lines.so_far.lock();
        let so_far = so_far.unwrap_or_else(PoisonError::into_inner);
        let wanted = so_far.len() + more;
        let (so_far, waited) = self
            .lines
            .more
            .wait_timeout_while(so_far, PATIENCE, |lines| lines.len() < wanted)
            .unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "no more lines than {so_far:#?}");
    }

    /// Writes a line to its standard input.
    ///
    /// # Panics
    /// When it does not read any more.
    #[track_caller]
    pub fn tell(&mut self, line: &str) {
        self.try_tell(line).expect("it reads");
    }

    /// The same where it may have ended.
    ///
    /// # Errors
    /// When it does not read any more.
    pub fn try_tell(&mut self, line: &str) -> std::io::Result<()> {
        let stdin = self.child.stdin.as_mut();
        let stdin = stdin.ok_or(std::io::ErrorKind::BrokenPipe)?;
        writeln!(stdin, "{line}")
    }

    /// Closes its standard input, and waits for its end.
    ///
    /// # Panics
    /// When it does not end within [`PATIENCE`].
    #[track_caller]
    pub fn finish(self) -> Finished {
        self.finish_within(PATIENCE)
    }

    /// The same, ended when `time` is over.
    ///
    /// # Panics
    /// When it has to be ended.
    #[track_caller]
    pub fn finish_within(mut self, time: Duration) -> Finished {
        drop(self.child.stdin.take());
        let status = wait(&mut self.child, time);
        if status.is_none() {
            kill(&mut self.child);
        }
        // It may have ended before its last line was read here.
        if let Some(reader) = self.stdout.take() {
            reader.join().expect("reading does not panic");
        }
        let stderr = self.stderr.take().map(JoinHandle::join);
        let stderr = stderr.and_then(Result::ok).unwrap_or_default();
        let stdout = self.lines().join("\n");
        Finished {
            status: status.unwrap_or_else(|| panic!("does not end: {stdout}\n{stderr}")),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        kill(&mut self.child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_end_are_seen() {
        let finished = run(Command::new("sh").args(["-c", "echo 1; echo 2 >&2; exit 3"]));
        assert_eq!(finished.code(), Some(3));
        assert_eq!(
            (finished.stdout.as_str(), finished.stderr.as_str()),
            ("1\n", "2\n")
        );
        assert_eq!(run(Command::new("echo").arg("[7]")).json::<Vec<u8>>(), [7]);
    }

    #[test]
    #[should_panic(expected = "not within")]
    fn what_does_not_end_is_ended() {
        run_within(Command::new("sleep").arg("60"), Duration::from_millis(30));
    }

    #[test]
    fn a_running_program_ends_with_its_input() {
        let running = Running::start(Command::new("sh").args(["-c", "echo 1; echo 2; cat"]));
        let lines = || (running.lines().len() == 2).then_some(());
        until(PATIENCE, lines).unwrap();
        assert_eq!(running.finish().ok(), "1\n2");
    }
}
