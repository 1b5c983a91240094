//! Files, weights and options that nobody meant: whatever comes in, what comes out is a result or an [`unnoise::Error`],
//! within bounds of time and memory.
//!
//! `PROPTEST_CASES` makes a run longer, `PROPTEST_RNG_SEED` another one, `PATIENCE` seconds are what each case may take: more
//! for a run of hours beside other work.

use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use burn::tensor::Device;
use proptest::prelude::*;
use proptest::test_runner::{RngSeed, TestRunner};
use unnoise::device::Backend;
use unnoise::inference::{Job, Options};
use unnoise::models::{Conditions, Mode, Model};
use unnoise::photo::{Format, ImageFile, Photo, Samples};
use unnoise::weights::StateDict;

/// What the longest of them takes on a loaded machine is far below 20 seconds.
static PATIENCE: LazyLock<Duration> = LazyLock::new(|| {
    let given = std::env::var("PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(given.unwrap_or(20))
});

/// A change of a file.
#[derive(Clone, Copy, Debug)]
enum Mutation {
    /// Other bits in one byte.
    Bits { at: u32, mask: u8 },
    /// A number that sizes and offsets overflow at.
    Number { at: u32, which: u8, big_endian: bool },
    /// Bytes that are missing.
    Remove { at: u32, count: u8 },
    /// Bytes that are there twice.
    Repeat { at: u32, count: u8 },
    /// The end.
    Cut { at: u32 },
}

/// A file of a list, and what happened to it.
#[derive(Clone, Debug)]
struct Damaged {
    file: u16,
    /// Whether the check sums of a PNG are mended, so that the damage is looked at.
    resealed: bool,
    mutations: Vec<Mutation>,
}

fn mutation() -> impl Strategy<Value = Mutation> {
    prop_oneof![
        (any::<u32>(), 1..=u8::MAX).prop_map(|(at, mask)| Mutation::Bits { at, mask }),
        (any::<u32>(), any::<u8>(), any::<bool>()).prop_map(|(at, which, big_endian)| Mutation::Number {
            at,
            which,
            big_endian
        }),
        (any::<u32>(), any::<u8>()).prop_map(|(at, count)| Mutation::Remove { at, count }),
        (any::<u32>(), any::<u8>()).prop_map(|(at, count)| Mutation::Repeat { at, count }),
        any::<u32>().prop_map(|at| Mutation::Cut { at }),
    ]
}

fn damaged() -> impl Strategy<Value = Damaged> {
    (any::<u16>(), any::<bool>(), prop::collection::vec(mutation(), 1..6))
        .prop_map(|(file, resealed, mutations)| Damaged { file, resealed, mutations })
}

/// Tries `check` on so many values, unless the environment says how many; the same ones each time.
fn try_all<S: Strategy>(cases: u32, strategy: S, check: impl Fn(S::Value)) {
    let default = ProptestConfig::default();
    let config = ProptestConfig {
        cases: if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { cases },
        rng_seed: match default.rng_seed {
            RngSeed::Random => RngSeed::Fixed(1),
            fixed @ RngSeed::Fixed(_) => fixed,
        },
        failure_persistence: None,
        ..default
    };
    let run = |value| {
        check(value);
        Ok(())
    };
    if let Err(failure) = TestRunner::new(config).run(&strategy, run) {
        panic!("{failure}");
    }
}

impl Damaged {
    fn bytes(&self, files: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = files[self.file as usize % files.len()].clone();
        self.mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
        if self.resealed {
            reseal(&mut bytes);
        }
        bytes
    }
}

impl Mutation {
    fn apply(self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        // Half of the changes are made where sizes and types stand.
        let place = |at: u32| (at >> 1) as usize % if at & 1 == 0 { length } else { length.min(256) };
        match self {
            Self::Bits { at, mask } => bytes[place(at)] ^= mask,
            Self::Number { at, which, big_endian } => {
                const NUMBERS: [u32; 8] = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, 0x8000_0000, u32::MAX];
                let number = NUMBERS[usize::from(which) % NUMBERS.len()];
                let number = if big_endian { number.to_be_bytes() } else { number.to_le_bytes() };
                let at = place(at);
                bytes[at..].iter_mut().zip(number).for_each(|(byte, new)| *byte = new);
            }
            Self::Remove { at, count } => {
                let at = place(at);
                bytes.drain(at..(at + usize::from(count)).min(length));
            }
            Self::Repeat { at, count } => {
                let at = place(at);
                let again = bytes[at..(at + usize::from(count)).min(length)].to_vec();
                bytes.splice(at..at, again);
            }
            Self::Cut { at } => bytes.truncate(place(at)),
        }
    }
}

/// Gives the chunks of a PNG the check sums of what they hold now.
fn reseal(bytes: &mut [u8]) {
    if !bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return;
    }
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(end) = at.checked_add(8 + length).filter(|end| end + 4 <= bytes.len()) else { return };
        let mut sum = flate2::Crc::new();
        sum.update(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&sum.sum().to_be_bytes());
        at = end + 4;
    }
}

/// The files below a folder of fixtures with one of these extensions, in order, but for large ones, which would only
/// take longer.
fn files(folder: &str, extensions: &[&str]) -> Vec<Vec<u8>> {
    const LARGEST: u64 = 100_000;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        extensions.contains(&extension) && path.metadata().unwrap().len() <= LARGEST
    });
    paths.sort();
    assert!(!paths.is_empty(), "no file in {}", folder.display());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    let seconds = start.elapsed();
    assert!(seconds < *PATIENCE, "{what} took {seconds:?}");
    result
}

