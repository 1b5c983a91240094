//! The negative log-likelihood of noisy pixels under a blind-spot network's prediction, and the posterior mean (Laine et
//! al., NeurIPS 2019).
//!
//! The prediction is a normal distribution of the clean colour, covariance A Aᵀ with an upper triangular A; the noise
//! adds a diagonal. One Cholesky factorisation of the sum, written out over planes, serves both: it needs no inverse
//! of either part, so it is safe in 32 bits.

use burn::tensor::Tensor;

/// Smallest standard deviation of Gaussian noise, and smallest mean that Poisson noise is computed of.
const FLOOR: f32 = 1e-3;
/// Weight of the reward for finding strong noise when its strength is not known.
const UNKNOWN: f32 = 0.1;

/// A normal distribution of the colour of each pixel.
#[derive(Clone, Debug)]
pub struct Normal {
    /// Mean: `[N, C, H, W]`.
    pub mean: Tensor<4>,
    /// Covariance, lower triangle: row i has i + 1 planes of `[N, 1, H, W]`.
    covariance: Vec<Vec<Tensor<4>>>,
    /// Determinant of A, up to its sign: `[N, 1, H, W]`.
    determinant: Tensor<4>,
}

impl Normal {
    /// Outputs that a network needs to predict the distribution of `channels` colours.
    pub fn outputs(channels: usize) -> usize {
        channels + channels * (channels + 1) / 2
    }

    /// From a network's outputs `[N, Normal::outputs(channels), H, W]`: the mean, then A row by row.
    pub fn new(output: Tensor<4>, channels: usize) -> Self {
        let plane = |i| output.clone().narrow(1, i, 1);
        let mut next = channels;
        let factor: Vec<Vec<Tensor<4>>> = (0..channels)
            .map(|row| {
                (row..channels)
                    .map(|_| {
                        next += 1;
                        plane(next - 1)
                    })
                    .collect()
            })
            .collect();
        // Row i of A is zero before column i; both rows of a product begin at the longer row's start.
        let entry = |i: usize, j: usize| {
            let products = factor[i].iter().zip(&factor[j][i - j..]).map(|(a, b)| a.clone() * b.clone());
            products.reduce(|a, b| a + b).expect("rows are not empty")
        };
        let covariance = (0..channels).map(|i| (0..=i).map(|j| entry(i, j)).collect()).collect();
        let diagonal = factor.iter().map(|row| row[0].clone());
        let determinant = diagonal.reduce(|a, b| a * b).expect("at least one channel").abs();
        Self { mean: output.narrow(1, 0, channels), covariance, determinant }
    }

    /// Sixth root of the covariance's determinant (for one channel: the square root): a standard deviation that
    /// stands for all colours. `[N, 1, H, W]`.
    pub fn std(&self) -> Tensor<4> {
        self.determinant.clone().powf_scalar(1.0 / self.covariance.len() as f64)
    }

    /// The covariance of two channels: `[N, 1, H, W]`.
    pub fn covariance(&self, a: usize, b: usize) -> Tensor<4> {
        self.covariance[a.max(b)][a.min(b)].clone()
    }

    /// The mean of the clean colour, given the noisy one as well.
    ///
    /// # Shapes
    /// - `noisy`: `[N, C, H, W]`
    /// - `noise`: variance of the noise, `[N or 1, C, H or 1, W or 1]`
    pub fn posterior_mean(&self, noisy: Tensor<4>, noise: Tensor<4>) -> Tensor<4> {
        let channels = self.covariance.len();
        let (factor, whitened) = self.whiten(noisy, noise);
        // Back substitution: what the inverse of the sum makes of the difference.
        let mut solved: Vec<Tensor<4>> = Vec::with_capacity(channels);
        for i in (0..channels).rev() {
            let known = (i + 1..channels).zip(solved.iter().rev());
            let rest =
                known.fold(whitened[i].clone(), |rest, (k, s)| rest - factor[k][i].clone() * s.clone());
            solved.push(rest / factor[i][i].clone());
        }
        solved.reverse();
        let step = |i| {
            let products = (0..channels).map(|j| self.covariance(i, j) * solved[j].clone());
            products.reduce(|a, b| a + b).expect("at least one channel")
        };
        self.mean.clone() + Tensor::cat((0..channels).map(step).collect(), 1)
    }

    /// Negative log-likelihood of the noisy colours, one value for each picture, without constants: `[N]`. For one
    /// channel it is twice that, as in the public implementation.
    ///
    /// Shapes as in [`Normal::posterior_mean`].
    pub fn nll(&self, noisy: Tensor<4>, noise: Tensor<4>) -> Tensor<1> {
        let channels = self.covariance.len();
        let (factor, whitened) = self.whiten(noisy, noise);
        let per_pixel = whitened
            .into_iter()
            .enumerate()
            .map(|(i, z)| z.square() * 0.5 + factor[i][i].clone().log())
            .reduce(|a, b| a + b)
            .expect("at least one channel");
        let scale = if channels == 1 { 2.0 } else { 1.0 };
        let [n, ..] = per_pixel.dims();
        per_pixel.mean_dim(2).mean_dim(3).reshape([n]) * scale
    }

