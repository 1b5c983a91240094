//! Fine-tuning natively: every network by every objective that suits it, and what comes of it. One test after the other:
//! fresh weights are drawn from a generator that a backend's threads share.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use pollster::block_on;
use unnoise::device::Backend;
use unnoise::metrics::psnr;
use unnoise::models::{self, CARDS, Card, Mode, Model};
use unnoise::noise::{NoiseModel, add_white_gaussian};
use unnoise::objectives::Objective;
use unnoise::photo::{Photo, Samples, decode};
use unnoise::train::{Options, Trainer, Tuned};
use unnoise::weights::{Precision, StateDict};
use unnoise::{Kind, inference};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Smooth shades with an edge.
fn clean(width: usize, height: usize) -> Photo {
    let sample = |i: usize| {
        let (x, y, c) = (i / 3 % width, i / 3 / width, i % 3);
        let wave = ((x + 7 * c) as f32 * 0.11).sin() + (y as f32 * 0.07).cos();
        let edge = if x + y > width { 50.0 } else { 0.0 };
        (90.0 + 35.0 * wave + edge) as u8
    };
    Photo::new(width, height, 3, false, Samples::U8((0..width * height * 3).map(sample).collect())).unwrap()
}

fn noisy(width: usize, height: usize, seed: u64) -> Arc<Photo> {
    Arc::new(add_white_gaussian(&clean(width, height), 20.0, seed))
}

/// A small model with random weights.
fn model(card: &Card) -> Model {
    let device = block_on(Backend::Flex.open()).unwrap();
    Model::random(card.id, "small", 3, &device).unwrap()
}

fn train(model: &Model, shots: &[Arc<Photo>], clean: Option<&Photo>, options: Options) -> Tuned {
    let mut trainer = Trainer::new(model.clone(), shots, clean, options).unwrap();
    let mut last = 0.0;
    while let Some(progress) = block_on(trainer.step()).unwrap() {
        assert!((0.0..=1.0).contains(&progress.done) && progress.seconds >= last);
        assert!(progress.loss.is_none_or(f32::is_finite));
        last = progress.seconds;
    }
    trainer.finish()
}

fn run(model: &Model, photo: &Arc<Photo>) -> Photo {
    let mut job =
        inference::Job::new(model.clone(), Arc::clone(photo), inference::Options::default()).unwrap();
    while block_on(job.step()).unwrap().is_some() {}
    job.finish().unwrap()
}

fn weights(model: &Model) -> StateDict {
    block_on(model.network().export()).unwrap()
}

#[test]
fn every_network_learns_by_every_objective_that_suits_it() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let shots = [noisy(96, 96, 1), noisy(96, 96, 2)];
    for card in &CARDS {
        for objective in Objective::of(card) {
            let before = model(card);
            let options = Options {
                objective: Some(objective),
                steps: Some(3),
                batch: Some(1),
                patch: Some(32),
                shots: true,
                ..Options::default()
            };
            let tuned = train(&before, &shots, Some(&clean(96, 96)), options);
            assert_eq!(tuned.progress.objective, objective);
            let scores = &tuned.progress.scores;
            assert!(scores.len() >= 2, "{} by {objective}: {scores:?}", card.id);
            assert!(scores.iter().all(|(_, score)| score.is_finite()), "{} by {objective}", card.id);
            assert_eq!(tuned.kept, tuned.progress.best_step > 0);
            assert_eq!(weights(&tuned.model) == weights(&before), !tuned.kept, "{} by {objective}", card.id);
        }
    }
}

#[test]
fn what_was_held_back_before_is_held_back_after() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let card = models::card("sasl-lan").unwrap();
    let options = Options {
        adapt: Mode::Wiener,
        steps: Some(60),
        batch: Some(2),
        patch: Some(32),
        ..Options::default()
    };
    let tuned = train(&model(card), &[noisy(96, 96, 1)], None, options);
    assert!(tuned.kept);
    assert_eq!(tuned.model.mode(), Mode::Wiener);
    let file = block_on(tuned.to_safetensors("random", Precision::F16)).unwrap();
    assert_eq!(Mode::noted(&StateDict::from_safetensors(&file).unwrap()).unwrap(), Mode::Wiener);
}

