//! What identifies a step's session.

use std::fmt::{self, Write as _};

use aws_lc_rs::digest::{Context, SHA256};

use super::{AssumeRole, SessionName, Source};

/// SHA-256 over a versioned, length-prefixed list of what makes a step's session what it is (DESIGN,
/// "Words"). Equal fingerprints share one session; the region, ids made here and MFA codes do not count.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

const VERSION: &[u8] = b"rolecall step 1";

impl Fingerprint {
    /// Of a source: long-term keys count by their access key id.
    pub fn of_source(source: &Source) -> Self {
        let Source::StaticKeys(keys) = source;
        let mut list = List::new();
        list.text("static-keys").text(&keys.access_key_id);
        list.finish()
    }

    /// Of an AssumeRole step after `parent`.
    pub fn of_assume_role(call: &AssumeRole, parent: Self) -> Self {
        let mut list = List::new();
        list.text(call.role_arn.partition())
            .text("sts:AssumeRole")
            .text(call.role_arn.as_str())
            .option(None) // serial number of an MFA device
            .option(call.policy.as_deref());
        list.count(call.policy_arns.len());
        for arn in &call.policy_arns {
            list.text(arn);
        }
        list.count(call.session_tags.len());
        for (key, value) in &call.session_tags {
            list.text(key).text(value);
        }
        list.count(call.transitive_session_tags.len());
        for key in &call.transitive_session_tags {
            list.text(key);
        }
        list.count(usize::try_from(call.duration.as_secs()).unwrap_or(usize::MAX));
        list.option(call.external_id.as_deref())
            .option(call.source_identity.as_deref());
        match &call.session_name {
            SessionName::Verbatim(name) => list.text("verbatim").text(name),
            SessionName::Template(template) => list.text("template").text(template),
        };
        list.option(call.sts.url.as_deref()).bytes(&parent.0);
        list.finish()
    }

    /// Lower-case hex.
    pub fn hex(&self) -> String {
        self.0
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex()[..12])
    }
}

struct List(Context);

impl List {
    fn new() -> Self {
        let mut list = Self(Context::new(&SHA256));
        list.bytes(VERSION);
        list
    }

    fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.0.update(&(value.len() as u64).to_be_bytes());
        self.0.update(value);
        self
    }

    fn text(&mut self, value: &str) -> &mut Self {
        self.bytes(value.as_bytes())
    }

    fn count(&mut self, value: usize) -> &mut Self {
        self.bytes(&(value as u64).to_be_bytes())
    }

    fn option(&mut self, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.bytes(&[1]).text(value),
            None => self.bytes(&[0]),
        }
    }

    fn finish(self) -> Fingerprint {
        let digest = self.0.finish();
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest.as_ref());
        Fingerprint(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::recipe::{RoleArn, StaticKeys, StsEndpoint};
    use crate::secrets::Secret;

    type Change = fn(&mut AssumeRole);

    fn parent(id: &str) -> Fingerprint {
        Fingerprint::of_source(&Source::StaticKeys(StaticKeys {
            profile: "base".into(),
            access_key_id: id.into(),
            secret_access_key: Secret::new("secret"),
            session_token: None,
        }))
    }

    fn call() -> AssumeRole {
        AssumeRole {
            role_arn: RoleArn::parse("arn:aws:iam::123456789012:role/dev").unwrap(),
            duration: Duration::from_hours(1),
            external_id: None,
            session_name: SessionName::Template("{id}".into()),
            policy: None,
            policy_arns: vec![],
            session_tags: vec![],
            transitive_session_tags: vec![],
            source_identity: None,
            sts: StsEndpoint {
                region: "eu-west-1".into(),
                url: None,
            },
        }
    }

    #[test]
    fn every_part_counts_but_the_region() {
        let base = Fingerprint::of_assume_role(&call(), parent("AKIA1"));
        let changes: [(&str, Change); 10] = [
            ("arn", |c| {
                c.role_arn = RoleArn::parse("arn:aws:iam::123456789012:role/x").unwrap();
            }),
            ("duration", |c| c.duration = Duration::from_mins(15)),
            ("external id", |c| c.external_id = Some(String::new())),
            ("name", |c| {
                c.session_name = SessionName::Verbatim("{id}".into());
            }),
            ("policy", |c| c.policy = Some("{}".into())),
            ("policy arn", |c| c.policy_arns = vec!["a".into()]),
            ("tag", |c| c.session_tags = vec![("a".into(), "b".into())]),
            ("transitive tag", |c| {
                c.transitive_session_tags = vec!["a".into()];
            }),
            ("source identity", |c| c.source_identity = Some("me".into())),
            ("endpoint", |c| {
                c.sts.url = Some("http://127.0.0.1:1".into());
            }),
        ];
        let mut seen = vec![base, Fingerprint::of_assume_role(&call(), parent("AKIA2"))];
        for (what, change) in changes {
            let mut changed = call();
            change(&mut changed);
            let fingerprint = Fingerprint::of_assume_role(&changed, parent("AKIA1"));
            assert!(!seen.contains(&fingerprint), "{what}");
            seen.push(fingerprint);
        }
        let mut moved = call();
        moved.sts.region = "us-east-1".into();
        assert_eq!(Fingerprint::of_assume_role(&moved, parent("AKIA1")), base);
    }

    #[test]
    fn lists_do_not_run_into_each_other() {
        let mut one = call();
        one.session_tags = vec![("ab".into(), "c".into())];
        let mut two = call();
        two.session_tags = vec![("a".into(), "bc".into())];
        assert_ne!(
            Fingerprint::of_assume_role(&one, parent("A")),
            Fingerprint::of_assume_role(&two, parent("A"))
        );
    }
}
