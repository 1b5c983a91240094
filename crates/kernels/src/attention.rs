//! Attention within windows: of one head in one window at a time, by two products of matrices that stay in the cache.

use crate::product::{pack, panel_width, place_in_panel, product};
use crate::simd::{Task, Vector, with_simd};
use crate::view::{View, pitch};

/// Which pixels attend to which.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Heads, each with channels of its own.
    pub heads: usize,
    /// Side of a window of queries.
    pub queries: usize,
    /// Side of the window of their keys, around it. Keys outside the image are zero.
    pub keys: usize,
    /// Rows and columns from one pixel of a window to the next. Pixels of different phases never meet.
    pub dilation: usize,
    /// Rows and columns by which windows are moved down and right, around the borders of the image. Pixels that meet only
    /// around a border do not attend to each other (their products are lowered by 100). Without dilation only, and with
    /// as many keys as queries.
    pub shift: usize,
}

/// What is added to the products of queries and keys by where they are.
#[derive(Clone, Copy, Debug)]
pub enum Positions<'a> {
    /// The product of the query with a row of each table: `[rows, features]`, for rows and columns. The row is the middle
    /// one plus `dilation` times the key's row (or column) in its window less the query's.
    Tables(&'a [f32], &'a [f32]),
    /// `[heads, queries², keys²]`, windows row by row.
    Bias(&'a [f32]),
}

/// What is added to products of pixels that must not meet.
const APART: f32 = -100.0;
/// The product of what is no key.
const NEVER: f32 = -1e30;

/// `softmax(q k^T / sqrt(features) + positions) v`, each window and head for itself.
///
/// # Shapes
/// - `qkv`: `3 * heads * features` channels: queries, keys, values, the heads one after the other; both sides are multiples
///   of `queries * dilation`
/// - `out`: as many images of `heads * features` channels, zero where the pitch is filled up
///
/// # Panics
/// When sizes do not fit.
pub fn windowed_attention(qkv: View, windows: Windows, positions: Positions, out: &mut [f32]) {
    let Windows { heads, queries, keys, dilation, shift } = windows;
    let channels = qkv.channels / 3;
    assert_eq!(qkv.channels, 3 * channels, "queries, keys and values");
    assert!(channels.is_multiple_of(heads), "heads share the channels");
    assert!(qkv.height.is_multiple_of(queries * dilation), "whole windows");
    assert!(qkv.width.is_multiple_of(queries * dilation), "whole windows");
    assert!(shift == 0 || (dilation == 1 && keys == queries), "only plain windows are moved");
    assert_eq!(
        out.len(),
        qkv.batch * qkv.height * qkv.width * pitch(channels),
        "the result has another size"
    );
    if let Positions::Bias(bias) = positions {
        assert_eq!(bias.len(), heads * queries.pow(2) * keys.pow(2), "a bias for each pair");
    }
    with_simd(Attention { qkv, windows, positions, out });
}

struct Attention<'a> {
    qkv: View<'a>,
    windows: Windows,
    positions: Positions<'a>,
    out: &'a mut [f32],
}

/// Where the pixels of a window lie: floats from the start of the image; for borders, on which side of it.
#[derive(Default)]
struct Places {
    queries: Vec<usize>,
    keys: Vec<Option<usize>>,
    sides: Vec<u8>,
}

/// Matrices of one head in one window, filled up to whole tiles of registers.
struct Matrices {
    features: usize,
    /// Floats in a vector.
    lanes: usize,
    /// `[queries², features]`, divided by the root of the number of features.
    q: Vec<f32>,
    /// `[features, keys²]`, packed.
    k: Vec<f32>,
    /// `[keys², features]`, packed.
    v: Vec<f32>,
    /// `[queries², keys²]`.
    products: Vec<f32>,
    /// `[queries², features]`.
    result: Vec<f32>,
    /// The tables' rows that are used, of rows and then of columns, packed, and how many they are.
    tables: Vec<f32>,
    offsets: usize,
    /// `[queries², offsets]`.
    relative: Vec<f32>,
}

