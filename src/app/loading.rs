//! Loads the base model that the options name: from the binary, a directory, a GGUF file or the hub.

use super::demo_model;
use super::options::{BaseOptions, Precision};
use crate::device;
use crate::hub::{self, Downloaded, HubModel, HubOptions};
use crate::lm::{Loading, MemoryNeed};
use crate::task::{Base, BaseFiles, Weights};
use anyhow::{Context, bail};
use candle_core::{DType, Device};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Texts up to this many tokens are counted in the memory that a model needs to start.
const COUNTED_TOKENS: u64 = 4096;

/// Loads the base model that the options name, after checking that it fits.
///
/// # Errors
/// Says which file, option or device; or, where the memory is not enough, the sum.
pub fn load_base(options: &BaseOptions) -> anyhow::Result<Base> {
    let device = device::select(&options.device)?;
    let mut files = open(options)?;
    if let Some(context) = options.context {
        files.limit_context(context);
    }
    let loading = loading(options, &files, device)?;
    let need = need(&files, &loading);
    check(&files, &loading, need)?;
    Ok(Base::load(&files, &loading)?)
}

/// Where a base is, once it is on this machine.
enum Located {
    Demo,
    Directory(PathBuf),
    Gguf(PathBuf),
}

fn open(options: &BaseOptions) -> anyhow::Result<BaseFiles> {
    let files = match locate(options)? {
        Located::Demo => return Ok(BaseFiles::from_bytes("attune-demo", &demo_model::base()?)?),
        Located::Directory(dir) => BaseFiles::from_directory(&dir)?,
        Located::Gguf(file) => BaseFiles::from_gguf(&file)?,
    };
    // A model of the hub is called by its id, wherever the cache put it.
    let is_path = Path::new(&options.base).exists();
    Ok(if is_path { files } else { files.named(options.base.clone()) })
}

fn locate(options: &BaseOptions) -> anyhow::Result<Located> {
    let base = &options.base;
    if base == "demo" {
        return Ok(Located::Demo);
    }
    let path = Path::new(base);
    if path.is_dir() {
        return Ok(Located::Directory(path.to_owned()));
    }
    if path.is_file() {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
            return Ok(Located::Gguf(path.to_owned()));
        }
        let dir = path.parent().unwrap_or(path).display();
        bail!("--base {base}: a single file must be a .gguf; for safetensors give their directory, {dir}");
    }
    if base.starts_with(['.', '/', '~']) || base.contains('\\') {
        bail!("--base {base}: there is no such directory or file");
    }
    let model = HubModel::parse(base).with_context(|| {
        format!(
            "--base {base}: there is no such directory or file, and it is no model's id on the hub; give `demo`, a model's \
             directory, a .gguf file or an id such as Qwen/Qwen2.5-0.5B-Instruct"
        )
    })?;
    Ok(match download(model, options.offline)? {
        Downloaded::Directory(dir) => Located::Directory(dir),
        Downloaded::Gguf(file) => Located::Gguf(file),
    })
}

