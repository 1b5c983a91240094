//! Every kernel against sums in double precision, written down as the definition has them.

use unnoise_kernels::{
    Addend, Convolution, Epilogue, Geometry, Positions, View, Windows, activation_gradient, add,
    bias_gradient, gelu, max_pool_2x2, max_pool_2x2_gradient, normalise, pitch, pixel_means, residual_block,
    upsample_bilinear_2x, upsample_bilinear_2x_gradient, upsample_nearest_2x, upsample_nearest_2x_gradient,
    weight_gradient, windowed_attention,
};

/// Of the largest sum. Rounding grows with the number of channels; Winograd's transforms multiply it by three or four.
const TOLERANCE: f64 = 2e-5;

/// Images with values of their own, channels last.
#[derive(Clone)]
struct Images {
    shape: [usize; 4],
    data: Vec<f32>,
}

/// Pseudo-random values in -0.5..0.5.
fn values(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    (0..count).map(|_| next()).collect()
}

impl Images {
    fn new(shape: [usize; 4], seed: u64) -> Self {
        let [n, c, h, w] = shape;
        let mut data = values(n * h * w * pitch(c), seed);
        data.chunks_mut(pitch(c)).for_each(|pixel| pixel[c..].fill(0.0));
        Self { shape, data }
    }

    fn blank(shape: [usize; 4]) -> Self {
        let [n, c, h, w] = shape;
        // What is not written shows.
        Self { shape, data: vec![f32::NAN; n * h * w * pitch(c)] }
    }

    fn view(&self) -> View<'_> {
        View::new(&self.data, self.shape)
    }

    /// The value, or 0 outside of the image.
    fn at(&self, n: usize, c: usize, y: isize, x: isize) -> f64 {
        let [_, channels, h, w] = self.shape;
        if !(0..h as isize).contains(&y) || !(0..w as isize).contains(&x) {
            return 0.0;
        }
        self.data[((n * h + y as usize) * w + x as usize) * pitch(channels) + c].into()
    }
}

/// Where output pixel `o` of an axis looks with a tap, if anywhere.
fn seen(g: &Geometry, axis: usize, o: usize, tap: usize) -> Option<isize> {
    let shift = (tap * g.dilation[axis]) as isize - g.padding[2 * axis] as isize;
    if !g.transposed {
        return Some((o * g.stride[axis]) as isize + shift);
    }
    let (from, stride) = (o as isize - shift, g.stride[axis] as isize);
    (from % stride == 0).then_some(from / stride)
}

/// Calls `f(output channel, input channel, index of the weight)` for all that meet.
fn connections(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    let (ins, outs) = (g.channels() / g.groups, g.outputs / g.groups);
    for o in 0..g.outputs {
        let group = o / outs;
        for i in group * ins..(group + 1) * ins {
            f(o, i, if g.transposed { i * outs + o % outs } else { o * ins + i % ins });
        }
    }
}

/// The sums of a convolution, `[n][o][y][x]`; inputs are concatenated.
fn sums(g: &Geometry, x: &[Images], weights: &[f32]) -> Vec<f64> {
    let [n, _, h, w] = x[0].shape;
    let [oh, ow] = g.output_size([h, w]);
    let owner: Vec<(usize, usize)> =
        x.iter().enumerate().flat_map(|(k, x)| (0..x.shape[1]).map(move |c| (k, c))).collect();
    let [kh, kw] = g.kernel;
    let mut out = vec![0.0; n * g.outputs * oh * ow];
    connections(g, |o, i, weight| {
        let (k, c) = owner[i];
        for (n, oy, ox) in (0..n).flat_map(|n| (0..oh).flat_map(move |y| (0..ow).map(move |x| (n, y, x)))) {
            for (ky, kx) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
                if let (Some(y), Some(column)) = (seen(g, 0, oy, ky), seen(g, 1, ox, kx)) {
                    let weight = f64::from(weights[(weight * kh + ky) * kw + kx]);
                    out[((n * g.outputs + o) * oh + oy) * ow + ox] += weight * x[k].at(n, c, y, column);
                }
            }
        }
    });
    out
}

