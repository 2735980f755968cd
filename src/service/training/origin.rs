//! Which generator a job grows from: settled by its first attempt, for all of them.
//!
//! A later attempt goes on from a checkpoint that is of that parent alone, and the one that serves may be another by then: an
//! operator's, another job's, or this job's own, where a process died between the promotion and the job's end.

use super::{Run, failed};
use crate::generator::{self, GeneratorFile};
use crate::jobs::{Arch, GeneratorJob, Init, JobError};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::Arc;

/// Holds the parent's id, or nothing. It comes before the checkpoint in the order in which files are handed to other machines.
const ORIGIN: &str = "from_generator";

impl Run<'_> {
    /// The generator that a job grows from: the one that served when the job began, where the job wants it and it has the
    /// architecture.
    pub(super) fn parent(&self, job: &GeneratorJob) -> Result<Option<Arc<GeneratorFile>>, JobError> {
        let path = self.context.work_dir().join(ORIGIN);
        let id = match fs::read_to_string(&path) {
            Ok(id) => id,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let active = self.service.active().filter(|_| job.init == Init::Active);
                let id =
                    active.filter(|active| has_arch(&active.file, job.arch)).map_or(String::new(), |active| active.id);
                note(&path, &id).map_err(JobError::transient)?;
                id
            }
            Err(error) => return Err(JobError::transient(error)),
        };
        match id.as_str() {
            "" => Ok(None),
            id => self.runtime.block_on(self.service.generator_file(id)).map(Some).map_err(failed),
        }
    }
}

fn has_arch(file: &GeneratorFile, arch: Arch) -> bool {
    matches!(
        (file.config().arch, arch),
        (generator::Arch::Cvae(_), Arch::Cvae) | (generator::Arch::IcmConv, Arch::IcmConv)
    )
}

/// Writes the file whole or not at all: an empty one would say that there is no parent.
fn note(path: &Path, id: &str) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(id.as_bytes())?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}
