//! `POST /v1/challenges/{id}`: a person's answer.

use std::sync::Arc;

use http::StatusCode;
use rolecall::api::{ChallengeAnswer, Code, Problem};

use super::super::answer::Answering;
use super::super::visitor::Visitor;
use super::{Tools, json, parse, problem};
use crate::challenge::NotTaken;
use crate::challenge::answerer::Answerer;

/// Takes the answer to the question of that id.
pub(super) fn answer(
    tools: &Arc<Tools>,
    visitor: &Arc<Visitor>,
    id: String,
    body: &[u8],
) -> Answering {
    let answer: ChallengeAnswer = match parse(body) {
        Ok(answer) => answer,
        Err(problem) => return problem::answer(&problem).into(),
    };
    let (tools, visitor) = (Arc::clone(tools), Arc::clone(visitor));
    Answering::later(async move {
        let peer = visitor.peer().cloned();
        let answerer = {
            let (peer, owner) = (peer.clone(), tools.uid);
            let look = move || {
                let peer = peer.as_ref();
                peer.map(|peer| Answerer::of(peer, owner))
                    .unwrap_or_default()
            };
            tokio::task::spawn_blocking(look)
                .await
                .expect("looking at processes does not panic, and panics abort")
        };
        match tools
            .access
            .challenges()
            .answer(&id, answer, &answerer, peer)
        {
            Ok(closed) => json(StatusCode::OK, &closed),
            Err(not_taken) => {
                let problem = problem_of(not_taken);
                if problem.code == Code::Refused {
                    let now = tools.clock.now();
                    tools
                        .records
                        .refused(&visitor, "answer", &problem.message, now);
                }
                problem::answer(&problem)
            }
        }
    })
}

fn problem_of(not_taken: NotTaken) -> Problem {
    let (code, hint) = match not_taken {
        NotTaken::NotFound => (
            Code::NotFound,
            "it may have been answered, or have run out; `rolecall status` lists what is asked",
        ),
        NotTaken::NotYou(_) => (
            Code::Refused,
            "answer in another terminal, one that was not opened from within the asking one",
        ),
        NotTaken::WrongKind => (Code::BadRequest, "its `kind` says what it takes"),
    };
    Problem {
        code,
        message: not_taken.to_string(),
        hint: Some(hint.to_owned()),
    }
}
