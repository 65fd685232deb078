//! One request as it came: what the signature covers, and the query protocol's parameters.

use std::collections::BTreeMap;

use bytes::Bytes;
use percent_encoding::percent_decode_str;

/// A whole HTTP request, with nothing interpreted.
#[derive(Clone, Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    /// The path as sent, without the query.
    pub(super) path: String,
    /// The query as sent, without the question mark.
    pub(super) query: String,
    /// In the order sent; names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Request {
    /// The first header of this lower-case name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameters of the query and, for POST, of the body, which wins.
    pub(super) fn parameters(&self) -> Parameters {
        let mut all: BTreeMap<String, String> = pairs(&self.query).collect();
        if self.method == "POST" {
            all.extend(pairs(&String::from_utf8_lossy(&self.body)));
        }
        Parameters(all)
    }
}

/// The name-value pairs of a form or query.
pub(super) fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect::<Vec<_>>()
        .into_iter()
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}

/// The parameters of one call of the query protocol.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters(pub(super) BTreeMap<String, String>);

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The members of a list of strings: `Name.member.1`, `Name.member.2` ….
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        (1..)
            .map_while(|number| self.get(&format!("{name}.member.{number}")))
            .collect()
    }

    /// One field of each member of a list of structures: `Name.member.1.Field` ….
    pub(super) fn fields(&self, name: &str, field: &str) -> Vec<&str> {
        (1..)
            .map_while(|number| self.get(&format!("{name}.member.{number}.{field}")))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_body_of_a_post_and_the_query_of_a_get() {
        let post = Request {
            method: "POST".into(),
            body: "Action=AssumeRole&Tags.member.1.Key=a+b&Tags.member.1.Value=%26&\
                   Tags.member.2.Key=c&Tags.member.2.Value="
                .into(),
            ..Request::default()
        }
        .parameters();
        assert_eq!(post.get("Action"), Some("AssumeRole"));
        assert_eq!(post.fields("Tags", "Key"), ["a b", "c"]);
        assert_eq!(post.fields("Tags", "Value"), ["&", ""]);

        let get = Request {
            method: "GET".into(),
            query: "TransitiveTagKeys.member.1=x&Action=GetCallerIdentity".into(),
            body: "Action=AssumeRole".into(),
            ..Request::default()
        }
        .parameters();
        assert_eq!(get.get("Action"), Some("GetCallerIdentity"));
        assert_eq!(get.list("TransitiveTagKeys"), ["x"]);
    }
}
