//! What a parameter may look like by itself, and AWS's way of saying that it does not.

use super::request::Parameters;
use super::xml::Refusal;

/// The pattern of names (session, source identity).
pub(super) const NAME: &str = r"[\w+=,.@-]*";
pub(super) const EXTERNAL: &str = r"[\w+=,.@:\/-]*";
const TAG: &str = r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+";

pub(super) fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_+=,.@-".contains(character)
}

pub(super) fn is_external(character: char) -> bool {
    is_name(character) || ":/".contains(character)
}

fn is_tag(character: char) -> bool {
    let separator = character.is_whitespace() && !character.is_control();
    character.is_alphanumeric() || separator || "_.:/=+-@".contains(character)
}

/// Constraints that are broken; AWS reports them all in one message.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, value: Option<&str>, name: &str, constraint: &str) {
        let value = value.map_or_else(|| "null".to_owned(), |value| format!("'{value}'"));
        self.0.push(format!(
            "Value {value} at '{name}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one line per parameter reads as a table"
    )]
    pub(super) fn text(
        &mut self,
        name: &str,
        value: Option<&str>,
        required: bool,
        shortest: usize,
        longest: usize,
        allowed: fn(char) -> bool,
        pattern: &str,
    ) {
        let Some(text) = value else {
            if required {
                self.add(None, name, "not be null");
            }
            return;
        };
        let length = text.chars().count();
        if !text.chars().all(allowed) {
            let constraint = format!("satisfy regular expression pattern: {pattern}");
            self.add(value, name, &constraint);
        }
        if length < shortest {
            let constraint = format!("have length greater than or equal to {shortest}");
            self.add(value, name, &constraint);
        }
        if length > longest {
            let constraint = format!("have length less than or equal to {longest}");
            self.add(value, name, &constraint);
        }
    }

    pub(super) fn duration(&mut self, value: Option<&str>) -> u32 {
        let Some(text) = value else { return 3600 };
        let seconds = text.parse().unwrap_or(0);
        if seconds < 900 {
            self.add(
                value,
                "durationSeconds",
                "have value greater than or equal to 900",
            );
        }
        if seconds > 43_200 {
            self.add(
                value,
                "durationSeconds",
                "have value less than or equal to 43200",
            );
        }
        seconds
    }

    pub(super) fn tags(&mut self, parameters: &Parameters) {
        let keys = parameters.fields("Tags", "Key");
        if keys.len() > 50 {
            let listed = format!("[{} tags]", keys.len());
            self.add(
                Some(&listed),
                "tags",
                "have length less than or equal to 50",
            );
        }
        for (index, key) in keys.iter().enumerate() {
            let name = format!("tags.{}.member.key", index + 1);
            self.text(&name, Some(key), true, 1, 128, is_tag, TAG);
            let value = parameters.get(&format!("Tags.member.{}.Value", index + 1));
            let name = format!("tags.{}.member.value", index + 1);
            self.text(&name, value, true, 0, 256, is_tag, TAG);
        }
    }

    pub(super) fn report(self) -> Result<(), Refusal> {
        let count = self.0.len();
        if count == 0 {
            return Ok(());
        }
        let errors = if count == 1 { "error" } else { "errors" };
        let message = format!(
            "{count} validation {errors} detected: {}",
            self.0.join("; ")
        );
        Err(Refusal::new(400, "ValidationError", message))
    }
}
