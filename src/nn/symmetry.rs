//! The eight ways to turn and mirror a picture, the symmetries of the square.

use burn::tensor::Tensor;

/// One of the eight: rows and columns are flipped first, then exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Symmetry {
    /// Whether the first row becomes the last.
    pub flip_rows: bool,
    /// Whether the first column becomes the last.
    pub flip_columns: bool,
    /// Whether rows then become columns.
    pub transpose: bool,
}

impl Symmetry {
    /// The picture as it is.
    pub const IDENTITY: Self = Self { flip_rows: false, flip_columns: false, transpose: false };
    /// A quarter turn clockwise.
    pub const QUARTER: Self = Self { flip_rows: true, flip_columns: false, transpose: true };
    /// Half a turn.
    pub const HALF: Self = Self { flip_rows: true, flip_columns: true, transpose: false };
    /// Three quarters of a turn clockwise.
    pub const THREE_QUARTERS: Self = Self { flip_rows: false, flip_columns: true, transpose: true };

    /// All eight. Half turns come first: they differ most.
    pub const ALL: [Self; 8] = {
        let mut all = [Self::IDENTITY; 8];
        let mut i = 0;
        while i < all.len() {
            let (half, transpose, mirror) = (i & 1 > 0, i & 2 > 0, i & 4 > 0);
            all[i] = Self { flip_rows: half, flip_columns: half != mirror, transpose };
            i += 1;
        }
        all
    };

    /// The one that undoes this one.
    #[must_use]
    pub fn inverse(self) -> Self {
        let Self { flip_rows, flip_columns, transpose } = self;
        if transpose { Self { flip_rows: flip_columns, flip_columns: flip_rows, transpose } } else { self }
    }

    /// Turns pictures: `[N, C, H, W]` to the same, or to `[N, C, W, H]`.
    pub fn apply(self, x: Tensor<4>) -> Tensor<4> {
        let x = match (self.flip_rows, self.flip_columns) {
            (true, true) => x.flip([2, 3]),
            (true, false) => x.flip([2]),
            (false, true) => x.flip([3]),
            (false, false) => x,
        };
        if self.transpose { x.swap_dims(2, 3) } else { x }
    }

    /// Where the value at `[row, column]` of a turned square of this side comes from.
    pub fn source(self, [row, column]: [usize; 2], side: usize) -> [usize; 2] {
        let [row, column] = if self.transpose { [column, row] } else { [row, column] };
        let flipped = |flip: bool, at: usize| if flip { side - 1 - at } else { at };
        [flipped(self.flip_rows, row), flipped(self.flip_columns, column)]
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::nn::read;

    fn values(x: Tensor<4>) -> Vec<f32> {
        pollster::block_on(read(x)).unwrap()
    }

    #[test]
    fn there_are_eight_and_each_is_undone_by_its_inverse() {
        let numbers: Vec<f32> = (0..9).map(|v| v as f32).collect();
        let x = Tensor::<4>::from_data(TensorData::new(numbers.clone(), [1, 1, 3, 3]), &Device::flex());
        let mut seen = Vec::new();
        for symmetry in Symmetry::ALL {
            let turned = symmetry.apply(x.clone());
            assert_eq!(values(symmetry.inverse().apply(turned.clone())), numbers, "{symmetry:?}");
            // Tensors and planes are turned alike.
            let source = |i: usize| symmetry.source([i / 3, i % 3], 3);
            let expected: Vec<f32> =
                (0..9).map(source).map(|[row, column]| numbers[3 * row + column]).collect();
            assert_eq!(values(turned), expected, "{symmetry:?}");
            assert!(!seen.contains(&expected));
            seen.push(expected);
        }
        assert_eq!(seen[1], numbers.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(values(Symmetry::QUARTER.apply(x.clone())), [6., 3., 0., 7., 4., 1., 8., 5., 2.]);
        assert_eq!(values(Symmetry::THREE_QUARTERS.apply(x)), [2., 5., 8., 1., 4., 7., 0., 3., 6.]);
    }
}
