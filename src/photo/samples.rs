//! The numbers that a photo is made of.

use std::ops::Range;

use super::view::is_number;

/// Interleaved samples in the depth of the file they came from.
#[derive(Clone, Debug, PartialEq)]
pub enum Samples {
    /// 8 bits, 0..=255.
    U8(Vec<u8>),
    /// 16 bits, 0..=65535.
    U16(Vec<u16>),
    /// 32-bit float, and all else that is neither 8 nor 16 bit: numbers in the units of the file. Without a stretched view
    /// ([`Photo::stretched`]), 0 is black and 1 is white; values outside are kept.
    F32(Vec<f32>),
}

impl Samples {
    /// As many zeros of the same depth.
    pub(super) fn zeros(&self, count: usize) -> Self {
        match self {
            Samples::U8(_) => Samples::U8(vec![0; count]),
            Samples::U16(_) => Samples::U16(vec![0; count]),
            Samples::F32(_) => Samples::F32(vec![0.0; count]),
        }
    }

    /// Bits per sample: 8, 16 or 32 (float).
    pub(super) fn bit_depth(&self) -> u8 {
        match self {
            Samples::U8(_) => 8,
            Samples::U16(_) => 16,
            Samples::F32(_) => 32,
        }
    }

    /// The pixels of a picture, `n` samples each, in another order: pixel `i` of the result is `source(i)` of this one.
    pub(super) fn reordered(&self, n: usize, source: impl Fn(usize) -> usize) -> Self {
        let mut out = self.zeros(self.len());
        for pixel in 0..self.len() / n {
            let from = source(pixel) * n;
            (0..n).for_each(|c| out.copy(pixel * n + c, self, from + c));
        }
        out
    }

    /// What lies in some ranges, one after another.
    pub(super) fn gathered(&self, ranges: impl Iterator<Item = Range<usize>>) -> Self {
        fn gathered<T: Copy>(from: &[T], ranges: impl Iterator<Item = Range<usize>>) -> Vec<T> {
            ranges.fold(Vec::new(), |mut out, range| {
                out.extend_from_slice(&from[range]);
                out
            })
        }
        match self {
            Samples::U8(v) => Samples::U8(gathered(v, ranges)),
            Samples::U16(v) => Samples::U16(gathered(v, ranges)),
            Samples::F32(v) => Samples::F32(gathered(v, ranges)),
        }
    }

    /// Puts back what was gathered from these ranges; false, and nothing is put, when it is of another depth or number.
    pub(super) fn scatter(
        &mut self,
        ranges: impl Iterator<Item = Range<usize>> + Clone,
        from: &Self,
    ) -> bool {
        fn scatter<T: Copy>(
            out: &mut [T],
            ranges: impl Iterator<Item = Range<usize>> + Clone,
            mut from: &[T],
        ) -> bool {
            if ranges.clone().map(|range| range.len()).sum::<usize>() != from.len() {
                return false;
            }
            for range in ranges {
                let (these, rest) = from.split_at(range.len());
                out[range].copy_from_slice(these);
                from = rest;
            }
            true
        }
        match (self, from) {
            (Samples::U8(a), Samples::U8(b)) => scatter(a, ranges, b),
            (Samples::U16(a), Samples::U16(b)) => scatter(a, ranges, b),
            (Samples::F32(a), Samples::F32(b)) => scatter(a, ranges, b),
            _ => false,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Samples::U8(v) => v.len(),
            Samples::U16(v) => v.len(),
            Samples::F32(v) => v.len(),
        }
    }

    #[inline]
    pub(crate) fn get(&self, i: usize) -> f32 {
        match self {
            Samples::U8(v) => v[i].level(),
            Samples::U16(v) => v[i].level(),
            Samples::F32(v) => v[i].level(),
        }
    }

    #[inline]
    pub(super) fn set(&mut self, i: usize, value: f32) {
        match self {
            Samples::U8(v) => v[i] = Depth::of(value),
            Samples::U16(v) => v[i] = Depth::of(value),
            Samples::F32(v) => v[i] = value,
        }
    }

    #[inline]
    pub(super) fn copy(&mut self, i: usize, from: &Self, j: usize) {
        match (self, from) {
            (Samples::U8(a), Samples::U8(b)) => a[i] = b[j],
            (Samples::U16(a), Samples::U16(b)) => a[i] = b[j],
            (Samples::F32(a), Samples::F32(b)) => a[i] = b[j],
            (a, b) => a.set(i, b.get(j)),
        }
    }

    /// Every `step`-th sample from `first` on, as many as `out` takes.
    pub(super) fn read(&self, first: usize, step: usize, out: &mut [f32]) {
        match self {
            Samples::U8(v) => read(&v[first..], step, out),
            Samples::U16(v) => read(&v[first..], step, out),
            Samples::F32(v) => read(&v[first..], step, out),
        }
    }

