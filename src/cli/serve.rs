//! `attune serve`

use crate::app::{ServeOptions, build, serve};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) options: ServeOptions,
    /// Allow an address that others can reach, though there are no API keys yet
    #[arg(long, env = "ATTUNE_INSECURE")]
    insecure: bool,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let loopback = ["127.", "localhost:", "[::1]:"].iter().any(|start| self.options.listen.starts_with(start));
        anyhow::ensure!(
            loopback || self.insecure,
            "--listen {} can be reached from other machines and there are no API keys: put a proxy before it and add \
             --insecure",
            self.options.listen
        );
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async { serve(build(&self.options).await?, &self.options).await })
    }
}
