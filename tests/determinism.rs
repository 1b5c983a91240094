//! One seed, one result. In a process of its own: a backend's random numbers are shared by all threads.

use std::sync::Arc;

use pollster::block_on;
use unnoise::Kind;
use unnoise::device::Backend;
use unnoise::models::Model;
use unnoise::photo::{Photo, Samples};
use unnoise::train::{Options, Trainer};
use unnoise::weights::StateDict;

fn weights(seed: u64) -> StateDict {
    let device = block_on(Backend::Flex.open()).unwrap();
    block_on(Model::random("rednet", "small", seed, &device).unwrap().export()).unwrap()
}

/// Weights after some steps on a photo that looks like noise.
fn trained(seed: u64) -> StateDict {
    let device = block_on(Backend::Flex.open()).unwrap();
    let model = Model::random("unet", "small", 1, &device).unwrap();
    let samples = (0..96 * 96 * 3).map(|i: usize| (i * 7919 % 251) as u8).collect();
    let photo = Arc::new(Photo::new(96, 96, 3, false, Samples::U8(samples)).unwrap());
    let options = Options { steps: Some(6), batch: Some(2), patch: Some(32), seed, ..Options::default() };
    let mut trainer = Trainer::new(model, &[photo], None, options).unwrap();
    while trainer.progress().step < 5 {
        block_on(trainer.step()).unwrap();
    }
    block_on(trainer.current().network().export()).unwrap()
}

/// One test: fresh weights are drawn from a generator that a backend's threads share.
#[test]
fn a_seed_fixes_fresh_weights_and_what_is_learned() {
    assert_eq!(trained(5), trained(5));
    assert_ne!(trained(5), trained(6));
    assert_eq!(weights(5), weights(5));
    assert_ne!(weights(5), weights(6));
    let device = block_on(Backend::Flex.open()).unwrap();
    let error = Model::random("rednet", "huge", 1, &device).unwrap_err();
    assert_eq!(error.kind(), Kind::Option);
}