impl Task for Attention<'_> {
    type Output = ();
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { qkv, windows, positions, out } = self;
        let channels = qkv.channels / 3;
        let features = channels / windows.heads;
        let Windows { queries, dilation, .. } = windows;
        let mut matrices = Matrices::new::<V>(&windows, features, positions);
        let mut places = Places::default();
        let image = qkv.height * qkv.width * pitch(channels);
        for (n, out) in out.chunks_exact_mut(image.max(1)).enumerate() {
            let data = &qkv.data[n * qkv.image()..][..qkv.image()];
            for phase in 0..dilation * dilation {
                for y in 0..qkv.height / (queries * dilation) {
                    for x in 0..qkv.width / (queries * dilation) {
                        places.fill(&qkv, &windows, [phase / dilation, phase % dilation], [y, x]);
                        for head in 0..windows.heads {
                            matrices.gather(data, &places, [channels, head]);
                            unsafe { matrices.attend::<V>(&windows, positions, head, &places.sides) };
                            matrices.scatter(out, &places, [qkv.pitch(), pitch(channels)], head);
                        }
                    }
                }
            }
        }
    }
}

impl Places {
    fn fill(&mut self, qkv: &View, windows: &Windows, phase: [usize; 2], at: [usize; 2]) {
        let Windows { queries, keys, dilation, shift, .. } = *windows;
        let size = [qkv.height, qkv.width];
        let margin = ((keys - queries) / 2) as isize;
        // The pixel of a window, counted from its first query, and whether it lies beyond the border it was moved around.
        let pixel = |axis: usize, i: isize| -> Option<(usize, bool)> {
            let along = (at[axis] * queries) as isize + i;
            let along = along * dilation as isize + (phase[axis] + shift) as isize;
            let size = size[axis] as isize;
            let around = shift > 0 && along >= size;
            let along = if around { along - size } else { along };
            (0..size).contains(&along).then_some((along as usize, around))
        };
        self.queries.clear();
        self.keys.clear();
        self.sides.clear();
        for i in 0..queries * queries {
            let [row, column] = [i / queries, i % queries].map(|i| i as isize);
            let [row, column] =
                [pixel(0, row), pixel(1, column)].map(|p| p.expect("queries are in the image"));
            self.queries.push((row.0 * qkv.width + column.0) * qkv.pitch());
            self.sides.push(2 * u8::from(row.1) + u8::from(column.1));
        }
        for i in 0..keys * keys {
            let [row, column] = [i / keys, i % keys].map(|i| i as isize - margin);
            let place = pixel(0, row).zip(pixel(1, column));
            self.keys.push(place.map(|(row, column)| (row.0 * qkv.width + column.0) * qkv.pitch()));
        }
    }
}

impl Matrices {
    fn new<V: Vector>(windows: &Windows, features: usize, positions: Positions) -> Self {
        let Windows { queries, keys, dilation, .. } = *windows;
        let lanes = V::LANES;
        let rows = queries.pow(2).next_multiple_of(V::ROWS);
        let columns = keys.pow(2).next_multiple_of(lanes);
        let filled = features.next_multiple_of(lanes);
        let offsets = queries + keys - 1;
        let tables = match positions {
            Positions::Bias(_) => Vec::new(),
            Positions::Tables(by_row, by_column) => {
                // From the first key's distance to the last query.
                let first = by_row.len() / features / 2 - (queries - 1) * dilation;
                pack(features, 2 * offsets, lanes, |feature, i| {
                    let table = if i < offsets { by_row } else { by_column };
                    table[(first + i % offsets * dilation) * features + feature]
                })
            }
        };
        let relative = rows * tables.len() / features;
        Self {
            features,
            lanes,
            q: vec![0.0; rows * features],
            k: vec![0.0; features * columns],
            v: vec![0.0; columns * filled],
            products: vec![0.0; rows * columns],
            result: vec![0.0; rows * filled],
            tables,
            offsets,
            relative: vec![0.0; relative],
        }
    }

    /// Fetches queries, keys and values of a head.
    fn gather(&mut self, data: &[f32], places: &Places, [channels, head]: [usize; 2]) {
        let (features, lanes) = (self.features, self.lanes);
        let scale = (features as f32).powf(-0.5);
        let first = head * features;
        for (&at, row) in places.queries.iter().zip(self.q.chunks_exact_mut(features)) {
            for (q, value) in row.iter_mut().zip(&data[at + first..][..features]) {
                *q = value * scale;
            }
        }
        let columns = self.k.len() / features;
        let filled = self.v.len() / columns;
        for (i, at) in places.keys.iter().enumerate() {
            let step = panel_width(lanes, columns, i);
            let k = self.k[place_in_panel(lanes, [features, columns], 0, i)..].iter_mut().step_by(step);
            let v = (0..features).step_by(2 * lanes).map(|first| {
                let to = place_in_panel(lanes, [columns, filled], i, first);
                (first..features.min(first + 2 * lanes), to)
            });
            let Some(at) = *at else {
                k.take(features).for_each(|k| *k = 0.0);
                v.for_each(|(part, to)| self.v[to..to + part.len()].fill(0.0));
                continue;
            };
            let [keys, values] = [1, 2].map(|part| &data[at + part * channels + first..][..features]);
            k.zip(keys).for_each(|(k, &key)| *k = key);
            v.for_each(|(part, to)| self.v[to..to + part.len()].copy_from_slice(&values[part]));
        }
    }

