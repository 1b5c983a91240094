//! The GPU's kernels on the adapter of this machine (feature `gpu-tests`), against plain loops.
#![cfg(feature = "gpu-tests")]

use cubecl::prelude::*;
use cubecl::server::Handle;
use unnoise_kernels::gpu::adam::adam_into;
use unnoise_kernels::gpu::attention::{Windows, windowed_into};
use unnoise_kernels::gpu::bilinear::double_into;
use unnoise_kernels::gpu::conv::convolve_into;
use unnoise_kernels::gpu::depthwise::depthwise_into;
use unnoise_kernels::gpu::gather::{Axis, gather_into};
use unnoise_kernels::gpu::normalise::{Norm, normalise_into};
use unnoise_kernels::gpu::pixelwise::{Pairwise, pairwise_into};
use unnoise_kernels::gpu::products::{Taps, products};
use unnoise_kernels::gpu::swin;
use unnoise_kernels::gpu::{Epilogue, Features, Geometry, Packed, Tiling, Weights};
use unnoise_kernels::{AdamStep, activation_gradient, adam, add, mix};

/// Numbers between -1 and 1 that look random.
fn numbers(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| (((i + seed) * 7919 % 2003) as f32 / 1001.5 - 1.0) * ((i % 7) as f32 / 7.0 + 0.3))
        .collect()
}

fn client() -> Client {
    cubecl::Device::default().client()
}

fn download(client: &Client, handle: Handle) -> Vec<f32> {
    f32::from_bytes(&client.read_one_unchecked(handle)).to_vec()
}

fn upload(client: &Client, values: &[f32]) -> Handle {
    client.create_from_slice(f32::as_bytes(values))
}

#[derive(Clone, Debug)]
struct Case {
    geometry: Geometry,
    channels: Vec<usize>,
    out: usize,
    size: [usize; 2],
    batch: usize,
    output_padding: usize,
    /// Whether inputs lie channels first in memory.
    planar: bool,
    bias: bool,
    residual: bool,
    slope: f32,
    slope_after: f32,
    /// Whether the output lies channels first in memory.
    planar_output: bool,
}

impl Case {
    fn out_size(&self) -> [usize; 2] {
        let g = &self.geometry;
        [0, 1].map(|axis| {
            let reach = (g.kernel[axis] - 1) * g.dilation;
            if g.transposed {
                (self.size[axis] - 1) * g.stride + reach + 1 + self.output_padding - 2 * g.padding[axis]
            } else {
                // Padding at both ends.
                (self.size[axis] + 2 * g.padding[axis] - reach - 1) / g.stride + 1
            }
        })
    }

