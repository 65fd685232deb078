//! The HTTP client under the SDK: one connector an endpoint, answers capped, redirects not followed
//! (the connector below has no notion of them).

use std::time::Duration;

use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use super::IssueError;
use super::network::{Network, Scheme};
use super::resolver::Resolver;

/// The largest answer that is read.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// Idle connections are closed soon: attempts are minutes apart.
const IDLE: Duration = Duration::from_secs(20);

/// Builds a client. Reads certificates from disk: not for a thread that serves.
pub(super) fn build(
    network: &Network,
    scheme: Scheme,
    connect_timeout: Duration,
) -> Result<SharedHttpClient, IssueError> {
    let builder = Connector::builder()
        .connector_settings(
            HttpConnectorSettings::builder()
                .connect_timeout(connect_timeout)
                .build(),
        )
        .sleep_impl(TokioSleep::new())
        .pool_idle_timeout(IDLE);
    let connector = match scheme {
        Scheme::LoopbackHttp => builder.build_http(),
        Scheme::Https => builder
            .proxy_config(network.proxy()?)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .tls_context(network.tls()?)
            .build_with_resolver(Resolver::system()),
    };
    Ok(shared(connector))
}

/// A client that asks `connector`, whose answers are capped.
pub(super) fn shared(connector: impl HttpConnector + 'static) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Capped(connector));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Capped<C>(C);

impl<C: HttpConnector> HttpConnector for Capped<C> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let answer = answer.await?;
            Ok(answer.map(|body| SdkBody::from_body_1_x(Limited::new(body, LARGEST_ANSWER))))
        })
    }
}
