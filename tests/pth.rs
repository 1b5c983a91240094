//! Checkpoints of PyTorch: those that PyTorch wrote (`tests/fixtures/pth/make.py`) are read, hostile ones are refused.

use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use unnoise::Kind;
use unnoise::device::Backend;
use unnoise::models::{Model, recognise};
use unnoise::weights::{Array, StateDict};

fn fixture(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/pth/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// What `numbers` in `make.py` gives.
fn numbers(shape: &[usize]) -> Array {
    let count = shape.iter().product::<usize>();
    Array { shape: shape.to_vec(), data: (0..count).map(|i| i as f32 * 0.5 - 1.0).collect() }
}

fn array(shape: &[usize], data: &[f32]) -> Array {
    Array { shape: shape.to_vec(), data: data.to_vec() }
}

#[test]
fn tensors_of_every_layout_and_type_are_read_from_both_formats() {
    for name in ["plain.pt", "plain-legacy.pt"] {
        let state = StateDict::read(&fixture(name)).unwrap();
        let expected = [
            ("contiguous", numbers(&[2, 3])),
            ("transposed", array(&[3, 2], &[-1.0, 0.5, -0.5, 1.0, 0.0, 1.5])),
            ("strided", array(&[3, 3], &[2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5, 10.5])),
            ("shared", numbers(&[4, 6])),
            ("expanded", array(&[3, 2], &[-1.0, -1.0, -0.5, -0.5, 0.0, 0.0])),
            ("channels_last", numbers(&[1, 2, 3, 2])),
            ("empty", array(&[0, 3], &[])),
            ("scalar", array(&[], &[7.0])),
            ("half", numbers(&[5])),
            ("bfloat16", numbers(&[5])),
            ("double", numbers(&[5])),
            ("long", array(&[2], &[-3.0, 1_048_576.0])),
            ("int", array(&[2], &[-3.0, 4.0])),
            ("short", array(&[2], &[-3.0, 4.0])),
            ("char", array(&[2], &[-3.0, 4.0])),
            ("byte", array(&[2], &[3.0, 200.0])),
            ("bool", array(&[2], &[1.0, 0.0])),
            ("parameter", numbers(&[2])),
        ];
        assert_eq!(state.arrays.len(), expected.len(), "{name}");
        for (key, want) in expected {
            assert_eq!(state.arrays.get(key), Some(&want), "{name}: {key}");
        }
    }
}

#[test]
fn weights_are_found_in_what_trainers_wrap_around_them() {
    let state = StateDict::read(&fixture("nested.pth")).unwrap();
    let keys: Vec<&str> = state.arrays.keys().map(String::as_str).collect();
    let norm = ["bias", "num_batches_tracked", "running_mean", "running_var", "weight"];
    let expected = ["0.bias".into(), "0.weight".into()].into_iter().chain(norm.map(|n| format!("1.{n}")));
    assert_eq!(keys, expected.collect::<Vec<String>>());
    assert_eq!(state.arrays["0.weight"], numbers(&[2, 1, 1, 1]));
    let state = StateDict::read(&fixture("denoiser.pth")).unwrap();
    assert_eq!(state.arrays["w"], numbers(&[2]));
}

#[test]
fn a_checkpoint_is_recognised_and_loaded() {
    let state = StateDict::read(&fixture("noise2noise-legacy.pt")).unwrap();
    let card = recognise(&state).unwrap();
    assert_eq!(card.id, "noise2noise");
    let device = pollster::block_on(Backend::Flex.open()).unwrap();
    let model = Model::from_state(&state, &device).unwrap();
    assert_eq!(pollster::block_on(model.export()).unwrap(), state);
    let message = Model::load("dasr-x2", &state, &device).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("`noise2noise`, not of `dasr-x2`"), "{message}");
}

#[test]
fn weights_of_no_network_are_refused_with_their_first_three_tensors() {
    let state = StateDict::read(&fixture("plain.pt")).unwrap();
    let message = recognise(&state).unwrap_err().to_string();
    assert!(message.contains("`bfloat16` [5], `bool` [2], `byte` [2]"), "{message}");
}

