//! Photos, micrographs and checkpoints as people have them (`tests/fixtures/field`): read and written, or refused in words
//! that say what they are.

use serde_json::Value;
use unnoise::models::Model;
use unnoise::photo::{Format, ImageFile, Photo, Samples, TiffWriter};
use unnoise::weights::StateDict;

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/field/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn cases(kind: &str) -> Vec<Value> {
    let all: Vec<Value> = serde_json::from_slice(&fixture("expected.json")).unwrap();
    all.into_iter().filter(|case| case["kind"] == kind).collect()
}

fn says(text: &str, words: &Value) -> bool {
    let text = text.to_lowercase();
    let words = words.as_array().map(Vec::as_slice).unwrap_or_default();
    words.iter().filter_map(Value::as_str).any(|word| text.contains(&word.to_lowercase()))
}

/// Opens a file and writes all its pictures in the asked format, as denoising does with the photo as it is.
fn through(case: &Value, bytes: Vec<u8>) -> unnoise::Result<(ImageFile, Vec<u8>)> {
    let file = ImageFile::open(bytes)?;
    let format = Format::from_extension(case["out"].as_str().unwrap()).unwrap();
    let mut stack = TiffWriter::new();
    for index in 0..file.pictures() {
        let photo = file.picture(index)?;
        format.check_size(photo.width(), photo.height())?;
        if format != Format::Tiff {
            let written = photo.encode(format, 92)?;
            return Ok((file, written));
        }
        stack.add(&photo)?;
    }
    Ok((file, stack.finish()?))
}

/// Means of the colours in the numbers of the file, NaN left out.
fn means(photo: &Photo) -> Vec<f64> {
    let (n, unit) = match photo.samples() {
        Samples::U8(_) => (photo.samples_per_pixel(), 255.0),
        Samples::U16(_) => (photo.samples_per_pixel(), 65_535.0),
        Samples::F32(_) => (photo.samples_per_pixel(), 1.0),
    };
    let values = photo.float32();
    let mean = |c: usize| {
        let of = values.iter().skip(c).step_by(n).filter(|v| v.is_finite());
        let (sum, count) = of.fold((0.0, 0usize), |(sum, count), &v| (sum + f64::from(v), count + 1));
        unit * sum / count as f64
    };
    (0..photo.colors()).map(mean).collect()
}

/// What is wrong with a picture.
fn complaints(check: &Value, photo: &Photo) -> Vec<String> {
    let mut bad = Vec::new();
    let mut must = |what: &str, is: String, should: String| {
        if is != should {
            bad.push(format!("{what} is {is} instead of {should}"));
        }
    };
    let size = format!("{}x{}", photo.width(), photo.height());
    must("the size", size, format!("{}x{}", check["width"], check["height"]));
    must("alpha", photo.has_alpha().to_string(), check["alpha"].to_string());
    let depth = check["bitdepth"].as_u64().unwrap();
    if depth <= 16 && check["any_depth"].is_null() {
        must("the depth", photo.bit_depth().to_string(), depth.to_string());
    }
    if check["channels"] == 1 && check["gray"] == true {
        must("the number of colours", photo.colors().to_string(), "1".into());
    }
    // Means of palettes and of transparent pixels are of what can be seen, which is not what is recorded here.
    let wanted: Vec<f64> = check["mean"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let span = check["span"].as_f64().unwrap_or(match photo.samples() {
        Samples::U8(_) => 255.0,
        Samples::U16(_) => 65_535.0,
        Samples::F32(_) => 1.0,
    });
    let tolerance = check["mean_tol"].as_f64().unwrap_or(0.012) * span;
    let got = means(photo);
    if !photo.has_alpha() && wanted.iter().zip(&got).any(|(want, got)| (want - got).abs() > tolerance) {
        bad.push(format!("the means are {got:?} instead of {wanted:?}"));
    }
    bad
}

#[test]
fn pictures_are_read_and_written_or_refused_in_words() {
    let mut bad = Vec::new();
    for case in cases("image") {
        let name = case["file"].as_str().unwrap();
        let check = &case["check"];
        let mut complain = |what: String| bad.push(format!("{name} ({}): {what}", case["condition"]));
        match (through(&case, fixture(name)), case["expect"].as_str()) {
            (Ok(_), Some("error")) => complain("was read".into()),
            (Err(error), Some("error")) if says(&error.to_string(), &check["words"]) => {}
            (Err(error), _) if says(&error.to_string(), &check["or_error"]) => {}
            (Err(error), _) => complain(error.to_string()),
            (Ok((file, written)), _) => {
                let pages = check["pages"].as_u64().unwrap_or(1);
                let again = ImageFile::open(written).unwrap();
                if (file.pictures() as u64, again.pictures() as u64) != (pages, pages) {
                    complain(format!("{} pictures became {}", file.pictures(), again.pictures()));
                }
                if !check["told"].is_null() && pages == 1 && !says(&file.notes().join(" "), &check["told"]) {
                    complain(format!("is read without a word: {:?}", file.notes()));
                }
                let (before, after) = (file.picture(0).unwrap(), again.picture(0).unwrap());
                complaints(check, &before).into_iter().for_each(&mut complain);
                complaints(check, &after).into_iter().for_each(|what| complain(format!("written, {what}")));
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// The network that a file of weights holds.
fn load(name: &str) -> unnoise::Result<StateDict> {
    let state = StateDict::read(&fixture(name))?;
    let device = pollster::block_on(unnoise::device::Backend::Flex.open())?;
    pollster::block_on(Model::from_state(&state, &device)?.export())
}

#[test]
fn checkpoints_are_read_or_refused_in_words() {
    let mut bad = Vec::new();
    for case in cases("weights") {
        let name = case["file"].as_str().unwrap();
        let check = &case["check"];
        let mut complain = |what: String| bad.push(format!("{name} ({}): {what}", case["condition"]));
        match (load(name), case["expect"].as_str()) {
            (Ok(_), Some("error")) => complain("was read".into()),
            (Err(error), Some("error")) if says(&error.to_string(), &check["words"]) => {}
            (Err(error), _) if says(&error.to_string(), &check["or_error"]) => {}
            (Err(error), _) => complain(error.to_string()),
            (Ok(state), _) => {
                let base = load(check["same_as"].as_str().unwrap()).unwrap();
                // Weights of 16 bits are rounded; the others are the very same.
                let rounded = check["tol"].as_f64().is_some() || name.contains("float16");
                let close =
                    |a: f32, b: f32| if rounded { (a - b).abs() <= 0.01 * b.abs() + 1e-4 } else { a == b };
                let same = state.arrays.len() == base.arrays.len()
                    && state.arrays.iter().all(|(key, array)| {
                        let other = &base.arrays[key].data;
                        array.data.len() == other.len()
                            && array.data.iter().zip(other).all(|(&a, &b)| close(a, b))
                    });
                if !same {
                    complain("holds other weights".into());
                }
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