    /// Runs the kernel and the loops, and returns the largest difference.
    fn difference(&self, client: &Client) -> f32 {
        let (g, [h, w], [oh, ow]) = (self.geometry, self.size, self.out_size());
        let total: usize = self.channels.iter().sum();
        let [kh, kw] = g.kernel;
        let inputs: Vec<Vec<f32>> =
            self.channels.iter().map(|c| numbers(self.batch * c * h * w, *c)).collect();
        let weights = numbers(total * self.out * kh * kw, 5);
        let bias = numbers(self.out, 6);
        let residual = numbers(self.batch * self.out * oh * ow, 7);
        let strides =
            |c: usize| if self.planar { [c * h * w, h * w, w, 1] } else { [c * h * w, 1, w * c, c] };
        let views: Vec<Features> = inputs
            .iter()
            .zip(&self.channels)
            .map(|(values, &c)| Features {
                handle: upload(client, values),
                shape: [self.batch, c, h, w],
                strides: strides(c),
            })
            .collect();
        let (output_step, input_step) =
            if g.transposed { (kh * kw, self.out * kh * kw) } else { (total * kh * kw, kh * kw) };
        let filters =
            Weights { handle: upload(client, &weights), output_step, input_step, len: weights.len() };
        let shape = [self.batch, self.out, oh, ow];
        let epilogue = Epilogue {
            bias: self.bias.then(|| upload(client, &bias)),
            residual: self.residual.then(|| Features::channels_last(upload(client, &residual), shape)),
            slope: self.slope,
            slope_after: self.slope_after,
        };
        let handle = client.empty(4 * shape.iter().product::<usize>());
        let output = match self.planar_output {
            true => Features::planar(handle.clone(), shape),
            false => Features::channels_last(handle.clone(), shape),
        };
        let packed = Packed::new(client, &filters, g, &self.channels, self.out);
        convolve_into(client, &views, &packed, &epilogue, &output);
        let got = download(client, handle);

        let active = |v: f32, slope: f32| if v < 0.0 { slope * v } else { v };
        let mut worst = 0f32;
        for n in 0..self.batch {
            let mut sums = vec![0f64; oh * ow * self.out];
            let mut c0 = 0;
            for (values, &channels) in inputs.iter().zip(&self.channels) {
                let [sn, sc, sh, sw] = strides(channels);
                for (c, k, y, x, oy, ox, ky, kx) in pairs(&g, channels, self.out, [h, w], [oh, ow]) {
                    let value = values[n * sn + c * sc + y * sh + x * sw];
                    let weight = weights[k * output_step + (c0 + c) * input_step + ky * kw + kx];
                    sums[(oy * ow + ox) * self.out + k] += f64::from(value) * f64::from(weight);
                }
                c0 += channels;
            }
            for (i, &sum) in sums.iter().enumerate() {
                let at = n * sums.len() + i;
                let (k, pixel) = (i % self.out, i / self.out);
                let biased = sum as f32 + if self.bias { bias[k] } else { 0.0 };
                let added = active(biased, self.slope) + if self.residual { residual[at] } else { 0.0 };
                let value = active(added, self.slope_after);
                let at = if self.planar_output { (n * self.out + k) * oh * ow + pixel } else { at };
                worst = worst.max((value - got[at]).abs());
            }
        }
        worst
    }
}

type Pair = (usize, usize, usize, usize, usize, usize, usize, usize);

/// All products of a convolution: input channel, output channel, input pixel, output pixel, weight.
fn pairs(g: &Geometry, channels: usize, out: usize, [h, w]: [usize; 2], [oh, ow]: [usize; 2]) -> Vec<Pair> {
    let mut all = Vec::new();
    // Along one axis: what an output at `o` takes from with the weight at `k`.
    let source = |o: usize, k: usize, axis: usize, size: usize| {
        let (o, k, pad, step) =
            (o as isize, (k * g.dilation) as isize, g.padding[axis] as isize, g.stride as isize);
        let at = if g.transposed { o + pad - k } else { o * step + k - pad };
        let at = if g.transposed { (at % step == 0).then_some(at / step)? } else { at };
        (0..size as isize).contains(&at).then_some(at as usize)
    };
    for (oy, ky) in (0..oh).flat_map(|o| (0..g.kernel[0]).map(move |k| (o, k))) {
        let Some(y) = source(oy, ky, 0, h) else { continue };
        for (ox, kx) in (0..ow).flat_map(|o| (0..g.kernel[1]).map(move |k| (o, k))) {
            let Some(x) = source(ox, kx, 1, w) else { continue };
            for c in 0..channels {
                all.extend((0..out).map(|k| (c, k, y, x, oy, ox, ky, kx)));
            }
        }
    }
    all
}

fn conv(kernel: usize, stride: usize, padding: usize, dilation: usize) -> Geometry {
    Geometry { kernel: [kernel; 2], stride, padding: [padding; 2], dilation, transposed: false }
}

fn transposed(kernel: usize, stride: usize, padding: usize) -> Geometry {
    Geometry { kernel: [kernel; 2], stride, padding: [padding; 2], dilation: 1, transposed: true }
}

fn case(geometry: Geometry, channels: &[usize], out: usize, size: [usize; 2]) -> Case {
    Case {
        geometry,
        channels: channels.to_vec(),
        out,
        size,
        batch: 1,
        output_padding: 0,
        planar: false,
        bias: false,
        residual: false,
        slope: 1.0,
        slope_after: 1.0,
        planar_output: false,
    }
}

