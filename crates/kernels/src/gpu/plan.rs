//! How a convolution is cut into workgroups.

/// What a convolution does, sizes of images and channel counts aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Geometry {
    /// Height and width of the weights.
    pub kernel: [usize; 2],
    /// Pixels between two outputs, or, for transposed convolutions, between two inputs.
    pub stride: usize,
    /// Zeros above and to the left.
    pub padding: [usize; 2],
    /// Pixels between two weights.
    pub dilation: usize,
    /// Whether every input pixel is spread over outputs instead of gathered.
    pub transposed: bool,
}

impl Geometry {
    /// Weights along `axis` that one output depends on.
    pub fn taps(&self, axis: usize) -> usize {
        if self.transposed { self.kernel[axis].div_ceil(self.stride) } else { self.kernel[axis] }
    }

    /// Outputs of a transposed convolution that lie in the same place between the inputs form a phase; their number
    /// along an axis.
    pub fn phases(&self) -> usize {
        if self.transposed { self.stride } else { 1 }
    }

    /// First input, relative to that of a workgroup's first output.
    pub fn origin(&self, axis: usize) -> i32 {
        if self.transposed {
            (self.padding[axis] / self.stride) as i32 - self.reach(axis) as i32
        } else {
            -(self.padding[axis] as i32)
        }
    }

    /// Inputs along `axis` that `tile` outputs (of each phase) depend on.
    pub fn window(&self, axis: usize, tile: usize) -> usize {
        if self.transposed {
            let last = self.padding[axis].div_ceil(self.stride);
            tile + last - self.padding[axis] / self.stride + self.reach(axis)
        } else {
            (tile - 1) * self.stride + self.reach(axis) + 1
        }
    }

    /// Distance of the outermost taps.
    pub fn reach(&self, axis: usize) -> usize {
        (self.taps(axis) - 1) * self.dilation
    }
}

/// The share of a workgroup, and of each of its threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tiling {
    /// Rows and columns of outputs.
    pub tile: [usize; 2],
    /// Neighbouring pixels that a thread makes.
    pub pixels: usize,
    /// Fours of output channels that a thread makes.
    pub vectors: usize,
    /// Fours of output channels that a workgroup makes.
    pub block: usize,
    /// Fours of input channels that are in workgroup memory at a time.
    pub depth: usize,
}

/// Bytes of workgroup memory that every WebGPU adapter has.
pub(super) const WORKGROUP_BYTES: usize = 16384;
/// Fours of channels that a workgroup makes at most.
const LARGEST_BLOCK: usize = 16;
/// Threads that every WebGPU adapter lets a workgroup have.
pub(super) const THREADS: usize = 256;

impl Tiling {
    /// The tiling for a convolution to `channels` channels.
    ///
    /// Where threads run together in groups of `plane`, 16 or more, they hide each other's waiting, and should be many: a
    /// thread makes 4 pixels of 4 channels (for `unet` at 1024x1024 on an H200 9 ms, with 4 x 8 channels 13, 8 x 8 24).
    /// Adapters that are software count every load, and should make more of each: 8 pixels of 8 channels take half the
    /// time there, 16 of 16 about half of that; still more take longer to compile than they save.
    pub fn choose(geometry: &Geometry, channels: usize, plane: usize) -> Self {
        let fours = channels.div_ceil(4);
        let mut blocks = fours.div_ceil(LARGEST_BLOCK);
        // Weights of one four of inputs, for the block.
        while 64 * geometry.taps(0) * geometry.taps(1) * fours.div_ceil(blocks) > WORKGROUP_BYTES * 3 / 4 {
            blocks += 1;
        }
        let block = fours.div_ceil(blocks);
        let (vectors, pixels) = match block {
            4.. if plane < 16 => (if block.is_multiple_of(4) { 4 } else { 2 }, 16),
            _ => (1, 4),
        };
        let block = block.next_multiple_of(vectors);
        // Many channels make a workgroup large; few need many pixels.
        let tile = match (block / vectors, pixels) {
            (9.., _) => [8, 8],
            (5.., _) => [8, 16],
            (3.., _) => [16, 16],
            _ => [16, 32],
        };
        let mut tiling = Self { tile, pixels, vectors, block, depth: 4 };
        while tiling.depth > 1 && tiling.bytes(geometry) > WORKGROUP_BYTES {
            tiling.depth /= 2;
        }
        while tiling.bytes(geometry) > WORKGROUP_BYTES || tiling.threads() > THREADS {
            tiling.tile[0] /= 2;
        }
        tiling
    }

    /// Threads of a workgroup.
    pub fn threads(&self) -> usize {
        self.tile[0] * self.tile[1] / self.pixels * (self.block / self.vectors)
    }

    /// Fours of weights between two taps in workgroup memory: odd, so that neighbouring threads meet other banks.
    pub fn pitch(&self) -> usize {
        self.block | 1
    }

    /// Fours of inputs in workgroup memory.
    pub fn inputs(&self, geometry: &Geometry) -> usize {
        geometry.window(0, self.tile[0]) * geometry.window(1, self.tile[1]) * self.depth
    }

    /// Taps, times input channels, whose weights are in workgroup memory.
    pub fn weights(&self, geometry: &Geometry) -> usize {
        geometry.taps(0) * geometry.taps(1) * 4 * self.depth
    }

    fn bytes(&self, geometry: &Geometry) -> usize {
        16 * (self.inputs(geometry) + self.weights(geometry) * self.pitch())
    }
}
