//! The query protocol's answers: XML as STS writes it, and XML no service should ever send.

use std::fmt::Write as _;

/// The namespace of every STS answer.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// Why a request is refused, in AWS's terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The HTTP status.
    pub(super) status: u16,
    /// The error code, as AWS's SDKs read it.
    pub(super) code: String,
    /// The text beside it.
    pub(super) message: String,
}

impl Refusal {
    /// A refusal with this status, code and text.
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: code.into(),
            message: message.into(),
        }
    }

    /// 403 `AccessDenied`, in the words IAM uses.
    pub(super) fn denied(caller: &str, action: &str, resource: &str) -> Self {
        let message = format!(
            "User: {caller} is not authorized to perform: {action} on resource: {resource}"
        );
        Self::new(403, "AccessDenied", message)
    }

    /// The `ErrorResponse` document.
    pub(super) fn to_xml(&self, request_id: &str) -> String {
        let fault = if self.status < 500 {
            "Sender"
        } else {
            "Receiver"
        };
        let mut error = Element::default();
        error.text("Type", fault);
        error.text("Code", &self.code);
        error.text("Message", &self.message);
        let mut body = Element::default();
        body.child("Error", &error);
        body.text("RequestId", request_id);
        body.document("ErrorResponse")
    }
}

/// The inside of an element, built up from what it holds.
#[derive(Default)]
pub(super) struct Element(String);

impl Element {
    /// Adds a child with text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(value));
    }

    /// Adds a child with children.
    pub(super) fn child(&mut self, name: &str, inside: &Self) {
        let _ = write!(self.0, "<{name}>{}</{name}>", inside.0);
    }

    /// Closes it as the document's root.
    pub(super) fn document(self, root: &str) -> String {
        format!("<{root} xmlns=\"{NAMESPACE}\">{}</{root}>\n", self.0)
    }

    /// The answer to `action`: its result, and the request's id.
    pub(super) fn answer(self, action: &str, request_id: &str) -> String {
        let mut metadata = Self::default();
        metadata.text("RequestId", request_id);
        let mut body = Self::default();
        body.child(&format!("{action}Result"), &self);
        body.child("ResponseMetadata", &metadata);
        body.document(&format!("{action}Response"))
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Cut off within an element, as by a proxy that gave up.
pub(super) fn broken(whole: &str) -> String {
    let mut end = whole.len() / 2;
    while !whole.is_char_boundary(end) {
        end -= 1;
    }
    whole[..end].into()
}

/// `whole` with so much more text in an unknown element that it has at least `bytes`.
pub(super) fn huge(whole: &str, bytes: usize) -> String {
    let filler = "x".repeat(bytes);
    insert(whole, &format!("<Filler>{filler}</Filler>"))
}

/// `whole` with `depth` elements inside one another.
pub(super) fn deep(whole: &str, depth: usize) -> String {
    insert(
        whole,
        &format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth)),
    )
}

/// `whole` behind a document type whose entities multiply ("billion laughs").
pub(super) fn laughing(whole: &str) -> String {
    let mut document = String::from("<?xml version=\"1.0\"?><!DOCTYPE lolz [<!ENTITY l0 \"lol\">");
    for level in 1..=9 {
        let previous = format!("&l{};", level - 1).repeat(10);
        let _ = write!(document, "<!ENTITY l{level} \"{previous}\">");
    }
    document.push_str("]>");
    document + &insert(whole, "<Filler>&l9;</Filler>")
}

/// Puts `extra` first in the result (or error): in the root itself SDKs expect nothing unknown.
fn insert(whole: &str, extra: &str) -> String {
    let at = whole
        .match_indices('>')
        .nth(1)
        .map_or(0, |(end, _)| end + 1);
    format!("{}{extra}{}", &whole[..at], &whole[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_form_sts_gives_it() {
        let refusal = Refusal::new(400, "ValidationError", "a < b & \"c\"");
        assert_eq!(
            refusal.to_xml("id-1"),
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>\
             <Type>Sender</Type><Code>ValidationError</Code>\
             <Message>a &lt; b &amp; &quot;c&quot;</Message></Error>\
             <RequestId>id-1</RequestId></ErrorResponse>\n"
        );
    }

    #[test]
    fn hostile_documents_keep_the_rest_of_the_answer() {
        let whole = Element::default().answer("GetCallerIdentity", "id-1");
        assert!(deep(&whole, 3).contains("<GetCallerIdentityResult><a><a><a></a></a></a>"));
        assert!(huge(&whole, 5000).len() > 5000);
        assert!(laughing(&whole).contains("<!ENTITY l1 \"&l0;&l0;"));
        assert!(whole.starts_with(&broken(&whole)) && broken(&whole).len() < whole.len());
    }
}