#[test]
fn convolutions_are_what_plain_loops_make_of_them() {
    let client = client();
    let same = conv(3, 1, 1, 1);
    let cases = [
        case(same, &[4], 4, [5, 7]),
        case(same, &[64], 64, [19, 21]),
        Case { slope: 0.0, ..case(same, &[12], 64, [9, 33]) },
        Case { residual: true, ..case(same, &[20], 112, [8, 16]) },
        Case { bias: true, slope: 0.1, ..case(same, &[8, 3], 96, [10, 9]) },
        Case {
            bias: true,
            residual: true,
            planar_output: true,
            slope: 0.5,
            slope_after: 0.2,
            ..case(same, &[5], 7, [4, 6])
        },
        Case { planar: true, bias: true, ..case(same, &[3], 48, [6, 6]) },
        Case { planar: true, batch: 2, ..case(same, &[3, 6], 12, [7, 5]) },
        Case { batch: 3, ..case(same, &[1], 1, [3, 4]) },
        case(same, &[257], 129, [3, 3]),
        case(same, &[2], 257, [2, 2]),
        case(conv(1, 1, 0, 1), &[48], 144, [7, 9]),
        case(conv(1, 1, 0, 1), &[7], 3, [40, 40]),
        case(conv(2, 2, 0, 1), &[64], 96, [10, 14]),
        case(conv(3, 2, 1, 1), &[16], 32, [9, 11]),
        case(conv(3, 1, 2, 2), &[16], 24, [9, 11]),
        case(conv(5, 1, 2, 1), &[6], 10, [9, 11]),
        case(transposed(2, 2, 0), &[112], 96, [5, 6]),
        Case { residual: true, bias: true, ..case(transposed(2, 2, 0), &[6], 5, [5, 6]) },
        Case { output_padding: 1, ..case(transposed(3, 2, 1), &[16], 48, [5, 6]) },
        case(transposed(3, 2, 1), &[16], 12, [5, 6]),
        Case { slope: 0.0, ..case(transposed(3, 1, 1), &[24], 3, [7, 6]) },
        case(Geometry { dilation: 2, ..transposed(3, 1, 2) }, &[8], 8, [7, 6]),
    ];
    for case in cases {
        let difference = case.difference(&client);
        assert!(
            difference < 2e-5 * (case.channels.iter().sum::<usize>() as f32).max(8.0),
            "{difference} for {case:?}"
        );
    }
}

#[test]
fn every_tiling_fits_into_any_adapter() {
    for geometry in [
        conv(1, 1, 0, 1),
        conv(2, 2, 0, 1),
        conv(3, 1, 1, 1),
        conv(3, 2, 1, 1),
        conv(3, 1, 2, 2),
        conv(5, 1, 2, 1),
        transposed(3, 2, 1),
    ] {
        for (channels, plane) in (1..300).flat_map(|channels| [(channels, 4), (channels, 32)]) {
            let tiling = Tiling::choose(&geometry, channels, plane);
            let bytes = 16 * (tiling.inputs(&geometry) + tiling.weights(&geometry) * tiling.pitch());
            assert!(bytes <= 16384 && (1..=256).contains(&tiling.threads()), "{tiling:?}");
            assert!(tiling.tile[0] > 0 && tiling.depth > 0, "{tiling:?}");
        }
    }
}