/// All geometries worth a test, with the size of their input.
fn geometries() -> Vec<(Geometry, [usize; 2])> {
    let base = |kernel, i, o| Geometry::same(kernel, i, o);
    let mut all = Vec::new();
    for (i, o) in [(1, 1), (3, 64), (8, 8), (12, 20), (31, 17), (64, 12), (257, 9), (9, 257)] {
        all.push((base(3, i, o), [9, 14]));
        all.push((base(1, i, o), [3, 7]));
    }
    for size in [[1, 1], [4, 4], [5, 3], [13, 21]] {
        all.push((base(3, 16, 24), size));
    }
    // Two and three inputs that are concatenated.
    all.push((Geometry { inputs: vec![12, 8], ..base(3, 0, 16) }, [7, 9]));
    all.push((Geometry { inputs: vec![5, 3, 9], ..base(3, 0, 10) }, [6, 5]));
    all.push((Geometry { inputs: vec![5, 3], ..base(1, 0, 7) }, [6, 5]));
    // Uneven padding: the shifted convolutions of blind networks.
    all.push((Geometry { padding: [2, 0, 1, 1], ..base(3, 16, 16) }, [9, 8]));
    all.push((Geometry { padding: [2, 0, 1, 1], inputs: vec![9, 20], ..base(3, 29, 17) }, [7, 27]));
    all.push((Geometry { padding: [0, 0, 0, 0], ..base(3, 9, 8) }, [9, 8]));
    let strided =
        |kernel, padding| Geometry { stride: [2, 2], padding: [padding; 4], ..base(kernel, 10, 12) };
    all.extend([(strided(2, 0), [8, 6]), (strided(3, 1), [9, 12]), (strided(5, 2), [11, 7])]);
    all.push((Geometry { dilation: [2, 2], padding: [2; 4], ..base(3, 9, 8) }, [11, 9]));
    all.push((Geometry { dilation: [3, 3], padding: [3; 4], ..base(3, 16, 24) }, [21, 17]));
    let depthwise = |channels| Geometry { groups: channels, ..base(3, channels, channels) };
    all.extend([
        (depthwise(19), [6, 9]),
        (Geometry { dilation: [3, 3], padding: [3; 4], ..depthwise(8) }, [9, 8]),
    ]);
    all.push((Geometry { stride: [2, 2], ..depthwise(16) }, [9, 8]));
    all.push((Geometry { groups: 3, ..base(3, 9, 15) }, [5, 6]));
    all.push((Geometry { groups: 2, ..base(1, 8, 6) }, [5, 6]));
    let transposed = |kernel, stride, padding, extra, i, o| Geometry {
        transposed: true,
        stride: [stride; 2],
        padding: [padding; 4],
        output_padding: [extra; 2],
        ..base(kernel, i, o)
    };
    all.push((transposed(2, 2, 0, 0, 12, 9), [5, 4]));
    all.push((transposed(3, 2, 1, 1, 9, 12), [5, 4]));
    all.push((transposed(3, 1, 1, 0, 16, 12), [7, 6]));
    all.push((transposed(3, 1, 1, 0, 3, 5), [7, 6]));
    all.push((Geometry { groups: 2, ..transposed(2, 2, 0, 0, 8, 6) }, [3, 4]));
    all
}

fn inputs(g: &Geometry, batch: usize, [h, w]: [usize; 2]) -> Vec<Images> {
    g.inputs.iter().enumerate().map(|(k, &c)| Images::new([batch, c, h, w], 100 + k as u64)).collect()
}

fn weights(g: &Geometry) -> Vec<f32> {
    values(g.channels() * g.outputs / g.groups * g.kernel[0] * g.kernel[1], 7)
}

