//! Requests and answers without a connection.

use std::sync::Arc;

use bytes::Bytes;
use http::request::Parts;
use http_body_util::BodyExt;

use super::super::answer::Response;
use super::super::server::Handler;
use super::super::visitor::Visitor;

/// The head of a request without a body, as hyper would give it.
pub(in super::super) fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// An answer, taken apart.
#[derive(Debug)]
pub(in super::super) struct Taken {
    pub(in super::super) status: u16,
    pub(in super::super) headers: http::HeaderMap,
    pub(in super::super) body: String,
}

impl Taken {
    pub(in super::super) async fn from(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(in super::super) fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.to_str().unwrap())
    }

    pub(in super::super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends a request to a door, past server and guard.
pub(in super::super) async fn ask(
    door: &dyn Handler,
    visitor: &Arc<Visitor>,
    head: Parts,
    body: &str,
) -> Taken {
    let body = Bytes::copy_from_slice(body.as_bytes());
    Taken::from(door.answer(visitor, &head, body).await).await
}