#[test]
fn depthwise_convolutions_are_what_plain_loops_make_of_them() {
    let client = client();
    for (geometry, c, [h, w], slope, residual) in [
        (conv(3, 1, 2, 2), 144, [7, 9], 1.0, false),
        (conv(3, 1, 1, 1), 8, [5, 6], 0.1, true),
        (conv(1, 1, 0, 1), 64, [3, 5], 1.0, true),
        (conv(3, 2, 1, 1), 12, [9, 11], 0.0, false),
    ] {
        let [kh, kw] = geometry.kernel;
        let reach = (kh - 1) * geometry.dilation;
        let size = |size: usize| (size + 2 * geometry.padding[0] - reach - 1) / geometry.stride + 1;
        let (shape, out) = ([2, c, h, w], [2, c, size(h), size(w)]);
        let (values, weights, bias) = (numbers(2 * c * h * w, 1), numbers(c * kh * kw, 2), numbers(c, 3));
        let added = numbers(out.iter().product(), 4);
        let epilogue = Epilogue {
            bias: Some(upload(&client, &bias)),
            residual: residual.then(|| Features::channels_last(upload(&client, &added), out)),
            slope,
            slope_after: 1.0,
        };
        let handle = client.empty(4 * added.len());
        depthwise_into(
            &client,
            &Features::channels_last(upload(&client, &values), shape),
            &upload(&client, &weights),
            &epilogue,
            geometry,
            &Features::channels_last(handle.clone(), out),
        );
        let got = download(&client, handle);
        let mut sums = vec![0f32; added.len()];
        for n in 0..2 {
            for (_, _, y, x, oy, ox, ky, kx) in pairs(&geometry, 1, 1, [h, w], [out[2], out[3]]) {
                for k in 0..c {
                    let value = values[((n * h + y) * w + x) * c + k];
                    sums[((n * out[2] + oy) * out[3] + ox) * c + k] +=
                        value * weights[(k * kh + ky) * kw + kx];
                }
            }
        }
        for (i, sum) in sums.iter().enumerate() {
            let biased = sum + bias[i % c];
            let want =
                if biased < 0.0 { slope * biased } else { biased } + if residual { added[i] } else { 0.0 };
            assert!((want - got[i]).abs() < 1e-5, "{want} {} at {i} of {geometry:?}", got[i]);
        }
    }
}

#[test]
fn products_are_sums_over_pixels() {
    let client = client();
    for (taps, [a, b], [h, w], [hb, wb]) in [
        (Taps { kernel: [1, 1], stride: 1, padding: [0, 0], dilation: 1 }, [48, 48], [33, 70], [33, 70]),
        (Taps { kernel: [3, 3], stride: 1, padding: [1, 1], dilation: 1 }, [36, 5], [9, 11], [9, 11]),
        (Taps { kernel: [3, 3], stride: 1, padding: [2, 2], dilation: 2 }, [4, 40], [9, 11], [9, 11]),
        (Taps { kernel: [2, 2], stride: 2, padding: [0, 0], dilation: 1 }, [8, 12], [5, 6], [10, 12]),
    ] {
        let [kh, kw] = taps.kernel;
        let (left, right) = (numbers(2 * a * h * w, 1), numbers(2 * b * hb * wb, 2));
        let got = products(
            &client,
            &Features::channels_last(upload(&client, &left), [2, a, h, w]),
            &Features::channels_last(upload(&client, &right), [2, b, hb, wb]),
            taps,
        );
        let got = download(&client, got);
        let mut want = vec![0f64; a * b * kh * kw];
        let geometry = Geometry {
            kernel: taps.kernel,
            stride: taps.stride,
            padding: taps.padding,
            dilation: taps.dilation,
            transposed: false,
        };
        for n in 0..2 {
            for (_, _, yb, xb, y, x, ky, kx) in pairs(&geometry, 1, 1, [hb, wb], [h, w]) {
                for i in 0..a {
                    let value = f64::from(left[((n * h + y) * w + x) * a + i]);
                    for j in 0..b {
                        let other = f64::from(right[((n * hb + yb) * wb + xb) * b + j]);
                        want[((i * b + j) * kh + ky) * kw + kx] += value * other;
                    }
                }
            }
        }
        for (i, (want, got)) in want.iter().zip(&got).enumerate() {
            assert!((*want as f32 - got).abs() < 2e-3, "{want} {got} at {i} of {taps:?}");
        }
    }
}

