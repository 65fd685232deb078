//! One line of the table: what was measured, against which floor, and whether that is within the budget.

use std::fmt;
use std::time::Duration;

/// A measured value with its unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Quantity {
    /// A size, in bytes.
    Bytes(u64),
    /// A number of things.
    Count(u64),
    /// Things per minute.
    PerMinute(f64),
    /// Things per second.
    PerSecond(f64),
    /// A time.
    Time(Duration),
}

impl Quantity {
    /// The number alone: bytes, things, or seconds.
    #[expect(
        clippy::cast_precision_loss,
        reason = "nothing measured here comes near 2^52"
    )]
    pub(super) fn number(self) -> f64 {
        match self {
            Self::Bytes(number) | Self::Count(number) => number as f64,
            Self::PerMinute(number) | Self::PerSecond(number) => number,
            Self::Time(time) => time.as_secs_f64(),
        }
    }

    /// What [`Self::number`] counts.
    pub(super) fn unit(self) -> &'static str {
        match self {
            Self::Bytes(_) => "bytes",
            Self::Count(_) => "count",
            Self::PerMinute(_) => "per minute",
            Self::PerSecond(_) => "per second",
            Self::Time(_) => "seconds",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number();
        match self {
            Self::Bytes(_) => write!(formatter, "{:.2} MB", number / 1e6),
            Self::Count(number) => write!(formatter, "{number}"),
            Self::PerMinute(_) => write!(formatter, "{number:.1}/min"),
            Self::PerSecond(_) => write!(formatter, "{number:.0}/s"),
            Self::Time(_) if number < 1e-3 => write!(formatter, "{:.2} µs", number * 1e6),
            Self::Time(_) if number < 1.0 => write!(formatter, "{:.2} ms", number * 1e3),
            Self::Time(_) => write!(formatter, "{number:.2} s"),
        }
    }
}

/// What it may cost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Budget {
    /// At least this share of the floor's rate.
    AtLeastShare(f64),
    /// At most this much.
    AtMost(Quantity),
    /// At most so many times the floor.
    AtMostTimes(f64),
    /// Exactly this much; anything else is wrong, not slow.
    Exactly(u64),
    /// A later release brings what it is about.
    Later,
    /// None: measured to explain another row.
    Unbudgeted,
}

impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeastShare(share) => write!(formatter, "≥ {:.0} %", share * 100.0),
            Self::AtMost(Quantity::Bytes(bytes)) => write!(formatter, "≤ {} MB", megabytes(*bytes)),
            Self::AtMost(Quantity::PerMinute(number)) => write!(formatter, "≤ {number}/min"),
            Self::AtMost(Quantity::Time(time)) => write!(formatter, "≤ {time:?}"),
            Self::AtMost(quantity) => write!(formatter, "≤ {quantity}"),
            Self::AtMostTimes(times) => write!(formatter, "≤ {times} ×"),
            Self::Exactly(number) => write!(formatter, "exactly {number}"),
            Self::Later | Self::Unbudgeted => formatter.write_str("–"),
        }
    }
}

/// `12` or `2.5`: as people write it.
#[expect(clippy::cast_precision_loss, reason = "budgets are small")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// How a row came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It could not be measured.
    Failed,
    /// Nothing to keep.
    Info,
    /// A later release's.
    Later,
    /// Within its budget.
    Ok,
    /// Beyond it.
    Over,
    /// Not slow but incorrect.
    Wrong,
}

impl Verdict {
    /// The word in the table.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Failed => "FAILED",
            Self::Info => "",
            Self::Later => "later",
            Self::Ok => "ok",
            Self::Over => "over",
            Self::Wrong => "WRONG",
        }
    }

    /// Whether the benchmark as a whole failed with this; no time does that.
    pub(super) fn fails(self) -> bool {
        matches!(self, Self::Failed | Self::Wrong)
    }
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What is done.
    pub(super) work: String,
    /// What it cost, if it was measured.
    pub(super) value: Option<Quantity>,
    /// What the least that could do it cost in the same run.
    pub(super) floor: Option<Quantity>,
    /// What it may cost.
    pub(super) budget: Budget,
    /// What the numbers do not say.
    pub(super) note: Option<String>,
    /// Something did not work.
    pub(super) failed: bool,
}

impl Row {
    /// A measured row.
    pub(super) fn new(work: &str, value: Quantity, budget: Budget) -> Self {
        Self {
            work: work.into(),
            value: Some(value),
            floor: None,
            budget,
            note: None,
            failed: false,
        }
    }

