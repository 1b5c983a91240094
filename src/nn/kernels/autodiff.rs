//! Gradients of the kernels.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};

use super::{Geometry, Inputs, Kernels, Perhaps, Slopes};

impl<B: Kernels, C: CheckpointStrategy> Kernels for Autodiff<B, C> {
    fn convolution(
        x: Inputs<Self>,
        weight: FloatTensor<Self>,
        bias: Perhaps<Self>,
        add: Perhaps<Self>,
        geometry: Geometry,
        slopes: Slopes,
    ) -> FloatTensor<Self> {
        // Gradients need what a fused addition would hide: the sign before it.
        let geometry = Geometry { inputs: vec![geometry.channels()], ..geometry };
        let x = Self::concatenation(x);
        let y = activated_convolution::<B, C>(x, weight, bias.into_option(), geometry, slopes.slope);
        match add {
            Perhaps::Given(add) => Self::activated_sum(y, add, slopes.after),
            Perhaps::Absent => y,
        }
    }

    fn activated_sum(a: FloatTensor<Self>, b: FloatTensor<Self>, slope: f32) -> FloatTensor<Self> {
        let prepared = ActivatedSum.prepare::<C>([a.node(), b.node()]).compute_bound().stateful();
        let y = B::activated_sum(a.into_primitive(), b.into_primitive(), slope);
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish((y.clone(), slope), y),
            OpsKind::UnTracked(prepared) => prepared.finish(y),
        }
    }

    fn concatenation(x: Inputs<Self>) -> FloatTensor<Self> {
        let mut x = x.into_vec().into_iter();
        let first = x.next().expect("at least one tensor");
        x.fold(first, concatenation_of_two::<B, C>)
    }

    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = MaxPool.prepare::<C>([x.node()]).compute_bound().stateful();
        let x = x.into_primitive();
        match prepared {
            OpsKind::Tracked(prepared) => prepared.finish(x.clone(), B::max_pool(x)),
            OpsKind::UnTracked(prepared) => prepared.finish(B::max_pool(x)),
        }
    }

    fn upsample_bilinear(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = UpsampleBilinear.prepare::<C>([x.node()]).compute_bound();
        prepared.stateless(B::upsample_bilinear(x.into_primitive()))
    }

    fn upsample(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let prepared = Upsample.prepare::<C>([x.node()]).compute_bound();
        prepared.stateless(B::upsample(x.into_primitive()))
    }
}

/// Convolution, bias and activation of one input.
fn activated_convolution<B: Kernels, C: CheckpointStrategy>(
    x: FloatTensor<Autodiff<B, C>>,
    weight: FloatTensor<Autodiff<B, C>>,
    bias: Option<FloatTensor<Autodiff<B, C>>>,
    geometry: Geometry,
    slope: f32,
) -> FloatTensor<Autodiff<B, C>> {
    let (x_node, weight_node) = (x.node(), weight.node());
    let (x, weight) = (x.into_primitive(), weight.into_primitive());
    let forward = |bias| {
        let slopes = Slopes { slope, after: 1.0 };
        let (x, bias) = (Inputs::One(x.clone()), Perhaps::new(bias));
        B::convolution(x, weight.clone(), bias, Perhaps::Absent, geometry.clone(), slopes)
    };
    let state = |y: &FloatTensor<B>| ConvolutionState::<B> {
        x: x.clone(),
        weight: weight.clone(),
        y: (slope != 1.0).then(|| y.clone()),
        geometry: geometry.clone(),
        slope,
    };
    match bias {
        None => {
            let y = forward(None);
            match ActivatedConvolution.prepare::<C>([x_node, weight_node]).compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish(state(&y), y),
                OpsKind::UnTracked(prepared) => prepared.finish(y),
            }
        }
        Some(bias) => {
            let nodes = [x_node, weight_node, bias.node()];
            let y = forward(Some(bias.into_primitive()));
            match ActivatedConvolution.prepare::<C>(nodes).compute_bound().stateful() {
                OpsKind::Tracked(prepared) => prepared.finish(state(&y), y),
                OpsKind::UnTracked(prepared) => prepared.finish(y),
            }
        }
    }
}

#[derive(Debug)]
struct ActivatedConvolution;

#[derive(Clone, Debug)]
struct ConvolutionState<B: Kernels> {
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    /// The result, where the activation needs it.
    y: Option<FloatTensor<B>>,
    geometry: Geometry,
    slope: f32,
}

impl<B: Kernels, const N: usize> Backward<B, N> for ActivatedConvolution {
    type State = ConvolutionState<B>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let ConvolutionState { x, weight, y, geometry, slope } = ops.state;
        let mut gradient = grads.consume::<B>(&ops.node);
        if let Some(y) = y {
            gradient = B::activation_gradient(gradient, y, slope);
        }
        let parent = |i: usize| ops.parents.get(i).and_then(Option::as_ref);
        if let Some(bias) = parent(2) {
            grads.register::<B>(bias.id, B::bias_gradient(gradient.clone()));
        }
        if let Some(node) = parent(1) {
            let gradient =
                B::convolution_weight_gradient(x.clone(), weight.clone(), gradient.clone(), geometry.clone());
            grads.register::<B>(node.id, gradient);
        }
        if let Some(node) = parent(0) {
            let gradient = B::convolution_input_gradient(x, weight, gradient, geometry);
            grads.register::<B>(node.id, gradient);
        }
    }
}

#[derive(Debug)]
struct ActivatedSum;

impl<B: Kernels> Backward<B, 2> for ActivatedSum {
    type State = (FloatTensor<B>, f32);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let (y, slope) = ops.state;
        let mut gradient = grads.consume::<B>(&ops.node);
        if slope != 1.0 {
            gradient = B::activation_gradient(gradient, y, slope);
        }
        for node in ops.parents.into_iter().flatten() {
            grads.register::<B>(node.id, gradient.clone());
        }
    }
}

fn concatenation_of_two<B: Kernels, C: CheckpointStrategy>(
    a: FloatTensor<Autodiff<B, C>>,
    b: FloatTensor<Autodiff<B, C>>,
) -> FloatTensor<Autodiff<B, C>> {
    let prepared = Concatenation.prepare::<C>([a.node(), b.node()]).compute_bound().stateful();
    let channels = [a.shape()[1], b.shape()[1]];
    let y = B::concatenation(Inputs::Two(a.into_primitive(), b.into_primitive()));
    match prepared {
        OpsKind::Tracked(prepared) => prepared.finish(channels, y),
        OpsKind::UnTracked(prepared) => prepared.finish(y),
    }
}

#[derive(Debug)]
struct Concatenation;

impl<B: Kernels> Backward<B, 2> for Concatenation {
    type State = [usize; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [first, second] = ops.state;
        for (node, (at, count)) in ops.parents.into_iter().zip([(0, first), (first, second)]) {
            if let Some(node) = node {
                grads.register::<B>(node.id, B::channels(gradient.clone(), at, count));
            }
        }
    }
}

#[derive(Debug)]
struct MaxPool;

impl<B: Kernels> Backward<B, 1> for MaxPool {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::max_pool_gradient(ops.state, gradient));
        }
    }
}

#[derive(Debug)]
struct UpsampleBilinear;

impl<B: Kernels> Backward<B, 1> for UpsampleBilinear {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::upsample_bilinear_gradient(gradient));
        }
    }
}

#[derive(Debug)]
struct Upsample;

impl<B: Kernels> Backward<B, 1> for Upsample {
    type State = ();

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        if let [Some(node)] = ops.parents {
            grads.register::<B>(node.id, B::upsample_gradient(gradient));
        }
    }
}
