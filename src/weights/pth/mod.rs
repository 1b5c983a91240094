//! PyTorch checkpoints (`.pth`, `.pt`): the zip archives written since version 1.6, and the files before them. Only
//! tensors under names are read; nothing of a checkpoint is ever run.

mod pickle;
mod zip;

use std::collections::{BTreeMap, BTreeSet};

use pickle::{Id, Pickle, Storage, Tensor, Value, short};
use zip::Zip;

use super::{Array, StateDict};
use crate::error::{Error, Kind, Result};

/// Dictionaries within dictionaries, at most.
const MAX_DEPTH: usize = 16;

/// Entries of all dictionaries, at most, counted as often as they are met.
const MAX_ENTRIES: usize = 1 << 18;

/// Things that a trainer saves, at most, if the weights are to be found among them under a name that is not known.
const MAX_SAVED: usize = 64;

/// Length of a key, at most.
const MAX_KEY: usize = 512;

/// Values in all tensors, at most, for each byte of the file: as many as there can be without tensors that share
/// their numbers, and a few more for those that do.
const VALUES_PER_BYTE: usize = 2;

/// First bytes of a zip archive.
const ZIP: &[u8] = b"PK";

/// The number that the files before version 1.6 begin with, as a pickle holds it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];

/// Under which names trainers keep the weights, the ones to be preferred first: averages over the last steps, then the
/// weights themselves, then those of a generator.
const WRAPPERS: [&str; 26] = [
    "params_ema",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema_model",
    "ema",
    "shadow",
    "params",
    "state_dict",
    "model_state_dict",
    "model_state",
    "net_state_dict",
    "network_state_dict",
    "model_weight",
    "model_weights",
    "model",
    "network",
    "net",
    "weights",
    "denoiser",
    "student",
    "netG",
    "net_g",
    "generator",
    "generator_state_dict",
    "G_state_dict",
];

/// Prefixes that wrappers put before all keys.
const PREFIXES: [&str; 13] = [
    "module.",
    "_orig_mod.",
    "_forward_module.",
    "_fsdp_wrapped_module.",
    "bsn.",
    "denoiser.",
    "netG.",
    "net_g.",
    "generator.",
    "online_model.",
    "student.",
    "backbone.",
    "base_model.",
];

/// Beginnings of keys that are not of the network, where there are others: what it was trained with.
const COMPANIONS: [&str; 21] = [
    "netD",
    "net_d",
    "netF",
    "discriminator",
    "D",
    "loss",
    "loss_fn",
    "loss_func",
    "criterion",
    "metrics",
    "metric",
    "train_metrics",
    "val_metrics",
    "vgg",
    "perceptual",
    "perceptual_loss",
    "lpips",
    "n_averaged",
    "initted",
    "step",
    "teacher",
];

/// The same weights again, averaged over the last steps, where both are there.
const AVERAGES: [&str; 5] = ["params_ema", "ema_model", "model_ema", "ema", "netG_ema"];

/// Files in an archive that may be weights.
const WEIGHTS: [&str; 4] = [".safetensors", ".pth", ".pt", ".ckpt"];

/// Bytes of weights within a compressed archive, at most.
const MAX_INNER: u64 = 1 << 30;

/// Whether these bytes begin as a checkpoint of PyTorch does.
pub(super) fn is_pth(bytes: &[u8]) -> bool {
    bytes.starts_with(ZIP) || matches!(bytes, [0x80, 2..=5, ..])
}

/// The numbers of a checkpoint, by the keys of their storages.
enum Numbers<'a> {
    Zip { archive: Zip<'a>, folder: &'a str },
    Slices(BTreeMap<&'a str, &'a [u8]>),
}

