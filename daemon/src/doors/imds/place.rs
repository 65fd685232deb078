//! What the IMDS door says besides credentials: where the "instance" is and what it is called.

use aws_lc_rs::digest;
use bytes::Bytes;
use serde_json::json;

use super::Leaf;
use crate::clock::Timestamp;
use crate::lease::hex;
use crate::recipe::{Call, Role};
use crate::session::Served;

/// The answer to a path that needs no session; None if the role has no region.
pub(super) fn plain(leaf: Leaf, role: &Role, started: Timestamp) -> Option<Bytes> {
    let region = role.region.as_deref();
    Some(match leaf {
        Leaf::Index => Bytes::from_static(b"iam/\ninstance-id\nplacement/"),
        Leaf::IamIndex => {
            Bytes::from_static(b"info\nsecurity-credentials/\nsecurity-credentials-extended/")
        }
        Leaf::PlacementIndex => {
            region?;
            Bytes::from_static(b"availability-zone\nregion")
        }
        Leaf::Region => region?.to_owned().into(),
        Leaf::Zone => zone(region?).into(),
        Leaf::InstanceId => instance_id(role).into(),
        Leaf::IdentityDocument => identity_document(role, region?, started),
    })
}

/// A zone from which every SDK gets the region back: botocore drops the last character, C++ stops
/// after the first digit (client contract 37).
fn zone(region: &str) -> String {
    format!("{region}a")
}

/// Looks like an instance id, is the same after every start, and names no instance.
fn instance_id(role: &Role) -> String {
    let hash = digest::digest(&digest::SHA256, role.name.as_str().as_bytes());
    let hex = hex(hash.as_ref());
    format!("i-{}", &hex[..17])
}

/// The instance identity document (EC2 user guide, same name): CRT's reader wants most of its members.
fn identity_document(role: &Role, region: &str, started: Timestamp) -> Bytes {
    let document = json!({
        "accountId": account(role),
        "architecture": std::env::consts::ARCH,
        "availabilityZone": zone(region),
        "billingProducts": null,
        "devpayProductCodes": null,
        "imageId": "ami-00000000000000000",
        "instanceId": instance_id(role),
        "instanceType": "local",
        "kernelId": null,
        "marketplaceProductCodes": null,
        "pendingTime": started.to_string(),
        "privateIp": "127.0.0.1",
        "ramdiskId": null,
        "region": region,
        "version": "2017-09-30",
    });
    document.to_string().into()
}

/// `iam/info`: Terraform reads account and partition from the ARN (client contract 39).
pub(super) fn info(role: &Role, served: &Served) -> Bytes {
    let origin = &served.session.origin;
    let partition = origin.arn.split(':').nth(1).unwrap_or("aws");
    let id = origin
        .assumed_role_id
        .split_once(':')
        .map_or(origin.assumed_role_id.as_str(), |(id, _)| id);
    let document = json!({
        "Code": "Success",
        "LastUpdated": served.session.issued.wall.to_string(),
        "InstanceProfileArn": format!(
            "arn:{partition}:iam::{}:instance-profile/{}",
            origin.account,
            role.name.slug(),
        ),
        "InstanceProfileId": format!("AIPA{}", id.trim_start_matches("AROA")),
    });
    document.to_string().into()
}

fn account(role: &Role) -> Option<&str> {
    let recipe = role.recipe.as_ref().ok()?;
    match &recipe.last().call {
        Call::AssumeRole(call) => Some(call.role_arn.account()),
    }
}
