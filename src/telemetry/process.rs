//! What every process is asked for: memory, CPU time, start, open files.

use super::Exposition;
use super::metrics::{PROCESS_CPU, PROCESS_FDS, PROCESS_MEMORY, PROCESS_START};
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Writes this process's metrics; none where the system does not tell.
pub fn process_metrics(text: &mut Exposition) {
    let Ok(id) = sysinfo::get_current_pid() else { return };
    let mut system = System::new();
    // Threads are no processes of their own here, though Linux lists them as such.
    let what = ProcessRefreshKind::nothing().with_memory().with_cpu().without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[id]), false, what);
    let Some(process) = system.process(id) else { return };
    text.value(PROCESS_MEMORY, process.memory() as f64);
    text.value(PROCESS_CPU, process.accumulated_cpu_time() as f64 / 1e3);
    text.value(PROCESS_START, process.start_time() as f64);
    if let Some(files) = process.open_files() {
        text.value(PROCESS_FDS, files as f64);
    }
}
