//! Attention within windows.

use burn::tensor::Tensor;

/// Cuts images into square windows.
///
/// # Shapes
/// - `x`: `[N, H, W, C]`, both sides multiples of `size`
/// - output: `[N * H/size * W/size, size², C]`, windows and their tokens row by row
pub fn split(x: Tensor<4>, size: usize) -> Tensor<3> {
    let [n, height, width, channels] = x.dims();
    let (rows, columns) = (height / size, width / size);
    x.reshape([n, rows, size, columns, size, channels]).permute([0, 1, 3, 2, 4, 5]).reshape([
        n * rows * columns,
        size * size,
        channels,
    ])
}

/// Undoes [`split`]: to `[N, height, width, C]`.
pub fn merge(windows: Tensor<3>, size: usize, height: usize, width: usize) -> Tensor<4> {
    let [count, _, channels] = windows.dims();
    let (rows, columns) = (height / size, width / size);
    let n = count / (rows * columns);
    windows
        .reshape([n, rows, columns, size, size, channels])
        .permute([0, 1, 3, 2, 4, 5])
        .reshape([n, height, width, channels])
}

/// Runs `f` over at most `chunk` of `count` windows at a time and joins its results: attention needs several times the
/// memory of what it attends to, and a GPU takes no more than 65535 matrices at once.
pub fn in_chunks(
    count: usize,
    chunk: usize,
    mut f: impl FnMut(std::ops::Range<usize>) -> Tensor<3>,
) -> Tensor<3> {
    let parts: Vec<Tensor<3>> =
        (0..count).step_by(chunk).map(|start| f(start..(start + chunk).min(count))).collect();
    Tensor::cat(parts, 0)
}
