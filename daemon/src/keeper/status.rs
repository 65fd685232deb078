//! What `status` and `roles` say about a role.

use std::time::Duration;

use rolecall::api::{Code, Failure, RoleState, RoleStatus, SessionStatus};

use super::Entry;
use crate::clock::Now;
use crate::recipe::{Call, Recipe, Source};
use crate::session::Served;

/// A recipe on one line: `base → dev 1h`.
pub(super) fn line(recipe: &Recipe) -> String {
    let Source::StaticKeys(keys) = &recipe.source;
    let mut line = keys.profile.clone();
    for step in &recipe.steps {
        let Call::AssumeRole(call) = &step.call;
        line.push_str(" → ");
        line.push_str(&step.label);
        line.push(' ');
        line.push_str(&short(call.duration));
    }
    line
}

/// `1h`, `90m`, `1h30m`, `45s`.
fn short(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    for (count, unit) in [(hours, 'h'), (minutes, 'm'), (rest, 's')] {
        if count > 0 {
            text.push_str(&count.to_string());
            text.push(unit);
        }
    }
    text
}

impl Entry {
    /// For `status` and `roles`, without consumers (the doors know those).
    pub fn status(&self, now: Now) -> RoleStatus {
        let mut status = RoleStatus {
            name: self.role.name.to_string(),
            state: self.state(now),
            recipe: String::new(),
            role_arn: None,
            account: None,
            region: self.role.region.clone(),
            session: None,
            failure: None,
            consumers: Vec::new(),
            notes: self.role.notes.clone(),
        };
        match &self.role.recipe {
            Ok(recipe) => {
                let Call::AssumeRole(call) = &recipe.last().call;
                status.recipe = line(recipe);
                status.role_arn = Some(call.role_arn.as_str().to_owned());
                status.account = Some(call.role_arn.account().to_owned());
            }
            Err(unusable) => status.notes.insert(0, unusable.reason.clone()),
        }
        if let Some(handle) = self.steps.last() {
            let board = handle.board.borrow();
            status.session = handle
                .valid(now)
                .map(|served| session(&served, board.renewal, now));
            status.failure = board.failed.as_ref().map(|failed| Failure {
                at: failed.at.wall.to_string(),
                code: failed.answer.problem().code,
                message: failed.answer.problem().message.clone(),
                retry: failed.retry.map(|retry| retry.wall.to_string()),
            });
            let refused = board.failed.as_ref().is_some_and(|failed| {
                failed.until.is_none() && failed.answer.problem().code == Code::AwsDenied
            });
            if refused && status.session.is_some() {
                status.notes.push(
                    "AWS refuses to renew this session; it is served until its end".to_owned(),
                );
            }
        }
        status
    }

    /// What it is doing.
    pub fn state(&self, now: Now) -> RoleState {
        let Some(handle) = self.steps.last() else {
            return RoleState::Unusable;
        };
        let board = handle.board.borrow();
        match (handle.valid(now).is_some(), board.failed.is_some()) {
            (true, false) => RoleState::Ready,
            (true, true) => RoleState::Degraded,
            (false, _) if board.attempting => RoleState::Issuing,
            (false, true) => RoleState::Failing,
            (false, false) => RoleState::Cold,
        }
    }
}

fn session(served: &Served, renewal: Option<Now>, now: Now) -> SessionStatus {
    let session = &served.session;
    SessionStatus {
        access_key_id: session.access_key_id.clone(),
        arn: session.origin.arn.clone(),
        session_name: session.origin.session_name.clone(),
        issued: session.issued.wall.to_string(),
        expiration: served.reported.to_string(),
        remaining_seconds: now.until(served.end).as_secs(),
        lifetime_seconds: served.reported.since(session.issued.wall).as_secs(),
        renewal: renewal.map(|renewal| renewal.wall.to_string()),
    }
}