#[test]
fn gathering_moves_numbers_where_the_axes_say() {
    let client = client();
    let (n, c, h, w) = (2, 8, 4, 6);
    let values = numbers(n * c * h * w, 1);
    let input = upload(&client, &values);
    let run = |axes: [Axis; 4]| {
        let output = client.empty(4 * axes.iter().map(|axis| axis.size).product::<usize>());
        gather_into(&client, &input, &output, axes);
        download(&client, output)
    };
    let last = |n: usize, y: usize, x: usize, c_: usize| values[((n * h + y) * w + x) * c + c_];
    // Twice as large, in fours of channels.
    let step = [h * w * c, w * c, c];
    let twice = run([
        Axis::plain(n, step[0]),
        Axis::split(2 * h, 2, step[1], 0),
        Axis::split(2 * w, 2, step[2], 0),
        Axis::plain(c, 1),
    ]);
    // Pixels to channels (colour, row, column), one by one.
    let shuffled = run([
        Axis::plain(n, step[0]),
        Axis::plain(h / 2, 2 * step[1]),
        Axis::plain(w / 2, 2 * step[2]),
        Axis { size: 4 * c, outer: 2, inner: 2, steps: [1, step[1], step[2]] },
    ]);
    for i in 0..n * 4 * h * w * c {
        let (k, x, y, image) = (i % c, i / c % (2 * w), i / c / (2 * w) % (2 * h), i / c / (4 * h * w));
        assert_eq!(twice[i], last(image, y / 2, x / 2, k));
    }
    for i in 0..n * h * w * c {
        let (k, x, y) = (i % (4 * c), i / (4 * c) % (w / 2), i / (4 * c) / (w / 2) % (h / 2));
        assert_eq!(shuffled[i], last(i / (c * h * w), 2 * y + k / 2 % 2, 2 * x + k % 2, k / 4));
    }
}

#[test]
fn normalising_divides_by_the_deviation() {
    let client = client();
    let (pixels, channels) = (37, 44);
    let values: Vec<f32> = numbers(pixels * channels, 1).iter().map(|v| 30.0 * v + 100.0).collect();
    let [weight, bias] = [numbers(channels, 2), numbers(channels, 3)];
    let factors = numbers(pixels, 4);
    let handles = [&values, &weight, &bias, &factors].map(|values| upload(&client, values));
    for (biased, scaled) in [(false, false), (true, false), (true, true)] {
        let norm = Norm {
            weight: &handles[1],
            bias: biased.then_some(&handles[2]),
            epsilon: 1e-5,
            factors: scaled.then_some(&handles[3]),
        };
        let output = client.empty(4 * values.len());
        normalise_into(&client, &handles[0], norm, [pixels, channels], &output);
        let got = download(&client, output);
        for (at, (pixel, got)) in values.chunks(channels).zip(got.chunks(channels)).enumerate() {
            let mean = pixel.iter().sum::<f32>() / channels as f32;
            let deviation =
                (pixel.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / channels as f32 + 1e-5).sqrt();
            for i in 0..channels {
                let (mean, bias) = if biased { (mean, bias[i]) } else { (0.0, 0.0) };
                let factor = if scaled { factors[at] } else { 1.0 };
                let want = ((pixel[i] - mean) / deviation * weight[i] + bias) * factor;
                assert!((want - got[i]).abs() < 1e-4 * want.abs().max(1.0), "{want} {}", got[i]);
            }
        }
    }
}

