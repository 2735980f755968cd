//! A whole model: what it needs, a few files at a time.

use futures::{StreamExt, TryStreamExt};

use super::cache::{ModelCache, read_index};
use super::client::Client;
use super::download::Download;
use super::plan::{INDEX, Listing, RemoteFile};
use super::{DownloadProgress, Downloaded, Error, HubModel, HubOptions};

/// Files that are transferred at a time.
const AT_A_TIME: usize = 4;

/// See [`super::fetch`].
pub(super) async fn fetch(
    model: &HubModel,
    options: &HubOptions,
    progress: &dyn DownloadProgress,
) -> Result<Downloaded, Error> {
    let cache = ModelCache::new(options.cache()?, &model.id);
    if options.offline {
        return cache.find(model);
    }
    let client = Client::new(options, model)?;
    let listing = match client.listing().await {
        Ok(listing) => listing,
        Err(error @ Error::Connection { .. }) => {
            let found = cache.find(model).map_err(|_| error)?;
            tracing::warn!(model = %model, "the hub cannot be reached: using the model as it is in the cache");
            return Ok(found);
        }
        Err(error) => return Err(error),
    };
    let download = Download { client: &client, cache: &cache, model, commit: &listing.commit, progress };
    let fetched = match &model.file {
        Some(name) => {
            let file = listing.gguf(model, name)?;
            download.file(&file).await?;
            Downloaded::Gguf(cache.snapshot(&listing.commit).join(name))
        }
        None => {
            directory(&download, &listing).await?;
            Downloaded::Directory(cache.snapshot(&listing.commit))
        }
    };
    // Only now, so that an interrupted update leaves the earlier commit usable offline.
    cache.write_ref(&model.revision, &listing.commit)?;
    Ok(fetched)
}

/// Config, tokenizer and weights. The index comes before its shards, since it names them.
async fn directory(download: &Download<'_>, listing: &Listing) -> Result<(), Error> {
    let mut files = listing.first_files(download.model)?;
    if let Some(at) = files.iter().position(|file| file.name == INDEX) {
        let index = files.remove(at);
        download.file(&index).await?;
        let path = download.cache.snapshot(download.commit).join(INDEX);
        files.extend(listing.shards(download.model, &read_index(&path)?)?);
    }
    all(download, &files).await
}

async fn all(download: &Download<'_>, files: &[RemoteFile]) -> Result<(), Error> {
    let transfers = files.iter().map(|file| download.file(file));
    futures::stream::iter(transfers).buffer_unordered(AT_A_TIME).try_collect().await
}