fn convolve(g: &Geometry, x: &[Images], weights: &[f32], epilogue: &Epilogue) -> Images {
    let [n, _, h, w] = x[0].shape;
    let [oh, ow] = g.output_size([h, w]);
    let mut out = Images::blank([n, g.outputs, oh, ow]);
    let views: Vec<View> = x.iter().map(Images::view).collect();
    Convolution::new(weights, g.clone()).run(&views, epilogue, &mut out.data);
    let rest = pitch(g.outputs) - g.outputs;
    let filled = out.data.chunks(pitch(g.outputs)).all(|p| p[p.len() - rest..].iter().all(|&v| v == 0.0));
    assert!(filled, "{g:?}: what fills up to the pitch is zero");
    out
}

/// The largest difference, of the largest value.
fn error(actual: &Images, expected: &[f64]) -> f64 {
    let [n, c, h, w] = actual.shape;
    assert_eq!(expected.len(), n * c * h * w);
    let (mut worst, mut largest) = (0.0f64, 1e-30f64);
    for (i, &expected) in expected.iter().enumerate() {
        let (n, c, y, x) = (i / (c * h * w), i / (h * w) % c, i / w % h, i % w);
        let difference = (actual.at(n, c, y as isize, x as isize) - expected).abs();
        assert!(!difference.is_nan(), "a value was not written");
        worst = worst.max(difference);
        largest = largest.max(expected.abs());
    }
    worst / largest
}

#[test]
fn convolutions_are_their_sums() {
    for (g, size) in geometries() {
        let (x, weights) = (inputs(&g, 2, size), weights(&g));
        let error = error(&convolve(&g, &x, &weights, &Epilogue::NONE), &sums(&g, &x, &weights));
        assert!(error < TOLERANCE, "{g:?}, {size:?}: {error}");
    }
}

#[test]
fn epilogues_are_what_they_say() {
    let leaky = |y: f64, slope: f64| if y > 0.0 { y } else { y * slope };
    for (g, size) in geometries() {
        let (x, weights) = (inputs(&g, 2, size), weights(&g));
        let [oh, ow] = g.output_size(size);
        let (bias, extra) = (values(g.outputs, 5), Images::new([2, g.outputs, oh, ow], 6));
        for (slope, slope_after, with_add) in [(0.0, 1.0, false), (0.1, 0.0, true), (1.0, 1.0, true)] {
            let add = if with_add { Addend::Images(extra.view()) } else { Addend::Nothing };
            let epilogue = Epilogue { bias: Some(&bias), slope, add, slope_after };
            let actual = convolve(&g, &x, &weights, &epilogue);
            if with_add {
                let mut in_place = extra.clone();
                let views: Vec<View> = x.iter().map(Images::view).collect();
                let epilogue = Epilogue { add: Addend::Output, ..epilogue };
                Convolution::new(&weights, g.clone()).run(&views, &epilogue, &mut in_place.data);
                assert_eq!(in_place.data, actual.data, "{g:?}: added in place");
            }
            let mut expected = sums(&g, &x, &weights);
            for (i, y) in expected.iter_mut().enumerate() {
                let (n, c, p) = (i / (g.outputs * oh * ow), i / (oh * ow) % g.outputs, i % (oh * ow));
                *y = leaky(*y + f64::from(bias[c]), slope.into());
                if with_add {
                    let extra = extra.at(n, c, (p / ow) as isize, (p % ow) as isize);
                    *y = leaky(*y + extra, slope_after.into());
                }
            }
            let error = error(&actual, &expected);
            assert!(error < TOLERANCE, "{g:?}, {slope}, {slope_after}, {with_add}: {error}");
        }
    }
}

