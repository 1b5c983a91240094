//! A pickle machine that can do nothing but make dictionaries, lists, numbers, texts and tensors. Python's pickles
//! are programs: nothing is ever called. What they name that is not on the lists below, such as the objects that trainers save
//! beside the weights, becomes a value that holds nothing; instructions that are not on the lists are refused.
//!
//! All values are in one arena and refer to each other by index. So cycles do no harm, deep values are dropped
//! without recursion, and memory stays in proportion to the file.

use std::collections::BTreeMap;

use crate::weights::number::Number;

/// Values, stack entries and memo entries, at most, each: far more than any network has.
const MAX_OBJECTS: usize = 1 << 20;

/// Open marks at most: how deep a literal can be nested.
const MAX_MARKS: usize = 256;

/// Dimensions of a tensor, at most.
const MAX_RANK: usize = 8;

/// Index of a value.
pub(super) type Id = u32;

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    None,
    Int(i64),
    /// An integer of more than 64 bits, little-endian.
    Long(&'a [u8]),
    Float(f64),
    Bool(bool),
    Text(&'a str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(Storage<'a>),
    Tensor(Tensor),
    /// Module and name of something that is not known.
    Foreign(&'a str, &'a str),
    /// Something that holds no weights: bytes, a set, an object, ...
    Other,
}

/// What a pickle may name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Global {
    Dict,
    Tensor,
    Parameter,
    /// A tensor of a class of its own.
    Subclass,
    Storage(Number),
}

/// A run of numbers in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Storage<'a> {
    pub(super) number: Number,
    pub(super) key: &'a str,
    /// How many numbers the pickle says there are.
    pub(super) count: usize,
}

/// A view of a storage.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    pub(super) storage: Id,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) stride: Vec<usize>,
}

/// The values of a pickle.
pub(super) struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Id,
    /// Length of the pickle in bytes.
    pub(super) length: usize,
}

impl<'a> Pickle<'a> {
    /// Reads the pickle that `bytes` begin with.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, String> {
        let mut machine = Machine {
            bytes,
            at: 0,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
            copied: 0,
        };
        while machine.step()? {
            let sizes = [machine.values.len(), machine.stack.len(), machine.memo.len(), machine.copied];
            let most = sizes.into_iter().max().unwrap_or_default();
            if most > MAX_OBJECTS {
                return Err(format!("it holds more than {MAX_OBJECTS} objects"));
            }
            if machine.marks.len() > MAX_MARKS {
                return Err(format!("it is nested deeper than {MAX_MARKS} levels"));
            }
        }
        let root = machine.pop()?;
        Ok(Self { root, length: machine.at, values: machine.values })
    }

    /// The outermost value.
    pub(super) fn root(&self) -> Id {
        self.root
    }

    /// All values.
    pub(super) fn values(&self) -> &[Value<'a>] {
        &self.values
    }

    /// A value.
    pub(super) fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id as usize]
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Vec<Value<'a>>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: BTreeMap<u64, Id>,
    /// Entries of dictionaries that were made from lists, which stay.
    copied: usize,
}

