//! Targets of requests by somebody who holds a good token: what a path can reach.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST};
use http::{HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use rolecall::api::Door;

use super::super::guard::{self, Site};
use super::super::target;
use super::{DEV, PROD, says_the_answer, visitor, with};

const METHODS: [Method; 4] = [Method::GET, Method::HEAD, Method::PUT, Method::POST];

/// The first byte names the door, the second the method, the rest is the request's target.
///
/// # Panics
///
/// When a path that is not exactly the role's gives its credentials, or any gives another role's.
pub fn path(data: &[u8]) {
    let [door, method, target @ ..] = data else {
        return;
    };
    if says_the_answer(target) {
        return;
    }
    let Ok(uri) = Uri::try_from(target) else {
        return;
    };
    let normal = target::normal(uri.path()).map(String::from);
    if let Ok(normal) = &normal {
        // Read once more it would be the same: nobody behind us finds another path in it.
        assert_eq!(target::normal(normal).as_deref(), Ok(normal.as_str()));
        assert!(!normal.contains("//") && !normal.contains(['\\', ';', '%']));
    }
    with(|rig| {
        let handler = rig.door(*door);
        if handler.door() == Door::Socket && uri.path().starts_with("/v1/events") {
            // Goes on until the daemon drains.
            return;
        }
        let (mut head, ()) = Request::new(()).into_parts();
        head.method = METHODS[usize::from(*method) % METHODS.len()].clone();
        head.uri = uri.clone();
        head.headers
            .insert(HOST, HeaderValue::from_static("127.0.0.1"));
        let site = match handler.door() {
            Door::Socket => Site::Socket,
            _ => Site::Tcp([127, 0, 0, 1].into(), 1690),
        };
        match handler.door() {
            Door::Imds => {
                let token = HeaderValue::try_from(rig.imds_token()).expect("a header's value");
                head.headers.insert("x-aws-ec2-metadata-token", token);
            }
            Door::Container => {
                head.headers.insert(AUTHORIZATION, rig.lease_token.clone());
            }
            Door::Socket => {}
        }
        if guard::check(site, &head).is_err() {
            return;
        }
        let body = rig.runtime.block_on(async {
            let response = handler
                .answer(&visitor(handler.door()), &head, Bytes::new())
                .await;
            response
                .into_body()
                .collect()
                .await
                .expect("bodies do not fail")
                .to_bytes()
        });
        let body = String::from_utf8_lossy(&body);
        if handler.door() == Door::Socket {
            return;
        }
        assert!(!body.contains(PROD), "{uri}: {body}");
        if body.contains(DEV) {
            let normal = normal.expect("an ambiguous path gives nothing");
            let exact = if handler.door() == Door::Container {
                normal == "/role/dev"
            } else {
                let path = normal.strip_suffix('/').unwrap_or(&normal);
                let path = path.strip_prefix("/latest/meta-data/iam/security-credentials");
                path.map(|rest| rest.strip_prefix("-extended").unwrap_or(rest)) == Some("/dev")
            };
            assert!(exact, "{uri}: {body}");
        }
    });
}