impl StateDict {
    /// Reads a checkpoint of PyTorch, a zip archive or a file from before version 1.6. Weights that are nested
    /// (`state_dict`, `params`, ...) or prefixed (`module.`, ...) come without that; what is no tensor is ignored.
    ///
    /// # Errors
    /// [`Kind::Weights`] when the file is damaged, holds no named tensors, holds or claims more than it can, refers to
    /// anything but plain data, or a value is not finite.
    pub fn from_pth(bytes: &[u8]) -> Result<Self> {
        let damaged =
            |why: String| Error::new(Kind::Weights, format!("this checkpoint cannot be read: {why}"));
        let (pickle, numbers) = open(bytes).map_err(damaged)?;
        let mut reader = Reader {
            pickle,
            numbers,
            budget: bytes.len().saturating_mul(VALUES_PER_BYTE),
            met: 0,
            arrays: BTreeMap::new(),
        };
        let root = reader.unwrap(reader.pickle.root());
        reader.walk(root, "", 0).map_err(damaged)?;
        if reader.arrays.is_empty() {
            return Err(damaged(reader.why_empty()));
        }
        for (key, array) in &reader.arrays {
            super::check_finite(key, &array.data)?;
        }
        let metadata = reader.settings();
        Ok(Self { arrays: reader.arrays, metadata })
    }

    /// The weights in an archive that is none of PyTorch's, such as a model of the BioImage Model Zoo: its only file of
    /// weights, or the safetensors file among several. `None` for other files.
    ///
    /// # Errors
    /// [`Kind::Weights`], as [`StateDict::read`] for the file within.
    pub(super) fn from_archive(bytes: &[u8]) -> Option<Result<Self>> {
        let archive = bytes.starts_with(ZIP).then(|| Zip::open(bytes).ok())??;
        if archive.names().any(|name| name == "data.pkl" || name.ends_with("/data.pkl")) {
            return None;
        }
        let of_kind =
            |ending: &str| archive.names().filter(|name| name.ends_with(ending)).collect::<Vec<_>>();
        let candidates = WEIGHTS.iter().map(|ending| of_kind(ending)).find(|names| !names.is_empty())?;
        let &[name] = &candidates[..] else {
            let message = format!(
                "this archive holds several weights ({}): unpack it, and give one",
                candidates.join(", ")
            );
            return Some(Err(Error::new(Kind::Weights, message)));
        };
        let inner = archive.unpacked(name, MAX_INNER).ok_or_else(|| {
            let message = format!("`{name}` in this archive cannot be unpacked: take it out, and give that");
            Error::new(Kind::Weights, message)
        });
        Some(
            inner
                .and_then(|inner| Self::read_file(&inner))
                .map_err(|e| e.context(format!("`{name}` in the archive"))),
        )
    }

    /// The arrays without the names and prefixes that trainers wrap around them (`params.`, `module.`, ...), in any order and
    /// depth, and without what a network was trained with (`netD.`, `loss.`, ...).
    pub(super) fn unwrapped(self) -> Self {
        let Self { mut arrays, metadata } = self;
        // Compiled parts of a network, at any depth.
        arrays = arrays.into_iter().map(|(key, array)| (key.replace("_orig_mod.", ""), array)).collect();
        loop {
            arrays = without_companions(arrays);
            let wrappers = WRAPPERS.iter().map(|name| format!("{name}."));
            let mut prefixes = PREFIXES.iter().map(|prefix| prefix.to_string()).chain(wrappers);
            let common =
                prefixes.find(|p| arrays.keys().all(|key| key.len() > p.len() && key.starts_with(p)));
            match common {
                Some(prefix) if !arrays.is_empty() => {
                    let bare = |(key, array): (String, Array)| (key[prefix.len()..].to_string(), array);
                    arrays = arrays.into_iter().map(bare).collect();
                }
                _ => return Self { arrays, metadata },
            }
        }
    }
}

/// The arrays but for those whose keys begin with one of [`COMPANIONS`], where the others are all under one other name; and of
/// weights that are there twice, the averages.
fn without_companions(arrays: BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let head = |key: &str| key.split('.').next().unwrap_or_default().to_string();
    let heads: BTreeSet<String> = arrays.keys().map(|key| head(key)).collect();
    let is_companion = |name: &String| COMPANIONS.contains(&name.as_str());
    let own: Vec<&String> = heads.iter().filter(|name| !is_companion(name)).collect();
    let wraps =
        |name: &str| WRAPPERS.contains(&name) || PREFIXES.iter().any(|p| p.strip_suffix('.') == Some(name));
    if own.is_empty() || !own.iter().all(|name| wraps(name) || AVERAGES.contains(&name.as_str())) {
        return arrays;
    }
    let chosen = AVERAGES.iter().find(|name| heads.contains(**name)).map(|name| name.to_string());
    let chosen = match (chosen, &own[..]) {
        (Some(average), _) => average,
        (None, [only]) => only.to_string(),
        _ => return arrays,
    };
    arrays.into_iter().filter(|(key, _)| head(key) == chosen).collect()
}

