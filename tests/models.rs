//! The list of networks: cards, presets, recognition, and models that load what they export.

use pollster::block_on;
use unnoise::Kind;
use unnoise::device::Backend;
use unnoise::inference::{Job, Options};
use unnoise::models::*;
use unnoise::photo::{Photo, Samples};
use unnoise::weights::StateDict;

use burn::tensor::Device;

fn device() -> Device {
    block_on(Backend::Flex.open()).unwrap()
}

fn exported(network: &impl Architecture) -> StateDict {
    block_on(network.export()).unwrap()
}

#[test]
fn cards_are_unique_and_one_is_the_default() {
    for card in &CARDS {
        assert_eq!(CARDS.iter().filter(|c| c.id == card.id).count(), 1, "{}", card.id);
        assert!(CARDS.iter().any(|c| c.id == card.family), "{}", card.family);
        assert_eq!(unnoise::models::card(card.id).unwrap(), card);
    }
    assert_eq!(CARDS.iter().filter(|c| c.default).count(), 1);
    let error = unnoise::models::card("noise3noise").unwrap_err();
    assert_eq!(error.kind(), Kind::Model);
    assert!(error.to_string().contains("noise2noise"));
}

/// Small networks with random weights, by the ids of their cards: some options of each.
fn small(device: &Device) -> Vec<(&'static str, StateDict)> {
    let blind = hq_ssl::BlindUNetConfig::new().with_features(4);
    let mean = blind.clone().with_outputs(3);
    let student = distilled_unet::UNetConfig::new().with_features(4);
    let neighbours = neighbor2neighbor::UNetConfig::new().with_features(4).with_last(8);
    let gray = neighbours.clone().with_channels(1).with_outputs(1);
    let nvlabs = noise2noise_nvlabs::UNetConfig::new().with_encoder(4).with_decoder(8);
    let rednet = rednet::RedNetConfig::new().with_features(4);
    let noise2void = noise2void::UNetConfig::new().with_features(4);
    let noise2noise = noise2noise::UNetConfig::new().with_encoder(4).with_decoder(8);
    let unet = unet::UNetConfig::new().with_widths(vec![8, 8, 8]);
    let tbsn = tbsn::TbsnConfig::new().with_dim(8).with_blocks([1, 1, 1]).with_refinement(1);
    let swin = masked_denoising::SwinIrConfig::new().with_dim(12).with_depths(vec![2]).with_heads(vec![3]);
    let gray_swin = swin.clone().with_channels(1).with_window(4);
    let other_swin = swin.clone().with_single_conv(true).with_qkv_bias(false).with_patch_norm(false);
    vec![
        ("tbsn", exported(&tbsn.init(device))),
        ("tbsn", exported(&tbsn.with_channels(1).init(device))),
        ("masked-denoising", exported(&swin.init(device))),
        ("masked-denoising", exported(&gray_swin.init(device))),
        ("masked-denoising", exported(&other_swin.init(device))),
        ("unet", exported(&unet.init(device))),
        ("noise2noise", exported(&noise2noise.init(device))),
        ("noise2noise", exported(&noise2noise.with_channels(1).init(device))),
        ("noise2noise-nvlabs", exported(&nvlabs.init(device))),
        ("neighbor2neighbor", exported(&neighbours.init(device))),
        ("neighbor2neighbor", exported(&gray.with_blind(true).init(device))),
        ("noise2void", exported(&noise2void.with_depth(3).with_n2v2(true).init(device))),
        ("hq-ssl", exported(&hq_ssl::HqSslConfig::new(blind).init(device))),
        ("rednet", exported(&rednet.init(device))),
        ("rednet", exported(&rednet.with_stride(1).with_channels(1).init(device))),
        ("distilled-unet", exported(&student.init(device))),
        ("sasl-unet", exported(&sasl::UNet::init(&student, device))),
        ("sasl-bnn", exported(&sasl::Bnn::init(&mean.with_shift(5), device))),
        ("sasl-lan", exported(&sasl::LanConfig::new().with_features(16).init(device))),
    ]
}