/// <y, convolve(x)> = <adjoint(y), x> for all x and y.
#[test]
fn adjoints_give_the_same_inner_products() {
    for (g, size) in geometries() {
        let single = Geometry { inputs: vec![g.channels()], ..g };
        let [oh, ow] = single.output_size(size);
        let (x, weights) = (inputs(&single, 2, size), weights(&single));
        let y = [Images::new([2, single.outputs, oh, ow], 9)];
        let forward = convolve(&single, &x, &weights, &Epilogue::NONE);
        let back = convolve(&single.adjoint(size), &y, &weights, &Epilogue::NONE);
        assert_eq!(back.shape, x[0].shape, "{single:?}");
        let dot = |a: &Images, b: &Images| -> f64 {
            a.data.iter().zip(&b.data).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let (one, other) = (dot(&forward, &y[0]), dot(&back, &x[0]));
        let scale = dot(&forward, &forward).sqrt() * dot(&y[0], &y[0]).sqrt();
        assert!((one - other).abs() < 1e-5 * scale.max(1e-3), "{single:?}: {one}, {other}");
    }
}

#[test]
fn weight_gradients_are_their_sums() {
    for (g, size) in geometries() {
        let g = Geometry { inputs: vec![g.channels()], ..g };
        let [oh, ow] = g.output_size(size);
        let (x, [kh, kw]) = (Images::new([2, g.channels(), size[0], size[1]], 3), g.kernel);
        let gradient = Images::new([2, g.outputs, oh, ow], 4);
        let mut expected = vec![0.0; weights(&g).len()];
        connections(&g, |o, i, weight| {
            for (n, oy, ox) in (0..2).flat_map(|n| (0..oh).flat_map(move |y| (0..ow).map(move |x| (n, y, x))))
            {
                for (ky, kx) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
                    if let (Some(y), Some(column)) = (seen(&g, 0, oy, ky), seen(&g, 1, ox, kx)) {
                        let value = gradient.at(n, o, oy as isize, ox as isize) * x.at(n, i, y, column);
                        expected[(weight * kh + ky) * kw + kx] += value;
                    }
                }
            }
        });
        let actual = weight_gradient(&g, x.view(), gradient.view());
        let largest = expected.iter().fold(1e-30f64, |m, v| m.max(v.abs()));
        let worst = actual.iter().zip(&expected).fold(0f64, |m, (a, b)| m.max((f64::from(*a) - b).abs()));
        assert_eq!(actual.len(), expected.len());
        assert!(worst < 1e-5 * largest, "{g:?}, {size:?}: {worst} of {largest}");
    }
}

#[test]
fn a_window_has_the_bits_of_the_whole() {
    let g = Geometry::same(3, 24, 20);
    let (x, weights) = (Images::new([1, 24, 20, 28], 1), weights(&g));
    let whole = convolve(&g, std::slice::from_ref(&x), &weights, &Epilogue::NONE);
    // A window of 12x16 from (4, 8) on; its inner pixels see nothing of its border.
    let mut window = Images::blank([1, 24, 12, 16]);
    for (i, pixel) in window.data.chunks_mut(pitch(24)).enumerate() {
        let at = ((4 + i / 16) * 28 + 8 + i % 16) * pitch(24);
        pixel.copy_from_slice(&x.data[at..at + pitch(24)]);
    }
    let part = convolve(&g, &[window], &weights, &Epilogue::NONE);
    for (y, x, c) in (1..11).flat_map(|y| (1..15).flat_map(move |x| (0..20).map(move |c| (y, x, c)))) {
        assert_eq!(part.at(0, c, y, x).to_bits(), whole.at(0, c, y + 4, x + 8).to_bits(), "{y}, {x}, {c}");
    }
}

#[test]
fn a_residual_block_has_the_bits_of_its_convolutions() {
    // In several bands, in one, and where Winograd's algorithm does not serve.
    for shape in [[2, 9, 77, 517], [1, 16, 64, 1024], [3, 24, 20, 28], [1, 5, 70, 600]] {
        let g = Geometry::same(3, shape[1], shape[1]);
        let layers = [1, 2].map(|seed| Convolution::new(&values(9 * shape[1] * shape[1], seed), g.clone()));
        let x = Images::new(shape, 3);
        let [mut between, mut whole] = [Images::blank(shape), x.clone()];
        layers[0].run(&[x.view()], &Epilogue { slope: 0.0, ..Epilogue::NONE }, &mut between.data);
        let add = Epilogue { add: Addend::Output, ..Epilogue::NONE };
        layers[1].run(&[between.view()], &add, &mut whole.data);
        let mut block = x.clone();
        residual_block([&layers[0], &layers[1]], &mut block.data, shape);
        assert!(block.data.iter().zip(&whole.data).all(|(a, b)| a.to_bits() == b.to_bits()), "{shape:?}");
        assert_ne!(block.data, x.data);
    }
}

