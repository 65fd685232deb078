//! Where STS is asked for a role: region and endpoint.
//!
//! The settings are those of the role that is asked for, for every call of its recipe, as in the AWS
//! CLI; only its region may come from further back.

use std::net::IpAddr;

use http::Uri;

use super::definition::Definitions;
use super::environment::Environment;
use super::problem::{Fault, Place};
use super::tree::Value;
use crate::recipe::StsEndpoint;

/// Region and endpoint for a call to STS in `partition`. `chain` is the role and then what it comes
/// from, nearest first.
///
/// Region: role, source profile, `AWS_REGION`, `AWS_DEFAULT_REGION`, the partition's default; one of
/// another partition is passed over unless it is the role's own, which is a mistake.
pub(super) fn sts(
    definitions: &Definitions<'_>,
    environment: &Environment<'_>,
    chain: &[&str],
    partition: &str,
) -> Result<StsEndpoint, Fault> {
    let role = chain.first().copied().unwrap_or_default();
    let url = override_url(definitions, environment, role)?;
    if url.is_none() {
        refuse_fips(definitions, environment, role)?;
    }
    let fits =
        |region: &str| url.is_some() || partition_of(region).is_none_or(|found| found == partition);
    for (number, name) in chain.iter().enumerate() {
        let Some((region, place)) = region(definitions, name)? else {
            continue;
        };
        if fits(region) {
            return Ok(StsEndpoint {
                region: region.to_owned(),
                url,
            });
        }
        if number == 0 {
            return Err(Fault::mistake(
                place,
                format!("region {region} is not in partition {partition} of the role's ARN"),
            ));
        }
    }
    for variable in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
        if let Some(region) = environment.get(variable) {
            check_region(region, &environment.place(variable))?;
            if fits(region) {
                return Ok(StsEndpoint {
                    region: region.to_owned(),
                    url,
                });
            }
        }
    }
    match default_region(partition) {
        Some(region) => Ok(StsEndpoint {
            region: region.to_owned(),
            url,
        }),
        None => Err(Fault::mistake(
            definitions.place(role),
            format!("partition {partition} has no default region here"),
        )
        .hint("give the role a region")),
    }
}

/// A role's own region.
pub(super) fn region<'a>(
    definitions: &Definitions<'a>,
    name: &str,
) -> Result<Option<(&'a str, Place)>, Fault> {
    let Some((region, place)) = definitions.text(name, "region")? else {
        return Ok(None);
    };
    check_region(region, &place)?;
    Ok(Some((region, place)))
}

/// A region becomes part of a host name: anything else could send a signed request elsewhere.
fn check_region(region: &str, place: &Place) -> Result<(), Fault> {
    let label = region.len() <= 63
        && !region.starts_with('-')
        && !region.ends_with('-')
        && region
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if label && !region.is_empty() {
        Ok(())
    } else {
        Err(Fault::mistake(
            place.clone(),
            format!("expected a region such as eu-west-1, found {region:?}"),
        ))
    }
}

/// The overridden endpoint, in the order of the AWS SDKs and Tools Reference Guide, "Service-specific
/// endpoints": `AWS_ENDPOINT_URL_STS`, `AWS_ENDPOINT_URL`, the `services` section, `endpoint_url`; none
/// of them if `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS` says so.
fn override_url(
    definitions: &Definitions<'_>,
    environment: &Environment<'_>,
    role: &str,
) -> Result<Option<String>, Fault> {
    let ignored = match environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        Some(_) => environment.is_true("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"),
        None => is_true(definitions, role, "ignore_configured_endpoint_urls"),
    };
    if ignored {
        return Ok(None);
    }
    for variable in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"] {
        if let Some(url) = environment.get(variable) {
            return check_url(url, environment.place(variable)).map(Some);
        }
    }
    if let Some((services, place)) = definitions.text(role, "services")? {
        if !definitions.shared.has_services(services) {
            return Err(Fault::mistake(
                place,
                format!("there is no section [services {services}]"),
            ));
        }
        if let Some(url) = definitions.shared.sts_endpoint_of_services(services) {
            return check_url(url, place).map(Some);
        }
    }
    match definitions.text(role, "endpoint_url")? {
        Some((url, place)) => check_url(url, place).map(Some),
        None => Ok(None),
    }
}

fn check_url(url: &str, place: Place) -> Result<String, Fault> {
    let odd = || {
        Fault::mistake(
            place.clone(),
            "expected the URL of an endpoint such as https://sts.example.com",
        )
    };
    let uri: Uri = url.parse().map_err(|_| odd())?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(odd)?;
    if uri
        .authority()
        .is_some_and(|authority| authority.as_str().contains('@'))
    {
        return Err(Fault::mistake(
            place,
            "a user name or password in a URL is sent to no endpoint",
        ));
    }
    match uri.scheme_str() {
        Some("https") => Ok(url.to_owned()),
        Some("http") if is_loopback(host) => Ok(url.to_owned()),
        Some("http") => Err(Fault::mistake(
            place,
            format!("plain http is accepted only to loopback, found {host}"),
        )
        .hint("use https")),
        _ => Err(odd()),
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn refuse_fips(
    definitions: &Definitions<'_>,
    environment: &Environment<'_>,
    role: &str,
) -> Result<(), Fault> {
    let place = if environment.is_true("AWS_USE_FIPS_ENDPOINT") {
        environment.place("AWS_USE_FIPS_ENDPOINT")
    } else if is_true(definitions, role, "use_fips_endpoint") {
        definitions
            .place_of(role, "use_fips_endpoint")
            .unwrap_or_else(|| definitions.place(role))
    } else {
        return Ok(());
    };
    Err(Fault::not_built(place, "a FIPS endpoint")
        .hint("name the endpoint itself with endpoint_url"))
}

/// Whether the role asks for dual-stack endpoints.
pub(super) fn wants_dual_stack(
    definitions: &Definitions<'_>,
    environment: &Environment<'_>,
    role: &str,
) -> bool {
    environment.is_true("AWS_USE_DUALSTACK_ENDPOINT")
        || is_true(definitions, role, "use_dualstack_endpoint")
}

fn is_true(definitions: &Definitions<'_>, role: &str, key: &str) -> bool {
    match definitions.own(role, key) {
        Some((Value::Switch(switch), _)) => *switch,
        _ => {
            matches!(definitions.text(role, key), Ok(Some((text, _))) if text.eq_ignore_ascii_case("true"))
        }
    }
}

/// The partition a region belongs to, by its prefix; None if no rule is known to tell.
fn partition_of(region: &str) -> Option<&'static str> {
    let prefixes = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eu-isoe-", "aws-iso-e"),
        ("us-isof-", "aws-iso-f"),
        ("eusc-", "aws-eusc"),
    ];
    if let Some((_, partition)) = prefixes
        .iter()
        .find(|(prefix, _)| region.starts_with(prefix))
    {
        return Some(partition);
    }
    let known = [
        "us-", "eu-", "ap-", "sa-", "ca-", "me-", "af-", "il-", "mx-",
    ];
    known
        .iter()
        .any(|prefix| region.starts_with(prefix))
        .then_some("aws")
}

fn default_region(partition: &str) -> Option<&'static str> {
    Some(match partition {
        "aws" => "us-east-1",
        "aws-cn" => "cn-north-1",
        "aws-us-gov" => "us-gov-west-1",
        "aws-iso" => "us-iso-east-1",
        "aws-iso-b" => "us-isob-east-1",
        "aws-iso-e" => "eu-isoe-west-1",
        "aws-iso-f" => "us-isof-south-1",
        "aws-eusc" => "eusc-de-east-1",
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
