//! Whether a caller may assume a role, and for how long: what IAM and STS decide once every
//! parameter is well formed.

use super::config::{Role, account};
use super::keys::{Caller, SessionFacts};
use super::parameters::AssumeRole;
use super::xml::Refusal;

/// The longest session of a role assumed with temporary credentials ("Role chaining" in the IAM
/// User Guide), in seconds.
const CHAINED: u32 = 3600;

/// What the new session carries on, if `caller` may make this `request` of `role`.
///
/// A role that does not exist is refused exactly as one that does not trust the caller.
pub(super) fn decide(
    request: &AssumeRole,
    role: Option<&Role>,
    caller: &Caller,
) -> Result<SessionFacts, Refusal> {
    let denied = |action: &str| Refusal::denied(&caller.arn, action, &request.role);
    let role = role
        .filter(|role| trusts(role, caller))
        .filter(|role| role.external_id.is_none() || role.external_id == request.external_id)
        .ok_or_else(|| denied("sts:AssumeRole"))?;
    if !role.allow_tags && !request.tags.is_empty() {
        return Err(denied("sts:TagSession"));
    }
    let parent = caller.session.clone().unwrap_or_default();
    let changed = parent.source_identity.is_some()
        && request.source_identity.is_some()
        && parent.source_identity != request.source_identity;
    if changed || (!role.allow_source_identity && request.source_identity.is_some()) {
        return Err(denied("sts:SetSourceIdentity"));
    }
    check_duration(request.duration, role, caller)?;

    let mut transitive_tags = parent.transitive_tags;
    if request
        .tags
        .keys()
        .any(|key| transitive_tags.contains_key(key))
    {
        return Err(Refusal::new(
            400,
            "InvalidParameterValue",
            "One of the specified transitive tag keys can't be set because it conflicts with a \
             transitive tag key from the calling session.",
        ));
    }
    transitive_tags.extend(
        request
            .tags
            .iter()
            .filter(|(key, _)| request.transitive.contains(*key))
            .map(|(key, value)| (key.clone(), value.clone())),
    );
    Ok(SessionFacts {
        role: role.arn.clone(),
        source_identity: parent
            .source_identity
            .or_else(|| request.source_identity.clone()),
        transitive_tags,
    })
}

fn trusts(role: &Role, caller: &Caller) -> bool {
    if role.trust.is_empty() {
        return account(&role.arn) == Some(caller.account());
    }
    role.trust.iter().any(|principal| {
        principal == "*"
            || principal == caller.account()
            || *principal == caller.arn
            || caller
                .session
                .as_ref()
                .is_some_and(|session| *principal == session.role)
    })
}