#[test]
fn rows_that_are_not_seen_leave_no_trace() {
    let g = Geometry { padding: [2, 0, 1, 1], ..Geometry::same(3, 16, 16) };
    let (x, weights) = (Images::new([1, 16, 12, 13], 1), weights(&g));
    let mut other = Images::new([1, 16, 12, 13], 1);
    let below = 7 * 13 * pitch(16);
    other.data[below..].iter_mut().for_each(|v| *v += 1000.0);
    let [before, after] = [x, other].map(|x| convolve(&g, &[x], &weights, &Epilogue::NONE));
    let bits = |y: &Images| y.data[..below].iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&before), bits(&after));
    assert_ne!(before.data[below..], after.data[below..]);
}

#[test]
fn pooling_takes_the_maximum_and_its_gradient_goes_there() {
    let x = Images::new([2, 5, 7, 6], 1);
    let mut out = Images::blank([2, 5, 3, 3]);
    max_pool_2x2(x.view(), &mut out.data);
    let gradient = Images::new([2, 5, 3, 3], 2);
    let back = Images { shape: x.shape, data: max_pool_2x2_gradient(x.view(), gradient.view()) };
    for (n, c, y, column) in (0..2)
        .flat_map(|n| (0..5).flat_map(move |c| (0..7).flat_map(move |y| (0..6).map(move |x| (n, c, y, x)))))
    {
        let (cy, cx) = (y / 2, column / 2);
        if cy >= 3 {
            assert_eq!(back.at(n, c, y, column), 0.0);
            continue;
        }
        let cell = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| x.at(n, c, 2 * cy + a, 2 * cx + b));
        let largest = cell.into_iter().fold(f64::MIN, f64::max);
        assert_eq!(out.at(n, c, cy, cx), largest);
        let expected = if x.at(n, c, y, column) == largest { gradient.at(n, c, cy, cx) } else { 0.0 };
        assert_eq!(back.at(n, c, y, column), expected);
    }
}

#[test]
fn of_equal_pixels_the_first_gets_the_gradient() {
    let x = Images { shape: [1, 1, 2, 2], data: vec![0.0; 4 * pitch(1)] };
    let gradient = Images::new([1, 1, 1, 1], 2);
    let back = Images { shape: x.shape, data: max_pool_2x2_gradient(x.view(), gradient.view()) };
    assert_eq!(back.at(0, 0, 0, 0), gradient.at(0, 0, 0, 0));
    assert_eq!([back.at(0, 0, 0, 1), back.at(0, 0, 1, 0), back.at(0, 0, 1, 1)], [0.0; 3]);
}

#[test]
fn doubling_repeats_and_its_gradient_sums() {
    let x = Images::new([2, 5, 3, 4], 1);
    let mut out = Images::blank([2, 5, 6, 8]);
    upsample_nearest_2x(x.view(), &mut out.data);
    let gradient = Images::new([2, 5, 6, 8], 2);
    let back = Images { shape: x.shape, data: upsample_nearest_2x_gradient(gradient.view()) };
    for (n, c, y, column) in (0..2)
        .flat_map(|n| (0..5).flat_map(move |c| (0..6).flat_map(move |y| (0..8).map(move |x| (n, c, y, x)))))
    {
        assert_eq!(out.at(n, c, y, column), x.at(n, c, y / 2, column / 2));
        if y % 2 == 0 && column % 2 == 0 {
            let cell = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(a, b)| gradient.at(n, c, y + a, column + b));
            assert!((back.at(n, c, y / 2, column / 2) - cell.iter().sum::<f64>()).abs() < 1e-6);
        }
    }
}

