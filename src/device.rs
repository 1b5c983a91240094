//! Which backend runs: WebGPU through burn, or the CPU.

use std::fmt;
use std::str::FromStr;
#[cfg(feature = "wgpu")]
use std::sync::OnceLock;

pub use burn::tensor::Device;

use crate::error::{Error, Kind, Result};

/// The compute backends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// burn-flex: the CPU, and the one that is fast there.
    Flex,
    /// burn-ndarray: the CPU, burn's older backend.
    NdArray,
    /// burn-wgpu: WebGPU in a browser; Vulkan, Metal or Direct3D natively.
    Wgpu,
}

impl Backend {
    /// Opens the device.
    ///
    /// # Errors
    /// [`Kind::Device`] when this build does not contain the backend, or no such device can be had.
    pub async fn open(self) -> Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Backend::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "upstream prefers flex, and so do we; ndarray stays a choice")]
            Backend::NdArray => Ok(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            Backend::Wgpu => open_gpu().await,
            #[allow(unreachable_patterns, reason = "depends on the features of the build")]
            other => Err(Error::new(
                Kind::Device,
                format!(
                    "this build does not contain the device `{other}`; build it with `--features {other}`"
                ),
            )),
        }
    }
}

/// The GPU, which a process can open only once.
#[cfg(feature = "wgpu")]
async fn open_gpu() -> Result<Device> {
    static OPENED: OnceLock<Device> = OnceLock::new();
    if let Some(device) = OPENED.get() {
        return Ok(device.clone());
    }
    let device = Device::wgpu_options()
        .init_async()
        .await
        .map_err(|e| Error::new(Kind::Device, format!("no usable GPU ({e})")).caused_by(e.to_string()))?;
    Ok(OPENED.get_or_init(|| device).clone())
}

/// Whether what is asked of a device is done beside the program, not when it is asked.
#[cfg(feature = "wgpu")]
pub fn is_gpu(device: &Device) -> bool {
    matches!(device.as_dispatch(), burn::backend::DispatchDevice::Cube(_))
}

/// Whether what is asked of a device is done beside the program, not when it is asked.
#[cfg(not(feature = "wgpu"))]
pub fn is_gpu(_: &Device) -> bool {
    false
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Backend::Flex => "flex",
            Backend::NdArray => "ndarray",
            Backend::Wgpu => "wgpu",
        })
    }
}

impl FromStr for Backend {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "flex" => Ok(Backend::Flex),
            "ndarray" => Ok(Backend::NdArray),
            "wgpu" | "webgpu" => Ok(Backend::Wgpu),
            _ => Err(Error::new(
                Kind::Device,
                format!("there is no device `{name}`; there are: flex, ndarray, wgpu"),
            )),
        }
    }
}
