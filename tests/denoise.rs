//! The main job as a library user does it: tiles, sizes, layouts, the shipped weights.

use std::path::Path;
use std::sync::Arc;

use pollster::block_on;
use sha2::{Digest, Sha256};
use unnoise::device::Backend;
use unnoise::inference::{Job, Options};
use unnoise::metrics::psnr;
use unnoise::models::{self, Adapt, Mode, Model};
use unnoise::noise::add_white_gaussian;
use unnoise::photo::{Photo, Samples, decode};
use unnoise::weights::StateDict;

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn model(weights: &str) -> Model {
    let device = block_on(Backend::Flex.open()).unwrap();
    Model::from_bytes(&std::fs::read(repository(weights)).unwrap(), &device).unwrap()
}

fn denoise(model: &Model, photo: &Photo, tile_pixels: usize) -> (Photo, usize) {
    denoise_as(Mode::Fixed(Adapt::PLAIN), model, photo, tile_pixels)
}

fn denoise_as(adapt: Mode, model: &Model, photo: &Photo, tile_pixels: usize) -> (Photo, usize) {
    let options = Options { tile_pixels: Some(tile_pixels), adapt, ..Options::default() };
    let mut job = Job::new(model.clone(), Arc::new(photo.clone()), options).unwrap();
    while block_on(job.step()).unwrap().is_some() {}
    let tiles = job.plan().tiles.len();
    (job.finish().unwrap(), tiles)
}

const TINY: &str = "tests/fixtures/noise2noise/unet_tiny/weights.safetensors";

/// A float photo, so that nothing is rounded away in comparisons.
fn texture(width: usize, height: usize) -> Photo {
    let samples = (0..width * height * 3)
        .map(|i| 0.5 + 0.4 * ((i as f32 * 0.37).sin() * (i as f32 * 0.0113).cos()))
        .collect();
    Photo::new(width, height, 3, false, Samples::F32(samples)).unwrap()
}

#[test]
fn tiles_give_what_one_piece_gives() {
    for (width, height) in [(1021, 67), (90, 901)] {
        let photo = texture(width, height);
        let (whole, one) = denoise(&model(TINY), &photo, 1 << 20);
        let (tiled, many) = denoise(&model(TINY), &photo, 576 * 96);
        assert!(one == 1 && many > 1, "{one} and {many} tiles");
        let (a, b) = (whole.float32(), tiled.float32());
        let largest = a.iter().fold(0f32, |m, v| m.max(v.abs()));
        let worst = a.iter().zip(&b).fold(0f32, |m, (x, y)| m.max((x - y).abs()));
        assert!(worst <= 1e-4 * largest, "{worst} of {largest}");
    }
}

#[test]
fn tiles_agree_however_the_network_is_run() {
    let model = model("tests/fixtures/unet/tiny/weights.safetensors");
    let photo = texture(901, 83);
    let plain = denoise(&model, &photo, 1 << 20).0.float32();
    let detail = Some(0.01);
    for adapt in [
        Adapt { pd: 2, ..Adapt::PLAIN },
        Adapt { refinements: 2, ..Adapt::R3 },
        Adapt { pd: 3, refinements: 1, detail, ..Adapt::PLAIN },
        Adapt { pd: 3, second_pass: true, detail, self_ensemble: 3, ..Adapt::PLAIN },
        Adapt { self_ensemble: 8, ..Adapt::PLAIN },
        Adapt { wiener: Some(0.01), ..Adapt::PLAIN },
    ] {
        let run = |tile_pixels| denoise_as(Mode::Fixed(adapt), &model, &photo, tile_pixels);
        let ((whole, one), (tiled, many)) = (run(1 << 20), run(640 * 96));
        assert!(one == 1 && many > 1, "{adapt}: {one} and {many} tiles");
        let (a, b) = (whole.float32(), tiled.float32());
        let largest = a.iter().fold(0f32, |m, v| m.max(v.abs()));
        let worst = |b: &[f32]| a.iter().zip(b).fold(0f32, |m, (x, y)| m.max((x - y).abs()));
        assert!(worst(&b) <= 1e-4 * largest, "{adapt}: {} of {largest}", worst(&b));
        assert!(worst(&plain) > 1e-3 * largest, "{adapt} does nothing");
    }
}

