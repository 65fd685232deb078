//! Logs: to the journal under systemd, else to standard error.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::{EnvFilter, FilterExt, filter_fn};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt;

/// Crates that log requests with their bodies (session tags, external ids, MFA codes) below `warn`. The cap holds
/// whatever `log` says.
const CAPPED: [&str; 6] = ["aws_", "h2", "hyper", "reqwest", "rustls", "tower"];

/// Changes the level while the daemon runs.
#[derive(Clone)]
#[expect(
    missing_debug_implementations,
    reason = "reload handles have none worth printing"
)]
pub struct Logging {
    filter: reload::Handle<EnvFilter, Registry>,
    debug: Arc<AtomicBool>,
    configured: Arc<std::sync::Mutex<String>>,
}

impl Logging {
    /// Installs the subscriber.
    ///
    /// # Errors
    ///
    /// If `log` is no filter (`info`, `rolecalld=debug`).
    pub fn start(log: &str) -> Result<Self, String> {
        let (filter, handle) = reload::Layer::new(parse(log)?);
        let filter = filter.and(filter_fn(allowed));
        let registry = tracing_subscriber::registry();
        if let Some(journal) = journal() {
            registry.with(journal.with_filter(filter)).init();
        } else {
            let terminal = rustix::termios::isatty(std::io::stderr());
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(std::io::stderr)
                .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none());
            registry.with(layer.with_filter(filter)).init();
        }
        Ok(Self {
            filter: handle,
            debug: Arc::new(AtomicBool::new(false)),
            configured: Arc::new(std::sync::Mutex::new(log.to_owned())),
        })
    }

    /// Puts the configured filter in force (reload).
    pub fn configure(&self, log: &str) -> Result<(), String> {
        let filter = parse(log)?;
        log.clone_into(
            &mut self
                .configured
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        if !self.debug.load(Ordering::Relaxed) {
            self.filter
                .reload(filter)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Turns debug logging on or off (USR2); true if it is on now.
    pub fn toggle_debug(&self) -> bool {
        let on = !self.debug.fetch_xor(true, Ordering::Relaxed);
        let configured = self
            .configured
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone();
        let filter = if on {
            parse("debug")
        } else {
            parse(&configured)
        };
        if let Ok(filter) = filter {
            let _ = self.filter.reload(filter);
        }
        on
    }
}

/// Whether `log` is a filter.
pub fn check(log: &str) -> Result<(), String> {
    parse(log).map(|_| ())
}

fn parse(log: &str) -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .parse(log)
        .map_err(|error| format!("{log:?} is no log filter: {error}"))
}

fn allowed(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN
        || !CAPPED
            .iter()
            .any(|prefix| metadata.target().starts_with(prefix))
}

/// The journal's layer, if standard error *is* the journal (systemd.exec, `$JOURNAL_STREAM`).
#[cfg(target_os = "linux")]
fn journal() -> Option<tracing_journald::Layer> {
    use std::os::fd::AsFd;

    let stream = std::env::var("JOURNAL_STREAM").ok()?;
    let (device, inode) = stream.split_once(':')?;
    let stat = rustix::fs::fstat(std::io::stderr().as_fd()).ok()?;
    let same = device.parse() == Ok(stat.st_dev) && inode.parse() == Ok(stat.st_ino);
    same.then(tracing_journald::layer)?.ok()
}

#[cfg(not(target_os = "linux"))]
fn journal() -> Option<tracing_subscriber::layer::Identity> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_raises_the_sdk_above_warn() {
        // The filter function sees metadata only, so drive a real subscriber and count.
        use std::sync::atomic::AtomicUsize;
        struct Count(Arc<AtomicUsize>);
        impl<S: tracing::Subscriber> Layer<S> for Count {
            fn on_event(
                &self,
                _event: &tracing::Event<'_>,
                _context: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
        let seen = Arc::new(AtomicUsize::new(0));
        let filter = parse("trace,aws_smithy_runtime=trace")
            .unwrap()
            .and(filter_fn(allowed));
        let subscriber =
            tracing_subscriber::registry().with(Count(Arc::clone(&seen)).with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "aws_smithy_runtime::client::orchestrator", "body");
            tracing::info!(target: "hyper::proto", "head");
            assert_eq!(seen.load(Ordering::Relaxed), 0);
            tracing::warn!(target: "aws_smithy_runtime", "trouble");
            tracing::trace!(target: "rolecalld::keeper", "ours");
            assert_eq!(seen.load(Ordering::Relaxed), 2);
        });
    }

    #[test]
    fn a_bad_filter_is_named() {
        assert!(check("info,rolecalld=debug").is_ok());
        assert!(
            check("rolecalld=loud")
                .unwrap_err()
                .contains("rolecalld=loud")
        );
    }
}
