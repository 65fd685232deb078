//! With nothing but its normal settings an SDK finds credentials, and STS takes its signature.

use rolecall_tests::sdk::{Outcome, Reply, Situation, Way, cells, for_each, settle};

use crate::{found, serving, turn};

/// What the role's profile says.
const REGION: &str = "eu-west-1";

/// The fake AWS checks every signature, so an answer is proof that all parts of the credentials came through.
/// The region is the profile's, the one `rolecall exec` sets or, for those that ask it, the one of IMDS.
///
/// Client contract 73, 76, 77.
#[test]
fn every_sdk_finds_the_role_every_way() {
    let _turn = turn();
    let (world, port) = serving();
    let rows = cells(|_| true).into_iter().map(|cell| (cell, ())).collect();
    let came = for_each(rows, |cell, ()| {
        let reply = found(&world, cell, port)?;
        match &reply {
            Reply::Identity {
                region: Some(region),
                ..
            } if region != REGION => Err(format!("in the region {region}")),
            _ => Ok(Outcome::Works),
        }
    });
    // One session for all of them.
    assert_eq!(world.aws.count("AssumeRole"), 1);
    settle(Situation::Finds, came);
}

/// Clients that need no region named take the listener's.
///
/// Client contract 36, 38.
#[test]
fn who_asks_imds_for_its_region_gets_the_role_s() {
    let _turn = turn();
    let (world, port) = serving();
    let rows = cells(|(sdk, way)| way == Way::Imds && sdk.asks_imds_for_its_region());
    let came = for_each(
        rows.into_iter().map(|cell| (cell, ())).collect(),
        |(sdk, way), ()| {
            let command = way.command(&world, sdk, "once", "dev", port);
            let told = command.get_envs().any(|(name, _)| {
                ["AWS_REGION", "AWS_DEFAULT_REGION"]
                    .iter()
                    .any(|it| name == *it)
            });
            assert!(!told, "{sdk:?} is told its region");
            found(&world, (sdk, way), port)
        },
    );
    for ((sdk, _), reply) in came {
        let found =
            matches!(&reply, Ok(Reply::Identity { region: Some(region), .. }) if region == REGION);
        assert!(found, "{sdk:?}: {reply:?}");
    }
}