fn open(bytes: &[u8]) -> Result<(Pickle<'_>, Numbers<'_>), String> {
    let unreadable = |why: String| format!("its pickle is not read ({why})");
    if !bytes.starts_with(ZIP) {
        return legacy(bytes).map_err(unreadable);
    }
    let archive = Zip::open(bytes)?;
    if archive.names().any(|name| name.ends_with("/constants.pkl") || name.contains("/code/__torch__")) {
        return Err("it is a TorchScript archive, a program with its weights: save the weights with `torch.save(model.state_dict(), ...)`".into());
    }
    let name = archive.names().find(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let name = name.ok_or_else(|| {
        let names: Vec<&str> = archive.names().take(3).collect();
        let inside =
            if names.is_empty() { String::new() } else { format!("; it holds {}", names.join(", ")) };
        format!("it is a zip archive, but not one of PyTorch (there is no `data.pkl` in it{inside})")
    })?;
    let folder = name.trim_end_matches("data.pkl");
    if archive.file(&format!("{folder}byteorder")).is_some_and(|order| order.starts_with(b"big")) {
        return Err("it was written on a big-endian machine".into());
    }
    let pickle = archive
        .file(name)
        .ok_or_else(|| format!("`{name}` in it is compressed, which PyTorch does not do"))?;
    let pickle = Pickle::read(pickle).map_err(unreadable)?;
    Ok((pickle, Numbers::Zip { archive, folder }))
}

/// The files from before version 1.6: pickles of a magic number, a version, the machine, the object and the storages'
/// keys; then, in the order of the keys, each storage's count and numbers.
fn legacy(bytes: &[u8]) -> Result<(Pickle<'_>, Numbers<'_>), String> {
    let mut at = 0;
    let mut next = || {
        let pickle = Pickle::read(&bytes[at..])?;
        at += pickle.length;
        Ok::<_, String>(pickle)
    };
    let magic = next()?;
    if !matches!(magic.get(magic.root()), Value::Long(bytes) if *bytes == MAGIC) {
        return Err("it is a pickle, but not one of PyTorch".into());
    }
    let (_version, _machine, object, keys) = (next()?, next()?, next()?, next()?);
    let mut widths = BTreeMap::new();
    for value in object.values() {
        if let Value::Storage(storage) = value {
            widths.insert(storage.key, storage.number.size());
        }
    }
    let Value::List(list) = keys.get(keys.root()) else {
        return Err("the list of its storages is missing".into());
    };
    let mut slices = BTreeMap::new();
    for &key in list {
        let Value::Text(key) = keys.get(key) else {
            return Err("the list of its storages is malformed".into());
        };
        let count = bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
        let width = widths.get(key).copied().ok_or("a storage in it belongs to nothing")?;
        let size = count.and_then(|count| usize::try_from(count).ok()?.checked_mul(width));
        let numbers = size.and_then(|size| bytes.get(at + 8..)?.get(..size)).ok_or("it is cut off")?;
        slices.insert(*key, numbers);
        at += 8 + numbers.len();
    }
    Ok((object, Numbers::Slices(slices)))
}

struct Reader<'a> {
    pickle: Pickle<'a>,
    numbers: Numbers<'a>,
    /// How many more values may be read.
    budget: usize,
    /// How many entries were met.
    met: usize,
    arrays: BTreeMap<String, Array>,
}

impl<'a> Reader<'a> {
    /// The dictionary of weights within the dictionaries of a trainer.
    fn unwrap(&self, mut id: Id) -> Id {
        for _ in 0..MAX_DEPTH {
            let inner = WRAPPERS.iter().find_map(|name| {
                let inner = self.entries(id).find(|(key, _)| key == name)?.1;
                self.holds_tensors(inner).then_some(inner)
            });
            match inner.or_else(|| self.only_one(id)) {
                Some(inner) => id = inner,
                None => break,
            }
        }
        id
    }