#[test]
fn attention_within_windows_sees_no_other_border() {
    let client = client();
    // Features of a head in fours, twos and ones.
    for (side, shift, d) in [(4, 0, 8), (4, 2, 6), (8, 4, 5)] {
        let (n, heads, h, w) = (2, 3, 2 * side, 3 * side);
        let (inner, pixels) = (heads * d, side * side);
        let (qkv, bias) = (numbers(n * h * w * 3 * inner, 1), numbers(heads * pixels * pixels, 2));
        let output = client.empty(4 * n * h * w * inner);
        let windows = swin::Windows { side, shift, heads, features: d };
        let handles = [&qkv, &bias].map(|values| upload(&client, values));
        swin::attend_into(&client, &handles[0], &handles[1], windows, [n, h, w], &output);
        let got = download(&client, output);
        let at = |n: usize, y: usize, x: usize, part: usize, head: usize, i: usize| {
            qkv[((n * h + y) * w + x) * 3 * inner + part * inner + head * d + i]
        };
        for query in 0..h * w {
            let (image, head) = (query % n, query % heads);
            // Rows and columns of the rolled image.
            let (row, column) = (query / w, query % w);
            let (y, x) = ((row + shift) % h, (column + shift) % w);
            let (mut total, mut sums) = (0f32, vec![0f32; d]);
            for key in 0..pixels {
                let (key_row, key_column) =
                    (row / side * side + key / side, column / side * side + key % side);
                let (ky, kx) = ((key_row + shift) % h, (key_column + shift) % w);
                let place = row % side * side + column % side;
                let mut logit = bias[(head * pixels + key) * pixels + place];
                logit +=
                    (0..d).map(|i| at(image, y, x, 0, head, i) * at(image, ky, kx, 1, head, i)).sum::<f32>()
                        / (d as f32).sqrt();
                // Rolled over the border: further away than a window is large.
                if y.abs_diff(ky) >= side || x.abs_diff(kx) >= side {
                    logit -= 100.0;
                }
                total += logit.exp();
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum += logit.exp() * at(image, ky, kx, 2, head, i);
                }
            }
            for (i, sum) in sums.iter().enumerate() {
                let got = got[((image * h + y) * w + x) * inner + head * d + i];
                assert!((sum / total - got).abs() < 1e-4, "{} {got} {windows:?}", sum / total);
            }
        }
    }
}

#[test]
fn attention_is_a_mean_of_values_weighted_by_products() {
    let client = client();
    let windows = Windows { queries: 4, keys: 6, dilation: 2, features: 8, centre: 13 };
    let (n, heads, h, w, d) = (2, 3, 16, 24, 8);
    let inner = heads * d;
    let qkv = numbers(n * h * w * 3 * inner, 1);
    let tables = [numbers(23 * d, 2), numbers(23 * d, 3)];
    let output = client.empty(4 * n * h * w * inner);
    let [by_row, by_column] = tables.each_ref().map(|table| upload(&client, table));
    let input = upload(&client, &qkv);
    windowed_into(&client, &input, [&by_row, &by_column], 23, windows, heads, [n, h, w], &output);
    let got = download(&client, output);
    let at = |n: usize, y: usize, x: usize, part: usize, head: usize, i: usize| {
        qkv[((n * h + y) * w + x) * 3 * inner + part * inner + head * d + i]
    };
    for (image, y, x, head) in [(0, 0, 0, 0), (1, 15, 23, 2), (0, 7, 9, 1), (1, 8, 16, 0), (0, 1, 22, 2)] {
        let query: Vec<f32> = (0..d).map(|i| at(image, y, x, 0, head, i) / (d as f32).sqrt()).collect();
        let (mut total, mut sums) = (0f32, vec![0f32; d]);
        for key in 0..36 {
            // First key of the window, and distance from the query, in the image.
            let first = |at: usize| (at / 2 / 4 * 4) as isize * 2 + (at % 2) as isize - 2;
            let (ky, kx) = (first(y) + 2 * (key / 6), first(x) + 2 * (key % 6));
            let row = |k: isize, at: usize| (13 + k - at as isize) as usize;
            let product =
                |table: &[f32], row: usize| (0..d).map(|i| query[i] * table[row * d + i]).sum::<f32>();
            let mut logit = product(&tables[0], row(ky, y)) + product(&tables[1], row(kx, x));
            let inside = (0..h as isize).contains(&ky) && (0..w as isize).contains(&kx);
            if inside {
                logit +=
                    (0..d).map(|i| query[i] * at(image, ky as usize, kx as usize, 1, head, i)).sum::<f32>();
            }
            total += logit.exp();
            for (i, sum) in sums.iter_mut().enumerate().filter(|_| inside) {
                *sum += logit.exp() * at(image, ky as usize, kx as usize, 2, head, i);
            }
        }
        for (i, sum) in sums.iter().enumerate() {
            let got = got[((image * h + y) * w + x) * inner + head * d + i];
            assert!((sum / total - got).abs() < 1e-4, "{} {got}", sum / total);
        }
    }
}