#[test]
fn bilinear_doubling_keeps_ramps_and_its_gradient_is_its_adjoint() {
    let mut ramp = Images::blank([1, 3, 4, 5]);
    for (i, pixel) in ramp.data.chunks_mut(pitch(3)).enumerate() {
        pixel.fill(0.0);
        pixel[..3].fill((2 * (i / 5) + 10 * (i % 5)) as f32);
    }
    let mut out = Images::blank([1, 3, 8, 10]);
    upsample_bilinear_2x(ramp.view(), &mut out.data);
    // Half-pixel centres: row r of the result lies at (r - 0.5) / 2, within the picture.
    let place = |r: isize, size: isize| ((r as f64 - 0.5) / 2.0).clamp(0.0, (size - 1) as f64);
    for (y, x) in (0..8).flat_map(|y| (0..10).map(move |x| (y, x))) {
        let expected = 2.0 * place(y, 4) + 10.0 * place(x, 5);
        assert!((out.at(0, 1, y, x) - expected).abs() < 1e-5, "{y}, {x}");
    }
    let (x, gradient) = (Images::new([2, 5, 3, 4], 1), Images::new([2, 5, 6, 8], 2));
    let mut out = Images::blank([2, 5, 6, 8]);
    upsample_bilinear_2x(x.view(), &mut out.data);
    let back = upsample_bilinear_2x_gradient(gradient.view());
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    assert!((dot(&out.data, &gradient.data) - dot(&x.data, &back)).abs() < 1e-5);
}

#[test]
fn means_over_pixels() {
    let x = Images::new([2, 5, 7, 6], 1);
    for (i, mean) in pixel_means(x.view()).into_iter().enumerate() {
        let values = (0..7).flat_map(|y| (0..6).map(move |column| (y, column)));
        let sum: f64 = values.map(|(y, column)| x.at(i / 5, i % 5, y, column)).sum();
        assert!((f64::from(mean) - sum / 42.0).abs() < 1e-7);
    }
}

#[test]
fn sums_over_pixels_and_values() {
    let gradient = Images::new([2, 5, 6, 7], 3);
    for (c, sum) in bias_gradient(gradient.view()).into_iter().enumerate() {
        let all = (0..2).flat_map(|n| (0..6).flat_map(move |y| (0..7).map(move |x| (n, y, x))));
        let expected: f64 = all.map(|(n, y, x)| gradient.at(n, c, y, x)).sum();
        assert!((f64::from(sum) - expected).abs() < 1e-5, "{c}");
    }
    let (mut a, b) = (values(37, 1), values(37, 2));
    let before = a.clone();
    add(&mut a, &b, 0.2);
    for ((sum, a), b) in a.iter().zip(&before).zip(&b) {
        let plain = a + b;
        assert_eq!(*sum, if plain > 0.0 { plain } else { plain * 0.2 });
    }
    let mut gradient = vec![2.0; 37];
    activation_gradient(&mut gradient, &a, 0.2);
    assert!(gradient.iter().zip(&a).all(|(g, y)| *g == if *y > 0.0 { 2.0 } else { 0.4 }));
}

#[test]
fn gelu_is_the_normal_distribution_times_its_argument() {
    // Phi at -6, -2, -1, 0, 0.5, 1, 3 and 7, from tables.
    let known = [
        (-6.0, 9.865_876e-10),
        (-2.0, 0.022_750_132),
        (-1.0, 0.158_655_25),
        (0.0, 0.5),
        (0.5, 0.691_462_46),
        (1.0, 0.841_344_8),
        (3.0, 0.998_650_1),
        (7.0, 1.0),
    ];
    // As many as no vector divides.
    for count in [known.len(), 3] {
        let mut x: Vec<f32> = known[..count].iter().map(|(x, _)| *x).collect();
        gelu(&mut x);
        for (y, (x, share)) in x.iter().zip(known) {
            assert!((y - x * share).abs() < 1e-6, "{x}: {y}");
        }
    }
}

