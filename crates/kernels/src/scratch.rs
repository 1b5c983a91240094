//! Memory that kernels use again from one call to the next, on each thread its own.

use std::cell::Cell;

thread_local! {
    static KEPT: [Cell<Vec<f32>>; 3] = const { [const { Cell::new(Vec::new()) }; 3] };
}

/// Floats that a kernel works in, with any values. They are kept for the next one that takes the same.
pub(crate) struct Scratch {
    which: usize,
    values: Vec<f32>,
}

impl Scratch {
    /// Takes so many floats of the kept memory with this number.
    pub(crate) fn take(which: usize, floats: usize) -> Self {
        let mut values = KEPT.with(|kept| kept[which].take());
        if values.len() < floats {
            // Nothing of it is wanted: to grow would be to copy.
            values = vec![0.0; floats];
        }
        Self { which, values }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let values = std::mem::take(&mut self.values);
        // Memory goes with its thread.
        let _ = KEPT.try_with(|kept| kept[self.which].set(values));
    }
}

impl std::ops::Deref for Scratch {
    type Target = [f32];

    #[inline(always)]
    fn deref(&self) -> &[f32] {
        &self.values
    }
}

impl std::ops::DerefMut for Scratch {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}
