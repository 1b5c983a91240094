//! Between a [`StateDict`] and a burn [`Module`].

use std::collections::{BTreeMap, BTreeSet};

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};

use super::{Array, StateDict};
use crate::error::{Error, Kind, Result};
use crate::nn::read;

/// Puts the arrays of `state` into `module`. `key` turns a parameter's path in the module (PyTorch's names within a
/// layer: `weight`, `bias`, `running_mean`, ...) into its official key.
///
/// # Errors
/// [`Kind::Weights`] when an array is missing, of another shape, or left over; the message names the first three.
pub fn load<M: Module>(module: M, state: &StateDict, key: impl Fn(&str) -> String) -> Result<M> {
    let mut loader =
        Loader { path: Path::default(), state, key: &key, used: BTreeSet::new(), problems: Vec::new() };
    let module = module.map(&mut loader);
    let Loader { used, mut problems, .. } = loader;
    problems.extend(
        state
            .arrays
            .keys()
            .filter(|k| !used.contains(k.as_str()))
            .map(|k| format!("`{k}` is not part of the network")),
    );
    if problems.is_empty() {
        return Ok(module);
    }
    let count = problems.len();
    problems.truncate(3);
    let more = if count > 3 { format!("; and {} more", count - 3) } else { String::new() };
    let message = format!("these weights do not fit the network: {}{more}", problems.join("; "));
    Err(Error::new(Kind::Weights, message))
}

/// Reads all parameters of `module` back, under the keys that [`load`] takes. Asynchronous because a browser's GPU
/// can be read in no other way.
///
/// # Errors
/// [`Kind::Device`] when the device fails.
pub async fn export<M: Module>(module: &M, key: impl Fn(&str) -> String) -> Result<StateDict> {
    collect(module, None, key).await
}

/// The gradients of the parameters of `module`, as [`export`] gives their values; those that have none are left out.
///
/// # Errors
/// [`Kind::Device`] when the device fails.
pub async fn export_gradients<M: Module>(
    module: &M,
    gradients: &GradientsParams,
    key: impl Fn(&str) -> String,
) -> Result<StateDict> {
    collect(module, Some(gradients), key).await
}

async fn collect<M: Module>(
    module: &M,
    gradients: Option<&GradientsParams>,
    key: impl Fn(&str) -> String,
) -> Result<StateDict> {
    let mut collector = Collector { path: Path::default(), gradients, found: Vec::new() };
    module.visit(&mut collector);
    let mut arrays = BTreeMap::new();
    for found in collector.found {
        let data = read(found.values).await?;
        let array = if found.transposed {
            transpose(&Array { shape: found.shape, data })
        } else {
            Array { shape: found.shape, data }
        };
        arrays.insert(key(&found.path), array);
    }
    Ok(StateDict { arrays, metadata: BTreeMap::new() })
}

/// Where a walk through a module is, in PyTorch's terms.
#[derive(Default)]
struct Path {
    segments: Vec<String>,
    containers: Vec<String>,
}

impl Path {
    fn enter(&mut self, name: &str, container: &str) {
        self.containers.push(container.to_string());
        // burn calls the scale and shift of a normalisation gamma and beta.
        self.segments.push(match (container, name) {
            ("Struct:BatchNorm" | "Struct:LayerNorm" | "Struct:GroupNorm", "gamma") => "weight".into(),
            ("Struct:BatchNorm" | "Struct:LayerNorm" | "Struct:GroupNorm", "beta") => "bias".into(),
            _ => name.to_string(),
        });
    }

    fn exit(&mut self) {
        self.containers.pop();
        self.segments.pop();
    }

    /// The path, without the names of enum variants.
    fn joined(&self) -> String {
        let named = self.segments.iter().zip(&self.containers);
        let parts: Vec<&str> = named
            .filter(|(_, container)| !container.starts_with("Enum:"))
            .map(|(segment, _)| segment.as_str())
            .collect();
        parts.join(".")
    }

    /// burn keeps a linear layer's weight as (in, out), PyTorch as (out, in).
    fn is_transposed(&self) -> bool {
        self.containers.last().is_some_and(|c| c == "Struct:Linear")
            && self.segments.last().is_some_and(|s| s == "weight")
    }
}

struct Loader<'a, F> {
    path: Path,
    state: &'a StateDict,
    key: &'a F,
    used: BTreeSet<String>,
    problems: Vec<String>,
}

impl<F: Fn(&str) -> String> ModuleMapper for Loader<'_, F> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let key = (self.key)(&self.path.joined());
        let Some(array) = self.state.arrays.get(&key) else {
            self.problems.push(format!("`{key}` is missing"));
            return param;
        };
        let array =
            if self.path.is_transposed() && array.shape.len() == 2 { &transpose(array) } else { array };
        self.used.insert(key.clone());
        let expected = param.lazy_shape().to_vec();
        if array.shape != expected {
            let (got, want) = if self.path.is_transposed() {
                (array.shape.iter().rev().copied().collect(), expected.into_iter().rev().collect())
            } else {
                (array.shape.clone(), expected)
            };
            self.problems.push(format!("`{key}` has the shape {got:?} instead of {want:?}"));
            return param;
        }
        let data = TensorData::new(array.data.clone(), array.shape.clone());
        let tensor = Tensor::from_data(data, &param.lazy_device());
        let id = param.id;
        param.transform_for_load(tensor, id)
    }
}

struct Found {
    path: String,
    shape: Vec<usize>,
    transposed: bool,
    values: Tensor<1>,
}

struct Collector<'a> {
    path: Path,
    /// What is collected instead of the values.
    gradients: Option<&'a GradientsParams>,
    found: Vec<Found>,
}

impl ModuleVisitor for Collector<'_> {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.path.enter(name, container_type);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let tensor = match self.gradients {
            None => param.val(),
            Some(gradients) => match gradients.get::<D>(param.id) {
                Some(gradient) => gradient,
                None => return,
            },
        };
        let shape = tensor.dims().to_vec();
        self.found.push(Found {
            path: self.path.joined(),
            values: tensor.reshape([shape.iter().product::<usize>()]),
            transposed: self.path.is_transposed(),
            shape,
        });
    }
}

fn transpose(array: &Array) -> Array {
    let (rows, columns) = (array.shape[0], array.shape[1]);
    let data = (0..array.data.len()).map(|i| array.data[(i % rows) * columns + i / rows]).collect();
    Array { shape: vec![columns, rows], data }
}
