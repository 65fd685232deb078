//! Calls to STS through `aws-sdk-sts`: its retries and identity cache off, because the keeper owns every
//! attempt (DESIGN rule 5) and keeping sessions is what this program is for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::{
    BehaviorVersion, Builder, IdentityCache, Region, StalledStreamProtectionConfig,
};
use aws_sdk_sts::{Client, Config};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;

use super::exchange::{Exchange, Recorder};
use super::failure::{describe, nonsense, secrets_of};
use super::network::{Network, Scheme, scheme};
use super::skew::{CorrectedTime, Skew};
use super::{Attempt, Class, IssueError, Issuer, Signer, assume_role, transport};
use crate::clock::{BoxFuture, SharedClock};
use crate::recipe::{Call, StsEndpoint};
use crate::session::Session;

/// How long an attempt may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To connect, TLS included.
    pub connect: Duration,
    /// All in all.
    pub attempt: Duration,
}

/// DESIGN rule 5.
impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            attempt: Duration::from_mins(1),
        }
    }
}

/// The real [`Issuer`].
#[expect(
    missing_debug_implementations,
    reason = "a proxy's URL may hold a password"
)]
pub struct Sts {
    clock: SharedClock,
    skew: Arc<Skew>,
    limits: Limits,
    network: Mutex<Network>,
    clients: Mutex<HashMap<(String, Option<String>), Client>>,
}

impl Sts {
    /// A caller that goes the way `network` says. Nothing is built, read or connected before the first call.
    pub fn new(clock: SharedClock, network: Network, limits: Limits) -> Self {
        Self {
            clock,
            skew: Arc::default(),
            limits,
            network: Mutex::new(network),
            clients: Mutex::default(),
        }
    }

    /// Puts another way in force (reload); calls in flight go on.
    pub fn set_network(&self, network: Network) {
        let mut current = lock(&self.network);
        if *current != network {
            *current = network;
            lock(&self.clients).clear();
        }
    }

    /// Milliseconds to add to this computer's time to get AWS's, as learnt from the last answer.
    pub fn skew_millis(&self) -> i64 {
        self.skew.millis()
    }

    async fn assume(&self, attempt: &Attempt) -> Result<Session, IssueError> {
        let Call::AssumeRole(call) = &attempt.call;
        let (client, exchange) = (self.client(&call.sts).await?, Exchange::default());
        let result = assume_role::request(&client, call, &attempt.session_name)
            .customize()
            .config_override(credentials(&attempt.signer))
            .interceptor(Recorder::new(self.clock.clone(), &exchange))
            .send()
            .await;
        let (skew, skew_changed) = self.learn(&exchange);
        match result {
            Ok(output) => assume_role::check(
                &output,
                attempt,
                call,
                &exchange.seen(),
                skew,
                self.clock.now(),
            ),
            Err(error) => {
                let secrets = assume_role::secrets_of(attempt, call);
                let mut error = describe(&error, &exchange, &attempt.signer, &call.sts, &secrets);
                if error.class == Class::Skew && !skew_changed {
                    // The signing time was right as far as the answer's Date tells: the same again
                    // would be refused again.
                    error.class = Class::TryAgain;
                }
                Err(error)
            }
        }
    }

    async fn who(
        &self,
        signer: &Signer,
        sts: &StsEndpoint,
    ) -> Result<(String, String, String), IssueError> {
        let (client, exchange) = (self.client(sts).await?, Exchange::default());
        let result = client
            .get_caller_identity()
            .customize()
            .config_override(credentials(signer))
            .interceptor(Recorder::new(self.clock.clone(), &exchange))
            .send()
            .await;
        self.learn(&exchange);
        match result {
            Ok(output) => match (output.account, output.arn, output.user_id) {
                (Some(account), Some(arn), Some(user_id)) => Ok((account, arn, user_id)),
                _ => Err(nonsense(
                    "the answer lacks account, ARN or user id",
                    &exchange,
                )),
            },
            Err(error) => Err(describe(
                &error,
                &exchange,
                signer,
                sts,
                &secrets_of(signer),
            )),
        }
    }

