//! A recipe on one line.

use super::{Call, Recipe, Source, duration};

impl Recipe {
    /// `base → dev 1h → audit 1h`: the source's profile, then each step with what it asks for.
    pub fn line(&self) -> String {
        let Source::StaticKeys(keys) = &self.source;
        let mut line = keys.profile.clone();
        for step in &self.steps {
            let Call::AssumeRole(call) = &step.call;
            line.push_str(" → ");
            line.push_str(&step.label);
            line.push(' ');
            line.push_str(&duration::short(call.duration));
        }
        line
    }
}