    /// A row of a later release.
    pub(super) fn later(work: &str) -> Self {
        Self {
            value: None,
            ..Self::new(work, Quantity::Count(0), Budget::Later)
        }
    }

    /// A row that could not be measured.
    pub(super) fn failed(work: &str, error: &anyhow::Error) -> Self {
        Self {
            value: None,
            failed: true,
            ..Self::new(work, Quantity::Count(0), Budget::Unbudgeted)
        }
        .note(format!("{error:#}"))
    }

    /// The same with its floor.
    #[must_use]
    pub(super) fn above(mut self, floor: Quantity) -> Self {
        self.floor = Some(floor);
        self
    }

    /// The same with a note.
    #[must_use]
    pub(super) fn note(mut self, note: String) -> Self {
        self.note = Some(note);
        self
    }

    /// How many times the floor it is.
    pub(super) fn ratio(&self) -> Option<f64> {
        let (value, floor) = (self.value?.number(), self.floor?.number());
        (floor > 0.0).then(|| value / floor)
    }

    /// Whether it is within its budget.
    pub(super) fn verdict(&self) -> Verdict {
        if self.failed {
            return Verdict::Failed;
        }
        let within = match (self.budget, self.value) {
            (Budget::Later, _) => return Verdict::Later,
            (Budget::Unbudgeted, _) => return Verdict::Info,
            (Budget::Exactly(wanted), value) => {
                return if value == Some(Quantity::Count(wanted)) {
                    Verdict::Ok
                } else {
                    Verdict::Wrong
                };
            }
            (Budget::AtMost(most), Some(value)) => value.number() <= most.number(),
            (Budget::AtMost(_), None) => return Verdict::Failed,
            (Budget::AtLeastShare(share), _) => self.ratio().is_some_and(|it| it >= share),
            (Budget::AtMostTimes(times), _) => self.ratio().is_some_and(|it| it <= times),
        };
        if within { Verdict::Ok } else { Verdict::Over }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(micros: u64) -> Quantity {
        Quantity::Time(Duration::from_micros(micros))
    }

    #[test]
    fn verdicts() {
        let times = |value, floor| {
            Row::new("x", micros(value), Budget::AtMostTimes(1.25)).above(micros(floor))
        };
        assert_eq!(times(125, 100).verdict(), Verdict::Ok);
        assert_eq!(times(126, 100).verdict(), Verdict::Over);
        assert_eq!(times(1, 0).verdict(), Verdict::Over);

        let rate = |value| {
            Row::new("x", Quantity::PerSecond(value), Budget::AtLeastShare(0.9))
                .above(Quantity::PerSecond(100.0))
        };
        assert_eq!(rate(90.0).verdict(), Verdict::Ok);
        assert_eq!(rate(89.9).verdict(), Verdict::Over);

        let size = |value| {
            let most = Budget::AtMost(Quantity::Bytes(12_000_000));
            Row::new("x", Quantity::Bytes(value), most).verdict()
        };
        assert_eq!(
            (size(12_000_000), size(12_000_001)),
            (Verdict::Ok, Verdict::Over)
        );

        let calls = |value| Row::new("x", Quantity::Count(value), Budget::Exactly(1)).verdict();
        assert_eq!(
            (calls(1), calls(0), calls(2)),
            (Verdict::Ok, Verdict::Wrong, Verdict::Wrong)
        );

        assert_eq!(Row::later("x").verdict(), Verdict::Later);
        let failed = Row::failed("x", &anyhow::anyhow!("no"));
        assert_eq!(failed.verdict(), Verdict::Failed);
        assert!(failed.verdict().fails() && !Verdict::Over.fails());
    }

    #[test]
    fn words_for_people() {
        assert_eq!(micros(12).to_string(), "12.00 µs");
        assert_eq!(micros(1_234).to_string(), "1.23 ms");
        assert_eq!(micros(1_234_567).to_string(), "1.23 s");
        assert_eq!(Quantity::Bytes(6_921_200).to_string(), "6.92 MB");
        assert_eq!(Quantity::PerSecond(41_234.6).to_string(), "41235/s");
        assert_eq!(
            Budget::AtMost(Quantity::Bytes(2_500_000)).to_string(),
            "≤ 2.5 MB"
        );
        assert_eq!(Budget::AtMost(micros(50_000)).to_string(), "≤ 50ms");
        assert_eq!(
            Budget::AtMost(Quantity::PerMinute(2.0)).to_string(),
            "≤ 2/min"
        );
        assert_eq!(Budget::AtLeastShare(0.9).to_string(), "≥ 90 %");
        assert_eq!(Budget::AtMostTimes(1.25).to_string(), "≤ 1.25 ×");
    }
}
