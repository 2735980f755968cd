//! The `attune` command.

#![allow(unsafe_code, reason = "environment variables are set once, before any thread exists")]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    quiet_candle_threads();
    attune::cli::run()
}

/// candle shares elementwise work with spinning helper threads, which cost half of the time where
/// several threads train or serve side by side; and where `RAYON_NUM_THREADS` is not set it reads
/// `/proc/cpuinfo` at every product. What the operator has set stays.
fn quiet_candle_threads() {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for (name, value) in [("CANDLE_NUM_THREADS", "1".to_owned()), ("RAYON_NUM_THREADS", cores.to_string())] {
        if std::env::var_os(name).is_none() {
            // SAFETY: `main` has started no thread yet.
            unsafe { std::env::set_var(name, value) };
        }
    }
}
