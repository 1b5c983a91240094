//! The number formats of checkpoints, and how they become `f32`.

use half::{bf16, f16};

/// How numbers are stored, little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    /// Booleans too, as 0 and 1.
    U8,
}

impl Number {
    /// Bytes per number.
    pub(super) fn size(self) -> usize {
        match self {
            Number::F64 | Number::I64 => 8,
            Number::F32 | Number::I32 => 4,
            Number::F16 | Number::Bf16 | Number::I16 => 2,
            Number::I8 | Number::U8 => 1,
        }
    }

    /// Reads a row of numbers, exactly as far as `f32` can. Bytes that do not fill a number are left out.
    pub(super) fn read(self, bytes: &[u8]) -> Vec<f32> {
        fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<f32> {
            let (chunks, _) = bytes.as_chunks::<N>();
            chunks.iter().map(|&b| f(b)).collect()
        }
        match self {
            Number::F64 => each(bytes, |b| f64::from_le_bytes(b) as f32),
            Number::F32 => each(bytes, f32::from_le_bytes),
            Number::F16 => each(bytes, |b| f16::from_le_bytes(b).to_f32()),
            Number::Bf16 => each(bytes, |b| bf16::from_le_bytes(b).to_f32()),
            Number::I64 => each(bytes, |b| i64::from_le_bytes(b) as f32),
            Number::I32 => each(bytes, |b| i32::from_le_bytes(b) as f32),
            Number::I16 => each(bytes, |b| f32::from(i16::from_le_bytes(b))),
            Number::I8 => each(bytes, |b| f32::from(i8::from_le_bytes(b))),
            Number::U8 => each(bytes, |b: [u8; 1]| f32::from(b[0])),
        }
    }
}
