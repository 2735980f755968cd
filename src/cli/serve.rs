//! `attune serve`

use crate::app::{ServeOptions, build, serve};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) options: ServeOptions,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async { serve(build(&self.options).await?, &self.options).await })
    }
}
