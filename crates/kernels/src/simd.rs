//! Vectors of floats: the few operations that the kernels are written in, for each instruction set.

/// A vector of [`Vector::LANES`] floats.
///
/// # Safety
/// All functions may only be called where the instruction set is there: inside [`Task::run`], called by [`with_simd`].
pub(crate) trait Vector: Copy {
    /// Floats in a vector. A multiple of them fits into [`crate::LANES`].
    const LANES: usize;
    /// Rows of a product that are computed at once: as many as leave registers for two vectors of weights.
    const ROWS: usize;

    unsafe fn splat(value: f32) -> Self;
    unsafe fn load(from: *const f32) -> Self;
    unsafe fn store(self, to: *mut f32);
    unsafe fn add(self, other: Self) -> Self;
    unsafe fn sub(self, other: Self) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    unsafe fn div(self, other: Self) -> Self;
    unsafe fn max(self, other: Self) -> Self;
    /// Two to the power of whole numbers from -126 to 127.
    unsafe fn power_of_two(self) -> Self;
    /// `self * factor + summand`, rounded once or twice.
    unsafe fn mul_add(self, factor: Self, summand: Self) -> Self;

    /// The exponential of values that are not positive, to 2e-7 of it; below -87, that of -87.
    #[inline(always)]
    unsafe fn exp_of_negative(self) -> Self {
        // Added and taken away again, this rounds to whole numbers.
        const ROUND: f32 = 12_582_912.0;
        // The logarithm of two, in a part of few bits and the rest: multiples of the first are exact.
        const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
        const SERIES: [f32; 6] = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
        unsafe {
            let x = self.max(Self::splat(-87.0));
            let whole = x.mul_add(Self::splat(std::f32::consts::LOG2_E), Self::splat(ROUND));
            let whole = whole.sub(Self::splat(ROUND));
            let rest = whole.mul_add(Self::splat(-LN_2[0]), x);
            let rest = whole.mul_add(Self::splat(-LN_2[1]), rest);
            let mut sum = Self::splat(1.0 / 720.0);
            for term in SERIES {
                sum = sum.mul_add(rest, Self::splat(term));
            }
            sum.mul(whole.power_of_two())
        }
    }

    /// The sum of the lanes.
    #[inline(always)]
    unsafe fn total(self) -> f32 {
        let mut lanes = [0.0; crate::LANES];
        unsafe { self.store(lanes.as_mut_ptr()) };
        lanes[..Self::LANES].iter().sum()
    }
}

/// Something to compute by vectors. `run` is to be `#[inline(always)]`, as is all that it calls: only so is it compiled
/// for the instruction set.
pub(crate) trait Task {
    type Output;
    unsafe fn run<V: Vector>(self) -> Self::Output;
}

/// Runs a task with the best vectors of this processor.
pub(crate) fn with_simd<T: Task>(task: T) -> T::Output {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        // Safety: the processor was just asked.
        return unsafe { x86::run_512(task) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        // Safety: the processor was just asked.
        return unsafe { x86::run(task) };
    }
    #[cfg(all(target_arch = "wasm32", feature = "relaxed-simd"))]
    // Safety: the module could not have been loaded without relaxed SIMD.
    return unsafe { wasm::run(task) };
    #[cfg(not(all(target_arch = "wasm32", feature = "relaxed-simd")))]
    // Safety: what is left is part of the target, so every processor has it.
    unsafe {
        task.run::<Baseline>()
    }
}

/// Floats in a vector on this processor.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl Task for Lanes {
        type Output = usize;
        #[inline(always)]
        unsafe fn run<V: Vector>(self) -> usize {
            V::LANES
        }
    }
    with_simd(Lanes)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Task, Vector};

    #[target_feature(enable = "avx2,fma")]
    pub(super) unsafe fn run<T: Task>(task: T) -> T::Output {
        unsafe { task.run::<__m256>() }
    }

    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn run_512<T: Task>(task: T) -> T::Output {
        unsafe { task.run::<__m512>() }
    }

    /// The operations of both widths, which differ in their names only.
    macro_rules! vector {
        (
            $vector:ty, $lanes:expr, $rows:expr, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident,
            $div:ident, $max:ident, $mul_add:ident, $to_whole:ident, $add_whole:ident, $splat_whole:ident, $shift:ident,
            $as_floats:ident
        ) => {
            impl Vector for $vector {
                const LANES: usize = $lanes;
                const ROWS: usize = $rows;

                #[inline(always)]
                unsafe fn splat(value: f32) -> Self {
                    unsafe { $splat(value) }
                }
                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    unsafe { $load(from) }
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    unsafe { $store(to, self) }
                }
                #[inline(always)]
                unsafe fn add(self, other: Self) -> Self {
                    unsafe { $add(self, other) }
                }
                #[inline(always)]
                unsafe fn sub(self, other: Self) -> Self {
                    unsafe { $sub(self, other) }
                }
                #[inline(always)]
                unsafe fn mul(self, other: Self) -> Self {
                    unsafe { $mul(self, other) }
                }
                #[inline(always)]
                unsafe fn div(self, other: Self) -> Self {
                    unsafe { $div(self, other) }
                }
                #[inline(always)]
                unsafe fn max(self, other: Self) -> Self {
                    unsafe { $max(self, other) }
                }
                #[inline(always)]
                unsafe fn power_of_two(self) -> Self {
                    unsafe { $as_floats($shift::<23>($add_whole($to_whole(self), $splat_whole(127)))) }
                }
                #[inline(always)]
                unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
                    unsafe { $mul_add(self, factor, summand) }
                }
            }
        };
    }

    #[rustfmt::skip]
    vector!(
        __m256, 8, 6, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps,
        _mm256_div_ps, _mm256_max_ps, _mm256_fmadd_ps, _mm256_cvtps_epi32, _mm256_add_epi32, _mm256_set1_epi32,
        _mm256_slli_epi32, _mm256_castsi256_ps
    );
    // 32 registers.
    #[rustfmt::skip]
    vector!(
        __m512, 16, 12, _mm512_set1_ps, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps,
        _mm512_div_ps, _mm512_max_ps, _mm512_fmadd_ps, _mm512_cvtps_epi32, _mm512_add_epi32, _mm512_set1_epi32,
        _mm512_slli_epi32, _mm512_castsi512_ps
    );
}

