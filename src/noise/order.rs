//! Order statistics.

/// The middle one of some values, the upper of two; 0 of none.
pub(super) fn median(mut values: Vec<f32>) -> f32 {
    let middle = values.len() / 2;
    nth(&mut values, middle)
}

/// The value below which a share `q` of them lies; 0 of none.
pub(super) fn quantile(mut values: Vec<f32>, q: f32) -> f32 {
    let index = (q * values.len().saturating_sub(1) as f32) as usize;
    nth(&mut values, index)
}

fn nth(values: &mut [f32], index: usize) -> f32 {
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(index, f32::total_cmp).1 }
}
