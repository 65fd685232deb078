//! Bodies and queries of the socket's API.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use http_body_util::BodyExt as _;
use rolecall::api::{LeaseGrant, Problem};

use super::{PROD, Rig, says_the_answer, visitor, with};

/// In seeds the first byte is a digit: which of these.
const CALLS: [(Method, &str); 8] = [
    (Method::POST, "/v1/leases"),
    (Method::POST, "/v1/config/setup"),
    (Method::POST, "/v1/reload"),
    (Method::POST, "/v1/config/check"),
    (Method::DELETE, "/v1/leases/"),
    (Method::GET, "/v1/credentials/dev?"),
    (Method::GET, "/v1/ledger?"),
    (Method::GET, "/v1/status?"),
];

/// The first byte names the call, the rest is its body; of calls without one, the end of their target.
///
/// # Panics
///
/// When the daemon is at fault (5xx), or an error is not the JSON that the API promises.
pub fn api(data: &[u8]) {
    let [call, data @ ..] = data else {
        return;
    };
    if says_the_answer(data) {
        return;
    }
    let (method, path) = &CALLS[usize::from(*call) % CALLS.len()];
    let has_body = *method == Method::POST;
    let mut target = path.as_bytes().to_vec();
    if !has_body {
        target.extend_from_slice(data);
    }
    let Ok(uri) = Uri::try_from(target) else {
        return;
    };
    let body = if has_body { data } else { b"" };
    with(|rig| {
        let (status, headers, answer) = ask(rig, method, uri, body);
        assert!(status < 500, "{status}: {answer}");
        if status >= 400 {
            assert!(serde_json::from_str::<Problem>(&answer).is_ok(), "{answer}");
            assert!(
                headers.get("content-type") == Some(&HeaderValue::from_static("application/json"))
            );
        }
        assert!(!answer.contains(PROD), "{answer}");
        if let Ok(grant) = serde_json::from_str::<LeaseGrant>(&answer) {
            // Leases would pile up.
            let uri = Uri::try_from(format!("/v1/leases/{}", grant.id)).expect("ids go into paths");
            assert_eq!(ask(rig, &Method::DELETE, uri, b"").0, 204);
        }
    });
}

fn ask(rig: &Rig, method: &Method, uri: Uri, body: &[u8]) -> (u16, HeaderMap, String) {
    let (mut head, ()) = Request::new(()).into_parts();
    (head.method, head.uri) = (method.clone(), uri);
    let door = rig.door(b'2');
    rig.runtime.block_on(async {
        let body = Bytes::copy_from_slice(body);
        let (head, body) = door
            .answer(&visitor(door.door()), &head, body)
            .await
            .into_parts();
        let body = body.collect().await.expect("bodies do not fail").to_bytes();
        let text = String::from_utf8(body.to_vec()).expect("answers are text");
        (head.status.as_u16(), head.headers, text)
    })
}
