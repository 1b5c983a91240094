//! The kernels on the CPU, by `unnoise-kernels`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use burn::backend::flex::{FlexTensor, Layout};
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::{Bytes, DType, Shape};
use unnoise_kernels::{
    AdamStep, Addend, Convolution, Epilogue, Geometry, Strided, View, activation_gradient, adam, add,
    bias_gradient, max_pool_2x2, max_pool_2x2_gradient, mix, pitch, pixel_means, residual_block,
    to_channels_last, upsample_bilinear_2x, upsample_bilinear_2x_gradient, upsample_nearest_2x,
    upsample_nearest_2x_gradient, weight_gradient,
};

use super::{Inputs, Kernels, Perhaps, Slopes};

impl Kernels for Flex {
    fn convolution(
        x: Inputs<Self>,
        weight: FlexTensor,
        bias: Perhaps<Self>,
        add: Perhaps<Self>,
        geometry: Geometry,
        slopes: Slopes,
    ) -> FlexTensor {
        let x: Vec<FlexTensor> = x.into_vec().into_iter().map(channels_last).collect();
        let inputs: Vec<View> = x.iter().map(view).collect();
        let [height, width] = geometry.output_size([inputs[0].height, inputs[0].width]);
        let shape = [inputs[0].batch, geometry.outputs, height, width];
        let bias = bias.into_option().map(contiguous);
        let epilogue =
            |add| Epilogue { bias: bias.as_deref(), slope: slopes.slope, add, slope_after: slopes.after };
        let convolution = packed(weight, geometry);
        let mut add = add.into_option().map(channels_last);
        if let Some(out) = add.as_mut().and_then(owned) {
            // Nobody else wants what is added: the result takes its place, so that there is one image less.
            convolution.run(&inputs, &epilogue(Addend::Output), out);
            return add.expect("what is added");
        }
        let mut out = blank(shape);
        let add = add.as_ref().map_or(Addend::Nothing, |add| Addend::Images(view(add)));
        convolution.run(&inputs, &epilogue(add), &mut out);
        tensor(out, shape)
    }

    fn residual_block(
        x: FlexTensor,
        first: FlexTensor,
        second: FlexTensor,
        geometry: Geometry,
    ) -> FlexTensor {
        let shape = x.shape().dims();
        let layers = [packed(first, geometry.clone()), packed(second, geometry)];
        let layers = [&*layers[0], &*layers[1]];
        changed(x, |x| residual_block(layers, x, shape))
    }

    fn convolution_input_gradient(
        x: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        geometry: Geometry,
    ) -> FlexTensor {
        let [.., height, width] = x.shape().dims::<4>();
        let adjoint = geometry.adjoint([height, width]);
        Self::convolution(
            Inputs::One(gradient),
            weight,
            Perhaps::Absent,
            Perhaps::Absent,
            adjoint,
            Slopes::NONE,
        )
    }