#[test]
fn normalisation_by_mean_and_deviation() {
    for channels in [1, 3, 8, 60, 97] {
        let mut x = Images::new([2, channels, 3, 5], 1);
        x.data
            .chunks_mut(pitch(channels))
            .for_each(|pixel| pixel[..channels].iter_mut().for_each(|v| *v += 3.0));
        let (weight, bias, factor) = (values(channels, 2), values(channels, 3), values(30, 4));
        for centred in [false, true] {
            let mut out = Images::blank(x.shape);
            let given = centred.then_some((&bias[..], &factor[..]));
            normalise(x.view(), &weight, given.map(|g| g.0), 1e-5, given.map(|g| g.1), &mut out.data);
            for (i, (n, y, column)) in
                (0..2).flat_map(|n| (0..3).flat_map(move |y| (0..5).map(move |x| (n, y, x)))).enumerate()
            {
                let pixel: Vec<f64> = (0..channels).map(|c| x.at(n, c, y, column)).collect();
                let mean = pixel.iter().sum::<f64>() / channels as f64;
                let variance = pixel.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / channels as f64;
                let deviation = (variance + 1e-5).sqrt();
                for (c, value) in pixel.iter().enumerate() {
                    let weight = f64::from(weight[c]);
                    let expected = if centred {
                        ((value - mean) / deviation * weight + f64::from(bias[c])) * f64::from(factor[i])
                    } else {
                        value / deviation * weight
                    };
                    let actual = out.at(n, c, y, column);
                    assert!(
                        (actual - expected).abs() < 1e-5 * expected.abs().max(1.0),
                        "{actual}, {expected}"
                    );
                }
                let filling = &out.data[i * pitch(channels) + channels..(i + 1) * pitch(channels)];
                assert!(filling.iter().all(|v| *v == 0.0));
            }
        }
    }
}

/// The pixel along an axis that is the `i`-th after the first query of a window, and whether it is reached around a border.
fn in_window(w: &Windows, phase: usize, window: usize, i: isize, size: usize) -> Option<(isize, bool)> {
    let along = ((window * w.queries) as isize + i) * w.dilation as isize + (phase + w.shift) as isize;
    let size = size as isize;
    if w.shift > 0 && along >= size {
        return Some((along - size, true));
    }
    (0..size).contains(&along).then_some((along, false))
}

/// What a query of a head attends to: the features of the result, in double precision.
fn attended(
    x: &Images,
    w: &Windows,
    positions: Positions,
    [phases, window]: [[usize; 2]; 2],
    query: [usize; 2],
    head: usize,
) -> Vec<f64> {
    let [_, all, h, width] = x.shape;
    let (channels, size) = (all / 3, [h, width]);
    let features = channels / w.heads;
    let place = |at: [isize; 2]| {
        let y = in_window(w, phases[0], window[0], at[0], size[0])?;
        let x = in_window(w, phases[1], window[1], at[1], size[1])?;
        Some(((y.0, x.0), (y.1, x.1)))
    };
    let value = |part: usize, f: usize, at: (isize, isize)| {
        x.at(0, part * channels + head * features + f, at.0, at.1)
    };
    let margin = ((w.keys - w.queries) / 2) as isize;
    let own = place(query.map(|q| q as isize)).unwrap();
    let scale = (features as f64).sqrt().recip();
    let keys = (0..w.keys * w.keys).map(|i| [i / w.keys, i % w.keys]);
    let logits: Vec<(f64, Option<(isize, isize)>)> = keys
        .clone()
        .map(|key| {
            let seen = place(key.map(|k| k as isize - margin));
            let dot = |other: &dyn Fn(usize) -> f64| -> f64 {
                (0..features).map(|f| value(0, f, own.0) * scale * other(f)).sum()
            };
            let mut logit = seen.map_or(0.0, |(at, _)| dot(&|f| value(1, f, at)));
            logit += match positions {
                Positions::Bias(bias) => {
                    let (q, k) = (query[0] * w.queries + query[1], key[0] * w.keys + key[1]);
                    f64::from(bias[(head * w.queries.pow(2) + q) * w.keys.pow(2) + k])
                }
                Positions::Tables(by_row, by_column) => {
                    let row = |axis: usize| {
                        by_row.len() / features / 2 + key[axis] * w.dilation - query[axis] * w.dilation
                    };
                    dot(&|f| {
                        f64::from(by_row[row(0) * features + f]) + f64::from(by_column[row(1) * features + f])
                    })
                }
            };
            if seen.is_some_and(|(_, around)| around != own.1) {
                logit -= 100.0;
            }
            (logit, seen.map(|(at, _)| at))
        })
        .collect();
    let total: f64 = logits.iter().map(|(logit, _)| logit.exp()).sum();
    let share = |f: usize, (logit, at): &(f64, Option<(isize, isize)>)| {
        at.map_or(0.0, |at| logit.exp() / total * value(2, f, at))
    };
    (0..features).map(|f| logits.iter().map(|key| share(f, key)).sum()).collect()
}

