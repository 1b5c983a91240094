//! Any bytes as weights, safetensors or a checkpoint of PyTorch's: a network's, or refused.

#![no_main]

use std::sync::LazyLock;

use burn::tensor::Device;
use libfuzzer_sys::fuzz_target;
use unnoise::device::Backend;
use unnoise::models::Model;
use unnoise::weights::StateDict;

static DEVICE: LazyLock<Device> =
    LazyLock::new(|| pollster::block_on(Backend::Flex.open()).expect("the CPU is always there"));

fuzz_target!(|bytes: &[u8]| {
    let Ok(state) = StateDict::read(bytes) else { return };
    for (name, array) in &state.arrays {
        assert_eq!(array.shape.iter().product::<usize>(), array.data.len(), "{name}");
    }
    _ = Model::from_state(&state, &DEVICE);
});