/// Fetches a model into the hub's cache, with progress on standard error.
fn download(model: HubModel, offline: bool) -> anyhow::Result<Downloaded> {
    let mut options = HubOptions::from_environment();
    options.offline |= offline;
    let progress = Arc::new(super::download::Progress::default());
    // The base is loaded before, or beside, the process's own runtime.
    let thread = std::thread::spawn(move || -> anyhow::Result<Downloaded> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(hub::fetch(&model, &options, progress))?)
    });
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// The precision and quantisation, as asked for or as measures best.
fn loading(options: &BaseOptions, files: &BaseFiles, device: Device) -> anyhow::Result<Loading> {
    let quantization = options.quantize.map(Into::into);
    if let (Weights::Gguf(weights), Some(_)) = (files.weights(), quantization)
        && weights.is_quantised()
    {
        bail!("--quantize: {} is quantised already and is kept as it is stored; leave the option out", files.name());
    }
    let stored = match files.weights() {
        Weights::Checkpoint(checkpoint) => checkpoint.main_dtype().unwrap_or(DType::F32),
        Weights::Gguf(_) => DType::F32,
    };
    let dtype = match options.dtype {
        Precision::F32 => DType::F32,
        Precision::F16 => DType::F16,
        Precision::Bf16 => DType::BF16,
        // Blocks are multiplied with f32 activations.
        Precision::Auto if quantization.is_some() => DType::F32,
        Precision::Auto if device.is_cpu() => {
            if stored != DType::F32 {
                tracing::info!(
                    stored = ?stored,
                    "weights are kept in f32: on a CPU a product of 16-bit weights widens them each time (half of f32's \
                     speed when generating, as measured: docs/performance.md); --quantize q8_0 takes a quarter of the memory \
                     and is faster"
                );
            }
            DType::F32
        }
        Precision::Auto => stored,
    };
    if dtype != DType::F32 && (quantization.is_some() || matches!(files.weights(), Weights::Gguf(_))) {
        bail!("--dtype {dtype:?}: arithmetic over quantised weights is in f32; leave the option out",);
    }
    Ok(Loading { dtype, device, quantization })
}

fn need(files: &BaseFiles, loading: &Loading) -> MemoryNeed {
    match files.weights() {
        Weights::Gguf(weights) if weights.is_quantised() => MemoryNeed::of_stored(files.config(), weights.kept_bytes()),
        _ => MemoryNeed::of(files.config(), loading),
    }
}

/// Refuses what cannot fit, and says in the log what will be taken.
fn check(files: &BaseFiles, loading: &Loading, need: MemoryNeed) -> anyhow::Result<()> {
    let tokens = COUNTED_TOKENS.min(files.config().context as u64);
    let (total, mib) = (need.total(tokens), |bytes: u64| bytes.div_ceil(1 << 20));
    let how =
        loading.quantization.map_or_else(|| format!("{:?}", loading.dtype).to_lowercase(), |q| q.name().to_owned());
    tracing::info!(
        base = files.name(),
        parameters = files.config().parameters(),
        precision = how,
        weights_mib = mib(need.weights),
        loading_mib = mib(need.staging),
        cache_bytes_per_token = need.cache_per_token,
        "loading the base model"
    );
    // What a GPU has free is the driver's to refuse.
    let Some(available) = available_memory().filter(|_| loading.device.is_cpu()) else { return Ok(()) };
    if total > available {
        bail!(
            "{} does not fit: weights in {how} {} MiB + {} MiB while loading{} + {} MiB for a text of {tokens} tokens = {} \
             MiB, but {} MiB are free; try --quantize q8_0 (or q4k), a smaller --context, or a smaller model",
            files.name(),
            mib(need.weights),
            mib(need.staging),
            match need.rearranged {
                0 => String::new(),
                bytes => format!(" + {} MiB for blocks in the processor's order", mib(bytes)),
            },
            mib(need.cache_per_token.saturating_mul(tokens)),
            mib(total),
            available >> 20
        );
    }
    Ok(())
}

/// Bytes that this process can still take: the machine's, or its container's.
pub(super) fn available_memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    let container = system.cgroup_limits().map_or(machine, |limits| limits.free_memory);
    Some(machine.min(container)).filter(|bytes| *bytes > 0)
}

/// The directory of safetensors that the options name; none for the demo, whose files are in the binary.
///
/// # Errors
/// Where the base is something else.
pub(super) fn checkpoint_directory(options: &BaseOptions) -> anyhow::Result<Option<PathBuf>> {
    let gguf = "an adapter is not merged into a GGUF file, whose weights are rounded already: give the Hugging Face \
                directory that it was made from";
    match locate(options)? {
        Located::Demo => Ok(None),
        Located::Directory(dir) => Ok(Some(dir)),
        Located::Gguf(path) => bail!("--base {}: {gguf}", path.display()),
    }
}
