//! Steps of Adam, and running averages of weights.

/// A step of Adam with decoupled weight decay (Kingma and Ba, 2015, <https://arxiv.org/abs/1412.6980>; Loshchilov and Hutter,
/// 2019, <https://arxiv.org/abs/1711.05101>).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// How much stays of the means of gradients and of their squares.
    pub betas: [f32; 2],
    /// What those means are divided by: `1 - beta^t` at step t, from 1 on.
    pub corrections: [f32; 2],
    /// Added to the root of the squares' mean.
    pub epsilon: f32,
    /// The learning rate.
    pub rate: f32,
    /// What stays of the weights: `1 - rate * decay`.
    pub kept: f32,
}

/// One step: `weights`, and the means of gradients and of their squares, in place.
///
/// # Panics
/// When they are not equally long.
pub fn adam(step: &AdamStep, gradient: &[f32], weights: &mut [f32], means: &mut [f32], squares: &mut [f32]) {
    let count = weights.len();
    let equal = [gradient.len(), means.len(), squares.len()].iter().all(|&len| len == count);
    assert!(equal, "all are equally long");
    let AdamStep { betas: [beta, beta_squares], corrections, epsilon, rate, kept } = *step;
    let [scale, scale_squares] = corrections.map(f32::recip);
    // Compilers make vectors of it.
    for (((w, m), v), &g) in weights.iter_mut().zip(means).zip(squares).zip(gradient) {
        *m = beta * *m + (1.0 - beta) * g;
        *v = beta_squares * *v + (1.0 - beta_squares) * g * g;
        *w = kept * *w - rate * (*m * scale) / ((*v * scale_squares).sqrt() + epsilon);
    }
}

/// `keep * a + (1 - keep) * b`, into `a`.
///
/// # Panics
/// When they are not equally long.
pub fn mix(a: &mut [f32], b: &[f32], keep: f32) {
    assert_eq!(a.len(), b.len(), "both are equally long");
    for (a, &b) in a.iter_mut().zip(b) {
        *a = keep * *a + (1.0 - keep) * b;
    }
}
