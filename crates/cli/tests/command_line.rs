//! The command line as a person uses it, with good input and bad.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use unnoise::photo::{Format, ImageFile, Photo, Samples, decode};
use unnoise::weights::{Precision, StateDict};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const TINY: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/noise2noise/unet_tiny/weights.safetensors");

fn unnoise(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_unnoise")).args(arguments).current_dir(ROOT).output().unwrap()
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_string()
}

fn photo() -> Photo {
    let samples = (0..40 * 24 * 3).map(|i| (i * 11 % 251) as u8).collect();
    Photo::new(40, 24, 3, false, Samples::U8(samples)).unwrap()
}

/// Expects a failure that says `word`, on one line, and leaves no output behind.
fn refused(arguments: &[&str], output: Option<&str>, word: &str) {
    let result = unnoise(arguments);
    let message = String::from_utf8(result.stderr).unwrap();
    assert_eq!(result.status.code(), Some(1), "{message}");
    assert!(message.starts_with("unnoise: ") && message.contains(word), "{message}");
    assert_eq!(message.trim_end().lines().count(), 1, "{message}");
    assert!(output.is_none_or(|path| !Path::new(path).exists()));
}

#[test]
fn threads_share_the_tiles_and_change_nothing() {
    let dir = folder("threads");
    let samples = (0..300 * 260 * 3).map(|i| (i * 7919 % 251) as u8).collect();
    let photo = Photo::new(300, 260, 3, false, Samples::U8(samples)).unwrap();
    let input = write(&dir, "in.png", &photo.encode(Format::Png, 90).unwrap());
    let with = |threads: &str| {
        let out = dir.join(format!("{threads}.png")).to_str().unwrap().to_string();
        let arguments =
            ["denoise", &input, "-o", &out, "--adapt", "plain", "--tile", "36864", "--threads", threads];
        let result = unnoise(&arguments);
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        std::fs::read(out).unwrap()
    };
    let one = with("1");
    assert_eq!(with("3"), one);
    assert_eq!(with("64"), one);
}

#[test]
fn bad_photos_are_refused_with_their_reason() {
    let dir = folder("bad_photos");
    let jpeg = photo().encode(Format::Jpeg, 90).unwrap();
    let out = dir.join("out.png").to_str().unwrap().to_string();
    for (name, bytes, word) in [
        ("text.png", b"just some words".as_slice(), "not an image"),
        ("empty.png", b"".as_slice(), "empty"),
        ("cut.jpg", &jpeg[..jpeg.len() / 2], "truncated"),
    ] {
        let path = write(&dir, name, bytes);
        refused(&["denoise", &path, "-o", &out, "--weights", TINY], Some(&out), word);
    }
    refused(&["denoise", "no-such-file.png", "-o", &out], Some(&out), "no-such-file.png");
    let good = write(&dir, "good.png", &photo().encode(Format::Png, 0).unwrap());
    refused(&["denoise", &good, "-o", "out.xyz"], None, "endings");
    refused(&["denoise", &good, "-o", &out, "--model", "nonsense"], Some(&out), "noise2noise");
    // Weights that are not in the program are named.
    let elsewhere = "`unnoise-weights`: rednet.safetensors; give some with --weights FILE";
    refused(&["denoise", &good, "-o", &out, "--model", "rednet"], Some(&out), elsewhere);
    refused(&["denoise", &good, "-o", &out, "--model", "sasl-bnn"], Some(&out), "no weights of `sasl-bnn`");
    let result = unnoise(&["denoise", &good, "-o", &out, "--adapt", "pd9"]);
    assert!(!result.status.success() && String::from_utf8_lossy(&result.stderr).contains("pd5, r3"));
}