    fn convolution_weight_gradient(
        x: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        geometry: Geometry,
    ) -> FlexTensor {
        let (x, gradient) = (channels_last(x), channels_last(gradient));
        let values = weight_gradient(&geometry, view(&x), view(&gradient));
        FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(weight.shape()), DType::F32)
    }

    fn bias_gradient(gradient: FlexTensor) -> FlexTensor {
        let sums = bias_gradient(view(&channels_last(gradient)));
        let shape = Shape::from([sums.len()]);
        FlexTensor::new(Bytes::from_elems(sums), Layout::contiguous(shape), DType::F32)
    }

    fn activation_gradient(gradient: FlexTensor, y: FlexTensor, slope: f32) -> FlexTensor {
        let y = channels_last(y);
        changed(gradient, |gradient| activation_gradient(gradient, view(&y).data, slope))
    }

    fn activated_sum(a: FlexTensor, b: FlexTensor, slope: f32) -> FlexTensor {
        let b = channels_last(b);
        changed(a, |a| add(a, view(&b).data, slope))
    }

    fn concatenation(x: Inputs<Self>) -> FlexTensor {
        let x = match x {
            Inputs::One(x) => return x,
            several => several.into_vec(),
        };
        let x: Vec<FlexTensor> = x.into_iter().map(channels_last).collect();
        let views: Vec<View> = x.iter().map(view).collect();
        let channels = views.iter().map(|x| x.channels).sum();
        let shape = [views[0].batch, channels, views[0].height, views[0].width];
        let mut out = blank(shape);
        for (i, pixel) in out.chunks_exact_mut(pitch(channels)).enumerate() {
            let mut at = 0;
            for x in &views {
                let from = i * x.pitch();
                pixel[at..at + x.channels].copy_from_slice(&x.data[from..from + x.channels]);
                at += x.channels;
            }
        }
        tensor(out, shape)
    }

    fn channels(x: FlexTensor, first: usize, count: usize) -> FlexTensor {
        let [n, _, h, w] = x.shape().dims();
        let strides = x.layout().strides().to_vec();
        let offset = x.layout().start_offset() + first * strides[1].unsigned_abs();
        x.with_layout(Layout::new(Shape::from([n, count, h, w]), strides, offset))
    }

    fn pixel_mean(x: FlexTensor) -> FlexTensor {
        let [n, c, _, _] = x.shape().dims();
        let means = pixel_means(view(&channels_last(x)));
        FlexTensor::new(Bytes::from_elems(means), Layout::contiguous(Shape::from([n, c, 1, 1])), DType::F32)
    }

    fn max_pool(x: FlexTensor) -> FlexTensor {
        let x = channels_last(x);
        let view = view(&x);
        let shape = [view.batch, view.channels, view.height / 2, view.width / 2];
        let mut out = blank(shape);
        max_pool_2x2(view, &mut out);
        tensor(out, shape)
    }

    fn max_pool_gradient(x: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let shape = x.shape().dims();
        let (x, gradient) = (channels_last(x), channels_last(gradient));
        tensor(max_pool_2x2_gradient(view(&x), view(&gradient)), shape)
    }

    fn upsample(x: FlexTensor) -> FlexTensor {
        let x = channels_last(x);
        let view = view(&x);
        let shape = [view.batch, view.channels, 2 * view.height, 2 * view.width];
        let mut out = blank(shape);
        upsample_nearest_2x(view, &mut out);
        tensor(out, shape)
    }

    fn upsample_bilinear(x: FlexTensor) -> FlexTensor {
        let x = channels_last(x);
        let view = view(&x);
        let shape = [view.batch, view.channels, 2 * view.height, 2 * view.width];
        let mut out = blank(shape);
        upsample_bilinear_2x(view, &mut out);
        tensor(out, shape)
    }

    fn upsample_bilinear_gradient(gradient: FlexTensor) -> FlexTensor {
        let [n, c, h, w] = gradient.shape().dims();
        tensor(upsample_bilinear_2x_gradient(view(&channels_last(gradient))), [n, c, h / 2, w / 2])
    }

    fn upsample_gradient(gradient: FlexTensor) -> FlexTensor {
        let [n, c, h, w] = gradient.shape().dims();
        tensor(upsample_nearest_2x_gradient(view(&channels_last(gradient))), [n, c, h / 2, w / 2])
    }

    fn adam(
        weights: FlexTensor,
        gradient: FlexTensor,
        means: FlexTensor,
        squares: FlexTensor,
        step: AdamStep,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let [mut weights, mut means, mut squares] = [weights, means, squares].map(in_order);
        let gradient = in_order(gradient);
        adam(&step, gradient.storage(), weights.storage_mut(), means.storage_mut(), squares.storage_mut());
        (weights, means, squares)
    }

    fn mix(a: FlexTensor, b: FlexTensor, keep: f32) -> FlexTensor {
        let (mut a, b) = (in_order(a), in_order(b));
        mix(a.storage_mut(), b.storage(), keep);
        a
    }
}

