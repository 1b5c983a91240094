//! Kernels of our own for GPUs, on burn's tensors.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use burn::backend::ops::{FloatTensorOps, ModuleOps};
use burn::backend::wgpu::{CubeBackend, CubeTensor};
use burn::tensor::{DType, Shape, Slice};
use unnoise_kernels::gpu::adam::adam_into;
use unnoise_kernels::gpu::bilinear::double_into;
use unnoise_kernels::gpu::conv::convolve_into;
use unnoise_kernels::gpu::depthwise::depthwise_into;
use unnoise_kernels::gpu::gather::{Axis, gather_into};
use unnoise_kernels::gpu::pixelwise::{Pairwise, pairwise_into};
use unnoise_kernels::gpu::products::{Taps, products};
use unnoise_kernels::gpu::{self, Epilogue, Features, Packed, Weights};

use super::{AdamStep, Geometry, Inputs, Kernels, Perhaps, Slopes, composed};

/// Channels of a result up to which it lies plane by plane: it is an image, or about to become one.
const FEW_CHANNELS: usize = 12;

impl Kernels for CubeBackend {
    fn convolution(
        x: Inputs<Self>,
        weight: CubeTensor,
        bias: Perhaps<Self>,
        add: Perhaps<Self>,
        geometry: Geometry,
        slopes: Slopes,
    ) -> CubeTensor {
        let Some(shared) = shared(&geometry) else {
            return composed::convolution::<Self>(x, weight, bias, add, geometry, slopes);
        };
        let x = x.into_vec();
        let [n, _, height, width] = shape(&x[0]);
        let [out_height, out_width] = geometry.output_size([height, width]);
        let out = [n, geometry.outputs, out_height, out_width];
        let output =
            if geometry.outputs <= FEW_CHANNELS { empty(&x[0], out) } else { empty_image(&x[0], out) };
        let epilogue = Epilogue {
            bias: bias.into_option().map(|bias| bias.handle),
            residual: add.into_option().as_ref().map(features),
            slope: slopes.slope,
            slope_after: slopes.after,
        };
        let client = x[0].client.clone();
        if is_depthwise(&geometry) {
            let x = features(&channels_last(x.into_iter().next().expect("one input")));
            let weights = contiguous(weight).handle;
            depthwise_into(&client, &x, &weights, &epilogue, shared, &features(&output));
        } else {
            let x: Vec<Features> = joined(x).iter().map(features).collect();
            let packed = packed(weight, geometry, shared, &x);
            convolve_into(&client, &x, &packed, &epilogue, &features(&output));
        }
        output
    }

    fn convolution_input_gradient(
        x: CubeTensor,
        weight: CubeTensor,
        gradient: CubeTensor,
        geometry: Geometry,
    ) -> CubeTensor {
        let [.., height, width] = shape(&x);
        let adjoint = geometry.adjoint([height, width]);
        // Turned around, a depthwise convolution has no kernel of its own.
        if geometry.groups > 1 || shared(&adjoint).is_none() {
            return composed::convolution_input_gradient::<Self>(x, weight, gradient, geometry);
        }
        let (bias, add) = (Perhaps::Absent, Perhaps::Absent);
        Self::convolution(Inputs::One(gradient), weight, bias, add, adjoint, Slopes::NONE)
    }

    fn convolution_weight_gradient(
        x: CubeTensor,
        weight: CubeTensor,
        gradient: CubeTensor,
        geometry: Geometry,
    ) -> CubeTensor {
        let Some(shared) = shared(&geometry).filter(|_| geometry.groups == 1) else {
            return composed::convolution_weight_gradient::<Self>(x, weight, gradient, geometry);
        };
        let gpu::Geometry { kernel, stride, padding, dilation, transposed } = shared;
        let taps = Taps { kernel, stride, padding, dilation };
        // The weights of a transposed convolution spread its inputs over its outputs.
        let (still, moved) = if transposed { (&x, &gradient) } else { (&gradient, &x) };
        let handle = products(&x.client, &features(still), &features(moved), taps);
        CubeTensor::new_contiguous(x.client, x.device, Shape::from(shape(&weight)), handle, DType::F32)
    }

    fn bias_gradient(gradient: CubeTensor) -> CubeTensor {
        let [n, c, h, w] = shape(&gradient);
        let pixels = Self::float_reshape(by_pixel(gradient), Shape::from([n * h * w, c]));
        Self::float_reshape(Self::float_sum_dim(pixels, 0), Shape::from([c]))
    }

    fn activation_gradient(gradient: CubeTensor, y: CubeTensor, slope: f32) -> CubeTensor {
        of_images(Pairwise::ActivationGradient, gradient, y, slope)
    }

    fn activated_sum(a: CubeTensor, b: CubeTensor, slope: f32) -> CubeTensor {
        of_images(Pairwise::ActivatedSum, a, b, slope)
    }

