//! One seed, one result. In a process of its own: a backend's random numbers are shared by all threads.

use pollster::block_on;
use unnoise::Kind;
use unnoise::device::Backend;
use unnoise::models::Network;
use unnoise::weights::StateDict;

fn weights(seed: u64) -> StateDict {
    let device = block_on(Backend::Flex.open()).unwrap();
    block_on(Network::random("rednet", "small", seed, &device).unwrap().export()).unwrap()
}

#[test]
fn a_seed_fixes_the_weights_of_a_fresh_network() {
    assert_eq!(weights(5), weights(5));
    assert_ne!(weights(5), weights(6));
    let device = block_on(Backend::Flex.open()).unwrap();
    let error = Network::random("rednet", "huge", 1, &device).unwrap_err();
    assert_eq!(error.kind(), Kind::Option);
}