    #[inline(always)]
    unsafe fn attend<V: Vector>(
        &mut self,
        windows: &Windows,
        positions: Positions,
        head: usize,
        sides: &[u8],
    ) {
        let features = self.features;
        let rows = self.q.len() / features;
        let columns = self.k.len() / features;
        let filled = self.v.len() / columns;
        unsafe {
            let (q, products) = (self.q.as_ptr(), self.products.as_mut_ptr());
            product::<V>(q, self.k.as_ptr(), products, [rows, features, columns]);
            if !self.tables.is_empty() {
                let relative = self.relative.as_mut_ptr();
                let width = self.tables.len() / features;
                product::<V>(q, self.tables.as_ptr(), relative, [rows, features, width]);
            }
            self.add_positions(windows, positions, head, sides);
            for row in self.products.chunks_exact_mut(columns).take(windows.queries.pow(2)) {
                softmax::<V>(row);
            }
            let result = self.result.as_mut_ptr();
            product::<V>(products, self.v.as_ptr(), result, [rows, columns, filled]);
        }
    }

    fn add_positions(&mut self, windows: &Windows, positions: Positions, head: usize, sides: &[u8]) {
        let Windows { queries, keys, shift, .. } = *windows;
        let (tokens, count) = (queries.pow(2), keys.pow(2));
        let columns = self.k.len() / self.features;
        let width = self.tables.len() / self.features;
        let moved = shift > 0 && sides.iter().any(|&side| side != sides[0]);
        for (query, row) in self.products.chunks_exact_mut(columns).take(tokens).enumerate() {
            row[count..].fill(NEVER);
            match positions {
                Positions::Bias(bias) => {
                    let bias = &bias[(head * tokens + query) * count..][..count];
                    row.iter_mut().zip(bias).for_each(|(product, bias)| *product += bias);
                }
                Positions::Tables(..) => {
                    let relative = &self.relative[query * width..][..2 * self.offsets];
                    let by_row = &relative[queries - 1 - query / queries..];
                    let by_column = &relative[self.offsets + queries - 1 - query % queries..];
                    for (row, by_row) in row[..count].chunks_exact_mut(keys).zip(by_row) {
                        row.iter_mut().zip(by_column).for_each(|(product, add)| *product += by_row + add);
                    }
                }
            }
            if moved {
                let apart = sides.iter().map(|&side| if side == sides[query] { 0.0 } else { APART });
                row.iter_mut().zip(apart).for_each(|(product, apart)| *product += apart);
            }
        }
    }

    /// Puts the result to where the queries came from.
    fn scatter(&self, out: &mut [f32], places: &Places, [pitch_in, pitch_out]: [usize; 2], head: usize) {
        let columns = self.k.len() / self.features;
        let filled = self.v.len() / columns;
        for (i, at) in places.queries.iter().enumerate() {
            let to = at / pitch_in * pitch_out + head * self.features;
            // A result's columns lie in one row, panel beside panel.
            out[to..to + self.features].copy_from_slice(&self.result[i * filled..][..self.features]);
        }
    }
}

/// Softmax of whole vectors, in place.
#[inline(always)]
unsafe fn softmax<V: Vector>(row: &mut [f32]) {
    unsafe {
        let at = row.as_mut_ptr();
        let mut largest = V::load(at);
        for i in (V::LANES..row.len()).step_by(V::LANES) {
            largest = largest.max(V::load(at.add(i)));
        }
        let mut lanes = [f32::MIN; crate::LANES];
        largest.store(lanes.as_mut_ptr());
        let largest = V::splat(lanes.into_iter().fold(f32::MIN, f32::max));
        let mut sum = V::splat(0.0);
        for i in (0..row.len()).step_by(V::LANES) {
            let share = V::load(at.add(i)).sub(largest).exp_of_negative();
            sum = sum.add(share);
            share.store(at.add(i));
        }
        let share = V::splat(1.0 / sum.total());
        for i in (0..row.len()).step_by(V::LANES) {
            V::load(at.add(i)).mul(share).store(at.add(i));
        }
    }
}