    fn concatenation(x: Inputs<Self>) -> CubeTensor {
        match x {
            Inputs::One(x) => x,
            several => by_image(Self::float_cat(several.into_vec().into_iter().map(by_pixel).collect(), 3)),
        }
    }

    fn channels(x: CubeTensor, first: usize, count: usize) -> CubeTensor {
        let some = Slice::new(first as isize, Some((first + count) as isize), 1);
        let all = Slice::new(0, None, 1);
        by_image(Self::float_slice(by_pixel(x), &[all, all, all, some]))
    }

    fn upsample(x: CubeTensor) -> CubeTensor {
        let Features { shape: [n, c, h, w], strides: [sn, sc, sh, sw], .. } = features(&x);
        let output = empty_image(&x, [n, c, 2 * h, 2 * w]);
        let axes = [
            Axis::plain(n, sn),
            Axis::split(2 * h, 2, sh, 0),
            Axis::split(2 * w, 2, sw, 0),
            Axis::plain(c, sc),
        ];
        gather_into(&x.client, &x.handle, &output.handle, axes);
        output
    }

    fn upsample_bilinear(x: CubeTensor) -> CubeTensor {
        let [n, c, h, w] = shape(&x);
        if !c.is_multiple_of(4) {
            return composed::upsample_linear::<Self>(composed::upsample_linear::<Self>(x, 2), 3);
        }
        let x = channels_last(x);
        let output = empty_image(&x, [n, c, 2 * h, 2 * w]);
        double_into(&x.client, &x.handle, [n, c, h, w], &output.handle);
        output
    }

    fn upsample_gradient(gradient: CubeTensor) -> CubeTensor {
        let means = Self::avg_pool2d(gradient, [2, 2], [2, 2], [0, 0], true, false);
        by_image(Self::float_mul_scalar(by_pixel(means), 4.0.into()))
    }

    fn adam(
        weights: CubeTensor,
        gradient: CubeTensor,
        means: CubeTensor,
        squares: CubeTensor,
        step: AdamStep,
    ) -> (CubeTensor, CubeTensor, CubeTensor) {
        let from = [weights, means, squares].map(in_order);
        let [weights, means, squares] = &from;
        let to = from.each_ref().map(beside);
        adam_into(
            &weights.client,
            &step,
            &in_order(gradient).handle,
            [&weights.handle, &means.handle, &squares.handle],
            to.each_ref().map(|x| &x.handle),
            weights.meta.num_elements(),
        );
        to.into()
    }

    fn mix(a: CubeTensor, b: CubeTensor, keep: f32) -> CubeTensor {
        let (a, b) = (in_order(a), in_order(b));
        let output = beside(&a);
        let count = a.meta.num_elements();
        pairwise_into(&a.client, Pairwise::Mix, [&a.handle, &b.handle], keep, &output.handle, count);
        output
    }
}

/// The convolution as the kernels take it; `None` for those that they do not do: groups, unless of one channel, and
/// transposed ones with a stride and a dilation.
fn shared(geometry: &Geometry) -> Option<gpu::Geometry> {
    let Geometry { stride, dilation, .. } = geometry;
    let square = stride[0] == stride[1] && dilation[0] == dilation[1];
    let known = !geometry.transposed || stride[0] == 1 || dilation[0] == 1;
    let grouped = geometry.groups == 1 || is_depthwise(geometry);
    (square && known && grouped).then(|| gpu::Geometry {
        kernel: geometry.kernel,
        stride: stride[0],
        padding: [geometry.padding[0], geometry.padding[2]],
        dilation: dilation[0],
        transposed: geometry.transposed,
    })
}

/// Whether every channel is convolved by itself, four at a time.
fn is_depthwise(geometry: &Geometry) -> bool {
    let channels = geometry.groups;
    let alone = geometry.inputs == [channels] && geometry.outputs == channels && channels > 1;
    alone && channels.is_multiple_of(4) && !geometry.transposed
}

/// Two inputs at most: what is more is concatenated.
fn joined(x: Vec<CubeTensor>) -> Vec<CubeTensor> {
    if x.len() <= 2 {
        return x;
    }
    vec![CubeBackend::concatenation(Inputs::new(x))]
}

/// Packed weights, by where the weights lie and what they are packed for.
type Cache = HashMap<(usize, Option<u64>, [usize; 4], Geometry), (CubeTensor, Packed)>;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// The weights as workgroups read them: packed once, for as long as the tensor lives. As the cache holds the weights too,
/// burn copies before it writes to them.
fn packed(weight: CubeTensor, geometry: Geometry, shared: gpu::Geometry, x: &[Features]) -> Packed {
    let owner = weight.clone();
    let id = owner.handle.memory.clone().binding().id().value;
    let key = (id, owner.handle.offset_start, features(&weight).strides, geometry);
    let mut cache = CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, packed)) = cache.get(&key) {
        return packed.clone();
    }
    let inputs: Vec<usize> = x.iter().map(|x| x.shape[1]).collect();
    let client = weight.client.clone();
    let packed = Packed::new(&client, &weights(weight, &key.3), shared, &inputs, key.3.outputs);
    // What nobody else holds is gone.
    cache.retain(|_, (owner, _)| !owner.can_mut());
    cache.insert(key, (owner, packed.clone()));
    packed
}

