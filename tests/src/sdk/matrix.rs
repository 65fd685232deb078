//! Every SDK, every way, side by side.

use std::thread;

use super::{Outcome, Sdk, Situation, Way, record};

/// A row of the matrix: a client and its way.
pub type Cell = (Sdk, Way);

/// The rows of the SDKs that are there.
pub fn cells(fits: impl Fn(Cell) -> bool) -> Vec<Cell> {
    let there = Sdk::ALL.into_iter().filter(|sdk| sdk.is_there());
    there
        .flat_map(|sdk| Way::ALL.map(|way| (sdk, way)))
        .filter(|cell| fits(*cell))
        .collect()
}

/// Does `work` for all of these, the ways of one SDK after another and the SDKs at once.
///
/// # Panics
/// When `work` does.
#[track_caller]
pub fn for_each<T: Send, R: Send>(
    cells: Vec<(Cell, T)>,
    work: impl Fn(Cell, T) -> R + Sync,
) -> Vec<(Cell, R)> {
    let mut of_sdk: Vec<(Sdk, Vec<(Cell, T)>)> = Vec::new();
    for (cell, with) in cells {
        match of_sdk.iter_mut().find(|(sdk, _)| *sdk == cell.0) {
            Some((_, cells)) => cells.push((cell, with)),
            None => of_sdk.push((cell.0, vec![(cell, with)])),
        }
    }
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = of_sdk
            .into_iter()
            .map(|(_, cells)| {
                scope.spawn(move || {
                    let done = cells
                        .into_iter()
                        .map(|(cell, with)| (cell, work(cell, with)));
                    done.collect::<Vec<_>>()
                })
            })
            .collect();
        let done = threads.into_iter().map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        done.flatten().collect()
    })
}

/// SDKs give a door half a second to two: on a busy machine one may miss that, and some then sign with what they
/// had. Who really lost its way does so every time.
const TRIES: usize = 5;

/// Has a client ask until it is well, a few times.
///
/// # Errors
/// The last problem.
pub fn patiently<T>(mut ask: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let mut outcome = ask();
    for _ in 1..TRIES {
        if outcome.is_ok() {
            break;
        }
        outcome = ask();
    }
    outcome
}

/// Records what came of a situation for each of these.
///
/// # Panics
/// When something else came of it than may, or than docs/compatibility.md says.
#[track_caller]
pub fn settle(situation: Situation, came: Vec<(Cell, Result<Outcome, String>)>) {
    let mut wrong = Vec::new();
    for ((sdk, way), result) in came {
        let row = format!("{}, {}", sdk.name(), way.name());
        match result {
            Ok(outcome) => {
                record::write((sdk, way), situation, outcome);
                let claimed = record::claimed((sdk, way), situation);
                if claimed.as_deref() != Some(outcome.word()) {
                    wrong.push(format!(
                        "{row}: {}, where docs/compatibility.md says {claimed:?}: run `make docs`",
                        outcome.word()
                    ));
                }
            }
            Err(problem) => wrong.push(format!("{row}: {problem}")),
        }
    }
    assert!(wrong.is_empty(), "{situation:?}: {wrong:#?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_has_an_end() {
        let mut asked = 0;
        let never: Result<(), _> = patiently(|| {
            asked += 1;
            Err(asked.to_string())
        });
        assert_eq!(never, Err(TRIES.to_string()));
        let mut asked = 0;
        let soon = patiently(|| {
            asked += 1;
            (asked == 2).then_some(asked).ok_or_else(String::new)
        });
        assert_eq!((soon, asked), (Ok(2), 2));
    }

    #[test]
    fn the_ways_of_an_sdk_are_gone_one_after_another() {
        let cells = Way::ALL.map(|way| ((Sdk::Rust, way), way.name()));
        let going = std::sync::Mutex::new(());
        let came = for_each(cells.into(), |cell, name| {
            let _alone = going.try_lock().expect("nobody else goes");
            (cell.1.name() == name).then_some(())
        });
        assert!(came.iter().all(|(_, it)| it.is_some()));
        assert_eq!(came.len(), Way::ALL.len());
    }
}
