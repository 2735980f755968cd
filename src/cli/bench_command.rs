//! `attune bench`

use super::bench::{BenchArgs, Running, Shape, run};
use super::one_shot;
use crate::app::{Application, BaseOptions, ServeOptions, build, serve_in_background};
use clap::Args;

#[derive(Debug, Args)]
pub(super) struct Bench {
    #[command(flatten)]
    base: BaseOptions,
    #[command(flatten)]
    args: BenchArgs,
}

impl Bench {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let dir = std::env::temp_dir().join(format!("attune-{}", uuid::Uuid::now_v7().simple()));
        let options = ServeOptions {
            max_rows: 32,
            queue: 256,
            merge_mib: None,
            ..one_shot::options(&self.base, one_shot::in_directory(dir.clone()))
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let done = runtime.block_on(async {
            let mut application = None;
            let start = async || {
                let started = application.insert(build(&options).await?);
                let address = serve_in_background(started).await?;
                Ok(Running { url: format!("http://{address}"), shape: Some(shape(started)) })
            };
            let done = run(self.args, start).await;
            drop(application);
            done
        });
        // Only what this command made is in it, where it made anything.
        let _ = std::fs::remove_dir_all(dir);
        done
    }
}

fn shape(application: &Application) -> Shape {
    let config = application.service.base().model().config();
    Shape {
        hidden_size: config.hidden_size,
        intermediate_size: config.intermediate_size,
        num_hidden_layers: config.layers(),
        num_attention_heads: config.heads,
        num_key_value_heads: Some(config.kv_heads),
        head_dim: Some(config.head_dim),
    }
}