    /// The only thing in a dictionary that holds tensors, under whatever name, if there is no tensor beside it.
    fn only_one(&self, id: Id) -> Option<Id> {
        let of_tensors = |(_, inner): &(&str, Id)| {
            matches!(self.pickle.get(*inner), Value::Tensor(_)) || self.holds_tensors(*inner)
        };
        // Trainers save a few things, not many.
        if self.entries(id).nth(MAX_SAVED).is_some() {
            return None;
        }
        let mut found = self.entries(id).filter(of_tensors);
        let (_, only) = found.next().filter(|_| found.next().is_none())?;
        matches!(self.pickle.get(only), Value::Dict(_)).then_some(only)
    }

    /// Whether a dictionary holds tensors under names, or dictionaries that do.
    fn holds_tensors(&self, id: Id) -> bool {
        // Each dictionary is looked into once, however often it is referred to.
        let (mut seen, mut todo) = (BTreeSet::new(), vec![(id, 0)]);
        while let Some((id, depth)) = todo.pop() {
            if depth == MAX_DEPTH || !seen.insert(id) {
                continue;
            }
            for (_, inner) in self.entries(id) {
                match self.pickle.get(inner) {
                    Value::Tensor(_) => return true,
                    Value::Dict(_) => todo.push((inner, depth + 1)),
                    _ => {}
                }
            }
        }
        false
    }

    /// Why there are no tensors: what an optimiser saved, or a whole object instead of its weights.
    fn why_empty(&self) -> String {
        let root: Vec<&str> = self.entries(self.pickle.root()).map(|(key, _)| key).collect();
        if root.contains(&"param_groups") {
            return "it is the state of an optimizer, not of a network".into();
        }
        let foreign = self.pickle.values().iter().find_map(|value| match value {
            Value::Foreign(module, name) => Some(format!("`{}.{}`", short(module), short(name))),
            _ => None,
        });
        match foreign {
            None => "there are no named tensors in it".into(),
            Some(name) => format!(
                "there are no named tensors in it. It refers to {name}, which is no part of plain weights and is not run; save it with `torch.save(model.state_dict(), ...)`"
            ),
        }
    }

    /// What careamics notes among its settings, and shapes do not tell: means and deviations of the pictures that the network
    /// was trained on, in the units of these pictures (the notes [`IMAGE_MEANS`](super::IMAGE_MEANS) and
    /// [`IMAGE_STDS`](super::IMAGE_STDS)), and whether it normalises batches and adds its input (`batch_norm`, `residual`).
    fn settings(&self) -> BTreeMap<String, String> {
        let all = || 0..self.pickle.values().len() as Id;
        let find =
            |id: Id, name: &str| self.entries(id).find(|(key, _)| *key == name).map(|(_, value)| value);
        let pair = |id: Id, [means, stds]: [&str; 2]| {
            Some([self.numbers(find(id, means)?)?, self.numbers(find(id, stds)?)?])
        };
        let names = [["image_means", "image_stds"], ["input_means", "input_stds"]];
        let lists = all().find_map(|id| names.into_iter().find_map(|names| pair(id, names)));
        let flag = |id: Id, name: &str| match self.pickle.get(find(id, name)?) {
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        };
        // The settings of the network itself.
        let network = || all().filter(|&id| find(id, "num_channels_init").is_some());
        let note = |name: &str, key: &str| Some((name.to_string(), network().find_map(|id| flag(id, key))?));
        let flags = [note("batch_norm", "use_batch_norm"), note("residual", "residual")];
        let lists = lists.into_iter().flat_map(|[means, stds]| {
            [(super::IMAGE_MEANS, means), (super::IMAGE_STDS, stds)]
                .map(|(name, list)| (name.to_string(), format!("{list:?}")))
        });
        lists.chain(flags.into_iter().flatten()).collect()
    }

    /// A list of numbers.
    fn numbers(&self, id: Id) -> Option<Vec<f64>> {
        let (Value::List(items) | Value::Tuple(items)) = self.pickle.get(id) else { return None };
        let number = |item: &Id| match self.pickle.get(*item) {
            Value::Float(v) => Some(*v),
            Value::Int(v) => Some(*v as f64),
            _ => None,
        };
        items.iter().map(number).collect::<Option<Vec<f64>>>().filter(|numbers| !numbers.is_empty())
    }

