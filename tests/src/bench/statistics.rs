//! Medians and other ranks: machines are noisy, and a mean shows the noise.

use std::time::Duration;

/// The value below which `share` (0 to 1) of `samples` lie, by nearest rank; sorts them.
///
/// # Panics
/// When there are no samples.
pub(super) fn percentile(samples: &mut [Duration], share: f64) -> Duration {
    samples.sort_unstable();
    samples[rank(samples.len(), share)]
}

/// The middle one of `samples`; sorts them.
///
/// # Panics
/// When there are no samples.
pub(super) fn median(samples: &mut [Duration]) -> Duration {
    percentile(samples, 0.5)
}

/// The middle one of `samples`; sorts them.
///
/// # Panics
/// When there are no samples.
pub(super) fn median_number(samples: &mut [f64]) -> f64 {
    samples.sort_unstable_by(f64::total_cmp);
    samples[rank(samples.len(), 0.5)]
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a share of a length is a length"
)]
fn rank(length: usize, share: f64) -> usize {
    ((length as f64 * share).ceil() as usize).clamp(1, length) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_nearest_ranks() {
        let mut samples: Vec<_> = (1..=200).rev().map(Duration::from_micros).collect();
        assert_eq!(percentile(&mut samples, 0.99), Duration::from_micros(198));
        assert_eq!(median(&mut samples), Duration::from_micros(100));
        assert_eq!(percentile(&mut samples, 1.0), Duration::from_micros(200));
        assert_eq!(percentile(&mut samples[..1], 0.5), Duration::from_micros(1));
        assert!((median_number(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