impl<'a> Machine<'a> {
    /// Runs one instruction; `false` at the end.
    fn step(&mut self) -> Result<bool, String> {
        let start = self.at;
        let opcode = self.take(1)?[0];
        match opcode {
            b'.' => return Ok(false),
            0x80 => self.protocol()?,
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'N' => self.push(Value::None),
            0x88 | 0x89 => self.push(Value::Bool(opcode == 0x88)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b => self.integer(opcode)?,
            b'G' => {
                let bytes = self.take(8)?;
                self.push(Value::Float(f64::from_be_bytes(std::array::from_fn(|i| bytes[i]))));
            }
            b'X' | 0x8c | 0x8d | b'U' | b'T' => self.text(opcode)?,
            b'C' | b'B' | 0x8e => {
                self.counted(if opcode == b'C' {
                    1
                } else if opcode == b'B' {
                    4
                } else {
                    8
                })?;
                self.push(Value::Other);
            }
            b'}' | b']' | b')' | 0x8f => self.empty(opcode),
            b't' | 0x85..=0x87 | b'l' | b'd' => self.collect(opcode)?,
            b'a' | b'e' | b's' | b'u' | 0x90 => self.append(opcode)?,
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memo(opcode)?,
            b'c' | 0x93 => self.global(opcode)?,
            b'Q' => self.storage()?,
            b'R' | 0x81 => self.reduce()?,
            0x91 => {
                // A set that does not change.
                self.pop_mark()?;
                self.push(Value::Other);
            }
            0x92 => {
                // The same with named arguments, which nothing that is made here takes.
                self.pop()?;
                self.reduce()?;
            }
            // Attributes of an object (such as the `_metadata` of a state dict) hold no weights.
            b'b' => drop(self.pop()?),
            other => {
                return Err(format!(
                    "it holds the instruction 0x{other:02x} (at byte {start}), which is not read"
                ));
            }
        }
        Ok(true)
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count);
        let taken = end.and_then(|end| self.bytes.get(self.at..end)).ok_or("it is cut off")?;
        self.at += count;
        Ok(taken)
    }

    /// A little-endian number of `width` bytes.
    fn number(&mut self, width: usize) -> Result<u64, String> {
        let mut wide = [0; 8];
        wide[..width].copy_from_slice(self.take(width)?);
        Ok(u64::from_le_bytes(wide))
    }