/// A zip archive of stored files.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, data) in files {
        let offset = out.len() as u32;
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        common.extend([data.len() as u32, data.len() as u32].iter().flat_map(|n| n.to_le_bytes()));
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(*data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, count) = (out.len() as u32, files.len() as u16);
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].iter().flat_map(|n| n.to_le_bytes()));
    out.extend([directory.len() as u32, start].iter().flat_map(|n| n.to_le_bytes()));
    out.extend([0, 0]);
    out
}

/// A checkpoint with this pickle and four numbers.
fn checkpoint(pickle: &[u8]) -> Vec<u8> {
    zip(&[("a/data.pkl", pickle), ("a/data/0", &[0; 16])])
}

fn text(s: &str) -> Vec<u8> {
    [b"X".as_slice(), &(s.len() as u32).to_le_bytes(), s.as_bytes()].concat()
}

fn int(n: i32) -> Vec<u8> {
    [b"J".as_slice(), &n.to_le_bytes()].concat()
}

fn tuple(n: &[i32]) -> Vec<u8> {
    [b"(".to_vec(), n.iter().flat_map(|&n| int(n)).collect(), b"t".to_vec()].concat()
}

/// The instructions for one tensor.
fn tensor(kind: &str, key: &str, count: i32, offset: i32, shape: &[i32], stride: &[i32]) -> Vec<u8> {
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n((".to_vec(),
        text("storage"),
        format!("ctorch\n{kind}\n").into_bytes(),
        text(key),
        text("cpu"),
        int(count),
        b"tQ".to_vec(),
        int(offset),
        tuple(shape),
        tuple(stride),
        b"\x89ccollections\nOrderedDict\n)RtR".to_vec(),
    ]
    .concat()
}

/// A pickle of `{"w": value}`.
fn named(value: &[u8]) -> Vec<u8> {
    [b"\x80\x02}".to_vec(), text("w"), value.to_vec(), b"s.".to_vec()].concat()
}

fn refusal(bytes: &[u8]) -> String {
    let start = Instant::now();
    let error = StateDict::read(bytes).unwrap_err();
    assert_eq!(error.kind(), Kind::Weights);
    assert!(start.elapsed() < Duration::from_secs(2), "{error}");
    error.to_string()
}

#[test]
fn our_own_archives_are_read() {
    let good = checkpoint(&named(&tensor("FloatStorage", "0", 4, 1, &[3], &[1])));
    assert_eq!(StateDict::read(&good).unwrap().arrays["w"], array(&[3], &[0.0; 3]));
}

#[test]
fn nothing_but_plain_weights_is_named() {
    let globals = [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("__builtin__", "exec"),
        ("subprocess", "Popen"),
        ("torch.storage", "_load_from_bytes"),
        ("torch", "load"),
        ("torch.nn.modules.linear", "Linear"),
    ];
    for (module, name) in globals {
        let call = format!("c{module}\n{name}\n(X\x04\0\0\0 ls tR").replace(' ', "/");
        let message = refusal(&checkpoint(&named(call.as_bytes())));
        assert!(message.contains(&format!("`{module}.{name}`")), "{message}");
        let call = [b"\x80\x04".to_vec(), text(module), text(name), b"\x93)R.".to_vec()].concat();
        assert!(refusal(&checkpoint(&call)).contains(&format!("`{module}.{name}`")));
    }
    let message = refusal(&fixture("whole-model.pt"));
    assert!(message.contains("torch.nn.modules") && message.contains("state_dict()"), "{message}");
    for opcode in [b'i', b'o', b'P', b'2', 0x82, 0x97, 0xff] {
        let message = refusal(&checkpoint(&[0x80, 2, b'N', opcode, b'.']));
        assert!(message.contains(&format!("0x{opcode:02x}")), "{message}");
    }
}

/// A pickle of a dictionary with these names and instructions for their values.
fn dictionary(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let each = entries.iter().flat_map(|(name, value)| [text(name), value.clone(), b"s".to_vec()].concat());
    [b"}".to_vec(), each.collect()].concat()
}

fn finished(value: Vec<u8>) -> Vec<u8> {
    [b"\x80\x02".to_vec(), value, b".".to_vec()].concat()
}

#[test]
fn what_a_trainer_saves_beside_the_weights_is_never_run_and_does_no_harm() {
    let weights = || tensor("FloatStorage", "0", 4, 0, &[4], &[1]);
    let call = b"cos\nsystem\n(X\x04\0\0\0echo tR".to_vec().into_iter().filter(|b| *b != b' ').collect();
    let path = b"cpathlib\nPosixPath\n(X\x01\0\0\0atR".to_vec();
    let object = b"cmy.project\nConfig\n)\x81}X\x01\0\0\0aK\x01sb".to_vec();
    let inner = dictionary(&[("module.w", weights())]);
    let all = [("callback", call), ("path", path), ("config", object), ("state_dict", inner)];
    let state = StateDict::read(&checkpoint(&finished(dictionary(&all)))).unwrap();
    assert_eq!(state.arrays.keys().collect::<Vec<_>>(), ["w"]);
}

#[test]
fn prefixes_and_companions_are_taken_off_in_any_nesting() {
    let keys = |names: &[&str], wrappers: &[&str]| {
        let entries: Vec<(&str, Vec<u8>)> =
            names.iter().map(|name| (*name, tensor("FloatStorage", "0", 4, 0, &[4], &[1]))).collect();
        let wrap = |inner: Vec<u8>, name: &&str| dictionary(&[(name, inner), ("epoch", int(3))]);
        let pickle = wrappers.iter().rev().fold(dictionary(&entries), wrap);
        let state = StateDict::read(&checkpoint(&finished(pickle))).unwrap();
        state.arrays.into_keys().collect::<Vec<String>>()
    };
    let cases: [(&[&str], &[&str]); 7] = [
        (&["module._orig_mod.a.w", "module._orig_mod.b"], &[]),
        (&["model.net.module.a.w", "model.net.module.b"], &["state_dict"]),
        (&["netG.a.w", "netG.b", "netD.a.w", "loss.vgg.w"], &["state_dict"]),
        (&["module.a.w", "module.b", "n_averaged"], &[]),
        (&["generator.a.w", "generator.b", "discriminator.w"], &["params_ema"]),
        (&["a._orig_mod.w", "b"], &["checkpoint", "model_state_dict"]),
        (&["online_model.a", "ema_model.a.w", "ema_model.b", "initted"], &[]),
    ];
    for (names, wrappers) in cases {
        assert_eq!(keys(names, wrappers), ["a.w", "b"], "{names:?} in {wrappers:?}");
    }
    // Two networks that belong together stay.
    assert_eq!(keys(&["E.w", "G.w"], &["state_dict"]), ["E.w", "G.w"]);
}

#[test]
fn the_settings_of_careamics_are_noted() {
    let list = |values: [f64; 2]| {
        let floats = values.iter().flat_map(|v| [b"G".to_vec(), v.to_be_bytes().to_vec()].concat());
        [b"](".to_vec(), floats.collect(), b"e".to_vec()].concat()
    };
    let data = dictionary(&[("image_means", list([118.25, 99.0])), ("image_stds", list([60.5, 2.5]))]);
    let network = dictionary(&[("num_channels_init", int(32)), ("use_batch_norm", b"\x89".to_vec())]);
    let settings = dictionary(&[("data_config", data), ("model", network)]);
    let weights = dictionary(&[("w", tensor("FloatStorage", "0", 4, 0, &[4], &[1]))]);
    let pickle = dictionary(&[("hyper_parameters", settings), ("state_dict", weights)]);
    let state = StateDict::read(&checkpoint(&finished(pickle))).unwrap();
    assert_eq!(state.metadata["image_means"], "[118.25, 99.0]");
    assert_eq!(state.metadata["image_stds"], "[60.5, 2.5]");
    assert_eq!(state.metadata["batch_norm"], "false");
}

#[test]
fn a_checkpoint_within_an_archive_is_read() {
    let inner = checkpoint(&named(&tensor("FloatStorage", "0", 4, 0, &[4], &[1])));
    let state = StateDict::read(&zip(&[("rdf.yaml", b"name: x"), ("weights.pth", &inner)])).unwrap();
    assert_eq!(state.arrays["w"].shape, [4]);
    let two = zip(&[("a.pth", &inner), ("b.pth", &inner)]);
    assert!(refusal(&two).contains("a.pth, b.pth"));
}

#[test]
fn nesting_is_bounded() {
    let marks = [vec![b'('; 1000], b".".to_vec()].concat();
    assert!(refusal(&checkpoint(&marks)).contains("nested"));
    // Lists in lists hold no names; the point is that they are dropped without exhausting the stack.
    let lists = [vec![b']'; 500_000], vec![b'a'; 499_999], b".".to_vec()].concat();
    assert!(refusal(&checkpoint(&lists)).contains("no named tensors"));
    let mut dicts = b"}".to_vec();
    for _ in 0..100 {
        dicts.extend([text("d"), b"}".to_vec()].concat());
    }
    dicts.extend([vec![b's'; 100], b".".to_vec()].concat());
    assert!(refusal(&checkpoint(&dicts)).contains("nested"));
    // A dictionary that contains itself.
    let cycle = [b"}q\0".to_vec(), text("d"), b"h\0s.".to_vec()].concat();
    assert!(refusal(&checkpoint(&cycle)).contains("nested"));
}

#[test]
fn bombs_do_not_go_off() {
    let many = [vec![b'N'; 3_000_000], b".".to_vec()].concat();
    assert!(refusal(&checkpoint(&many)).contains("objects"));
    // Each dictionary holds the one before ten times over.
    let mut laughs = b"}q\0".to_vec();
    for level in 0..14u8 {
        laughs.push(b'}');
        for i in 0..10 {
            laughs.extend([text(&i.to_string()), vec![b'h', level], b"s".to_vec()].concat());
        }
        laughs.extend([b'q', level + 1]);
    }
    laughs.push(b'.');
    assert!(refusal(&checkpoint(&laughs)).contains("things"));
    // One long list made into dictionaries again and again.
    let mut copies = b"](".to_vec();
    copies.extend([text("k"), b"N\x86q\0".to_vec()].concat());
    copies.extend(b"h\0".repeat(50_000));
    copies.extend(b"eq\x01");
    copies.extend(b"ccollections\nOrderedDict\nh\x01\x85R0".repeat(1000));
    copies.push(b'.');
    assert!(refusal(&checkpoint(&copies)).contains("objects"));
    // A memo far away, and a name that is long and often used.
    assert!(refusal(&checkpoint(b"Nr\xff\xff\xff\xff.")).contains("no named tensors"));
    assert!(
        refusal(&checkpoint(&[b"}".to_vec(), text(&"k".repeat(9999)), b"}s.".to_vec()].concat()))
            .contains("name")
    );
}

#[test]
fn claims_are_checked_against_the_file() {
    let refused = |kind, key, count, offset, shape: &[i32], stride: &[i32]| {
        refusal(&checkpoint(&named(&tensor(kind, key, count, offset, shape, stride))))
    };
    assert!(refused("FloatStorage", "0", i32::MAX, 0, &[4], &[1]).contains("16 bytes"));
    assert!(refused("DoubleStorage", "0", 4, 0, &[4], &[1]).contains("16 bytes"));
    assert!(refused("FloatStorage", "7", 4, 0, &[4], &[1]).contains("missing"));
    assert!(refused("FloatStorage", "../0", 4, 0, &[4], &[1]).contains("missing"));
    assert!(refused("FloatStorage", "0", 4, 1, &[4], &[1]).contains("beyond"));
    assert!(refused("FloatStorage", "0", 4, i32::MAX, &[1], &[1]).contains("beyond"));
    assert!(refused("FloatStorage", "0", 4, 0, &[2, 2], &[3, 1]).contains("beyond"));
    assert!(refused("FloatStorage", "0", 4, 0, &[2], &[i32::MAX]).contains("beyond"));
    assert!(refused("FloatStorage", "0", 4, -1, &[4], &[1]).contains("size -1"));
    assert!(refused("FloatStorage", "0", 4, 0, &[-4], &[1]).contains("size -4"));
    assert!(refused("FloatStorage", "0", 4, 0, &[4], &[1, 1]).contains("malformed"));
    assert!(refused("FloatStorage", "0", 4, 0, &[1; 9], &[1; 9]).contains("malformed"));
    assert!(refused("FloatStorage", "0", 4, 0, &[i32::MAX], &[0]).contains("more than this file can hold"));
    assert!(refused("FloatStorage", "0", 4, 0, &[i32::MAX; 8], &[0; 8]).contains("more than"));
    assert!(refused("QInt8Storage", "0", 16, 0, &[4], &[1]).contains("QInt8Storage"));
    let nan = [0, 0, 0xc0, 0x7f].repeat(4);
    let pickle = named(&tensor("FloatStorage", "0", 4, 0, &[4], &[1]));
    let archive = zip(&[("a/data.pkl", &pickle), ("a/data/0", &nan)]);
    assert!(refusal(&archive).contains("`w` contains NaN"));
}

#[test]
fn damaged_and_foreign_archives_are_refused() {
    let pickle = named(&tensor("FloatStorage", "0", 4, 0, &[4], &[1]));
    assert!(refusal(&zip(&[("hello.txt", b"hello")])).contains("data.pkl"));
    assert!(refusal(&zip(&[])).contains("data.pkl"));
    let big = zip(&[("a/data.pkl", &pickle), ("a/byteorder", b"big"), ("a/data/0", &[0; 16])]);
    assert!(refusal(&big).contains("big-endian"));
    let mut packed = zip(&[("a/data.pkl", &pickle)]);
    let directory = packed.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
    packed[directory + 10] = 8;
    assert!(refusal(&packed).contains("compressed"));
    assert!(refusal(&zip(&[("data.pkl", b"")])).contains("cut off"));
    assert!(refusal(b"\x80\x02N.").contains("not one of PyTorch"));
    assert!(refusal(b"PK").contains("cut off"));
}

#[test]
fn wherever_a_file_is_cut_off_it_is_refused() {
    for name in ["plain.pt", "plain-legacy.pt", "denoiser.pth"] {
        let bytes = fixture(name);
        for length in 0..bytes.len() {
            refusal(&bytes[..length]);
        }
    }
}

#[test]
fn mutations_are_read_or_refused_but_never_panic() {
    let start = Instant::now();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for name in ["plain.pt", "plain-legacy.pt", "nested.pth"] {
        let original = fixture(name);
        for _ in 0..1500 {
            let mut bytes = original.clone();
            for _ in 0..rng.random_range(1..8) {
                mutate(&mut bytes, &mut rng);
            }
            if let Err(error) = StateDict::read(&bytes) {
                assert_eq!(error.kind(), Kind::Weights);
            }
        }
    }
    assert!(start.elapsed() < Duration::from_secs(10));
}

/// Changes, doubles or takes away a few bytes; the first ones stay, as they only tell the format.
fn mutate(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    // Pickles are at the start and directories at the end; the numbers between them are the least interesting.
    let at = match rng.random_range(0..3) {
        0 => rng.random_range(2..bytes.len()),
        1 => rng.random_range(2..bytes.len().min(2000)),
        _ => rng.random_range(bytes.len().saturating_sub(1500).max(2)..bytes.len()),
    };
    let end = (at + rng.random_range(1..9)).min(bytes.len());
    match rng.random_range(0..5) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2 => bytes[at..end].fill(if rng.random() { 0xff } else { 0 }),
        3 => drop(bytes.drain(at..end)),
        _ => {
            let part = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, part));
        }
    }
}
