//! What goes wrong, and for which calls.
//!
//! Faults stand in a queue. A call meets the first one that fits it and only that one; a fault with
//! `times` leaves the queue when it is used up. So "the first call is throttled, the second hangs,
//! all others fail" is three faults in this order. What shall happen together to one call goes into
//! one fault.

use serde::{Deserialize, Serialize};

use super::config::name;

/// What happens to the calls it fits.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fault {
    /// Only calls of this action; all when absent.
    pub action: Option<String>,
    /// Only calls for this role: its ARN or its name.
    pub role: Option<String>,
    /// How many calls it is good for; all that follow when absent.
    pub times: Option<u32>,
    /// What happens, together.
    pub effects: Vec<Effect>,
}

/// One thing that goes wrong.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// The answer, whatever it is, comes this much later.
    Delay {
        /// How much later.
        milliseconds: u64,
    },
    /// Not a byte comes, until the client gives up.
    Hang,
    /// An error of this status, code and text instead of an answer.
    Error {
        /// HTTP status.
        status: u16,
        /// AWS error code.
        code: String,
        /// AWS error text.
        #[serde(default)]
        message: String,
    },
    /// 400 `Throttling`, as STS says it; with `retry_after`, 429 and that header.
    Throttle {
        /// `Retry-After`, in seconds.
        #[serde(default)]
        retry_after: Option<u32>,
    },
    /// The XML ends within an element.
    BrokenXml,
    /// The XML has this much more text.
    HugeXml {
        /// How much more, in bytes.
        bytes: usize,
    },
    /// The XML has this many elements inside one another.
    DeepXml {
        /// How many.
        depth: usize,
    },
    /// The XML defines entities that multiply.
    EntityXml,
    /// The session is of another ARN than asked.
    WrongArn {
        /// `arn:aws:sts::…:assumed-role/…/…`.
        arn: String,
    },
    /// The credentials have an access key id of the long-term kind (`AKIA…`).
    LongTermKey,
    /// The session lasts this long whatever was asked; negative: it has ended already.
    Lifetime {
        /// From now, in seconds.
        seconds: i64,
    },
    /// The connection closes after half of the body.
    CloseMidBody,
    /// The connection closes before the answer.
    CloseBeforeAnswer,
    /// The body comes one byte at a time.
    Drip {
        /// Between two bytes.
        milliseconds: u64,
    },
}

impl Fault {
    /// This, for all calls that follow.
    pub fn new(effect: Effect) -> Self {
        Self {
            effects: vec![effect],
            ..Self::default()
        }
    }

    /// An HTTP error for all calls that follow.
    pub fn error(status: u16, code: &str) -> Self {
        Self::new(Effect::Error {
            status,
            code: code.into(),
            message: format!("told to fail with {code}"),
        })
    }

    /// Answers that come this much later.
    pub fn delay(delay: std::time::Duration) -> Self {
        let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        Self::new(Effect::Delay { milliseconds })
    }

    /// The same, with this happening to the same call.
    #[must_use]
    pub fn and(mut self, effect: Effect) -> Self {
        self.effects.push(effect);
        self
    }

    /// The same, for this many calls.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// The same, for one call.
    #[must_use]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// The same, only for calls of this action.
    #[must_use]
    pub fn on(mut self, action: &str) -> Self {
        self.action = Some(action.into());
        self
    }

    /// The same, only for calls for this role: its ARN or its name.
    #[must_use]
    pub fn for_role(mut self, role: &str) -> Self {
        self.role = Some(role.into());
        self
    }

    fn fits(&self, action: &str, role: Option<&str>) -> bool {
        let action_fits = self.action.as_deref().is_none_or(|wanted| wanted == action);
        let role_fits = self
            .role
            .as_deref()
            .is_none_or(|wanted| role.is_some_and(|role| role == wanted || name(role) == wanted));
        action_fits && role_fits
    }
}

/// Takes what happens to a call from the queue.
pub(super) fn take(queue: &mut Vec<Fault>, action: &str, role: Option<&str>) -> Vec<Effect> {
    let Some(index) = queue.iter().position(|fault| fault.fits(action, role)) else {
        return Vec::new();
    };
    let fault = &mut queue[index];
    let effects = fault.effects.clone();
    if let Some(times) = &mut fault.times {
        *times = times.saturating_sub(1);
        if *times == 0 {
            queue.remove(index);
        }
    }
    effects
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: Option<&str> = Some("arn:aws:iam::123456789012:role/dev");

    #[test]
    fn faults_are_met_in_order_and_used_up() {
        let first = Fault::error(500, "a").once();
        let second = Fault::new(Effect::Hang).times(2);
        let rest = Fault::error(503, "c");
        let mut queue = vec![first.clone(), second.clone(), rest.clone()];
        let mut met = || take(&mut queue, "AssumeRole", DEV);
        assert_eq!(met(), first.effects);
        assert_eq!(met(), second.effects);
        assert_eq!(met(), second.effects);
        assert_eq!(met(), rest.effects);
        assert_eq!(met(), rest.effects);
    }

    #[test]
    fn a_fault_may_be_for_one_action_or_role() {
        let fits = |fault: &Fault, action, role| fault.fits(action, role);
        let fault = Fault::new(Effect::Hang).on("AssumeRole").for_role("dev");
        assert!(fits(&fault, "AssumeRole", DEV));
        assert!(!fits(&fault, "GetCallerIdentity", None));
        assert!(!fits(
            &fault,
            "AssumeRole",
            Some("arn:aws:iam::123456789012:role/x")
        ));
        let mut queue = vec![fault];
        assert!(take(&mut queue, "GetCallerIdentity", None).is_empty());
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn reads_from_json() {
        let fault: Fault = serde_json::from_str(
            r#"{"role": "dev", "times": 1, "effects": [
                {"kind": "delay", "milliseconds": 300},
                {"kind": "throttle", "retry_after": 7}]}"#,
        )
        .unwrap();
        let built = Fault::delay(std::time::Duration::from_millis(300))
            .and(Effect::Throttle {
                retry_after: Some(7),
            })
            .for_role("dev")
            .once();
        assert_eq!(fault, built);
        assert!(serde_json::from_str::<Fault>(r#"{"effects": [{"kind": "dely"}]}"#).is_err());
    }
}