#[cfg(all(target_arch = "wasm32", not(feature = "relaxed-simd")))]
pub(crate) use wasm::Baseline;
#[cfg(target_arch = "wasm32")]
mod wasm {
    use core::arch::wasm32::*;

    use super::Vector;

    pub(crate) type Baseline = v128;

    impl Vector for v128 {
        const LANES: usize = 4;
        const ROWS: usize = 4;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            f32x4_splat(value)
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { v128_load(from.cast()) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { v128_store(to.cast(), self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            f32x4_add(self, other)
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            f32x4_sub(self, other)
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            f32x4_mul(self, other)
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            f32x4_div(self, other)
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // One instruction on every processor; `f32x4_max` is four for the sake of NaN.
            f32x4_pmax(other, self)
        }
        #[inline(always)]
        unsafe fn power_of_two(self) -> Self {
            i32x4_shl(i32x4_add(i32x4_trunc_sat_f32x4(self), i32x4_splat(127)), 23)
        }
        #[cfg(feature = "relaxed-simd")]
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
            f32x4_relaxed_madd(self, factor, summand)
        }
        #[cfg(not(feature = "relaxed-simd"))]
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
            f32x4_add(f32x4_mul(self, factor), summand)
        }
    }

    #[cfg(feature = "relaxed-simd")]
    #[target_feature(enable = "relaxed-simd")]
    pub(super) unsafe fn run<T: super::Task>(task: T) -> T::Output {
        unsafe { task.run::<Baseline>() }
    }
}

#[cfg(target_arch = "aarch64")]
pub(crate) use neon::Baseline;
#[cfg(target_arch = "aarch64")]
mod neon {
    use std::arch::aarch64::*;

    use super::Vector;

    pub(crate) type Baseline = float32x4_t;

    impl Vector for float32x4_t {
        const LANES: usize = 4;
        // 32 registers.
        const ROWS: usize = 8;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            unsafe { vdupq_n_f32(value) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { vld1q_f32(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { vst1q_f32(to, self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            unsafe { vaddq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            unsafe { vsubq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            unsafe { vmulq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            unsafe { vdivq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            unsafe { vmaxq_f32(self, other) }
        }
        #[inline(always)]
        unsafe fn power_of_two(self) -> Self {
            unsafe {
                let exponent = vaddq_s32(vcvtq_s32_f32(self), vdupq_n_s32(127));
                vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
            }
        }
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
            unsafe { vfmaq_f32(summand, self, factor) }
        }
    }
}

#[cfg(not(any(target_arch = "wasm32", target_arch = "aarch64")))]
pub(crate) use portable::Baseline;
#[cfg(not(any(target_arch = "wasm32", target_arch = "aarch64")))]
mod portable {
    use super::Vector;

    /// Four floats that the compiler makes a vector of where it can (SSE2 on every 64-bit PC).
    #[derive(Clone, Copy)]
    pub(crate) struct Baseline([f32; 4]);

    impl Baseline {
        #[inline(always)]
        fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
            Self(std::array::from_fn(|i| f(self.0[i], other.0[i])))
        }
    }

    impl Vector for Baseline {
        const LANES: usize = 4;
        const ROWS: usize = 4;

        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            Self([value; 4])
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            Self(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            self.zip(other, |a, b| a + b)
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            self.zip(other, |a, b| a - b)
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            self.zip(other, |a, b| a * b)
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            self.zip(other, |a, b| a / b)
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            self.zip(other, |a, b| if a > b { a } else { b })
        }
        #[inline(always)]
        unsafe fn power_of_two(self) -> Self {
            Self(self.0.map(|n| f32::from_bits(((n as i32 + 127) as u32) << 23)))
        }
        #[inline(always)]
        unsafe fn mul_add(self, factor: Self, summand: Self) -> Self {
            unsafe { self.mul(factor).add(summand) }
        }
    }
}
