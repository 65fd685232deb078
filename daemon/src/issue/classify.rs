//! What AWS's answer to a failed call means: pure.

use std::time::Duration;

use super::{Class, IssueError};

/// The longest message that is passed on, in bytes.
const LONGEST_MESSAGE: usize = 1000;

/// An answer that is not a success.
#[derive(Clone, Copy, Debug, Default)]
pub struct Refusal<'a> {
    /// HTTP status.
    pub status: u16,
    /// AWS's error code, if the body had one.
    pub code: Option<&'a str>,
    /// AWS's message.
    pub message: Option<&'a str>,
    /// STS's request id.
    pub request_id: Option<&'a str>,
    /// `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Whether temporary credentials signed the request.
    pub signed_by_session: bool,
}

impl Refusal<'_> {
    /// The class of this answer (IAM User Guide, "Common errors" of the STS API reference).
    pub fn class(&self) -> Class {
        let code = self.code.unwrap_or_default();
        match code {
            "RequestExpired" | "RequestTimeTooSkewed" => return Class::Skew,
            "SignatureDoesNotMatch" | "InvalidSignatureException" | "AuthFailure"
                if self.speaks_of_time() =>
            {
                return Class::Skew;
            }
            "ExpiredToken"
            | "ExpiredTokenException"
            | "InvalidClientTokenId"
            | "InvalidToken"
            | "UnrecognizedClientException" => {
                return if self.signed_by_session {
                    Class::ParentDead
                } else {
                    Class::Denied
                };
            }
            "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "TooManyRequestsException"
            | "SlowDown" => return Class::Throttled,
            "AccessDenied"
            | "AccessDeniedException"
            | "NotAuthorized"
            | "OptInRequired"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "AuthFailure"
            | "IncompleteSignature"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => return Class::Denied,
            "IDPCommunicationError" | "RequestTimeout" | "RequestTimeoutException" => {
                return Class::TryAgain;
            }
            _ => {}
        }
        match self.status {
            429 => Class::Throttled,
            // Without a code of AWS's it is something between us and AWS that answers.
            400..=499 if self.code.is_some() => Class::Never,
            _ => Class::TryAgain,
        }
    }

    /// The whole error. `secrets` (keys, tokens, external ids) are blotted out of AWS's words, which
    /// quote the request in places.
    pub fn into_error(self, class: Class, secrets: &[&str]) -> IssueError {
        let code = self.code.map_or_else(
            || format!("HTTP {}", self.status),
            |code| clean(code, secrets),
        );
        let message = match self.message {
            Some(message) => format!("AWS answered {code}: {}", clean(message, secrets)),
            None if self.code.is_some() => format!("AWS answered {code}"),
            None => format!("the STS endpoint answered {code} without an AWS error"),
        };
        IssueError {
            class,
            hint: self.hint(class),
            code,
            message,
            request_id: self.request_id.map(|id| clean(id, secrets)),
            retry_after: self.retry_after,
            // An error of AWS's own is definite; a gateway's is not.
            sent: self.code.is_none(),
        }
    }

    fn speaks_of_time(&self) -> bool {
        self.message.is_some_and(|message| {
            let message = message.to_ascii_lowercase();
            message.contains("signature expired") || message.contains("not yet current")
        })
    }

    fn hint(&self, class: Class) -> Option<String> {
        let hint = match (class, self.code.unwrap_or_default()) {
            (_, "SignatureDoesNotMatch" | "InvalidSignatureException" | "IncompleteSignature")
                if class != Class::Skew =>
            {
                "check that the secret access key belongs to this access key id"
            }
            (Class::Denied, "InvalidClientTokenId" | "UnrecognizedClientException") => {
                "check that the access key exists and is active, and that it is of this partition"
            }
            (
                Class::Denied,
                "MissingAuthenticationToken" | "MissingAuthenticationTokenException",
            ) => "check that the endpoint is STS's",
            (Class::Denied, _) => {
                "check that the role exists, that its trust policy allows this principal (external id, MFA and source conditions too), and that the principal may call sts:AssumeRole on it"
            }
            (Class::ParentDead, _) => {
                "the credentials that sign this call have expired or were revoked: renew them"
            }
            (Class::Skew, _) => "check this computer's clock",
            (Class::Throttled, _) => "too many calls are made to STS from this account and region",
            (Class::Never, "RegionDisabledException") => {
                "activate STS for this region in the account settings of IAM, or set another region"
            }
            (Class::Never, "PackedPolicyTooLarge") => {
                "shorten the session policy, or use fewer or shorter session tags"
            }
            (Class::Never, "MalformedPolicyDocument") => "check the session policy's JSON",
            (Class::Never, _) => {
                "check duration_seconds against the role's maximum, and the other keys of this role"
            }
            (Class::TryAgain, _) if self.code.is_none() => {
                "check the endpoint and the proxy, if one is set"
            }
            (Class::TryAgain, _) => return None,
        };
        Some(hint.to_owned())
    }
}