#[test]
fn weights_that_do_not_fit_are_refused_by_name() {
    let dir = folder("bad_weights");
    let good = write(&dir, "good.png", &photo().encode(Format::Png, 0).unwrap());
    let out = dir.join("out.png").to_str().unwrap().to_string();
    let original = StateDict::from_safetensors(&std::fs::read(TINY).unwrap()).unwrap();
    let key = "_block4.2.weight";
    let mut missing = original.clone();
    missing.arrays.remove(key);
    let mut wrong = original.clone();
    wrong.arrays.get_mut(key).unwrap().shape = vec![16, 8, 6, 3];
    let mut nan = original.clone();
    nan.arrays.get_mut(key).unwrap().data[5] = f32::NAN;
    let mut extra = original.clone();
    extra.arrays.insert("stray".into(), original.arrays[key].clone());
    for (state, word) in [
        (missing, "`_block4.2.weight` is missing"),
        (wrong, "`_block4.2.weight` has the shape [16, 8, 6, 3] instead of [16, 16, 3, 3]"),
        (nan, "`_block4.2.weight` contains NaN"),
        (extra, "`stray` is not part of the network"),
    ] {
        let path = write(&dir, "weights.safetensors", &state.to_safetensors(Precision::F32).unwrap());
        refused(&["denoise", &good, "-o", &out, "--weights", &path], Some(&out), word);
    }
}

#[test]
fn cmyk_and_sixteen_bit_photos_are_denoised() {
    let dir = folder("exotic_photos");
    for (name, bit_depth, colors) in [("cmyk.jpg", 8, 3), ("cmyk.tif", 8, 3), ("gray16.png", 16, 1)] {
        let input = format!("{ROOT}/tests/fixtures/photos/{name}");
        let out = dir.join(format!("{name}.png"));
        let result = unnoise(&["denoise", &input, "-o", out.to_str().unwrap(), "--weights", TINY]);
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        let photo = decode(&std::fs::read(&out).unwrap()).unwrap();
        assert_eq!((photo.width(), photo.height()), (32, 24));
        assert_eq!((photo.bit_depth(), photo.colors()), (bit_depth, colors));
    }
    // The corner without cyan and magenta, 90 yellow and 20 black of 255, is a light yellow.
    let cmyk = decode(&std::fs::read(format!("{ROOT}/tests/fixtures/photos/cmyk.jpg")).unwrap()).unwrap();
    let pixel = cmyk.rgba8(0, 0, 1, 1);
    for (got, want) in pixel.iter().zip([235, 235, 152]) {
        assert!(got.abs_diff(want) <= 6, "{pixel:?}");
    }
}

#[test]
fn both_cpu_devices_agree_and_the_answer_is_a_photo() {
    let dir = folder("devices");
    let input = write(&dir, "in.png", &photo().encode(Format::Png, 0).unwrap());
    let results: Vec<Vec<u8>> = ["flex", "ndarray"]
        .iter()
        .map(|device| {
            let out = dir.join(format!("{device}.png"));
            let result = unnoise(&[
                "denoise",
                &input,
                "-o",
                out.to_str().unwrap(),
                "--weights",
                TINY,
                "--device",
                device,
            ]);
            assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
            decode(&std::fs::read(out).unwrap()).unwrap().rgba8(0, 0, 40, 24)
        })
        .collect();
    assert!(results[0].iter().zip(&results[1]).all(|(a, b)| a.abs_diff(*b) <= 1));
}

#[test]
fn evaluate_reports_every_image_and_the_mean_as_json() {
    let dir = folder("evaluate");
    for name in ["one", "two"] {
        let clean = photo();
        write(&dir, &format!("{name}_MEAN.PNG"), &clean.encode(Format::Png, 0).unwrap());
        let noisy = unnoise::noise::add_white_gaussian(&clean, 20.0, 1);
        write(&dir, &format!("{name}_real.png"), &noisy.encode(Format::Png, 0).unwrap());
    }
    let dir = dir.to_str().unwrap();
    let pairs = vec!["--pairs", dir, "--adapt", "pd2"];
    for data in [pairs, vec!["--clean", dir, "--sigma", "20", "--seed", "3"]] {
        let mut arguments = vec!["evaluate", "--model", "noise2noise", "--weights", TINY, "--json"];
        arguments.extend(&data);
        let result = unnoise(&arguments);
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        let report: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
        assert_eq!(report["model"], "noise2noise");
        assert_eq!(report["images"].as_array().unwrap().len(), if data[0] == "--pairs" { 2 } else { 4 });
        assert_eq!(report["images"][0]["adapt"], if data[0] == "--pairs" { "pd2" } else { "plain" });
        for key in ["psnr_noisy", "psnr", "ssim_noisy", "ssim", "seconds"] {
            assert!(report["images"][0][key].is_f64() && report["mean"][key].is_f64(), "{key}");
        }
    }
}

