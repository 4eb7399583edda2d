//! How many rows a filter leaves.

/// Bounds on a number of rows that always hold, and a guess between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cardinality {
    /// At least so many.
    pub min: u64,
    /// The guess: conditions are taken for independent.
    pub expected: u64,
    /// At most so many.
    pub max: u64,
}

impl Cardinality {
    /// Exactly `rows`.
    pub(crate) fn exact(rows: u64) -> Self {
        Self {
            min: rows,
            expected: rows,
            max: rows,
        }
    }

    /// The guess is forced between the bounds.
    pub(crate) fn new(min: u64, expected: f64, max: u64) -> Self {
        let max = max.max(min);
        Self {
            min,
            // A float cast saturates; NaN becomes 0.
            expected: (expected.round() as u64).clamp(min, max),
            max,
        }
    }

    /// What `hits` passing rows of a sample of `sampled` say about `rows`.
    pub(crate) fn sampled(hits: u64, sampled: u64, rows: u64) -> Self {
        let misses = sampled - hits;
        let share = hits as f64 / sampled.max(1) as f64;
        Self::new(hits, share * rows as f64, rows - misses)
    }

    /// Both estimates hold; the guess is that of `self`.
    pub(crate) fn tightened(self, other: Self) -> Self {
        let min = self.min.max(other.min);
        Self::new(min, self.expected as f64, self.max.min(other.max))
    }

    /// Of `rows` rows those that are not among these.
    pub(crate) fn not(self, rows: u64) -> Self {
        Self {
            min: rows.saturating_sub(self.max),
            expected: rows.saturating_sub(self.expected),
            max: rows.saturating_sub(self.min),
        }
    }

    /// Rows of `rows` in which all of `parts` hold.
    pub(crate) fn all(parts: &[Self], rows: u64) -> Self {
        Self::at_least(parts.len(), parts, rows)
    }

    /// Rows of `rows` in which one of `parts` holds.
    pub(crate) fn any(parts: &[Self], rows: u64) -> Self {
        Self::at_least(1, parts, rows)
    }

    /// Rows of `rows` in which at least `count` of `parts` hold.
    pub(crate) fn at_least(count: usize, parts: &[Self], rows: u64) -> Self {
        if count == 0 {
            return Self::exact(rows);
        }
        if count > parts.len() {
            return Self::exact(0);
        }
        let (k, n) = (count as u64, parts.len() as u64);
        // Together the parts hold `held` times. When x rows are in the result, this is at least
        // x * k and at most x * n + (rows - x) * (k - 1).
        let held_min: u64 = parts.iter().map(|part| part.min).sum();
        let held_max: u64 = parts.iter().map(|part| part.max).sum();
        let min = held_min.saturating_sub((k - 1) * rows).div_ceil(n - k + 1);
        let mut max = rows.min(held_max / k);
        if count == parts.len() {
            max = parts.iter().map(|part| part.max).fold(max, u64::min);
        }
        let mut min = min;
        if count == 1 {
            min = parts.iter().map(|part| part.min).fold(min, u64::max);
        }
        Self::new(min, rows as f64 * share_at_least(count, parts, rows), max)
    }
}

/// The probability that at least `count` of independent `parts` hold.
fn share_at_least(count: usize, parts: &[Cardinality], rows: u64) -> f64 {
    // `holding[i]`: probability that exactly i of the parts seen so far hold, the last entry
    // standing for `count` and more.
    let mut holding = vec![0.0; count + 1];
    holding[0] = 1.0;
    for part in parts {
        let share = part.expected as f64 / rows.max(1) as f64;
        holding[count] += holding[count - 1] * share;
        for i in (0..count).rev() {
            let gained = if i == 0 { 0.0 } else { holding[i - 1] * share };
            holding[i] = holding[i] * (1.0 - share) + gained;
        }
    }
    holding[count]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_parts_multiply() {
        let (half, tenth) = (Cardinality::exact(500), Cardinality::exact(100));
        let all = Cardinality::all(&[half, tenth], 1000);
        assert_eq!((all.min, all.expected, all.max), (0, 50, 100));
        let any = Cardinality::any(&[half, tenth], 1000);
        assert_eq!((any.min, any.expected, any.max), (500, 550, 600));
        let neither = any.not(1000);
        assert_eq!(
            (neither.min, neither.expected, neither.max),
            (400, 450, 500)
        );
    }

    #[test]
    fn empty_lists_are_decided() {
        assert_eq!(Cardinality::all(&[], 7), Cardinality::exact(7));
        assert_eq!(Cardinality::any(&[], 7), Cardinality::exact(0));
        assert_eq!(Cardinality::at_least(2, &[Cardinality::exact(7)], 7).max, 0);
    }

    #[test]
    fn two_of_three_halves_is_a_half() {
        let half = Cardinality::exact(500);
        let two = Cardinality::at_least(2, &[half; 3], 1000);
        assert_eq!((two.min, two.expected, two.max), (250, 500, 750));
    }
}