fn device() -> &'static Device {
    static DEVICE: LazyLock<Device> =
        LazyLock::new(|| pollster::block_on(Backend::Flex.open()).expect("the CPU is always there"));
    &DEVICE
}

/// Reads all that a file holds and writes it again.
fn through(bytes: Vec<u8>) -> unnoise::Result<()> {
    // Larger ones are as good and take longer.
    const PIXELS: usize = 1 << 20;
    let file = ImageFile::open(bytes)?;
    for index in 0..file.pictures().min(8) {
        let photo = file.picture(index)?;
        assert_eq!(
            photo.samples_per_pixel() * photo.width() * photo.height(),
            photo.float32().len(),
            "a photo of another size than it says",
        );
        if photo.width() * photo.height() <= PIXELS {
            for format in [Format::Png, Format::Tiff, Format::Jpeg] {
                photo.encode(format, 90)?;
            }
        }
    }
    Ok(())
}

#[test]
fn damaged_photos_are_read_or_refused() {
    let extensions = ["png", "jpg", "jfif", "tif", "bmp", "webp", "gif", "dng", "heic", "avif"];
    let files = files("field", &extensions);
    try_all(4000, damaged(), |damaged| timed("a photo", || _ = through(damaged.bytes(&files))));
}

#[test]
fn damaged_weights_are_read_or_refused() {
    let extensions = ["safetensors", "pth", "pt", "ckpt", "zip"];
    let mut files = files("field", &extensions);
    files.extend(self::files("pth", &extensions));
    try_all(3000, damaged(), |damaged| {
        timed("weights", || {
            if let Ok(state) = StateDict::read(&damaged.bytes(&files)) {
                for (name, array) in &state.arrays {
                    assert_eq!(array.shape.iter().product::<usize>(), array.data.len(), "{name}");
                }
                _ = Model::from_state(&state, device());
            }
        });
    });
}

/// A photo of any size, and options as a program might pass them.
#[derive(Clone, Debug)]
struct Call {
    width: usize,
    height: usize,
    color: bool,
    alpha: bool,
    depth: u8,
    seed: u64,
    tile_pixels: Option<u16>,
    strength: f32,
    detail: f32,
    sigma: Option<f32>,
    mode: u8,
    mend: bool,
}

impl Call {
    fn photo(&self) -> unnoise::Result<Photo> {
        let colors = if self.color { 3 } else { 1 };
        let count = self.width * self.height * (colors + usize::from(self.alpha));
        let bits = (0..count as u64).map(|i| (i ^ self.seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32);
        let samples = match self.depth % 3 {
            0 => Samples::U8(bits.map(|v| v as u8).collect()),
            1 => Samples::U16(bits.map(|v| v as u16).collect()),
            // Any float there is: infinite, no number, tiny.
            _ => Samples::F32(bits.map(|v| f32::from_bits(v as u32)).collect()),
        };
        Photo::new(self.width, self.height, colors, self.alpha, samples)
    }

    fn options(&self) -> Options {
        Options {
            tile_pixels: self.tile_pixels.map(usize::from),
            strength: self.strength,
            detail: self.detail,
            adapt: Mode::NAMES[usize::from(self.mode) % Mode::NAMES.len()].parse().expect("a name of a mode"),
            mend: self.mend,
            conditions: Conditions { sigma: self.sigma, seed: self.seed, ..Conditions::default() },
        }
    }
}

/// Mostly from 0 to 1, and now and then any number or none.
fn share() -> impl Strategy<Value = f32> {
    prop_oneof![7 => 0.0f32..=1.0, 1 => any::<u32>().prop_map(f32::from_bits)]
}

fn call() -> impl Strategy<Value = Call> {
    let photo = (1usize..40, 1usize..40, any::<bool>(), any::<bool>(), any::<u8>(), any::<u64>());
    let options =
        (any::<Option<u16>>(), share(), share(), prop::option::of(share()), any::<u8>(), any::<bool>());
    (photo, options).prop_map(
        |((width, height, color, alpha, depth, seed), (tile_pixels, strength, detail, sigma, mode, mend))| {
            Call {
                width,
                height,
                color,
                alpha,
                depth,
                seed,
                tile_pixels,
                strength,
                detail,
                sigma,
                mode,
                mend,
            }
        },
    )
}

#[test]
fn any_photo_with_any_options_is_denoised_or_refused() {
    let models =
        ["unet", "noise2void", "masked-denoising"].map(|id| Model::random(id, "small", 1, device()).unwrap());
    try_all(150, call(), |call| {
        let denoise = || -> unnoise::Result<()> {
            let photo = call.photo()?.stretched();
            let model = models[call.seed as usize % models.len()].clone();
            let mut job = Job::new(model, photo.clone().into(), call.options())?;
            while pollster::block_on(job.step())?.is_some() {}
            let done = job.finish()?;
            assert_eq!((done.width(), done.height()), (photo.width(), photo.height()));
            assert_eq!(done.bit_depth(), photo.bit_depth());
            Ok(())
        };
        timed("a run", || _ = denoise());
    });
}