#[test]
fn a_fresh_network_learns_to_denoise_one_photo() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let (photo, truth) = (noisy(128, 128, 5), clean(128, 128));
    let card = models::card("unet").unwrap();
    for (objective, least) in [(Objective::Recorrupted2recorrupted, 2.0), (Objective::Neighbor2neighbor, 1.0)]
    {
        let options = Options {
            objective: Some(objective),
            steps: Some(120),
            batch: Some(2),
            patch: Some(48),
            ..Options::default()
        };
        let tuned = train(&model(card), &[Arc::clone(&photo)], None, options);
        assert!(tuned.kept, "{objective}: {:?}", tuned.progress.scores);
        let gain = psnr(&run(&tuned.model, &photo), &truth).unwrap() - psnr(&photo, &truth).unwrap();
        assert!(gain > least, "{objective}: {gain} dB");
    }
}

#[test]
fn tuned_weights_are_written_read_and_give_the_same_photo() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let photo = noisy(64, 64, 7);
    let card = models::card("noise2void").unwrap();
    let options = Options { steps: Some(12), batch: Some(2), patch: Some(32), ..Options::default() };
    let tuned = train(&model(card), &[Arc::clone(&photo)], None, options);
    let file = block_on(tuned.to_safetensors("random weights", Precision::F32)).unwrap();
    let state = StateDict::read(&file).unwrap();
    assert_eq!(models::recognise(&state).unwrap().id, card.id);
    assert_eq!(state.metadata["objective"], tuned.progress.objective.to_string());
    assert_eq!(state.metadata["base"], "random weights");
    assert_eq!(state.metadata["steps"], tuned.progress.best_step.to_string());
    let device = block_on(Backend::Flex.open()).unwrap();
    let again = Model::from_state(&state, &device).unwrap();
    assert_eq!(run(&again, &photo), run(&tuned.model, &photo));
}

#[test]
fn a_budget_of_time_ends_the_run_and_what_was_learned_is_kept() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let card = models::card("unet").unwrap();
    const BUDGET: f64 = 2.0;
    let options = Options {
        steps: Some(1_000_000),
        seconds: Some(BUDGET),
        batch: Some(1),
        patch: Some(16),
        ..Options::default()
    };
    let mut trainer = Trainer::new(model(card), &[noisy(64, 64, 3)], None, options).unwrap();
    let (started, mut late) = (Instant::now(), 0);
    loop {
        late += usize::from(trainer.progress().seconds > BUDGET);
        if block_on(trainer.step()).unwrap().is_none() {
            break;
        }
    }
    let took = started.elapsed().as_secs_f64();
    let tuned = trainer.finish();
    // It does not end before its time, and when that is over, there is the last judgement, and nothing else.
    assert!((0.9 * BUDGET..2.0 * BUDGET).contains(&took), "{took} s");
    assert!((tuned.progress.seconds - took).abs() < 0.1 * BUDGET, "{} s", tuned.progress.seconds);
    assert!(late <= 2, "{late} steps began after the time was over");
    assert!(tuned.progress.step > 0 && tuned.progress.step < 1_000_000);
    let judged = tuned.progress.scores.last().map(|(step, _)| *step);
    assert_eq!(judged, Some(tuned.progress.step), "what was learned last was not judged");
}

#[test]
fn a_run_that_is_stopped_early_keeps_what_it_has_if_it_is_better() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let card = models::card("unet").unwrap();
    let options = Options { batch: Some(2), patch: Some(32), ..Options::default() };
    let shots = [noisy(96, 96, 3)];
    let mut trainer = Trainer::new(model(card), &shots, None, options).unwrap();
    while trainer.progress().step < 60 {
        block_on(trainer.step()).unwrap();
    }
    block_on(trainer.settle()).unwrap();
    let tuned = trainer.finish();
    let (step, score) = *tuned.progress.scores.last().unwrap();
    assert_eq!(step, 60);
    assert_eq!(tuned.kept, score < tuned.progress.scores[0].1);
}