#[test]
fn bilinear_doubling_lies_between_pixels() {
    let client = client();
    let [n, c, h, w] = [2, 8, 3, 5];
    let values = numbers(n * c * h * w, 11);
    let output = client.empty(4 * 4 * values.len());
    double_into(&client, &upload(&client, &values), [n, c, h, w], &output);
    let got = download(&client, output);
    let at =
        |image: usize, y: usize, x: usize, channel: usize| values[((image * h + y) * w + x) * c + channel];
    // Where a pixel of the result lies along an axis: the pixel before it, and its distance from that.
    let place = |i: usize, size: usize| {
        let position = ((i as f32 - 0.5) / 2.0).clamp(0.0, (size - 1) as f32);
        let before = (position as usize).min(size - 2);
        (before, position - before as f32)
    };
    for (i, value) in got.iter().enumerate() {
        let (channel, x, y, image) = (i % c, i / c % (2 * w), i / c / (2 * w) % (2 * h), i / c / (4 * w * h));
        let ((y, down), (x, across)) = (place(y, h), place(x, w));
        let row =
            |y: usize| (1.0 - across) * at(image, y, x, channel) + across * at(image, y, x + 1, channel);
        let expected = (1.0 - down) * row(y) + down * row(y + 1);
        assert!((value - expected).abs() < 1e-5, "{i}: {value}, {expected}");
    }
}

#[test]
fn number_by_number_it_is_what_the_cpu_makes() {
    let client = client();
    for count in [4 * 1000, 1003] {
        let [a, b, c] = [1, 2, 3].map(|seed| numbers(count, seed));
        let squares: Vec<f32> = c.iter().map(|v| v * v).collect();
        let [on_a, on_b, on_c, on_squares] = [&a, &b, &c, &squares].map(|values| upload(&client, values));
        let same = |got: Handle, want: &[f32], what: &str| {
            for (got, want) in download(&client, got).iter().zip(want) {
                assert!((got - want).abs() < 1e-5 * want.abs().max(1.0), "{what} of {count}: {got} {want}");
            }
        };
        let empty = || client.empty(4 * count);

        let step = AdamStep {
            betas: [0.9, 0.99],
            corrections: [0.271, 0.03],
            epsilon: 1e-3,
            rate: 0.01,
            kept: 0.99,
        };
        let to = [empty(), empty(), empty()];
        adam_into(&client, &step, &on_b, [&on_a, &on_c, &on_squares], to.each_ref(), count);
        let (mut weights, mut means, mut squares) = (a.clone(), c.clone(), squares.clone());
        adam(&step, &b, &mut weights, &mut means, &mut squares);
        let [new_weights, new_means, new_squares] = to;
        same(new_weights, &weights, "weights");
        same(new_means, &means, "means");
        same(new_squares, &squares, "squares");

        let output = empty();
        pairwise_into(&client, Pairwise::Mix, [&on_a, &on_b], 0.8, &output, count);
        let mut mixed = a.clone();
        mix(&mut mixed, &b, 0.8);
        same(output, &mixed, "mix");

        let output = empty();
        pairwise_into(&client, Pairwise::ActivatedSum, [&on_a, &on_b], 0.1, &output, count);
        let mut sum = a.clone();
        add(&mut sum, &b, 0.1);
        same(output, &sum, "sum");

        let output = empty();
        pairwise_into(&client, Pairwise::ActivationGradient, [&on_a, &on_b], 0.0, &output, count);
        let mut gradient = a.clone();
        activation_gradient(&mut gradient, &b, 0.0);
        same(output, &gradient, "gradient");
    }
}