#[test]
fn the_noise_of_the_photo_decides_how_the_network_is_run() {
    let clean =
        decode(&std::fs::read(repository("tests/browser/fixtures/kodak23_clean.png")).unwrap()).unwrap();
    let white = add_white_gaussian(&clean, 15.0, 3);
    // Each pixel the mean of 3x3: what demosaicing does, only simpler.
    let (width, height) = (clean.width(), clean.height());
    let noise = add_white_gaussian(
        &Photo::new(width, height, 3, false, Samples::U8(vec![128; 3 * width * height])).unwrap(),
        45.0,
        4,
    );
    let spread = |i: usize| -> f32 {
        let (c, x, y) = (i % 3, i / 3 % width, i / 3 / width);
        let window = noise.window(x as isize - 1, y as isize - 1, 3, 3, 3);
        window.data[9 * c..9 * c + 9].iter().map(|v| v - 128.0 / 255.0).sum::<f32>() / 9.0
    };
    let samples = clean.float32().iter().enumerate().map(|(i, v)| v + spread(i)).collect();
    let camera = Photo::new(width, height, 3, false, Samples::F32(samples)).unwrap().to_8bit();
    let model = model("tests/fixtures/unet/tiny/weights.safetensors");
    let job = |photo: &Photo, adapt| {
        let options = Options { adapt, ..Options::default() };
        Job::new(model.clone(), Arc::new(photo.clone()), options).unwrap()
    };
    let auto = job(&camera, Mode::Auto);
    assert!(auto.adapt().pd > 1 && auto.noise().correlated, "{}", auto.adapt());
    assert_eq!(job(&white, Mode::Auto).adapt(), Adapt { self_ensemble: 2, ..Adapt::PLAIN });
    assert_eq!(job(&camera, Mode::Fixed(Adapt::PLAIN)).adapt(), Adapt::PLAIN);
}

#[test]
fn every_size_and_layout_keeps_its_shape() {
    for (width, height) in [(1, 1), (7, 5), (1, 33), (97, 31), (128, 64)] {
        for (colors, alpha) in [(1, false), (1, true), (3, false), (3, true)] {
            let n = width * height * (colors + usize::from(alpha));
            let photo = Photo::new(
                width,
                height,
                colors,
                alpha,
                Samples::U8((0..n).map(|i| (i * 31) as u8).collect()),
            )
            .unwrap();
            let (result, _) = denoise(&model(TINY), &photo, 1 << 20);
            let shape = |p: &Photo| (p.width(), p.height(), p.colors(), p.has_alpha(), p.bit_depth());
            assert_eq!(shape(&result), shape(&photo));
            if alpha {
                let alphas =
                    |p: &Photo| p.float32().into_iter().skip(colors).step_by(colors + 1).collect::<Vec<_>>();
                assert_eq!(alphas(&result), alphas(&photo));
            }
        }
    }
}

#[test]
fn an_unfinished_job_gives_no_photo() {
    let job = Job::new(model(TINY), Arc::new(texture(8, 8)), Options::default()).unwrap();
    assert!(job.finish().is_err());
}

#[test]
fn shipped_weights_are_those_on_the_cards() {
    for card in &models::CARDS {
        let Some(weights) = card.weights else { continue };
        let bytes = std::fs::read(repository("pkg-config/weights").join(weights.file)).unwrap();
        assert_eq!(bytes.len() as u64, weights.bytes, "{}", card.id);
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(digest, weights.sha256, "{}", card.id);
        let state = StateDict::from_safetensors(&bytes).unwrap();
        // Of the published network's size, or smaller.
        let learned = state.arrays.iter().filter(|(key, _)| !key.contains(".running_"));
        let count: usize = learned.map(|(_, array)| array.data.len()).sum();
        assert!(count as u64 <= card.parameters, "{}", card.id);
        let device = block_on(Backend::Flex.open()).unwrap();
        let model = Model::load(card.id, &state, &device).unwrap();
        assert_eq!(block_on(model.export()).unwrap().arrays, state.arrays, "{}", card.id);
    }
}

/// What the shipped weights gain at least, in dB, on a crop of a photo with white noise of sigma 25, run as the model says: by
/// the note of its weights, by its card, or by the noise. Those for the noise of cameras take white noise for texture, and are
/// held back.
const GAINS: &[(&str, f64)] = &[
    ("unet", 13.4),
    ("unet-large", 14.7),
    ("noise2noise", 12.7),
    ("noise2noise-nvlabs", 14.0),
    ("noise2void", 12.4),
    ("neighbor2neighbor", 13.3),
    ("rednet", 14.5),
    ("hq-ssl", 13.0),
    ("tbsn", 10.3),
    ("distilled-unet", 9.4),
    ("masked-denoising", 8.4),
    ("sasl-unet", 7.2),
    ("sasl-lan", 6.4),
];

#[test]
fn every_network_denoises_with_its_shipped_weights() {
    let clean =
        decode(&std::fs::read(repository("tests/browser/fixtures/kodak23_clean.png")).unwrap()).unwrap();
    let clean = Photo::from_planar(&clean.planar().crop(256, 128, 192, 192)).unwrap().to_8bit();
    let noisy = add_white_gaussian(&clean, 25.0, 7);
    let before = psnr(&noisy, &clean).unwrap();
    let mut wrong = Vec::new();
    for card in &models::CARDS {
        let Some(weights) = card.weights.filter(|_| card.scale == 1) else { continue };
        let (_, gain) = GAINS.iter().find(|(id, _)| *id == card.id).expect("a gain for each that is shipped");
        let model = model(&format!("pkg-config/weights/{}", weights.file));
        assert_eq!(model.card(), card);
        let (denoised, _) = denoise_as(Mode::Auto, &model, &noisy, 1 << 20);
        let gained = psnr(&denoised, &clean).unwrap() - before;
        if gained < *gain {
            wrong.push(format!("{}: {gained:.2} dB instead of {gain}", card.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