#[test]
fn the_best_so_far_is_what_a_run_that_ends_there_keeps() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let card = models::card("unet").unwrap();
    let options = Options { steps: Some(40), batch: Some(2), patch: Some(32), ..Options::default() };
    let mut trainer = Trainer::new(model(card), &[noisy(96, 96, 3)], None, options).unwrap();
    let file = |tuned: &Tuned| {
        let bytes = block_on(tuned.to_safetensors("random", Precision::F32)).unwrap();
        let StateDict { arrays, metadata } = StateDict::read(&bytes).unwrap();
        let arrays: Vec<_> = arrays.into_iter().map(|(key, array)| (key, array.data)).collect();
        (arrays, metadata)
    };
    while trainer.progress().best_step == 0 {
        assert!(trainer.best().is_none(), "nothing was found better yet");
        assert!(block_on(trainer.step()).unwrap().is_some(), "nothing better was found at all");
    }
    let best = file(&trainer.best().unwrap());
    let found = trainer.progress().best_step;
    for _ in 0..3 {
        block_on(trainer.step()).unwrap();
    }
    assert_eq!(trainer.progress().best_step, found);
    assert_eq!(file(&trainer.best().unwrap()), best, "what was kept changed while the run went on");
    let tuned = trainer.finish();
    assert!(tuned.kept && file(&tuned) == best);
    assert_eq!(best.1.get("steps"), Some(&found.to_string()));
}

#[test]
fn trained_weights_are_given_up_for_a_clear_gain_only_where_the_loss_judges() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let card = models::card("unet").unwrap();
    let random = model(card);
    // Weights of a file are trained ones.
    let trained = Model::from_state(&weights(&random), random.device()).unwrap();
    let margin = |model: &Model, objective| {
        let options = Options { objective: Some(objective), ..Options::default() };
        let shots = [noisy(96, 96, 1)];
        let trainer = Trainer::new(model.clone(), &shots, Some(&clean(96, 96)), options);
        trainer.unwrap().progress().margin
    };
    assert!(margin(&trained, Objective::Supervised) > 0.0);
    assert_eq!(margin(&random, Objective::Supervised), 0.0);
    // The risk is compared with what it may be wrong by.
    assert_eq!(margin(&trained, Objective::NoiseModel), 0.0);
}

fn shipped(id: &str) -> Model {
    let device = block_on(Backend::Flex.open()).unwrap();
    let file = models::card(id).unwrap().weights.unwrap().file;
    let path = format!("{}/pkg-config/weights/{file}", env!("CARGO_MANIFEST_DIR"));
    Model::from_bytes(&std::fs::read(path).unwrap(), &device).unwrap()
}

/// Weights that know white noise only: the default ones know grain.
const WHITE: &str = "noise2noise-nvlabs";

/// A part of Kodak 23, 128x128, with grain of the same kind in all colours: means of 3x3 white values.
fn grainy(x: isize) -> (Arc<Photo>, Photo) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/fixtures/kodak23_clean.png");
    let part = decode(&std::fs::read(file).unwrap()).unwrap().window(x, 100, 128, 128, 3);
    let flat = Photo::new(130, 130, 1, false, Samples::U8(vec![128; 130 * 130])).unwrap();
    let white = add_white_gaussian(&flat, 40.0, x as u64).planar();
    let mut noisy = part.clone();
    for (i, value) in noisy.data.iter_mut().enumerate() {
        let (x, y) = (i % 128, i / 128 % 128);
        let around = (0..9).map(|k| white.data[(y + k / 3) * 130 + x + k % 3]).sum::<f32>() / 9.0;
        *value += around - 128.0 / 255.0;
    }
    let photo = |planar| Photo::from_planar(planar).unwrap().to_8bit();
    (Arc::new(photo(&noisy)), photo(&part))
}

#[test]
fn a_shipped_network_learns_noise_that_it_does_not_know_and_says_what_it_found() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let model = shipped(WHITE);
    let (photo, truth) = grainy(200);
    let options = Options { steps: Some(20), batch: Some(2), ..Options::default() };
    let tuned = train(&model, &[Arc::clone(&photo)], None, options);
    assert_eq!(tuned.progress.objective, Objective::NoiseModel);
    assert!(tuned.progress.noise.unwrap().to_string().contains("in blotches, the same in all colours"));
    assert!(tuned.kept, "{:?} {:?}", tuned.progress.scores, tuned.progress.simulated);
    let after = psnr(&run(&tuned.model, &photo), &truth).unwrap();
    let before = psnr(&run(&model, &photo), &truth).unwrap();
    assert!(after > before + 3.0, "{before} to {after} dB");
    assert!(weights(&tuned.learned.unwrap()) != weights(&model));
}

