//! Any bytes as the file of a noise model: it can be told and drawn from, or is refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use unnoise::noise::NoiseModel;
use unnoise::photo::Planar;

fuzz_target!(|json: &str| {
    let Ok(model) = NoiseModel::from_json(json) else { return };
    let written = model.to_json().expect("what was read can be written");
    let again = NoiseModel::from_json(&written).expect("what was written can be read");
    assert_eq!(again.to_json().expect("and written again"), written);
    assert!(!model.summary().to_string().is_empty());
    let noisy = model.sampler().noisy(&clean(), &mut ChaCha8Rng::seed_from_u64(1));
    assert!(noisy.data.iter().all(|value| (0.0..=1.0).contains(value)), "{:?}", noisy.data);
});

/// From black to white.
fn clean() -> Planar {
    let (channels, height, width) = (3, 12, 20);
    let count = channels * height * width;
    let data = (0..count).map(|i| i as f32 / (count - 1) as f32).collect();
    Planar { channels, height, width, data }
}
