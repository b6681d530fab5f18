//! How likely a deviation is by chance alone.

/// The probability that work which goes by these shares at random deviates at least as much as this
/// (Pearson's chi-squared test); 1 where there is nothing to compare.
///
/// Schedulers that take turns deviate less than chance does; then it is near 1.
pub fn by_chance(observed: &[u64], expected: &[f64]) -> f64 {
    let cells: Vec<_> = observed.iter().zip(expected).filter(|(_, expected)| **expected > 0.0).collect();
    if cells.len() < 2 {
        return 1.0;
    }
    let squared: f64 = cells.iter().map(|(seen, due)| (**seen as f64 - **due).powi(2) / **due).sum();
    upper_gamma((cells.len() - 1) as f64 / 2.0, squared / 2.0)
}

/// The regularized upper incomplete gamma function (Abramowitz and Stegun 6.5.29 and 6.5.31).
fn upper_gamma(a: f64, x: f64) -> f64 {
    const TERMS: u32 = 1_000;
    const ENOUGH: f64 = 1e-12;
    if x <= 0.0 {
        return 1.0;
    }
    let scale = (a * x.ln() - x - log_gamma(a)).exp();
    if x < a + 1.0 {
        let (mut term, mut sum, mut at) = (1.0 / a, 1.0 / a, a);
        for _ in 0..TERMS {
            at += 1.0;
            term *= x / at;
            sum += term;
            if term < sum * ENOUGH {
                break;
            }
        }
        return (1.0 - sum * scale).clamp(0.0, 1.0);
    }
    // Lentz's way through the continued fraction.
    let (mut term, mut above, mut below) = (x + 1.0 - a, 1e300, 1.0 / (x + 1.0 - a));
    let mut fraction = below;
    for at in 1..=TERMS {
        let step = -f64::from(at) * (f64::from(at) - a);
        term += 2.0;
        below = 1.0 / (step * below + term);
        above = term + step / above;
        let change = below * above;
        fraction *= change;
        if (change - 1.0).abs() < ENOUGH {
            break;
        }
    }
    (fraction * scale).clamp(0.0, 1.0)
}

/// The logarithm of the gamma function of a multiple of one half, by its recurrence.
fn log_gamma(a: f64) -> f64 {
    let is_whole = a.fract() < 0.25;
    let (mut at, mut sum) = if is_whole { (1.0, 0.0) } else { (0.5, std::f64::consts::PI.sqrt().ln()) };
    while at + 0.5 < a {
        sum += f64::ln(at);
        at += 1.0;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the chi-squared distribution from its tables.
    #[test]
    fn it_is_as_in_the_tables() {
        for (freedom, squared, expected) in [
            (1, 3.841, 0.05),
            (1, 6.635, 0.01),
            (2, 5.991, 0.05),
            (5, 11.070, 0.05),
            (9, 21.666, 0.01),
            (30, 43.773, 0.05),
        ] {
            let found = upper_gamma(f64::from(freedom) / 2.0, squared / 2.0);
            assert!((found - expected).abs() < 2e-5, "{freedom} {squared}: {found}");
        }
        assert!((upper_gamma(0.5, 0.0) - 1.0).abs() < 1e-9);
        assert!(upper_gamma(2.5, 1e4) < 1e-9);
    }

    #[test]
    fn little_work_deviates_by_chance_and_much_does_not() {
        assert!(by_chance(&[7, 3], &[5.0, 5.0]) > 0.2);
        assert!(by_chance(&[7_000, 3_000], &[5_000.0, 5_000.0]) < 1e-9);
        assert!(by_chance(&[500, 500], &[500.0, 500.0]) > 0.99);
        assert!((by_chance(&[5], &[5.0]) - 1.0).abs() < 1e-9);
    }
}
