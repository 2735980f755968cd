//! Where tensors live: the one place that knows which devices this build has.

use candle_core::Device;

/// Why a device cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that is no device.
    #[error("device {name:?} is not known: give auto, cpu or cuda:N")]
    Unknown {
        /// The name.
        name: String,
    },
    /// A GPU that this build or this machine does not have.
    #[error("device {name}: {reason}")]
    Unavailable {
        /// The name.
        name: String,
        /// Why not.
        reason: String,
    },
}

/// The device of a name: `auto`, `cpu` or `cuda:N`. `auto` falls back to the CPU and says so in the log.
///
/// # Errors
/// [`Error::Unknown`] and [`Error::Unavailable`].
pub fn select(name: &str) -> Result<Device, Error> {
    match name {
        "cpu" => Ok(Device::Cpu),
        "auto" => match cuda(0) {
            Ok(device) => Ok(device),
            Err(reason) => {
                tracing::info!(reason, "running on the CPU");
                Ok(Device::Cpu)
            }
        },
        _ => {
            let index = match name {
                "cuda" => Some(0),
                other => other.strip_prefix("cuda:").and_then(|n| n.parse().ok()),
            };
            let index = index.ok_or_else(|| Error::Unknown { name: name.to_owned() })?;
            cuda(index).map_err(|reason| Error::Unavailable { name: name.to_owned(), reason })
        }
    }
}

/// candle panics where the driver's library is missing, hence the guard.
#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device, String> {
    match std::panic::catch_unwind(|| Device::new_cuda(index)) {
        Ok(Ok(device)) => Ok(device),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the CUDA driver does not answer".into()),
    }
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Result<Device, String> {
    Err("this build has no CUDA: build with --features cuda".into())
}