#[test]
fn a_network_learns_a_photo_and_its_weights_are_used() {
    let dir = folder("fine_tune");
    let samples = (0..64 * 64 * 3).map(|i: u32| (128 + i * 7919 % 97 - 48) as u8).collect();
    let photo = Photo::new(64, 64, 3, false, Samples::U8(samples)).unwrap();
    let noisy = write(&dir, "noisy.png", &photo.encode(Format::Png, 100).unwrap());
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let (tuned, again, clean) = (path("tuned.safetensors"), path("again.safetensors"), path("clean.png"));
    let learn = |to: &str| {
        let budget = ["--steps", "12", "--batch", "1", "--patch", "32", "--learning-rate", "5e-3"];
        let random = ["--model", "unet", "--random", "small"];
        let result = unnoise(&[["fine-tune", &noisy, "-o", to].as_slice(), &budget, &random].concat());
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        String::from_utf8(result.stdout).unwrap()
    };
    assert!(learn(&tuned).contains("recorrupted2recorrupted"));
    learn(&again);
    // Notes have no order in a file, so files need not be equal.
    let read = |path: &str| StateDict::read(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(read(&tuned), read(&again));
    let result = unnoise(&["denoise", &noisy, "-o", &clean, "--weights", &tuned]);
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    let ours = ["fine-tune", &noisy, "-o", &path("none"), "--model", "unet", "--objective"];
    refused(&[ours.as_slice(), &["noise2noise"]].concat(), Some(&path("none")), "2 noisy shots");
    let wrong = unnoise(&[ours.as_slice(), &["magic"]].concat());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("there is no objective `magic`"));
}