    /// The named entries of a dictionary; those with other keys hold no weights.
    fn entries(&self, id: Id) -> impl Iterator<Item = (&'a str, Id)> {
        let pairs = match self.pickle.get(id) {
            Value::Dict(pairs) => pairs.as_slice(),
            _ => &[],
        };
        pairs.iter().filter_map(|&(key, value)| match self.pickle.get(key) {
            Value::Text(key) => Some((*key, value)),
            _ => None,
        })
    }

    /// Reads the tensors in a dictionary and in those within it.
    fn walk(&mut self, dict: Id, prefix: &str, depth: usize) -> Result<(), String> {
        let entries: Vec<(&str, Id)> = self.entries(dict).collect();
        self.met += entries.len();
        if self.met > MAX_ENTRIES {
            return Err(format!("it names more than {MAX_ENTRIES} things"));
        }
        for (key, id) in entries {
            if prefix.len() + key.len() > MAX_KEY {
                return Err(format!("it holds a name of more than {MAX_KEY} bytes"));
            }
            let path = if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
            match self.pickle.get(id) {
                Value::Tensor(tensor) => {
                    let tensor = tensor.clone();
                    let array = self.array(&tensor).map_err(|why| format!("`{path}` {why}"))?;
                    self.arrays.insert(path, array);
                }
                Value::Dict(_) if depth == MAX_DEPTH => {
                    return Err(format!("its dictionaries are nested deeper than {MAX_DEPTH} levels"));
                }
                Value::Dict(_) => self.walk(id, &path, depth + 1)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn array(&mut self, tensor: &Tensor) -> Result<Array, String> {
        let Value::Storage(storage) = self.pickle.get(tensor.storage) else {
            return Err("has no numbers".into());
        };
        let values = tensor.shape.iter().try_fold(1usize, |n, &side| n.checked_mul(side));
        let values = values.filter(|&n| n <= self.budget).ok_or_else(|| {
            format!("says it has the shape {:?}, which is more than this file can hold", tensor.shape)
        })?;
        self.budget -= values;
        let bytes = self.numbers.get(storage)?;
        if values == 0 {
            return Ok(Array { shape: tensor.shape.clone(), data: Vec::new() });
        }
        let reach =
            tensor.shape.iter().zip(&tensor.stride).try_fold(tensor.offset, |reach, (side, stride)| {
                reach.checked_add((side - 1).checked_mul(*stride)?)
            });
        let reach = reach
            .filter(|&reach| reach < storage.count)
            .ok_or_else(|| format!("reaches beyond the {} numbers of its storage", storage.count))?;
        let width = storage.number.size();
        let bytes = &bytes[tensor.offset * width..(reach + 1) * width];
        let data = storage.number.read(&gather(bytes, width, tensor, values));
        Ok(Array { shape: tensor.shape.clone(), data })
    }
}

/// The bytes of a tensor's values, row-major, from those that start at its offset.
fn gather(bytes: &[u8], width: usize, tensor: &Tensor, values: usize) -> Vec<u8> {
    let mut gathered = Vec::with_capacity(values * width);
    let mut index = vec![0; tensor.shape.len()];
    let mut at = 0;
    for _ in 0..values {
        gathered.extend_from_slice(&bytes[at * width..(at + 1) * width]);
        for (axis, position) in index.iter_mut().enumerate().rev() {
            *position += 1;
            if *position < tensor.shape[axis] {
                at += tensor.stride[axis];
                break;
            }
            *position = 0;
            at -= tensor.stride[axis] * (tensor.shape[axis] - 1);
        }
    }
    gathered
}

impl<'a> Numbers<'a> {
    /// The bytes of a storage: exactly as many as it says.
    fn get(&self, storage: &Storage) -> Result<&'a [u8], String> {
        let bytes = match self {
            Numbers::Zip { archive, folder } => archive.file(&format!("{folder}data/{}", storage.key)),
            Numbers::Slices(slices) => slices.get(storage.key).copied(),
        };
        let bytes = bytes.ok_or_else(|| format!("has its numbers in `{}`, which is missing", storage.key))?;
        if storage.count.checked_mul(storage.number.size()) != Some(bytes.len()) {
            return Err(format!(
                "says there are {} numbers where there are {} bytes",
                storage.count,
                bytes.len()
            ));
        }
        Ok(bytes)
    }
}
