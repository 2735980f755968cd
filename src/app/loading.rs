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

fn open(options: &BaseOptions) -> anyhow::Result<BaseFiles> {
    if options.base == "demo" {
        return Ok(BaseFiles::from_bytes("attune-demo", &demo_model::base()?)?);
    }
    let path = Path::new(&options.base);
    if path.is_dir() {
        return Ok(BaseFiles::from_directory(path)?);
    }
    if path.is_file() {
        return open_file(path);
    }
    let is_path = options.base.starts_with(['.', '/', '~']) || options.base.contains('\\');
    let model = HubModel::parse(&options.base);
    let model = match model {
        Ok(model) if !is_path => model,
        Ok(_) => bail!("--base {}: there is no such directory or file", options.base),
        Err(error) => bail!(
            "--base {}: there is no such directory or file, and it is no model's id on the hub ({error}); give `demo`, \
             a model's directory, a .gguf file or an id such as Qwen/Qwen2.5-0.5B-Instruct",
            options.base
        ),
    };
    let name = options.base.clone();
    match download(model, options.offline)? {
        Downloaded::Directory(dir) => Ok(BaseFiles::from_directory(&dir)?.named(name)),
        Downloaded::Gguf(file) => Ok(open_file(&file)?.named(name)),
    }
}

fn open_file(path: &Path) -> anyhow::Result<BaseFiles> {
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf")) {
        return Ok(BaseFiles::from_gguf(path)?);
    }
    let dir = path.parent().unwrap_or(path).display();
    bail!("--base {}: a single file must be a .gguf; for safetensors give their directory, {dir}", path.display())
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
        Weights::Gguf(weights) if weights.is_quantised() => {
            MemoryNeed::of_stored(files.config(), weights.stored_bytes())
        }
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
            "{} does not fit: weights in {how} {} MiB + {} MiB while loading + {} MiB for a text of {tokens} tokens = {} \
             MiB, but {} MiB are free; try --quantize q8_0 (or q4k), a smaller --context, or a smaller model",
            files.name(),
            mib(need.weights),
            mib(need.staging),
            mib(need.cache_per_token * tokens),
            mib(total),
            available >> 20
        );
    }
    Ok(())
}

/// Bytes that this process can still take: the machine's, or its container's.
fn available_memory() -> Option<u64> {
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let machine = system.available_memory();
    let container = system.cgroup_limits().map_or(machine, |limits| limits.free_memory);
    Some(machine.min(container)).filter(|bytes| *bytes > 0)
}

/// A directory whose files a merged checkpoint can be made of.
///
/// # Errors
/// Where the base is no directory of safetensors.
pub fn checkpoint_directory(options: &BaseOptions) -> anyhow::Result<Option<PathBuf>> {
    if options.base == "demo" {
        return Ok(None);
    }
    let path = Path::new(&options.base);
    if path.is_dir() {
        return Ok(Some(path.to_owned()));
    }
    let model = HubModel::parse(&options.base).context("a merged checkpoint is made of a directory of safetensors")?;
    match download(model, options.offline)? {
        Downloaded::Directory(dir) => Ok(Some(dir)),
        Downloaded::Gguf(_) => bail!("a GGUF file is no checkpoint to merge into: give the model's safetensors"),
    }
}
