//! Neighbor2Neighbor: two neighbouring pixels of each 2x2 cell make two half-size pictures of one scene with different
//! noise, each the other's target (Huang et al., CVPR 2021).

use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::definition::{Definition, ObjectiveCard, TrainingLoss};
use crate::models::Network;
use crate::nn::shuffle::pd_phase;
use crate::sampling::BatchSampler;

/// The ordered pairs of pixels in a cell that are chosen from: neighbours in a row or a column, never diagonal. Pixels
/// of a cell count row by row.
pub const PAIRS: [[usize; 2]; 8] = [[0, 1], [0, 2], [1, 3], [2, 3], [1, 0], [2, 0], [3, 1], [3, 2]];

/// Which pair each cell of a batch gives, the same for all colours.
#[derive(Clone, Debug)]
pub struct Pairs {
    /// Ones where a pixel of a cell is in the first picture, else zeros: `[N, 1, 4, H/2, W/2]`.
    first: Tensor<5>,
    /// The same for the second picture.
    second: Tensor<5>,
}

impl Pairs {
    /// A random pair for each 2x2 cell of `n` pictures of `height` x `width` pixels. One seed gives one result.
    pub fn random(n: usize, height: usize, width: usize, seed: u64, device: &Device) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (rows, columns) = (height / 2, width / 2);
        let chosen: Vec<usize> =
            (0..n * rows * columns).map(|_| rng.random_range(0..PAIRS.len() as u32) as usize).collect();
        Self::new(&chosen, [n, rows, columns], device)
    }

    /// Given indices into [`PAIRS`], one for each cell: `[N, H/2, W/2]`, row-major.
    pub fn new(chosen: &[usize], shape: [usize; 3], device: &Device) -> Self {
        let [n, rows, columns] = shape;
        let cells = rows * columns;
        let mask = |which: usize| {
            let mut values = vec![0f32; n * 4 * cells];
            for (i, &pair) in chosen.iter().enumerate() {
                let (picture, cell) = (i / cells, i % cells);
                values[(picture * 4 + PAIRS[pair][which]) * cells + cell] = 1.0;
            }
            Tensor::from_data(TensorData::new(values, [n, 1, 4, rows, columns]), device)
        };
        Self { first: mask(0), second: mask(1) }
    }

    /// The two half-size pictures: `[N, C, H, W]` to twice `[N, C, H/2, W/2]`.
    pub fn split(&self, x: Tensor<4>) -> [Tensor<4>; 2] {
        let [n, c, h, w] = x.dims();
        let (h, w) = (h / 2, w / 2);
        let cells = x.reshape([n, c, h, 2, w, 2]).permute([0, 1, 3, 5, 2, 4]).reshape([n, c, 4, h, w]);
        [&self.first, &self.second].map(|mask| (cells.clone() * mask.clone()).sum_dim(2).squeeze_dim(2))
    }
}

/// The loss: how far the denoised first picture is from the second, plus `lambda` times how far that difference is from
/// the one that the denoised whole picture has. All are `[N, C, H/2, W/2]`.
///
/// - `output`: the first picture, denoised
/// - `target`: the second picture
/// - `denoised`: the two pictures that the pairs make of the denoised whole picture, without gradient
pub fn loss(output: Tensor<4>, target: Tensor<4>, denoised: [Tensor<4>; 2], lambda: f64) -> Tensor<1> {
    let [reconstruction, regularisation] = terms(output, target, denoised, lambda);
    reconstruction + regularisation
}

/// The two terms of [`loss`].
pub fn terms(output: Tensor<4>, target: Tensor<4>, denoised: [Tensor<4>; 2], lambda: f64) -> [Tensor<1>; 2] {
    let [first, second] = denoised;
    let difference = output - target;
    let expected = first - second;
    [difference.clone().square().mean(), (difference - expected).square().mean() * lambda]
}

/// Weight of the regularisation at the end of training, as published for synthetic noise; it rises from zero.
const LAMBDA: f64 = 2.0;

/// The objective.
pub const OBJECTIVE: Definition = Definition {
    divides: 2,
    ..Definition::general(
        ObjectiveCard {
            id: "neighbor2neighbor",
            title: "Neighbor2Neighbor",
            summary: "Learns to predict one half of the pixels from their neighbours. For noise that is independent from pixel to pixel.",
            shots: 1,
            clean: false,
            url: "https://arxiv.org/abs/2101.02824",
        },
        |setting| Box::new(Neighbor2Neighbor { pd: setting.pd }),
    )
};

/// Patches of the photo, every `pd`-th pixel of them, split into pairs.
#[derive(Debug)]
pub struct Neighbor2Neighbor {
    /// Factor of pixel-shuffle downsampling; 1 for white noise.
    pub pd: usize,
}

impl TrainingLoss for Neighbor2Neighbor {
    fn loss(&mut self, network: &Network, batches: &mut BatchSampler<'_>) -> Tensor<1> {
        let spots = batches.spots(batches.patch * self.pd);
        let noisy = pd_phase(batches.cut(&spots, |scene| &scene.shots[0]), self.pd, 0, 0);
        let [n, _, height, width] = noisy.dims();
        let pairs = Pairs::random(n, height, width, batches.rng.random(), &batches.device);
        let denoised = pairs.split(network.forward_training(noisy.clone()).detach());
        let [source, target] = pairs.split(noisy);
        loss(network.forward_training(source), target, denoised, LAMBDA * batches.progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::read;

    #[test]
    fn pictures_are_made_of_neighbours_and_repeat_by_seed() {
        let device = Device::flex();
        // The value of a pixel is its position, so that differences tell the neighbour.
        let values: Vec<f32> = (0..64).map(|v| v as f32).collect();
        let x = Tensor::<4>::from_data(TensorData::new(values, [1, 1, 8, 8]), &device);
        let split = |seed| {
            let [a, b] = Pairs::random(1, 8, 8, seed, &device).split(x.clone());
            [a, b].map(|t| pollster::block_on(read(t)).unwrap())
        };
        let [a, b] = split(5);
        let steps: Vec<f32> = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).collect();
        assert!(steps.iter().all(|&step| step == 1.0 || step == 8.0));
        assert!(steps.contains(&1.0) && steps.contains(&8.0));
        assert_eq!(split(5), [a.clone(), b]);
        assert_ne!(split(6)[0], a);
    }
}
