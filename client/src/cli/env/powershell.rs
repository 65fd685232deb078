//! Lines that PowerShell evaluates (about_Quoting_Rules, about_Environment_Variables).

use zeroize::Zeroizing;

use super::quote;
use super::variables::Variables;

/// What ends a verbatim string, and stands for itself when doubled: PowerShell takes typographic quotes for
/// plain ones.
const QUOTES: [char; 5] = ['\'', '\u{2018}', '\u{2019}', '\u{201a}', '\u{201b}'];

/// For PowerShell 5.1 and 7, through `Out-String | Invoke-Expression`: a pipe hands lines on without their ends,
/// so control characters stand as numbers.
pub(super) fn lines(variables: &Variables) -> Zeroizing<String> {
    quote::lines(
        variables,
        |out, name| {
            out.push_str("Remove-Item -ErrorAction Ignore Env:");
            out.push_str(name);
        },
        |out, name, value| {
            out.push_str("$env:");
            out.push_str(name);
            out.push_str(" = '");
            for character in value.chars() {
                if character.is_control() {
                    out.push_str("' + [char]");
                    out.push_str(&u32::from(character).to_string());
                    out.push_str(" + '");
                    continue;
                }
                if QUOTES.contains(&character) {
                    out.push(character);
                }
                out.push(character);
            }
            out.push('\'');
        },
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(value: &str) -> String {
        let variables = Variables {
            set: vec![("A".to_owned(), Zeroizing::new(value.to_owned()))],
            unset: vec!["GONE".to_owned()],
        };
        let text = lines(&variables);
        let (unset, set) = text.split_once('\n').unwrap();
        assert_eq!(unset, "Remove-Item -ErrorAction Ignore Env:GONE");
        set.strip_suffix('\n').unwrap().to_owned()
    }

    /// What PowerShell makes of `$env:A = ` and an expression of verbatim strings and `[char]`s, by its
    /// documented rules. None if it is anything else.
    fn evaluated(line: &str) -> Option<String> {
        let mut rest = line.strip_prefix("$env:A = ")?;
        let mut value = String::new();
        loop {
            if let Some(number) = rest.strip_prefix("[char]") {
                let end = number.find(' ').unwrap_or(number.len());
                value.push(char::from_u32(number[..end].parse().ok()?)?);
                rest = &number[end..];
            } else {
                let mut characters = rest.strip_prefix('\'')?.chars();
                loop {
                    let character = characters.next()?;
                    if QUOTES.contains(&character) {
                        let next = characters.clone().next();
                        if !next.is_some_and(|next| QUOTES.contains(&next)) {
                            break;
                        }
                        characters.next();
                    }
                    value.push(character);
                }
                rest = characters.as_str();
            }
            if rest.is_empty() {
                return Some(value);
            }
            rest = rest.strip_prefix(" + ")?;
        }
    }

    #[test]
    fn lines_are_what_the_language_says() {
        for (value, expected) in [
            ("", "$env:A = ''"),
            ("plain", "$env:A = 'plain'"),
            ("it's", "$env:A = 'it''s'"),
            ("a’b", "$env:A = 'a’’b'"),
            ("$HOME `x \"y\"", "$env:A = '$HOME `x \"y\"'"),
            ("a\nb", "$env:A = 'a' + [char]10 + 'b'"),
            ("\r\n", "$env:A = '' + [char]13 + '' + [char]10 + ''"),
        ] {
            assert_eq!(line(value), expected);
        }
    }

    proptest! {
        #[test]
        fn any_value_survives_in_one_line(value in "([\\x01-\\x7f]|['‘’‚‛]|\\PC){0,40}") {
            let line = line(&value);
            prop_assert!(!line.contains(['\n', '\r']));
            prop_assert_eq!(evaluated(&line), Some(value));
        }
    }
}
