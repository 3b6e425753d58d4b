//! Which device the work is done on.

use std::{fmt, str::FromStr};

pub use candle_core::Device;

use crate::{NnError, Result};

/// What was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The fastest there is. The only one that takes another where it is not there.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA device, by its number.
    Cuda(usize),
    /// The first Metal device.
    Metal,
}

impl DeviceChoice {
    /// The device.
    ///
    /// # Errors
    /// [`NnError::Device`] where it is not there or the program was built without it.
    pub fn open(self) -> Result<Device> {
        let failed = |error: candle_core::Error| {
            let text = error.to_string();
            NnError::Device {
                asked: self.to_string(),
                reason: text.lines().next().unwrap_or_default().to_owned(),
            }
        };
        match self {
            Self::Auto => Ok(Device::new_cuda(0)
                .or_else(|_| Device::new_metal(0))
                .unwrap_or(Device::Cpu)),
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(number) => Device::new_cuda(number).map_err(failed),
            Self::Metal => Device::new_metal(0).map_err(failed),
        }
    }
}

/// The device in words, for a plan.
pub fn device_name(device: &Device) -> String {
    match device.location() {
        candle_core::DeviceLocation::Cpu => "cpu".into(),
        candle_core::DeviceLocation::Cuda { gpu_id } => format!("cuda:{gpu_id}"),
        candle_core::DeviceLocation::Metal { .. } => "metal".into(),
    }
}

/// Whether this program was built for the processor alone.
pub const fn is_processor_alone() -> bool {
    !cfg!(any(feature = "cuda", feature = "metal"))
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
            Self::Metal => f.write_str("metal"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || format!("{text:?} is none of auto, cpu, cuda, cuda:0, metal");
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "metal" => Ok(Self::Metal),
            "cuda" => Ok(Self::Cuda(0)),
            _ => {
                let number = text.strip_prefix("cuda:").ok_or_else(wrong)?;
                number.parse().map(Self::Cuda).map_err(|_| wrong())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for choice in [
            DeviceChoice::Auto,
            DeviceChoice::Cpu,
            DeviceChoice::Cuda(3),
            DeviceChoice::Metal,
        ] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Cuda(0)));
        for wrong in ["", "gpu", "cuda:", "cuda:x", "CPU"] {
            assert!(wrong.parse::<DeviceChoice>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_auto_takes_another() {
        assert!(DeviceChoice::Cpu.open().unwrap().is_cpu());
        DeviceChoice::Auto.open().unwrap();
        if !cfg!(feature = "cuda") {
            let error = DeviceChoice::Cuda(0).open().unwrap_err();
            assert!(matches!(error, NnError::Device { .. }), "{error}");
        }
    }
}
