//! The way to AWS: proxy and trusted certificates, from the environment given (never the process's own).

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::{Class, IssueError};

/// Never through a proxy, whatever `NO_PROXY` says.
const LOOPBACK: &str = "localhost,127.0.0.0/8,::1";

/// What of the environment decides how AWS is reached.
#[derive(Clone, Default, PartialEq, Eq)]
#[expect(
    missing_debug_implementations,
    reason = "a proxy's URL may hold a password"
)]
pub struct Network {
    proxy: Option<String>,
    no_proxy: String,
    ca_bundle: Option<PathBuf>,
}

impl Network {
    /// From `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY` (lower case wins, as in curl) and `AWS_CA_BUNDLE`.
    /// `HTTP_PROXY` is of no use here: plain http goes to loopback only.
    pub fn from_environment(environment: &BTreeMap<String, String>) -> Self {
        let get = |names: &[&str]| {
            names
                .iter()
                .filter_map(|name| environment.get(*name))
                .find(|value| !value.is_empty())
                .cloned()
        };
        let mut no_proxy = LOOPBACK.to_owned();
        if let Some(more) = get(&["no_proxy", "NO_PROXY"]) {
            no_proxy.push(',');
            no_proxy.push_str(&more);
        }
        Self {
            proxy: get(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
            no_proxy,
            ca_bundle: get(&["AWS_CA_BUNDLE"]).map(PathBuf::from),
        }
    }

    /// The proxy for https, if there is one.
    pub(super) fn proxy(&self) -> Result<ProxyConfig, IssueError> {
        let Some(proxy) = &self.proxy else {
            return Ok(ProxyConfig::disabled());
        };
        // curl and botocore take a bare host:port too.
        let url = if proxy.contains("://") {
            proxy.clone()
        } else {
            format!("http://{proxy}")
        };
        match ProxyConfig::https(url) {
            Ok(config) => Ok(config.no_proxy(&self.no_proxy)),
            // The error quotes the URL, which may hold a password.
            Err(_) => Err(misconfigured(
                "HTTPS_PROXY is not a URL".to_owned(),
                "give it as http://HOST:PORT",
            )),
        }
    }

    /// The certificates that are trusted: the system's, or those of `AWS_CA_BUNDLE` alone.
    pub(super) fn tls(&self) -> Result<TlsContext, IssueError> {
        let store = match &self.ca_bundle {
            None => TrustStore::default(),
            Some(path) => {
                let pem = std::fs::read(path).map_err(|error| {
                    misconfigured(
                        format!("AWS_CA_BUNDLE {} cannot be read: {error}", path.display()),
                        "give it a file of PEM certificates that the daemon may read",
                    )
                })?;
                check(&pem).map_err(|what| {
                    misconfigured(
                        format!("AWS_CA_BUNDLE {} {what}", path.display()),
                        "give it a file of PEM certificates",
                    )
                })?;
                TrustStore::empty().with_pem_certificate(pem)
            }
        };
        TlsContext::builder()
            .with_trust_store(store)
            .build()
            .map_err(|error| misconfigured(format!("TLS cannot be set up: {error}"), "see the log"))
    }
}

/// The HTTP client panics on certificates it cannot parse, so they are parsed here first.
fn check(pem: &[u8]) -> Result<(), String> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in CertificateDer::pem_slice_iter(pem).enumerate() {
        certificate
            .map_err(|error| error.to_string())
            .and_then(|der| roots.add(der).map_err(|error| error.to_string()))
            .map_err(|error| format!("has a bad certificate, number {}: {error}", index + 1))?;
    }
    if roots.is_empty() {
        return Err("has no certificate".to_owned());
    }
    Ok(())
}

/// An endpoint, taken apart as far as safety needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// TLS.
    Https,
    /// Plain http to loopback: tests, the demo, moto.
    LoopbackHttp,
}

/// Checks an overridden endpoint: https anywhere, plain http to loopback only.
pub(super) fn scheme(url: &str) -> Result<Scheme, IssueError> {
    let uri: Option<http::Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host);
    match (uri.as_ref().and_then(http::Uri::scheme_str), host) {
        (Some("https"), Some(_)) => Ok(Scheme::Https),
        (Some("http"), Some(host)) if is_loopback(host) => Ok(Scheme::LoopbackHttp),
        (Some("http"), Some(_)) => Err(misconfigured(
            format!("the STS endpoint {url} is plain http"),
            "use https; plain http is accepted to loopback only",
        )),
        _ => Err(misconfigured(
            format!("the STS endpoint {url} is not an http URL"),
            "give it as https://HOST",
        )),
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// A mistake on this computer: asking again does not help.
pub(super) fn misconfigured(message: String, hint: &str) -> IssueError {
    IssueError {
        class: Class::Never,
        code: "Configuration".to_owned(),
        message,
        hint: Some(hint.to_owned()),
        request_id: None,
        retry_after: None,
        sent: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(variables: &[(&str, &str)]) -> Network {
        Network::from_environment(
            &variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn plain_http_goes_to_loopback_only() {
        for (url, ok) in [
            ("https://sts.example.com", true),
            ("http://127.0.0.1:4566", true),
            ("http://[::1]:4566/", true),
            ("http://localhost:4566", true),
            ("http://sts.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("ftp://127.0.0.1", false),
            ("sts.example.com", false),
            ("", false),
        ] {
            assert_eq!(scheme(url).is_ok(), ok, "{url}");
        }
    }

    #[test]
    fn the_environment_given_decides() {
        let lower_wins = network(&[("https_proxy", "http://a:1"), ("HTTPS_PROXY", "http://b:2")]);
        assert_eq!(lower_wins.proxy.as_deref(), Some("http://a:1"));
        assert!(network(&[("HTTP_PROXY", "http://a:1")]).proxy.is_none());
        assert!(network(&[]).proxy().unwrap().is_disabled());
        assert!(
            !network(&[("HTTPS_PROXY", "proxy:3128")])
                .proxy()
                .unwrap()
                .is_disabled()
        );
        let error = network(&[("HTTPS_PROXY", "http://u:pass word@x y")])
            .proxy()
            .unwrap_err();
        assert!(!error.message.contains("word"), "{error}");
    }

    #[test]
    fn a_bundle_that_is_no_bundle_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("none.pem");
        let error = network(&[("AWS_CA_BUNDLE", missing.to_str().unwrap())])
            .tls()
            .unwrap_err();
        assert!(error.message.contains("none.pem cannot be read"), "{error}");
        for (text, expected) in [
            ("", "has no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "number 1",
            ),
        ] {
            let error = check(text.as_bytes()).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