    /// Bytes after their count, which has `width` bytes.
    fn counted(&mut self, width: usize) -> Result<&'a [u8], String> {
        let count = self.number(width)?;
        self.take(usize::try_from(count).map_err(|_| "it is cut off")?)
    }

    /// The rest of a line.
    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|&b| b == b'\n').ok_or("it is cut off")?;
        let line = self.take(length + 1)?;
        std::str::from_utf8(&line[..length]).map_err(|_| "a name in it is no text".into())
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len() as Id);
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<Id, String> {
        // What lies below the last mark is not to be had.
        let floor = self.marks.last().copied().unwrap_or(0);
        let id = self.stack.pop().filter(|_| self.stack.len() >= floor);
        id.ok_or_else(|| "it takes more values than it has".into())
    }

    fn top(&self) -> Result<Id, String> {
        self.stack.last().copied().ok_or_else(|| "it takes more values than it has".into())
    }

    /// Everything above the last mark.
    fn pop_mark(&mut self) -> Result<Vec<Id>, String> {
        let mark = self.marks.pop().filter(|&mark| mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or("it takes more values than it has")?))
    }

    fn get(&self, id: Id) -> &Value<'a> {
        &self.values[id as usize]
    }

    fn protocol(&mut self) -> Result<(), String> {
        match self.take(1)?[0] {
            0..=5 => Ok(()),
            version => Err(format!("it is of version {version}, which is not read")),
        }
    }

    fn integer(&mut self, opcode: u8) -> Result<(), String> {
        let value = match opcode {
            b'J' => Value::Int(i64::from(self.number(4)? as u32 as i32)),
            b'K' => Value::Int(self.number(1)? as i64),
            b'M' => Value::Int(self.number(2)? as i64),
            _ => long(self.counted(if opcode == 0x8a { 1 } else { 4 })?),
        };
        self.push(value);
        Ok(())
    }

    fn text(&mut self, opcode: u8) -> Result<(), String> {
        let width = match opcode {
            b'U' | 0x8c => 1,
            b'T' | b'X' => 4,
            _ => 8,
        };
        let bytes = self.counted(width)?;
        // Python 2 kept bytes in the same sort of string as text.
        self.push(std::str::from_utf8(bytes).map_or(Value::Other, Value::Text));
        Ok(())
    }

    fn empty(&mut self, opcode: u8) {
        self.push(match opcode {
            b'}' => Value::Dict(Vec::new()),
            b']' => Value::List(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            _ => Value::Other,
        });
    }

    fn collect(&mut self, opcode: u8) -> Result<(), String> {
        let items = match opcode {
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0x85..=opcode {
                    items.push(self.pop()?);
                }
                items.reverse();
                items
            }
            _ => self.pop_mark()?,
        };
        self.push(match opcode {
            b'l' => Value::List(items),
            b'd' => Value::Dict(pairs(&items)?),
            _ => Value::Tuple(items),
        });
        Ok(())
    }

    fn append(&mut self, opcode: u8) -> Result<(), String> {
        let items = match opcode {
            b'a' => vec![self.pop()?],
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.pop_mark()?,
        };
        let target = self.top()? as usize;
        match (opcode, &mut self.values[target]) {
            (b'a' | b'e', Value::List(list)) => list.extend(items),
            (b's' | b'u', Value::Dict(dict)) => dict.extend(pairs(&items)?),
            (_, Value::Other | Value::Foreign(..)) => {}
            _ => return Err("it fills something that is no container".into()),
        }
        Ok(())
    }

    fn memo(&mut self, opcode: u8) -> Result<(), String> {
        let index = match opcode {
            b'q' | b'h' => self.number(1)?,
            b'r' | b'j' => self.number(4)?,
            _ => self.memo.len() as u64,
        };
        if matches!(opcode, b'h' | b'j') {
            let id = self.memo.get(&index).ok_or("it refers to a value that it does not hold")?;
            self.stack.push(*id);
        } else {
            self.memo.insert(index, self.top()?);
        }
        Ok(())
    }

    fn global(&mut self, opcode: u8) -> Result<(), String> {
        let (module, name) = if opcode == b'c' {
            (self.line()?, self.line()?)
        } else {
            let name = self.pop()?;
            let module = self.pop()?;
            match (self.get(module), self.get(name)) {
                (Value::Text(module), Value::Text(name)) => (*module, *name),
                _ => return Err("a name in it is no text".into()),
            }
        };
        self.push(match Global::known(module, name) {
            Some(global) => Value::Global(global),
            None => Value::Foreign(module, name),
        });
        Ok(())
    }

    /// PyTorch's reference to numbers outside the pickle: `("storage", type, key, device, count, ...)`.
    fn storage(&mut self) -> Result<(), String> {
        let id = self.pop()?;
        let Value::Tuple(parts) = self.get(id) else {
            return Err("a reference to numbers in it is malformed".into());
        };
        let part = |i: usize| parts.get(i).map(|&id| self.get(id));
        let storage = match (part(0), part(1), part(2), part(4), part(5)) {
            (
                Some(Value::Text("storage")),
                Some(Value::Global(Global::Storage(number))),
                Some(Value::Text(key)),
                Some(&Value::Int(count)),
                None | Some(Value::None),
            ) => Storage { number: *number, key, count: length(count)? },
            (_, Some(Value::Foreign(_, kind)), ..) => {
                return Err(format!("numbers of the type `{}` in it are not read", short(kind)));
            }
            _ => return Err("a reference to numbers in it is malformed".into()),
        };
        self.push(Value::Storage(storage));
        Ok(())
    }

    /// What Python would call: the few things that are known are made here, without calling anything.
    fn reduce(&mut self) -> Result<(), String> {
        let arguments = self.pop()?;
        let callee = self.pop()?;
        if matches!(self.get(callee), Value::Foreign(..) | Value::Other) {
            self.push(Value::Other);
            return Ok(());
        }
        let Value::Tuple(arguments) = self.get(arguments) else {
            return Err("it calls something without arguments".into());
        };
        let value = match self.get(callee) {
            Value::Global(Global::Dict) => Value::Dict(self.dict(arguments)),
            Value::Global(Global::Tensor) => self.tensor(arguments)?,
            Value::Global(Global::Subclass) => self.subclass(arguments)?,
            Value::Global(Global::Parameter) => {
                // A parameter is its tensor.
                let tensor = arguments.first().copied().ok_or("a parameter in it is malformed")?;
                self.stack.push(tensor);
                return Ok(());
            }
            _ => return Err("it calls something that cannot be called".into()),
        };
        if let Value::Dict(entries) = &value {
            self.copied += entries.len();
        }
        self.push(value);
        Ok(())
    }

    /// A dictionary from its constructor's argument: nothing, or a list of pairs.
    fn dict(&self, arguments: &[Id]) -> Vec<(Id, Id)> {
        let Some(Value::List(items)) = arguments.first().map(|&id| self.get(id)) else {
            return Vec::new();
        };
        let pair = |&id: &Id| match self.get(id) {
            Value::List(pair) | Value::Tuple(pair) if pair.len() == 2 => Some((pair[0], pair[1])),
            _ => None,
        };
        items.iter().filter_map(pair).collect()
    }

    /// `_rebuild_from_type_v2(function, class, arguments, state)`.
    fn subclass(&self, arguments: &[Id]) -> Result<Value<'a>, String> {
        let &[function, _, arguments, ..] = arguments else {
            return Err("a tensor in it is malformed".into());
        };
        match (self.get(function), self.get(arguments)) {
            (Value::Global(Global::Tensor), Value::Tuple(arguments)) => self.tensor(arguments),
            _ => Ok(Value::Other),
        }
    }

    /// `_rebuild_tensor(storage, offset, shape, stride, ...)`.
    fn tensor(&self, arguments: &[Id]) -> Result<Value<'a>, String> {
        let sizes = |id: Id| match self.get(id) {
            Value::Tuple(items) | Value::List(items) if items.len() <= MAX_RANK => items
                .iter()
                .map(|&item| match self.get(item) {
                    Value::Int(n) => length(*n),
                    _ => Err("a tensor in it is malformed".to_string()),
                })
                .collect::<Result<Vec<usize>, String>>(),
            _ => Err("a tensor in it is malformed".into()),
        };
        let &[storage, offset, shape, stride, ..] = arguments else {
            return Err("a tensor in it is malformed".into());
        };
        let (Value::Storage(_), &Value::Int(offset)) = (self.get(storage), self.get(offset)) else {
            return Err("a tensor in it is malformed".into());
        };
        let (shape, stride) = (sizes(shape)?, sizes(stride)?);
        if shape.len() != stride.len() {
            return Err("a tensor in it is malformed".into());
        }
        Ok(Value::Tensor(Tensor { storage, offset: length(offset)?, shape, stride }))
    }
}