#[test]
fn the_noise_of_a_photo_is_told_saved_and_used() {
    let dir = folder("info");
    let samples = (0..64 * 64 * 3).map(|i: u32| (128 + (i * 7919 + i / 192 * 31) % 61 - 30) as u8).collect();
    let photo = Photo::new(64, 64, 3, false, Samples::U8(samples)).unwrap();
    let noisy = write(&dir, "noisy.png", &photo.encode(Format::Png, 100).unwrap());
    let path = |name: &str| dir.join(name).to_str().unwrap().to_string();
    let (model, tuned) = (path("noise.json"), path("tuned.safetensors"));
    let result = unnoise(&["info", &noisy, "--weights", TINY, "--save-noise", &model]);
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    assert!(String::from_utf8_lossy(&result.stdout).starts_with("64x64 pixels: noise of about"));
    let result = unnoise(&["info", &noisy, "--weights", TINY, "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
    assert_eq!(report["levels"].as_array().unwrap().len(), 5);
    let saved: serde_json::Value = serde_json::from_slice(&std::fs::read(&model).unwrap()).unwrap();
    assert_eq!(report["model"], saved);
    let learn = ["--overwrite", "--steps", "1", "--batch", "1", "--patch", "32", "--noise"];
    let learn = [&["fine-tune", &noisy, &noisy, "-o", &tuned, "--weights", TINY], learn.as_slice()].concat();
    let result = unnoise(&[learn.as_slice(), &[&model]].concat());
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    assert!(String::from_utf8_lossy(&result.stdout).contains("found: noise of about"));
    refused(&[learn.as_slice(), &[&noisy]].concat(), None, "noisy.png");
}

#[test]
fn evaluation_tells_what_fine_tuning_did() {
    let dir = folder("evaluate_fine_tune");
    let samples = (0..64 * 64 * 3).map(|i: u32| (100 + i / 192) as u8).collect();
    let photo = Photo::new(64, 64, 3, false, Samples::U8(samples)).unwrap();
    write(&dir, "a.png", &photo.encode(Format::Png, 100).unwrap());
    let clean = dir.to_str().unwrap();
    let evaluate = |network: &[&str], learning: [&str; 4]| -> serde_json::Value {
        let data = ["evaluate", "--clean", clean, "--sigma", "20", "--json"];
        let small = ["--fine-tune", "--patch", "32", "--batch", "1"];
        let result = unnoise(&[&data[..], network, &small, &learning].concat());
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        let report: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
        report["images"][0].clone()
    };
    let psnr = |image: &serde_json::Value, key: &str| image[key].as_f64().unwrap();
    // Random weights leave much to be learned.
    let random = ["--model", "noise2void", "--random", "small"];
    let learned = evaluate(&random, ["--steps", "60", "--learning-rate", "5e-3"]);
    assert_eq!(learned["kept"], true);
    assert!(learned["best_step"].as_u64().unwrap() > 0);
    assert!(psnr(&learned, "psnr") > psnr(&learned, "psnr_before") + 5.0, "{learned}");
    assert!(learned["psnr_learned"].is_f64() && learned["noise"].is_string(), "{learned}");
    // Steps as long as these destroy any network: the weights from before stay.
    let lost = evaluate(&["--weights", TINY], ["--steps", "2", "--learning-rate", "0.5"]);
    assert_eq!(lost["kept"], false);
    assert_eq!(lost["best_step"], 0);
    assert!((psnr(&lost, "psnr") - psnr(&lost, "psnr_before")).abs() < 1e-9, "{lost}");
}

/// A network that enlarges is measured on shrunk photos, against what bicubic enlargement makes of them.
#[test]
fn evaluate_shrinks_for_networks_that_enlarge_and_skips_photos() {
    let dir = folder("evaluate-enlarge");
    // Waves 25 pixels long: they outlive the shrinking, and lose by the blur.
    let wave = |i: usize| 127.5 + 100.0 * ((i / 3 % 64) as f32 / 4.0).sin();
    let waves = (0..64 * 48 * 3).map(|i| wave(i) as u8).collect();
    let waves = Photo::new(64, 48, 3, false, Samples::U8(waves)).unwrap();
    for name in ["a.png", "b.png", "c.png"] {
        write(&dir, name, &waves.encode(Format::Png, 0).unwrap());
    }
    let weights = format!("{ROOT}/tests/fixtures/dasr/tiny_x4_19x17_odd/weights.safetensors");
    let measure = |blur: &str| -> serde_json::Value {
        let clean = dir.to_str().unwrap();
        let options = ["--clean", clean, "--sigma", "0", "--blur", blur, "--every", "2", "--json"];
        let result = unnoise(&[&["evaluate", "--weights", &weights], &options[..]].concat());
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        serde_json::from_slice(&result.stdout).unwrap()
    };
    let (sharp, soft) = (measure("0.3"), measure("3"));
    assert_eq!(sharp["model"], "dasr-x4");
    let names: Vec<&str> =
        sharp["images"].as_array().unwrap().iter().filter_map(|i| i["name"].as_str()).collect();
    assert_eq!(names, ["a.png", "c.png"]);
    let bicubic = |report: &serde_json::Value| report["mean"]["psnr_noisy"].as_f64().unwrap();
    assert!(bicubic(&sharp) > bicubic(&soft) + 3.0, "{} {}", bicubic(&sharp), bicubic(&soft));
}

/// The field case of this name.
fn field(name: &str) -> String {
    format!("{ROOT}/tests/fixtures/field/{name}")
}

#[test]
fn stacks_are_denoised_page_by_page() {
    let dir = folder("stacks");
    let stack = field("77-imagej-z-stack.tif");
    let png = dir.join("out.png").to_str().unwrap().to_string();
    refused(&["denoise", &stack, "-o", &png, "--weights", TINY], Some(&png), "5 pages");
    let tif = dir.join("out.tif").to_str().unwrap().to_string();
    refused(&["denoise", &stack, "-o", &tif, "--weights", TINY, "--page", "6"], Some(&tif), "there are 5");
    let pictures = |arguments: &[&str], out: &str| {
        let result = unnoise(&[&["denoise", &stack, "-o", out, "--weights", TINY], arguments].concat());
        assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
        ImageFile::open(std::fs::read(out).unwrap()).unwrap()
    };
    assert_eq!(pictures(&["--page", "2"], &png).pictures(), 1);
    let all = pictures(&["--strength", "0"], &tif);
    assert_eq!(all.pictures(), 5);
    let before = ImageFile::open(std::fs::read(&stack).unwrap()).unwrap();
    for page in 0..5 {
        assert_eq!(all.picture(page).unwrap().samples(), before.picture(page).unwrap().samples());
    }
}

#[test]
fn counts_of_a_microscope_stay_counts_with_every_network() {
    let dir = folder("counts");
    let input = field("72-uint16-12bit-camera.tif");
    let mean = |path: &str| {
        let photo = decode(&std::fs::read(path).unwrap()).unwrap();
        let Samples::U16(values) = photo.samples() else { panic!("{path} has not 16 bits") };
        values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64
    };
    let before = mean(&input);
    for model in ["rednet", "noise2noise", "noise2void", "hq-ssl", "distilled-unet"] {
        let out = dir.join(format!("{model}.tif")).to_str().unwrap().to_string();
        let weights = format!("pkg-config/weights/{model}.safetensors");
        let result = unnoise(&["denoise", &input, "-o", &out, "--weights", &weights]);
        let said = String::from_utf8_lossy(&result.stderr).into_owned();
        assert!(result.status.success() && said.is_empty(), "{model}: {said}");
        assert!((mean(&out) - before).abs() < 40.0, "{model}: {before} became {}", mean(&out));
    }
}

#[test]
fn what_is_not_read_or_does_not_fit_is_said() {
    let dir = folder("said");
    let said = |input: &str, out: &str| {
        let out = dir.join(out).to_str().unwrap().to_string();
        let result = unnoise(&["denoise", &field(input), "-o", &out, "--weights", TINY, "--strength", "0"]);
        assert!(result.status.success());
        String::from_utf8_lossy(&result.stderr).into_owned()
    };
    assert!(said("60-animated.webp", "a.png").contains("first frame"));
    assert!(said("64-float32-gray-0-4095.tif", "b.png").contains("black to white"));
    assert_eq!(said("64-float32-gray-0-4095.tif", "b.tif"), "");
    let jpeg = dir.join("c.jpg").to_str().unwrap().to_string();
    refused(&["denoise", &field("125-70000-wide-to-jpeg.png"), "-o", &jpeg], Some(&jpeg), "65535");
}

fn json_lines(output: &Output) -> Vec<serde_json::Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn several_photos_and_folders_go_into_a_folder() {
    let dir = folder("several");
    let png = photo().encode(Format::Png, 0).unwrap();
    let inside = dir.join("inside");
    std::fs::create_dir(&inside).unwrap();
    let (one, _) = (write(&dir, "one.png", &png), write(&inside, "two.PNG", &png));
    write(&inside, "three.jpg", &photo().encode(Format::Jpeg, 90).unwrap());
    write(&inside, "notes.txt", b"no photo");
    let out = dir.join("made/out").to_str().unwrap().to_string();
    let arguments = [
        "denoise",
        &one,
        inside.to_str().unwrap(),
        "-o",
        &out,
        "--weights",
        TINY,
        "--suffix",
        "-c",
        "--json",
    ];
    let result = unnoise(&arguments);
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    let lines = json_lines(&result);
    let outputs: Vec<&str> = lines.iter().filter_map(|line| line["output"].as_str()).collect();
    let wanted = ["one-c.png", "three-c.jpg", "two-c.PNG"].map(|name| format!("{out}/{name}"));
    assert_eq!(outputs, wanted);
    assert!(wanted.iter().all(|path| decode(&std::fs::read(path).unwrap()).unwrap().width() == 40));
    for line in &lines {
        assert_eq!((&line["device"], &line["model"]), (&"flex".into(), &"noise2noise".into()));
        assert!(line["mode"].is_string() && line["seconds"].is_f64() && line["noise"]["sigma"].is_f64());
    }

    // Done once more, it replaces nothing unasked, and says so of each.
    let result = unnoise(&arguments);
    assert_eq!(result.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&result.stderr).matches("--overwrite replaces it").count(), 3);
    assert!(json_lines(&result).iter().all(|line| line["error"].is_string()));
    assert!(unnoise(&[&arguments[..], &["--overwrite"]].concat()).status.success());
    let twice = [one.as_str(), one.as_str()];
    refused(&[&["denoise"], &twice[..], &["-o", &out]].concat(), None, "would both become");
}

#[test]
fn one_bad_photo_among_several_fails_alone() {
    let dir = folder("one_bad");
    let good = write(&dir, "good.png", &photo().encode(Format::Png, 0).unwrap());
    let bad = write(&dir, "bad.png", b"just some words");
    let result = unnoise(&["denoise", &bad, &good, "--weights", TINY, "--json", "--quiet"]);
    assert_eq!(result.status.code(), Some(1));
    let lines = json_lines(&result);
    assert_eq!((&lines[0]["code"], lines.len()), (&"decode".into(), 2), "{lines:?}");
    // Without a place of its own, a result goes beside its photo.
    assert!(dir.join("good-denoised.png").exists() && !dir.join("bad-denoised.png").exists());
    let none = unnoise(&["denoise", &good, "--nonsense"]);
    assert_eq!(none.status.code(), Some(2));
}

#[test]
fn quiet_says_nothing_but_errors() {
    let dir = folder("quiet");
    let out = dir.join("a.png").to_str().unwrap().to_string();
    let input = field("60-animated.webp");
    let said = |arguments: &[&str]| {
        let result = unnoise(&[&["denoise", &input, "-o", &out, "--weights", TINY], arguments].concat());
        (result.stdout.len() + result.stderr.len(), result.status.success())
    };
    assert!(matches!(said(&[]), (1.., true)));
    assert_eq!(said(&["--overwrite", "--quiet"]), (0, true));
    assert!(matches!(said(&["--quiet"]), (1.., false)));
}

#[test]
fn learning_that_was_no_use_has_its_own_exit_code_and_writes_nothing() {
    let dir = folder("no_use");
    let samples = (0..64 * 64 * 3).map(|i: u32| (128 + i * 7919 % 97 - 48) as u8).collect();
    let photo = Photo::new(64, 64, 3, false, Samples::U8(samples)).unwrap();
    let noisy = write(&dir, "noisy.png", &photo.encode(Format::Png, 0).unwrap());
    let out = dir.join("tuned.safetensors").to_str().unwrap().to_string();
    let learn = ["fine-tune", &noisy, "-o", &out, "--weights", TINY, "--json"];
    // Steps as long as these destroy any network.
    let arguments =
        [&learn[..], &["--steps", "2", "--learning-rate", "0.5", "--batch", "1", "--patch", "32"]].concat();
    let result = unnoise(&arguments);
    assert_eq!(result.status.code(), Some(3), "{}", String::from_utf8_lossy(&result.stderr));
    let told = &json_lines(&result)[0];
    assert_eq!((&told["kept"], &told["output"], &told["best_step"]), (&false.into(), &().into(), &0.into()));
    assert!(!Path::new(&out).exists());
    let asked = unnoise(&[&arguments[..], &["--always"]].concat());
    assert_eq!(asked.status.code(), Some(3));
    let original = StateDict::read(&std::fs::read(TINY).unwrap()).unwrap();
    let learned = StateDict::read(&std::fs::read(&out).unwrap()).unwrap();
    assert_ne!(learned.arrays, original.arrays);
    assert_eq!(learned.metadata["steps"], "2");
    refused(&arguments, None, "--overwrite replaces it");
}

#[test]
fn files_of_weights_are_described_too() {
    let result = unnoise(&["info", TINY, "--json"]);
    let told: serde_json::Value = serde_json::from_slice(&result.stdout).unwrap();
    assert_eq!(told["network"], "noise2noise");
    assert!(told["parameters"].as_u64().unwrap() > 1000);
    let dir = folder("described");
    let neither = write(&dir, "a.png", b"neither one nor the other");
    refused(&["info", &neither], None, "not an image");
}

#[test]
fn shells_and_manuals_know_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let result = unnoise(&["completions", shell]);
        assert!(
            result.status.success() && String::from_utf8_lossy(&result.stdout).contains("fine-tune"),
            "{shell}"
        );
    }
    let page = unnoise(&["man"]);
    let text = String::from_utf8_lossy(&page.stdout).into_owned();
    assert!(text.contains(".TH unnoise") && text.contains("found nothing better"), "{text}");
    let dir = folder("man");
    assert!(unnoise(&["man", dir.to_str().unwrap()]).status.success());
    assert!(dir.join("unnoise-fine-tune.1").exists());
}

#[test]
fn an_answer_that_nobody_reads_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_unnoise"))
        .args(["info", TINY])
        .current_dir(ROOT)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
