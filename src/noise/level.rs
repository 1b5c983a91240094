//! The level function: variance by brightness, as a quadratic Bézier curve through what blocks show.

use super::model::bernstein;
use super::order::quantile;

/// Least variance: a tenth of what rounding to 8 bits makes.
pub(super) const LEAST_VARIANCE: f32 = 1e-7;

/// The level function's value.
pub(super) fn value(variance: [f32; 3], level: f32) -> f32 {
    bernstein(level).iter().zip(variance).map(|(b, v)| b * v).sum::<f32>().max(LEAST_VARIANCE)
}

/// The level function through points of level and power, of which those far above it are texture; and the ratio to it
/// from which a point is far above.
pub(super) fn fit(points: &[[f32; 2]]) -> ([f32; 3], f32) {
    let middle = quantile(points.iter().map(|[_, power]| *power).collect(), 0.5);
    let mut weights: Vec<f32> =
        points.iter().map(|[_, power]| (power + middle).max(LEAST_VARIANCE).recip()).collect();
    let (mut variance, mut limit) = ([0.0; 3], f32::INFINITY);
    for _ in 0..8 {
        variance = least_squares(points, &weights);
        let expected: Vec<f32> = points.iter().map(|[level, _]| value(variance, *level)).collect();
        let ratios: Vec<f32> = points.iter().zip(&expected).map(|([_, power], e)| power / e).collect();
        let [low, middle] = [0.16, 0.5].map(|q| quantile(ratios.clone(), q));
        limit = (middle + 2.5 * (middle - low)).clamp(1.25, 3.0);
        let mean = expected.iter().sum::<f32>() / expected.len().max(1) as f32;
        weights = expected.iter().map(|e| (e + 0.05 * mean).recip()).collect();
        let calm = ratios.iter().filter(|ratio| **ratio < limit).count();
        if calm >= 20 {
            weights.iter_mut().zip(&ratios).filter(|(_, r)| **r >= limit).for_each(|(w, _)| *w = 0.0);
        }
    }
    (variance.map(|v| v.max(0.0)), limit)
}

/// The control points, none below zero, with the least sum of weighted squares: the best of all choices of those that are
/// not zero.
pub(super) fn least_squares(points: &[[f32; 2]], weights: &[f32]) -> [f32; 3] {
    let (mut a, mut b) = ([[0f64; 3]; 3], [0f64; 3]);
    for ([level, power], weight) in points.iter().zip(weights) {
        let basis = bernstein(*level).map(f64::from);
        let w = f64::from(*weight).powi(2);
        for i in 0..3 {
            b[i] += w * basis[i] * f64::from(*power);
            (0..3).for_each(|j| a[i][j] += w * basis[i] * basis[j]);
        }
    }
    // A little of the same everywhere, where brightness hardly varies.
    let ridge = 1e-4 * (0..3).map(|i| a[i][i]).sum::<f64>();
    let mean = b.iter().sum::<f64>() / a.as_flattened().iter().sum::<f64>().max(f64::MIN_POSITIVE);
    for i in 0..3 {
        a[i][i] += ridge;
        b[i] += ridge * mean;
    }
    let loss = |x: &[f64; 3]| -> f64 {
        (0..3).map(|i| x[i] * ((0..3).map(|j| a[i][j] * x[j]).sum::<f64>() - 2.0 * b[i])).sum()
    };
    let choices = (1..8usize).map(|choice| solved(&a, &b, choice));
    let possible = choices.filter(|x| x.iter().all(|v| *v >= 0.0));
    let best = possible.min_by(|x, y| loss(x).total_cmp(&loss(y))).unwrap_or_default();
    best.map(|v| v as f32)
}

/// The control points of the straight line that rises, with the least sum of weighted squares: variance of counted photons, and
/// of what is read besides.
pub(super) fn straight(points: &[[f32; 2]], weights: &[f32]) -> [f32; 3] {
    let [mut weight, mut level, mut power, mut square, mut product] = [0f64; 5];
    for ([x, y], w) in points.iter().zip(weights) {
        let [x, y, w] = [f64::from(*x), f64::from(*y), f64::from(*w).powi(2)];
        weight += w;
        level += w * x;
        power += w * y;
        square += w * x * x;
        product += w * x * y;
    }
    let apart = weight * square - level * level;
    let slope = if apart > 0.0 { (weight * product - level * power) / apart } else { 0.0 };
    let black = (power - slope * level) / weight.max(f64::MIN_POSITIVE);
    let [black, slope] = match (black < 0.0, slope < 0.0) {
        (true, _) => [0.0, product / square.max(f64::MIN_POSITIVE)],
        (_, true) => [power / weight.max(f64::MIN_POSITIVE), 0.0],
        _ => [black, slope],
    };
    [black, black + 0.5 * slope, black + slope].map(|v| v as f32)
}

/// Solves `a x = b` for the unknowns whose bits are set; the others are zero.
fn solved(a: &[[f64; 3]; 3], b: &[f64; 3], choice: usize) -> [f64; 3] {
    let (mut a, mut b) = (*a, *b);
    for i in (0..3).filter(|i| choice >> i & 1 == 0) {
        a[i] = [0.0; 3];
        a.iter_mut().for_each(|row| row[i] = 0.0);
        (a[i][i], b[i]) = (1.0, 0.0);
    }
    for i in 0..3 {
        for j in i + 1..3 {
            let factor = a[j][i] / a[i][i];
            (0..3).for_each(|k| a[j][k] -= factor * a[i][k]);
            b[j] -= factor * b[i];
        }
    }
    let mut x = [0.0; 3];
    for i in (0..3).rev() {
        x[i] = (b[i] - (i + 1..3).map(|j| a[i][j] * x[j]).sum::<f64>()) / a[i][i];
    }
    x
}
