//! Detail that PD or a second pass lost: the plain result is kept where the two differ by more than noise can explain, and
//! averaged with the other one elsewhere.

use burn::tensor::Tensor;

use super::window::energy;

/// `other` with a `share` of `plain`, and `plain` alone where the two differ by more than `detail`: by root mean squares of windows
/// over all channels, from `detail` on gradually.
pub fn keep_detail(plain: Tensor<4>, other: Tensor<4>, detail: f32, share: f32) -> Tensor<4> {
    let difference = plain - other.clone();
    let weight = (energy(difference.clone()) / (detail * detail) - 1.0).clamp(0.0, 1.0);
    let weight = weight * (1.0 - share) + share;
    other + difference * weight
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::nn::read;

    #[test]
    fn the_plain_result_is_kept_where_the_other_lost_detail() {
        let device = Device::flex();
        let plain = Tensor::<4>::ones([1, 3, 20, 40], &device);
        // They differ by 0.1 on the left, by 0.5 on the right.
        let left = Tensor::<4>::full([1, 3, 20, 20], 0.9, &device);
        let right = Tensor::<4>::full([1, 3, 20, 20], 0.5, &device);
        let got = pollster::block_on(read(keep_detail(plain, Tensor::cat(vec![left, right], 3), 0.2, 0.3)))
            .unwrap();
        let at = |x: usize| got[10 * 40 + x];
        assert!((at(0) - 0.93).abs() < 1e-6 && (at(39) - 1.0).abs() < 1e-6, "{} {}", at(0), at(39));
    }
}
