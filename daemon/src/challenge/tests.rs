use rolecall::api::Door;

use super::consent::Place;
use super::*;
use crate::clock::{ManualClock, Now, Timestamp};
use crate::peer::{Consumer, Process};
use crate::secrets::SeededRandom;

const YES: ChallengeAnswer = ChallengeAnswer::Consent { approve: true };
const NO: ChallengeAnswer = ChallengeAnswer::Consent { approve: false };

struct Rig {
    clock: ManualClock,
    challenges: Challenges,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Rig {
    fn new() -> Self {
        let clock = ManualClock::new(Now {
            wall: Timestamp::from_secs(1_767_225_600),
            boot: Duration::from_secs(5000),
        });
        let records = Arc::<Mutex<Vec<Record>>>::default();
        let written = Arc::clone(&records);
        let challenges = Challenges::new(Tools {
            clock: Arc::new(clock.clone()),
            random: Arc::new(SeededRandom::new(1)),
            note: Arc::new(move |record| written.lock().unwrap().push(record)),
        });
        Self {
            clock,
            challenges,
            records,
        }
    }

    /// How it stands without waiting.
    async fn stands(&self, role: &str) -> Standing {
        self.challenges.consent(&wish(role), Duration::ZERO).await
    }

    /// Waits in the background; returns once it is counted.
    async fn wait(&self, role: &'static str) -> tokio::task::JoinHandle<Standing> {
        let before = self.waiting(role);
        let challenges = self.challenges.clone();
        let limit = Duration::from_secs(50);
        let task = tokio::spawn(async move { challenges.consent(&wish(role), limit).await });
        while self.waiting(role) == before {
            tokio::task::yield_now().await;
        }
        task
    }

    fn waiting(&self, role: &str) -> u32 {
        let open = self.challenges.list();
        let found = open.iter().find(|challenge| challenge.role == role);
        found.map_or(0, |challenge| challenge.waiting)
    }

    fn answer(&self, id: &str, answer: ChallengeAnswer) -> Result<ChallengeStatus, NotTaken> {
        self.challenges.answer(id, answer, &person(), None)
    }

    fn only_id(&self) -> String {
        let open = self.challenges.list();
        assert_eq!(open.len(), 1, "{open:#?}");
        open[0].id.clone()
    }

    fn events(&self) -> Vec<Event> {
        let records = self.records.lock().unwrap();
        records.iter().map(|record| record.event).collect()
    }
}

fn process(pid: u32, tty: &str) -> Process {
    Process {
        pid,
        uid: 1000,
        sid: pid,
        start_time: u64::from(pid),
        exe: Some("/usr/bin/terraform".into()),
        tty: Some(tty.to_owned()),
        cwd: Some("/srv".into()),
        ..Process::default()
    }
}

fn person() -> Answerer {
    Answerer {
        uid: 1000,
        owner: 1000,
        process: Some(process(77, "pts/7")),
        ancestors: Vec::new(),
    }
}

fn wish(role: &str) -> Wish {
    let consumer = Consumer {
        uid: 1000,
        process: Some(process(42, "pts/4")),
    };
    Wish {
        question: Question {
            uid: 1000,
            role: role.to_owned(),
            step: None,
            program: Some("terraform".to_owned()),
            place: Place::Process {
                pid: 42,
                started: 42,
            },
        },
        frequency: Frequency::FirstUse,
        asker: Asker::new(&consumer, Door::Socket, None).unwrap(),
    }
}

#[tokio::test]
async fn one_question_however_many_wait_and_all_get_the_answer() {
    let rig = Rig::new();
    let (first, second) = (rig.wait("prod").await, rig.wait("prod").await);
    let open = rig.challenges.list();
    assert_eq!((open.len(), open[0].waiting), (1, 2));
    assert_eq!(open[0].asker.name, "terraform");
    assert_eq!(open[0].deadline, "2026-01-01T00:02:00Z");
    assert!(open[0].hint.as_ref().unwrap().contains(&open[0].id));

    rig.answer(&open[0].id, YES).unwrap();
    assert_eq!(first.await.unwrap(), Standing::Granted);
    assert_eq!(second.await.unwrap(), Standing::Granted);
    assert_eq!(rig.stands("prod").await, Standing::Granted);
    assert_eq!(rig.events(), [Event::Asked, Event::Approved]);
    assert_eq!(rig.challenges.list(), []);
    assert_eq!(rig.answer(&open[0].id, NO), Err(NotTaken::NotFound));
    let records = rig.records.lock().unwrap();
    assert!(
        records
            .iter()
            .all(|it| it.challenge.as_ref() == Some(&open[0].id))
    );
}

#[tokio::test]
async fn a_no_is_remembered_for_a_minute() {
    let rig = Rig::new();
    let waiting = rig.wait("prod").await;
    rig.answer(&rig.only_id(), NO).unwrap();
    assert_eq!(waiting.await.unwrap(), Standing::Denied);
    rig.clock.advance(Duration::from_secs(59));
    assert_eq!(rig.stands("prod").await, Standing::Denied);
    rig.clock.advance(Duration::from_secs(1));
    assert!(matches!(rig.stands("prod").await, Standing::Open(_)));
    assert_eq!(rig.events(), [Event::Asked, Event::Denied, Event::Asked]);
}

#[tokio::test]
async fn a_question_stays_open_for_two_minutes_though_nobody_waits() {
    let rig = Rig::new();
    assert!(matches!(rig.stands("prod").await, Standing::Open(_)));
    rig.clock.advance(Duration::from_secs(119));
    let id = rig.only_id();
    assert_eq!(rig.waiting("prod"), 0);
    rig.clock.advance(Duration::from_secs(1));
    assert_eq!(rig.challenges.list(), []);
    assert_eq!(rig.answer(&id, YES), Err(NotTaken::NotFound));
    // Who comes back is asked for again.
    assert!(matches!(rig.stands("prod").await, Standing::Open(_)));
}

#[tokio::test]
async fn who_waits_gives_up_in_time_and_no_longer_counts() {
    let rig = Rig::new();
    let waiting = rig.wait("prod").await;
    rig.clock.advance(Duration::from_secs(50));
    assert!(matches!(waiting.await.unwrap(), Standing::Open(_)));
    assert_eq!(rig.waiting("prod"), 0);
    let dropped = rig.wait("prod").await;
    dropped.abort();
    assert!(dropped.await.unwrap_err().is_cancelled());
    assert_eq!(rig.waiting("prod"), 0);
}

#[tokio::test]
async fn the_asker_s_own_answer_is_not_taken() {
    let rig = Rig::new();
    rig.stands("prod").await;
    let own = Answerer {
        process: Some(process(42, "pts/4")),
        ..person()
    };
    let answered = rig.challenges.answer(&rig.only_id(), YES, &own, None);
    assert_eq!(answered, Err(NotTaken::NotYou(NotYou::Descends)));
    assert!(matches!(rig.stands("prod").await, Standing::Open(_)));
}

#[tokio::test]
async fn a_lock_forgets_consents_and_questions_and_no_no() {
    let rig = Rig::new();
    rig.stands("yes").await;
    rig.answer(&rig.only_id(), YES).unwrap();
    rig.stands("no").await;
    rig.answer(&rig.only_id(), NO).unwrap();
    rig.stands("open").await;
    let id = rig.only_id();
    let waiting = rig.wait("open").await;
    rig.challenges.forget();
    assert_eq!(waiting.await.unwrap(), Standing::Dropped);
    assert_eq!(rig.answer(&id, YES), Err(NotTaken::NotFound));
    for role in ["yes", "open"] {
        assert!(
            matches!(rig.stands(role).await, Standing::Open(_)),
            "{role}"
        );
    }
    assert_eq!(rig.stands("no").await, Standing::Denied);
}

#[tokio::test]
async fn a_no_to_one_process_is_a_no_to_the_next_round_of_its_loop() {
    let rig = Rig::new();
    // Without a terminal every process is a question of its own.
    let from = |pid, sid, exe: &str| {
        let mut wish = wish("prod");
        wish.asker.process = Process {
            exe: Some(exe.into()),
            tty: None,
            sid,
            ..process(pid, "")
        };
        wish.question.place = Place::Process {
            pid,
            started: u64::from(pid),
        };
        wish
    };
    let first = from(50, 40, "/usr/bin/aws");
    let stands = async |wish: &Wish| rig.challenges.consent(wish, Duration::ZERO).await;
    assert!(matches!(stands(&first).await, Standing::Open(_)));
    rig.answer(&rig.only_id(), NO).unwrap();
    for (next, denied) in [
        (from(51, 40, "/usr/bin/aws"), true),
        (from(52, 41, "/usr/bin/aws"), false),
        (from(53, 40, "/usr/bin/terraform"), false),
        // Sessions that cannot be seen are not one for that.
        (from(54, 0, "/usr/bin/aws"), false),
    ] {
        let standing = stands(&next).await;
        assert_eq!(standing == Standing::Denied, denied, "{next:?}");
    }
}

#[tokio::test]
async fn a_flood_of_questions_is_not_put() {
    let rig = Rig::new();
    for number in 0..queue::MOST {
        let standing = rig.stands(&number.to_string()).await;
        assert!(matches!(standing, Standing::Open(_)));
    }
    assert_eq!(rig.stands("one more").await, Standing::Full);
    assert_eq!(rig.challenges.list().len(), queue::MOST);
    // Answered questions make room.
    let first = rig.challenges.list()[0].id.clone();
    rig.answer(&first, NO).unwrap();
    assert!(matches!(rig.stands("one more").await, Standing::Open(_)));
}