/// Values for images of this shape, with those that fill up to the pitch.
pub(super) fn blank([n, c, h, w]: [usize; 4]) -> Vec<f32> {
    vec![0.0; n * h * w * pitch(c)]
}

/// Images that lie channels last.
pub(super) fn tensor(values: Vec<f32>, [n, c, h, w]: [usize; 4]) -> FlexTensor {
    let pitch = pitch(c) as isize;
    let strides = vec![h as isize * w as isize * pitch, 1, w as isize * pitch, pitch];
    FlexTensor::new(Bytes::from_elems(values), Layout::new(Shape::from([n, c, h, w]), strides, 0), DType::F32)
}

fn strided(x: &FlexTensor) -> Strided<'_> {
    let (layout, shape) = (x.layout(), x.shape().dims());
    let strides = <[isize; 4]>::try_from(layout.strides()).expect("four dimensions");
    Strided { data: x.storage(), offset: layout.start_offset(), shape, strides }
}

/// The same images, channels last; nothing is copied where they already are.
pub(super) fn channels_last(x: FlexTensor) -> FlexTensor {
    let strided = strided(&x);
    if strided.is_channels_last() {
        return x;
    }
    let mut out = vec![0.0; strided.floats()];
    to_channels_last(&strided, &mut out);
    let shape = strided.shape;
    tensor(out, shape)
}

/// Looks at images that lie channels last.
pub(super) fn view(x: &FlexTensor) -> View<'_> {
    let strided = strided(x);
    View::new(&strided.data[strided.offset..strided.offset + strided.floats()], strided.shape)
}

/// The values of images that lie channels last, if nobody else holds them.
fn owned(x: &mut FlexTensor) -> Option<&mut [f32]> {
    let whole = strided(x).floats() == x.storage::<f32>().len();
    whole.then(|| x.try_storage_mut()).flatten()
}

/// Images with other values, in the place of `x` where nobody else holds it.
pub(super) fn changed(x: FlexTensor, change: impl FnOnce(&mut [f32])) -> FlexTensor {
    let mut x = channels_last(x);
    if let Some(values) = owned(&mut x) {
        change(values);
        return x;
    }
    let mut values = view(&x).data.to_vec();
    change(&mut values);
    tensor(values, x.shape().dims())
}

/// The same numbers, which are all that the storage holds, in burn's order.
fn in_order(x: FlexTensor) -> FlexTensor {
    if x.is_contiguous() && x.storage::<f32>().len() == x.shape().num_elements() {
        return x;
    }
    let shape = x.shape();
    FlexTensor::new(Bytes::from_elems(contiguous(x)), Layout::contiguous(shape), DType::F32)
}

/// Values in burn's order.
pub(super) fn contiguous(x: FlexTensor) -> Vec<f32> {
    x.to_contiguous().as_slice::<f32>().expect("contiguous floats").to_vec()
}

/// Packed weights, by where the weights lie and what they are packed for.
type Cache = HashMap<(usize, Geometry), (Weak<Bytes>, Arc<Convolution>)>;

static CACHE: LazyLock<Mutex<Cache>> = LazyLock::new(Mutex::default);

/// The convolution with these weights: packed once, for as long as the tensor lives and is not written to. The weak
/// reference keeps the address from being given to others, and makes burn copy before it writes.
fn packed(weight: FlexTensor, geometry: Geometry) -> Arc<Convolution> {
    let weight = weight.to_contiguous();
    let values = weight.as_slice::<f32>().expect("contiguous floats");
    let owner = weight.data_arc();
    let key = (values.as_ptr() as usize, geometry);
    let cache = || CACHE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((known, convolution)) = cache().get(&key)
        && known.as_ptr() == Arc::as_ptr(&owner)
        && known.strong_count() > 0
    {
        return Arc::clone(convolution);
    }
    let convolution = Arc::new(Convolution::new(values, key.1.clone()));
    let mut cache = cache();
    cache.retain(|_, (owner, _)| owner.strong_count() > 0);
    cache.insert(key, (Arc::downgrade(&owner), Arc::clone(&convolution)));
    convolution
}