fn check_duration(seconds: u32, role: &Role, caller: &Caller) -> Result<(), Refusal> {
    let refuse = |message: &str| Err(Refusal::new(400, "ValidationError", message));
    if caller.session.is_some() && seconds > CHAINED {
        return refuse(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining",
        );
    }
    if seconds > role.max_session_duration {
        return refuse(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEV: &str = "arn:aws:iam::123456789012:role/dev";
    const HUB: &str = "arn:aws:iam::111122223333:role/hub";

    fn user() -> Caller {
        Caller {
            arn: "arn:aws:iam::111122223333:user/alice".into(),
            user_id: "AIDA".into(),
            session: None,
        }
    }

    fn session() -> Caller {
        Caller {
            arn: "arn:aws:sts::111122223333:assumed-role/hub/me".into(),
            user_id: "AROA:me".into(),
            session: Some(SessionFacts {
                role: HUB.into(),
                source_identity: Some("alice".into()),
                transitive_tags: [("Project".into(), "x".into())].into(),
            }),
        }
    }

    fn request() -> AssumeRole {
        AssumeRole {
            role: DEV.into(),
            session_name: "me".into(),
            duration: 3600,
            ..AssumeRole::default()
        }
    }

    fn open() -> Role {
        Role::new(DEV).trusting("*").lasting(7200)
    }

    #[test]
    fn trust_is_by_account_principal_or_role() {
        let table = [
            (Role::new(DEV), user(), false),
            (Role::new(DEV).trusting("111122223333"), user(), true),
            (Role::new(DEV).trusting("999922223333"), user(), false),
            (Role::new(DEV).trusting(&user().arn), user(), true),
            (Role::new(DEV).trusting(&user().arn), session(), false),
            (Role::new(DEV).trusting(HUB), session(), true),
            (Role::new(DEV).trusting(&session().arn), session(), true),
            (Role::new(HUB), user(), true),
        ];
        for (role, caller, expected) in table {
            let decision = decide(&request(), Some(&role), &caller);
            assert_eq!(decision.is_ok(), expected, "{role:?} {caller:?}");
            if let Err(refusal) = decision {
                assert_eq!(refusal.code, "AccessDenied");
                assert!(refusal.message.ends_with(DEV), "{refusal:?}");
            }
        }
        assert!(decide(&request(), None, &user()).is_err());
    }

    #[test]
    fn durations_are_bounded_by_the_role_and_by_chaining() {
        let asking = |duration| AssumeRole {
            duration,
            ..request()
        };
        assert!(decide(&asking(7200), Some(&open()), &user()).is_ok());
        let refusal = decide(&asking(7201), Some(&open()), &user()).unwrap_err();
        assert!(refusal.message.contains("MaxSessionDuration"));
        assert!(decide(&asking(3600), Some(&open()), &session()).is_ok());
        let refusal = decide(&asking(3601), Some(&open()), &session()).unwrap_err();
        assert!(refusal.message.ends_with("role chaining"), "{refusal:?}");
    }

    #[test]
    fn the_external_id_must_be_the_role_s() {
        let role = open().with_external_id("xyz");
        let with = |id: &str| AssumeRole {
            external_id: Some(id.into()),
            ..request()
        };
        assert!(decide(&request(), Some(&role), &user()).is_err());
        assert!(decide(&with("xyy"), Some(&role), &user()).is_err());
        assert!(decide(&with("xyz"), Some(&role), &user()).is_ok());
        assert!(decide(&with("unasked"), Some(&open()), &user()).is_ok());
    }

    #[test]
    fn tags_and_source_identity_follow_the_chain() {
        let mut tagged = request();
        tagged.tags = [("Team".into(), "a".into()), ("Plain".into(), "b".into())].into();
        tagged.transitive = ["Team".into()].into();
        let facts = decide(&tagged, Some(&open()), &session()).unwrap();
        assert_eq!(facts.source_identity.as_deref(), Some("alice"));
        let keys: Vec<&String> = facts.transitive_tags.keys().collect();
        assert_eq!(keys, ["Project", "Team"]);

        tagged.tags.insert("Project".into(), "y".into());
        let refusal = decide(&tagged, Some(&open()), &session()).unwrap_err();
        assert!(refusal.message.contains("conflicts"), "{refusal:?}");

        let renamed = AssumeRole {
            source_identity: Some("bob".into()),
            ..request()
        };
        let refusal = decide(&renamed, Some(&open()), &session()).unwrap_err();
        assert!(refusal.message.contains("sts:SetSourceIdentity"));
        assert!(decide(&renamed, Some(&open()), &user()).is_ok());
    }

    #[test]
    fn a_trust_policy_may_forbid_tags_and_source_identity() {
        let mut role = open();
        role.allow_tags = false;
        role.allow_source_identity = false;
        let mut tagged = request();
        tagged.tags = [("Team".into(), "a".into())].into();
        let refusal = decide(&tagged, Some(&role), &user()).unwrap_err();
        assert!(refusal.message.contains("sts:TagSession"));
        let named = AssumeRole {
            source_identity: Some("bob".into()),
            ..request()
        };
        assert!(decide(&named, Some(&role), &user()).is_err());
        assert!(decide(&request(), Some(&role), &user()).is_ok());
    }
}
