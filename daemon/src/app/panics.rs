//! What a panic says: where it was, and its words only if they stand in the program.
//!
//! The standard library's own panics quote what was being worked on (a slice through the middle of a
//! character prints the text), and that may be a line with a key.

use std::any::Any;
use std::io::Write as _;
use std::panic::{Location, PanicHookInfo};

/// Has panics of this process say no more than that.
pub(super) fn install() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let _ = writeln!(
            std::io::stderr(),
            "{}",
            describe(info.payload(), info.location())
        );
    }));
}

fn describe(payload: &dyn Any, location: Option<&Location<'_>>) -> String {
    let place = location.map_or_else(|| "a place unknown".to_owned(), ToString::to_string);
    match payload.downcast_ref::<&'static str>() {
        Some(words) => format!("rolecalld: panicked at {place}: {words}"),
        None => format!("rolecalld: panicked at {place} (hint: report it with this line)"),
    }
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    #[test]
    fn words_are_told_only_if_they_stand_in_the_program() {
        let payload = |work: fn()| catch_unwind(work).expect_err("it panics");
        let literal = payload(|| panic!("no listener"));
        let quoting = payload(|| {
            let line = "aws_secret_access_key = ä";
            let _ = &line[..line.len() - 1];
        });
        let place = Location::caller();
        let told = describe(&*literal, Some(place));
        assert!(
            told.contains("panics.rs:") && told.ends_with(": no listener"),
            "{told}"
        );
        let told = describe(&*quoting, Some(place));
        assert!(
            !told.contains("aws_secret") && told.contains("panics.rs"),
            "{told}"
        );
        // It would have been there.
        let words = quoting.downcast_ref::<String>().expect("formatted words");
        assert!(words.contains("aws_secret"), "{words}");
    }
}