    /// The client for an endpoint, built on first use: loading certificates takes milliseconds, on macOS
    /// sometimes seconds.
    async fn client(&self, sts: &StsEndpoint) -> Result<Client, IssueError> {
        let key = (sts.region.clone(), sts.url.clone());
        if let Some(client) = lock(&self.clients).get(&key) {
            return Ok(client.clone());
        }
        let scheme = sts.url.as_deref().map_or(Ok(Scheme::Https), scheme)?;
        let (network, connect) = (lock(&self.network).clone(), self.limits.connect);
        let http = tokio::task::spawn_blocking({
            let network = network.clone();
            move || transport::build(&network, scheme, connect)
        })
        .await
        .expect("building a client does not panic")?;
        let client = self.over(http, sts);
        // Not kept if the way has changed meanwhile.
        if *lock(&self.network) == network {
            lock(&self.clients).insert(key, client.clone());
        }
        Ok(client)
    }

    /// A client for an endpoint whose requests `http` carries.
    pub(super) fn over(&self, http: SharedHttpClient, sts: &StsEndpoint) -> Client {
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(sts.region.clone()))
            .http_client(http)
            .sleep_impl(TokioSleep::new())
            .time_source(CorrectedTime {
                clock: self.clock.clone(),
                skew: self.skew.clone(),
            })
            // Ours outlives one call and also corrects expiries.
            .disable_clock_skew_correction(true)
            .retry_config(RetryConfig::disabled())
            .identity_cache(IdentityCache::no_cache())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(self.limits.connect)
                    .operation_attempt_timeout(self.limits.attempt)
                    .build(),
            );
        config.set_endpoint_url(sts.url.clone());
        Client::from_conf(config.build())
    }

    /// Has `client` make the calls to an endpoint.
    #[cfg(any(fuzzing, test))]
    pub(super) fn call_by(&self, sts: &StsEndpoint, client: Client) {
        lock(&self.clients).insert((sts.region.clone(), sts.url.clone()), client);
    }

    fn learn(&self, exchange: &Exchange) -> (i64, bool) {
        let seen = exchange.seen();
        let (Some(sent), Some(received), Some(date)) = (seen.sent, seen.received, seen.date) else {
            return (self.skew.millis(), false);
        };
        let (skew, changed) = self.skew.learn(sent.wall, received.wall, date);
        if changed {
            tracing::warn!(
                skew_seconds = skew / 1000,
                "this computer's clock and AWS's differ by another amount than before; requests are signed with AWS's time"
            );
        }
        (skew, changed)
    }
}

impl Issuer for Sts {
    fn issue(&self, attempt: Attempt) -> BoxFuture<'_, Result<Session, IssueError>> {
        Box::pin(async move {
            match self.assume(&attempt).await {
                Err(error) if error.class == Class::Skew => self.assume(&attempt).await,
                result => result,
            }
        })
    }

    fn identity(
        &self,
        signer: Signer,
        call: Call,
    ) -> BoxFuture<'_, Result<(String, String, String), IssueError>> {
        Box::pin(async move {
            let Call::AssumeRole(call) = &call;
            match self.who(&signer, &call.sts).await {
                Err(error) if error.class == Class::Skew => self.who(&signer, &call.sts).await,
                result => result,
            }
        })
    }
}

fn credentials(signer: &Signer) -> Builder {
    let mut credentials = Credentials::builder()
        .access_key_id(&signer.access_key_id)
        .secret_access_key(signer.secret_access_key.expose())
        .provider_name("rolecall");
    credentials.set_session_token(
        signer
            .session_token
            .as_ref()
            .map(|token| token.expose().to_owned()),
    );
    Config::builder().credentials_provider(credentials.build())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