#[test]
fn attention_within_windows() {
    let cases = [
        // TBSN's, with a head of its odd sizes; SwinIR's, moved and not.
        (Windows { heads: 2, queries: 4, keys: 6, dilation: 2, shift: 0 }, 16, true),
        (Windows { heads: 3, queries: 4, keys: 6, dilation: 2, shift: 0 }, 5, true),
        (Windows { heads: 1, queries: 2, keys: 4, dilation: 1, shift: 0 }, 21, true),
        (Windows { heads: 6, queries: 8, keys: 8, dilation: 1, shift: 0 }, 10, false),
        (Windows { heads: 3, queries: 8, keys: 8, dilation: 1, shift: 4 }, 10, false),
        (Windows { heads: 2, queries: 4, keys: 4, dilation: 1, shift: 2 }, 8, false),
    ];
    for (w, features, by_tables) in cases {
        let (h, width) = (2 * w.queries * w.dilation, 3 * w.queries * w.dilation);
        let channels = w.heads * features;
        let mut x = Images::new([1, 3 * channels, h, width], 1);
        x.data.iter_mut().for_each(|v| *v *= 4.0);
        let rows = 2 * (w.keys + w.queries) * w.dilation - 1;
        let tables = [values(rows * features, 2), values(rows * features, 3)];
        let bias = values(w.heads * w.queries.pow(2) * w.keys.pow(2), 4);
        let positions =
            if by_tables { Positions::Tables(&tables[0], &tables[1]) } else { Positions::Bias(&bias) };
        let mut out = Images { shape: [1, channels, h, width], data: vec![0.0; h * width * pitch(channels)] };
        windowed_attention(x.view(), w, positions, &mut out.data);
        let count = (h / (w.queries * w.dilation), width / (w.queries * w.dilation));
        for i in 0..count.0 * count.1 * (w.dilation * w.queries).pow(2) {
            let (window, inside) = (i / (w.dilation * w.queries).pow(2), i % (w.dilation * w.queries).pow(2));
            let (phase, query) = (inside / w.queries.pow(2), inside % w.queries.pow(2));
            let phases = [phase / w.dilation, phase % w.dilation];
            let window = [window / count.1, window % count.1];
            let query = [query / w.queries, query % w.queries];
            let at = |axis: usize, size: usize| {
                in_window(&w, phases[axis], window[axis], query[axis] as isize, size).unwrap().0
            };
            for head in 0..w.heads {
                let expected = attended(&x, &w, positions, [phases, window], query, head);
                for (f, expected) in expected.into_iter().enumerate() {
                    let actual = out.at(0, head * features + f, at(0, h), at(1, width));
                    assert!((actual - expected).abs() < 1e-5, "{w:?}, {features}: {actual}, {expected}");
                }
            }
        }
    }
}