    /// Sum of the brightness of some samples.
    pub(super) fn sum(&self, range: Range<usize>) -> f64 {
        match self {
            Samples::U8(v) => Depth::sum(&v[range]),
            Samples::U16(v) => Depth::sum(&v[range]),
            Samples::F32(v) => Depth::sum(&v[range]),
        }
    }

    /// Sets every `step`-th sample from `first` on to what lies between the one of `original`, of the same depth, and
    /// `value`, by `strength`. What is no number in `original` stays none.
    pub(super) fn blend(
        &mut self,
        first: usize,
        step: usize,
        original: &Self,
        values: &[f32],
        strength: f32,
    ) {
        match (self, original) {
            (Samples::U8(a), Samples::U8(b)) => blend(&mut a[first..], &b[first..], step, values, strength),
            (Samples::U16(a), Samples::U16(b)) => blend(&mut a[first..], &b[first..], step, values, strength),
            (Samples::F32(a), Samples::F32(b)) => blend(&mut a[first..], &b[first..], step, values, strength),
            _ => unreachable!("both are of one layout"),
        }
    }
}

/// [`Samples::read`], with a loop of its own for each number of samples that pixels often have: about twice as fast.
fn read<T: Depth>(samples: &[T], step: usize, out: &mut [f32]) {
    fn read<const STEP: usize, T: Depth>(samples: &[T], out: &mut [f32]) {
        out.iter_mut().zip(samples.chunks(STEP)).for_each(|(out, v)| *out = v[0].level());
    }
    match step {
        1 => read::<1, T>(samples, out),
        3 => read::<3, T>(samples, out),
        4 => read::<4, T>(samples, out),
        _ => out.iter_mut().zip(samples.iter().step_by(step)).for_each(|(out, v)| *out = v.level()),
    }
}

/// [`Samples::blend`].
fn blend<T: Depth>(out: &mut [T], original: &[T], step: usize, values: &[f32], strength: f32) {
    if T::ALWAYS_NUMBERS && strength == 1.0 {
        let rounded: Vec<T> = values.iter().map(|value| T::of(*value)).collect();
        out.iter_mut().step_by(step).zip(rounded).for_each(|(out, value)| *out = value);
        return;
    }
    let pairs = out.iter_mut().step_by(step).zip(original.iter().step_by(step));
    for ((out, original), value) in pairs.zip(values) {
        let before = original.level();
        *out = if is_number(before) { T::of(before + strength * (value - before)) } else { *original };
    }
}

/// Brightness of the numbers of 8 bits: a division each takes longer.
const LEVELS: [f32; 256] = {
    let mut levels = [0.0; 256];
    let mut i = 0;
    while i < levels.len() {
        levels[i] = i as f32 / 255.0;
        i += 1;
    }
    levels
};

/// The type of a sample: how it stands for brightness, 0 black and 1 white.
pub(super) trait Depth: Copy {
    /// Whether there is nothing else.
    const ALWAYS_NUMBERS: bool = true;

    fn level(self) -> f32;

    /// Sum of the levels, in loops that can be vectors.
    fn sum(samples: &[Self]) -> f64;

    /// Clipped and rounded, where numbers are integers.
    fn of(level: f32) -> Self;
}

/// Sum of numbers of 16 bits at most: as many at a time as 32 bits hold, which are faster than 64.
fn sum_of_integers<T: Copy + Into<u32>>(samples: &[T]) -> f64 {
    samples.chunks(1 << 16).map(|some| f64::from(some.iter().map(|&v| v.into()).sum::<u32>())).sum()
}

impl Depth for u8 {
    #[inline]
    fn level(self) -> f32 {
        LEVELS[usize::from(self)]
    }

    fn sum(samples: &[Self]) -> f64 {
        sum_of_integers(samples) / 255.0
    }

    #[inline]
    fn of(level: f32) -> Self {
        // Half a step and truncation round faster than `round`, which is a function call in WebAssembly; there are vectors
        // for truncation to 32 bits.
        (level.clamp(0.0, 1.0) * 255.0 + 0.5) as i32 as u8
    }
}

impl Depth for u16 {
    #[inline]
    fn level(self) -> f32 {
        f32::from(self) / 65535.0
    }

    fn sum(samples: &[Self]) -> f64 {
        sum_of_integers(samples) / 65535.0
    }

    #[inline]
    fn of(level: f32) -> Self {
        (level.clamp(0.0, 1.0) * 65535.0 + 0.5) as i32 as u16
    }
}

impl Depth for f32 {
    const ALWAYS_NUMBERS: bool = false;

    #[inline]
    fn level(self) -> f32 {
        self
    }

    fn sum(samples: &[Self]) -> f64 {
        // Few at a time, so that no sum waits for the one before it.
        samples.chunks(8).map(|few| f64::from(few.iter().sum::<f32>())).sum()
    }

    #[inline]
    fn of(level: f32) -> Self {
        level
    }
}