/// A number that counts something.
fn length(n: i64) -> Result<usize, String> {
    usize::try_from(n).map_err(|_| format!("it holds the impossible size {n}"))
}

fn long(bytes: &[u8]) -> Value<'_> {
    if bytes.len() > 8 {
        return Value::Long(bytes);
    }
    let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
    let mut wide = [if negative { 0xff } else { 0 }; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Value::Int(i64::from_le_bytes(wide))
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, String> {
    match items.as_chunks::<2>() {
        (pairs, []) => Ok(pairs.iter().map(|&[key, value]| (key, value)).collect()),
        _ => Err("a dictionary in it is malformed".into()),
    }
}

/// A name from a file, for a message.
pub(super) fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(60).collect()
}

impl Global {
    fn known(module: &str, name: &str) -> Option<Self> {
        let storage = |number| Some(Global::Storage(number));
        match (module, name) {
            ("collections", "OrderedDict" | "defaultdict" | "Counter") => Some(Global::Dict),
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Some(Global::Tensor),
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
                Some(Global::Parameter)
            }
            ("torch" | "torch.storage" | "torch.cuda", _) if name.ends_with("Storage") => match name {
                "DoubleStorage" => storage(Number::F64),
                "FloatStorage" => storage(Number::F32),
                "HalfStorage" => storage(Number::F16),
                "BFloat16Storage" => storage(Number::Bf16),
                "LongStorage" => storage(Number::I64),
                "IntStorage" => storage(Number::I32),
                "ShortStorage" => storage(Number::I16),
                "CharStorage" => storage(Number::I8),
                "ByteStorage" | "BoolStorage" => storage(Number::U8),
                _ => None,
            },
            ("torch._tensor", "_rebuild_from_type_v2") => Some(Global::Subclass),
            _ => None,
        }
    }
}
