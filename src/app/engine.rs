//! The engine that the options name.

use super::loading::available_memory;
use super::options::{EngineArgs, EngineName, ServeOptions};
use crate::engine::EngineOptions;
use crate::service::EngineChoice;
use crate::task::Base;
use crate::vllm::{ApiKey, VllmOptions, VllmUrl};
use anyhow::{Context, bail, ensure};
use std::time::Duration;

/// Adapters that vLLM has loaded at once, where the options do not say.
const MAX_LORAS: usize = 32;
/// How often vLLM is asked whether it is there.
const WATCH_EVERY: Duration = Duration::from_secs(2);

/// The vLLM that the options name; none for the local engine.
///
/// # Errors
/// Names the option that is missing, or would have no effect.
pub(super) fn vllm(options: &ServeOptions) -> anyhow::Result<Option<VllmOptions>> {
    match options.engine.engine {
        EngineName::Local => refuse_without(&options.engine).map(|()| None),
        EngineName::Vllm => vllm_options(options).map(Some),
    }
}

/// The engine, and its bounds.
pub(super) fn choice(options: &ServeOptions, vllm: Option<VllmOptions>, base: &Base) -> EngineChoice {
    let adapter_bytes = options.adapter_cache_mib.saturating_mul(1 << 20);
    match vllm {
        Some(vllm) => EngineChoice::Vllm(vllm),
        None => EngineChoice::Local { options: local(options, base), adapter_bytes },
    }
}

/// The local engine's bounds; memory that the options leave open is a share of what is free.
fn local(options: &ServeOptions, base: &Base) -> EngineOptions {
    let quarter = available_memory().map_or(u64::MAX, |bytes| bytes / 4);
    let model = base.model();
    let bytes = |mib: Option<u64>, wanted: u64| mib.map_or(wanted.min(quarter), |mib| mib.saturating_mul(1 << 20));
    let texts = (options.max_rows as u64).saturating_mul(model.config().context as u64);
    EngineOptions {
        queue: options.queue,
        max_rows: options.max_rows,
        step_tokens: options.step_tokens,
        kv_bytes: bytes(options.kv_cache_mib, texts.saturating_mul(2 * model.cache_bytes_per_token())),
        merge_bytes: bytes(options.merge_mib, model.weight_bytes()),
        threads: options.threads,
    }
}

/// What is given for a vLLM that is not used is a mistake.
fn refuse_without(given: &EngineArgs) -> anyhow::Result<()> {
    let options = [
        ("--vllm-url", given.vllm_url.is_some()),
        ("--vllm-adapters", given.vllm_adapters.is_some()),
        ("--vllm-max-loras", given.vllm_max_loras.is_some()),
        ("--vllm-api-key", given.vllm_api_key.is_some()),
    ];
    match options.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => bail!("{name} is for --engine vllm: add that, or leave {name} out"),
        None => Ok(()),
    }
}

fn vllm_options(options: &ServeOptions) -> anyhow::Result<VllmOptions> {
    let given = &options.engine;
    let url = given.vllm_url.as_deref().context("--engine vllm needs --vllm-url http://HOST:PORT")?;
    let adapters =
        given.vllm_adapters.clone().context("--engine vllm needs --vllm-adapters DIR, a folder that vLLM sees")?;
    for (name, is_given) in
        [("--kv-cache-mib", options.kv_cache_mib.is_some()), ("--merge-mib", options.merge_mib.is_some())]
    {
        ensure!(!is_given, "{name} is the local engine's: with --engine vllm leave it out");
    }
    Ok(VllmOptions {
        url: VllmUrl::parse(url).with_context(|| format!("--vllm-url {url}"))?,
        adapters,
        max_loras: given.vllm_max_loras.unwrap_or(MAX_LORAS),
        api_key: given.vllm_api_key.clone().map(ApiKey::new),
        requests: options.queue.saturating_add(options.max_rows),
        watch_every: WATCH_EVERY,
    })
}