#[test]
fn what_is_learned_on_some_pictures_serves_another_and_their_noise_model_too() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let model = shipped(WHITE);
    let (other, truth) = grainy(260);
    let options = Options { steps: Some(20), batch: Some(2), ..Options::default() };
    let pictures = [grainy(200).0, grainy(230).0];
    let tuned = train(&model, &pictures, None, options);
    assert!(tuned.kept);
    let quality = |model: &Model| psnr(&run(model, &other), &truth).unwrap();
    assert!(quality(&tuned.model) > quality(&model));
    let noise = NoiseModel::from_json(&tuned.noise.unwrap().to_json().unwrap()).unwrap();
    let mut trainer = Trainer::new(model, &[other], None, options).unwrap();
    trainer.use_noise(&noise).unwrap();
    while block_on(trainer.step()).unwrap().is_some() {}
    assert_eq!(trainer.finish().noise.unwrap(), noise);
}

#[test]
fn lost_pixels_are_replaced_before_a_network_sees_them() {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(|e| e.into_inner());
    let model = shipped("unet");
    let truth = grainy(200).1;
    let mut noisy = truth.planar();
    for i in 0..128 * 128u32 {
        let random = i.wrapping_mul(2_654_435_761) >> 8;
        if random % 25 == 0 {
            (0..3).for_each(|c| noisy.data[c * 128 * 128 + i as usize] = (random / 25 % 2) as f32);
        }
    }
    let noisy = Arc::new(Photo::from_planar(&noisy).unwrap().to_8bit());
    let quality = |mend| {
        let options = inference::Options { mend, ..inference::Options::default() };
        let mut job = inference::Job::new(model.clone(), Arc::clone(&noisy), options).unwrap();
        while block_on(job.step()).unwrap().is_some() {}
        psnr(&job.finish().unwrap(), &truth).unwrap()
    };
    let (before, after) = (quality(false), quality(true));
    assert!(after > before + 4.0, "{before} to {after} dB");
}

#[test]
fn what_cannot_be_learned_is_refused_by_name() {
    let unet = model(models::card("unet").unwrap());
    let photo = noisy(64, 64, 3);
    let refuse = |shots: &[Arc<Photo>], options: Options| {
        let trainer = Trainer::new(unet.clone(), shots, None, options);
        let error = trainer.err().expect("an error");
        assert_eq!(error.kind(), Kind::Option);
        error.to_string()
    };
    let one = [Arc::clone(&photo)];
    let by = |objective| Options { objective: Some(objective), ..Options::default() };
    assert!(refuse(&one, by(Objective::BlindSpotNll)).contains("does not suit"));
    assert!(refuse(&one, by(Objective::Noise2noise)).contains("2 noisy shots"));
    assert!(refuse(&one, by(Objective::Supervised)).contains("without noise"));
    assert!(refuse(&[], Options::default()).contains("no photo"));
    let shots = Options { shots: true, ..Options::default() };
    assert!(refuse(&[Arc::clone(&photo), noisy(64, 32, 1)], shots).contains("one size"));
    let two = [photo, noisy(64, 64, 1)];
    let trainer = Trainer::new(unet.clone(), &two, Some(&clean(64, 64)), Options::default());
    assert!(trainer.err().unwrap().to_string().contains("shots of one scene"));
    assert!(refuse(&[noisy(6, 6, 1)], Options::default()).contains("at least 8x8"));
    assert!(refuse(&one, Options { steps: Some(0), ..Options::default() }).contains("steps"));
    assert!(refuse(&one, Options { seconds: Some(0.0), ..Options::default() }).contains("seconds"));
    let rate = Options { learning_rate: Some(2.0), ..Options::default() };
    assert!(refuse(&one, rate).contains("learning rate"));
}