fn weights(weight: CubeTensor, geometry: &Geometry) -> Weights {
    let weight = contiguous(weight);
    let [first, second, h, w] = shape(&weight);
    let (far, near) = (second * h * w, h * w);
    let (output_step, input_step) = if geometry.transposed { (near, far) } else { (far, near) };
    Weights { handle: weight.handle, output_step, input_step, len: first * far }
}

/// The same numbers in the order of the shape.
pub(super) fn contiguous(x: CubeTensor) -> CubeTensor {
    if x.is_contiguous() {
        return x;
    }
    let Features { shape, strides, handle } = features(&x);
    let output = empty(&x, shape);
    gather_into(
        &x.client,
        &handle,
        &output.handle,
        std::array::from_fn(|i| Axis::plain(shape[i], strides[i])),
    );
    output
}

/// The same numbers, of any rank, in the order of the shape.
fn in_order(x: CubeTensor) -> CubeTensor {
    if x.is_contiguous() {
        return x;
    }
    let shape = x.meta.shape().clone();
    let flat = CubeBackend::float_reshape(x, Shape::from([shape.num_elements()]));
    CubeBackend::float_reshape(flat, shape)
}

/// A tensor of the shape of `like`, beside it, with nothing in it yet.
fn beside(like: &CubeTensor) -> CubeTensor {
    empty(like, like.meta.shape().clone())
}

/// One number of each pair of two image batches.
fn of_images(what: Pairwise, a: CubeTensor, b: CubeTensor, factor: f32) -> CubeTensor {
    let (a, b) = (channels_last(a), channels_last(b));
    let output = empty_image(&a, shape(&a));
    let count = output.meta.num_elements();
    pairwise_into(&a.client, what, [&a.handle, &b.handle], factor, &output.handle, count);
    output
}

/// `[N, C, H, W]` as `[N, H, W, C]`, in the order of its memory: burn's operations are fast there.
fn by_pixel(x: CubeTensor) -> CubeTensor {
    CubeBackend::float_permute(channels_last(x), &[0, 2, 3, 1])
}

/// Undoes [`by_pixel`].
fn by_image(x: CubeTensor) -> CubeTensor {
    CubeBackend::float_permute(x, &[0, 3, 1, 2])
}

/// Shape of an image batch, `[N, C, H, W]`.
pub(super) fn shape(x: &CubeTensor) -> [usize; 4] {
    std::array::from_fn(|i| x.meta.shape()[i])
}

pub(super) fn features(x: &CubeTensor) -> Features {
    Features {
        handle: x.handle.clone(),
        shape: shape(x),
        strides: std::array::from_fn(|i| x.meta.strides()[i]),
    }
}

/// A tensor beside `like` with nothing in it yet.
fn empty(like: &CubeTensor, shape: impl Into<Shape>) -> CubeTensor {
    let shape = shape.into();
    let handle = like.client.empty(4 * shape.num_elements());
    CubeTensor::new_contiguous(like.client.clone(), like.device.clone(), shape, handle, DType::F32)
}

/// An image batch `[N, C, H, W]`, channels last in memory, with nothing in it yet.
pub(super) fn empty_image(like: &CubeTensor, [n, c, h, w]: [usize; 4]) -> CubeTensor {
    CubeBackend::float_permute(empty(like, [n, h, w, c]), &[0, 3, 1, 2])
}

/// Whether an image batch lies channels last in memory, without gaps.
fn is_channels_last(x: &CubeTensor) -> bool {
    let [n, c, h, w] = shape(x);
    let wanted = [h * w * c, 1, w * c, c];
    let sizes = [n, c, h, w];
    (0..4).all(|i| sizes[i] == 1 || x.meta.strides()[i] == wanted[i])
}

/// The image batch, channels last in memory.
pub(super) fn channels_last(x: CubeTensor) -> CubeTensor {
    if is_channels_last(&x) {
        return x;
    }
    let from = features(&x);
    let [n, c, h, w] = from.shape;
    let [sn, sc, sh, sw] = from.strides;
    let output = empty_image(&x, from.shape);
    let axes = [Axis::plain(n, sn), Axis::plain(h, sh), Axis::plain(w, sw), Axis::plain(c, sc)];
    gather_into(&x.client, &x.handle, &output.handle, axes);
    output
}