/// First line, no control characters, nothing secret, not too long. A SignatureDoesNotMatch quotes the
/// canonical request, security token included, from the second line on.
pub(super) fn clean(text: &str, secrets: &[&str]) -> String {
    let mut line = text.trim().lines().next().unwrap_or_default().to_owned();
    // First: a secret with one of these in its middle would be whole again without it.
    line.retain(|c| !c.is_control());
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        line = line.replace(*secret, "…");
    }
    if line.len() > LONGEST_MESSAGE {
        let cut = line.floor_char_boundary(LONGEST_MESSAGE);
        line.truncate(cut);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_has_its_class() {
        use Class::*;
        for (status, code, message, signed_by_session, class) in [
            (
                403,
                "AccessDenied",
                "User: … is not authorized",
                false,
                Denied,
            ),
            (
                403,
                "AccessDenied",
                "User: … is not authorized",
                true,
                Denied,
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated",
                false,
                Denied,
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "Signature expired: 2026… is now earlier",
                false,
                Skew,
            ),
            (
                403,
                "SignatureDoesNotMatch",
                "Signature not yet current: 2026…",
                true,
                Skew,
            ),
            (400, "RequestExpired", "Request has expired", false, Skew),
            (
                403,
                "ExpiredToken",
                "The security token is expired",
                true,
                ParentDead,
            ),
            (400, "ExpiredTokenException", "expired", true, ParentDead),
            (403, "InvalidClientTokenId", "invalid", true, ParentDead),
            (403, "InvalidClientTokenId", "invalid", false, Denied),
            (400, "Throttling", "Rate exceeded", false, Throttled),
            (429, "", "", false, Throttled),
            (503, "SlowDown", "", false, Throttled),
            (500, "InternalFailure", "", false, TryAgain),
            (503, "ServiceUnavailable", "", false, TryAgain),
            (502, "", "", false, TryAgain),
            (407, "", "", false, TryAgain),
            (301, "", "", false, TryAgain),
            (200, "", "", false, TryAgain),
            (400, "ValidationError", "1 validation error", false, Never),
            (400, "MalformedPolicyDocument", "", false, Never),
            (400, "PackedPolicyTooLarge", "", false, Never),
            (403, "RegionDisabledException", "", false, Never),
        ] {
            let refusal = Refusal {
                status,
                code: Some(code).filter(|code| !code.is_empty()),
                message: Some(message),
                signed_by_session,
                ..Refusal::default()
            };
            assert_eq!(refusal.class(), class, "{status} {code} {message}");
        }
    }

    #[test]
    fn messages_hold_no_secrets() {
        let refusal = Refusal {
            status: 403,
            code: Some("SignatureDoesNotMatch"),
            message: Some(
                "The signature for ext-7 does not match\u{7}.\n\nx-amz-security-token:TOKEN\n",
            ),
            ..Refusal::default()
        };
        let error = refusal.into_error(Class::Denied, &["TOKEN", "ext-7", ""]);
        assert_eq!(
            error.message,
            "AWS answered SignatureDoesNotMatch: The signature for … does not match."
        );
        assert!(!error.sent);
        assert!(clean(&"é".repeat(2000), &[]).len() < 1010);
    }
}