    /// The Cholesky factor L of covariance plus noise, and L⁻¹ (noisy - mean) as planes.
    fn whiten(&self, noisy: Tensor<4>, noise: Tensor<4>) -> (Vec<Vec<Tensor<4>>>, Vec<Tensor<4>>) {
        let [n, channels, h, w] = self.mean.dims();
        let noise = noise.expand([n, channels, h, w]);
        let noise: Vec<Tensor<4>> = (0..channels).map(|i| noise.clone().narrow(1, i, 1)).collect();
        let factor = cholesky(&self.covariance, &noise);
        let difference = noisy - self.mean.clone();
        let mut whitened: Vec<Tensor<4>> = Vec::with_capacity(channels);
        for (i, row) in factor.iter().enumerate() {
            let start = difference.clone().narrow(1, i, 1);
            let rest = row.iter().zip(&whitened).fold(start, |rest, (l, z)| rest - l.clone() * z.clone());
            whitened.push(rest / row[i].clone());
        }
        (factor, whitened)
    }
}

/// Lower Cholesky factor of a symmetric matrix of planes, given by its lower triangle, plus a diagonal.
fn cholesky(matrix: &[Vec<Tensor<4>>], diagonal: &[Tensor<4>]) -> Vec<Vec<Tensor<4>>> {
    let mut factor: Vec<Vec<Tensor<4>>> = Vec::with_capacity(matrix.len());
    for (i, row) in matrix.iter().enumerate() {
        let mut entries: Vec<Tensor<4>> = Vec::with_capacity(i + 1);
        for (j, value) in row.iter().enumerate() {
            let done = if i == j { &entries } else { &factor[j] };
            let products = entries.iter().zip(done).take(j);
            let subtract = |rest: Tensor<4>| products.fold(rest, |rest, (a, b)| rest - a.clone() * b.clone());
            entries.push(if i == j {
                // No pivot is smaller than its part of the diagonal; rounding must not make it so.
                let pivot = subtract(value.clone() + diagonal[i].clone());
                pivot.max_pair(diagonal[i].clone()).sqrt()
            } else {
                subtract(value.clone()) / factor[j][j].clone()
            });
        }
        factor.push(entries);
    }
    factor
}

/// Variance of Gaussian noise of a standard deviation `[N or 1, 1, 1, 1]`: `[N or 1, channels, 1, 1]`.
pub fn gaussian_noise(std: Tensor<4>, channels: usize) -> Tensor<4> {
    std.clamp_min(FLOOR).square().repeat_dim(1, channels)
}

/// Variance of Poisson noise: `strength`, the variance at full brightness, times the mean. `[N, C, H, W]`.
pub fn poisson_noise(mean: Tensor<4>, strength: Tensor<4>) -> Tensor<4> {
    mean.clamp_min(FLOOR) * strength
}

/// The loss, one value for each picture: the negative log-likelihood and, where the strength of the noise is not known,
/// a reward for strong noise, without which a network blames everything on its own prediction.
pub fn loss(prior: &Normal, noisy: Tensor<4>, noise: Tensor<4>, known: bool) -> Tensor<1> {
    let likelihood = prior.nll(noisy, noise.clone());
    if known {
        return likelihood;
    }
    let std = noise.sqrt().mean_dim(1).mean_dim(2).mean_dim(3);
    let [n, ..] = std.dims();
    likelihood - std.reshape([n]) * UNKNOWN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;
    use burn::tensor::{Device, TensorData};

    fn pixel(values: &[f32]) -> Tensor<4> {
        Tensor::from_data(TensorData::new(values.to_vec(), [1, values.len(), 1, 1]), &Device::flex())
    }

    fn posterior(output: &[f32], noisy: &[f32], variance: f32) -> Vec<f32> {
        let prior = Normal::new(pixel(output), noisy.len());
        let noise = pixel(&vec![variance; noisy.len()]);
        pollster::block_on(read(prior.posterior_mean(pixel(noisy), noise))).unwrap()
    }

    #[test]
    fn equal_trust_gives_the_middle_and_none_gives_the_other() {
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near(&posterior(&[0.2, 0.1], &[0.4], 0.01), &[0.3]));
        let colours = [0.2, 0.3, 0.4, 0.1, 0.0, 0.0, 0.1, 0.0, 0.1];
        assert!(near(&posterior(&colours, &[0.4, 0.5, 0.2], 0.01), &[0.3, 0.4, 0.3]));
        let certain = [0.2, 0.3, 0.4, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert!(near(&posterior(&certain, &[0.9, 0.5, 0.1], 1e-6), &[0.2, 0.3, 0.4]));
        // A wide and nearly singular prediction must not give what is no number.
        let wide = [0.2, 0.3, 0.4, 9.0, 9.0, 9.0, 1e-6, 9.0, 9.0];
        assert!(posterior(&wide, &[0.9, 0.5, 0.1], 1e-6).iter().all(|v| v.is_finite()));
    }
}