#[test]
fn every_network_loads_what_it_exports_and_takes_any_size() {
    let device = device();
    device.seed(8);
    for (id, state) in small(&device) {
        let model = Model::load(id, &state, &device).unwrap();
        assert_eq!(block_on(model.export()).unwrap(), state, "{id}");
        for (width, height) in [(1, 1), (7, 5), (74, 37)] {
            let samples = (0..width * height * 3).map(|v| (v % 251) as u8).collect();
            let photo = Photo::new(width, height, 3, false, Samples::U8(samples)).unwrap();
            let options = Options { adapt: Mode::Fixed(Adapt::PLAIN), ..Options::default() };
            let mut job = Job::new(model.clone(), photo.into(), options).unwrap();
            while block_on(job.step()).unwrap().is_some() {}
            let result = job.finish().unwrap();
            assert_eq!((result.width(), result.height()), (width, height), "{id}");
        }
    }
}

#[test]
fn weights_of_another_network_are_refused() {
    let device = device();
    for (id, state) in small(&device) {
        let other = if id == "unet" { "rednet" } else { "unet" };
        assert_eq!(Model::load(other, &state, &device).unwrap_err().kind(), Kind::Weights);
    }
    let two = distilled_unet::UNetConfig::new().with_features(4).with_outputs(2).init(&device);
    let error = Model::load("distilled-unet", &exported(&two), &device).unwrap_err();
    assert!(error.to_string().contains("3 colours into 2"));
}

#[test]
fn the_note_of_weights_comes_with_the_model_and_goes_with_its_weights() {
    let device = device();
    let mut state = exported(&unet::UNetConfig::new().with_widths(vec![8, 8, 8]).init(&device));
    let auto = Model::from_state(&state, &device).unwrap();
    assert_eq!(auto.mode(), Mode::Auto);
    state.metadata.insert(NOTE.into(), "wiener".into());
    let noted = Model::from_state(&state, &device).unwrap();
    assert_eq!(noted.mode(), Mode::Wiener);
    assert_eq!(block_on(noted.export()).unwrap().metadata[NOTE], "wiener");
    let samples = (0..64 * 64 * 3).map(|i: u32| (i * 7919 % 251) as u8).collect();
    let photo = std::sync::Arc::new(Photo::new(64, 64, 3, false, Samples::U8(samples)).unwrap());
    let adapt = |model: &Model, adapt| {
        let options = Options { adapt, ..Options::default() };
        Job::new(model.clone(), photo.clone(), options).unwrap().adapt()
    };
    assert!(adapt(&noted, Mode::Auto).wiener.is_some() && adapt(&auto, Mode::Auto).wiener.is_none());
    // Who asks for another way gets it.
    assert_eq!(adapt(&noted, Mode::Fixed(Adapt::PLAIN)), Adapt::PLAIN);
    state.metadata.insert(NOTE.into(), "pd9".into());
    assert_eq!(Model::from_state(&state, &device).unwrap_err().kind(), Kind::Option);
}

#[test]
fn presets_have_the_weights_that_their_cards_claim() {
    let device = device();
    let mut wrong = Vec::new();
    for card in &CARDS {
        for preset in card.presets {
            let model = Model::random(card.id, preset.name, 1, &device).unwrap();
            assert!(model.is_random());
            let parameters = trainable(&block_on(model.export()).unwrap());
            if parameters != preset.parameters {
                wrong.push(format!("{} {}: {parameters}, not {}", card.id, preset.name, preset.parameters));
            }
        }
        assert_eq!(card.presets[0].parameters, card.parameters, "{}", card.id);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Running statistics and fixed colour means are not weights.
fn trainable(state: &StateDict) -> u64 {
    let fixed = |key: &str| key.contains("running_") || key.contains("_mean.");
    let arrays = state.arrays.iter().filter(|(key, _)| !fixed(key));
    arrays.map(|(_, array)| array.data.len() as u64).sum()
}
