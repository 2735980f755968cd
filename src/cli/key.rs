//! `attune key`: the keys of a data directory or a database, also while servers run over it.

use super::print;
use super::remote::ServerOptions;
use crate::app::StateOptions;
use crate::service::{CreateKey, CreatedKey, KeyView, create_key};
use crate::store::{DataDirLock, LockError, PageRequest, Scope, Store, StoreError, attach_store, open_store};
use clap::{Args, Subcommand};
use reqwest::Method;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Rows that are read at once.
const PAGE: u32 = 500;

#[derive(Debug, Subcommand)]
pub(super) enum KeyCommand {
    /// Make a key and print its secret, this once: what is stored is a hash of it
    Create(Create),
    /// List the keys, the newest first, without their secrets
    List(List),
    /// Revoke a key; servers that know it let it in for 5 seconds more at most
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(super) struct Create {
    /// What it is called, for people
    #[arg(long)]
    name: String,
    /// Whose it is: a tenant sees its own adapters and jobs alone. Keys of the tenant default with the scope admin manage all keys
    #[arg(long, default_value = "default")]
    tenant: String,
    /// What it may do: read (look), generate (make and use adapters), train (change tasks, train), admin (all, and keys)
    #[arg(long, value_delimiter = ',', required = true, value_name = "read,generate,train,admin")]
    scopes: Vec<Scope>,
    /// When it expires, from now; never where absent
    #[arg(long, value_parser = humantime::parse_duration, value_name = "30d|12h|…")]
    expires: Option<Duration>,
    /// Requests a minute; 0 for no limit, the server's default where absent
    #[arg(long)]
    requests_per_minute: Option<u32>,
    /// Adapters made a day (UTC); 0 for no limit, the server's default where absent
    #[arg(long)]
    adapters_per_day: Option<u32>,
    /// Minutes of training a day (UTC); 0 for no limit, the server's default where absent
    #[arg(long)]
    training_minutes_per_day: Option<u32>,
    /// Print what POST /keys answers
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Debug, Args)]
pub(super) struct List {
    /// Print what GET /keys answers
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    server: ServerOptions,
}

#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// Its id, as the list has it
    id: String,
    #[command(flatten)]
    state: StateOptions,
    #[command(flatten)]
    server: ServerOptions,
}

impl KeyCommand {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        runtime.block_on(async {
            match self {
                Self::Create(create) => create.run().await,
                Self::List(list) => list.run().await,
                Self::Revoke(revoke) => revoke.run().await,
            }
        })
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<()> {
        let request = CreateKey {
            name: self.name,
            tenant: Some(self.tenant),
            scopes: self.scopes,
            expires_in_seconds: self.expires.map(|expires| expires.as_secs()),
            requests_per_minute: self.requests_per_minute,
            adapters_per_day: self.adapters_per_day,
            training_minutes_per_day: self.training_minutes_per_day,
        };
        let CreatedKey { key, secret } = match self.server.remote()? {
            Some(server) => server.post(&["keys"], &request).await?,
            None => {
                let (_lock, store) = open(&self.state).await?;
                let id = uuid::Uuid::now_v7().simple().to_string();
                create_key(&*store, request, (id, OffsetDateTime::now_utc())).await?
            }
        };
        if self.json {
            return print(&serde_json::to_string(&CreatedKey { key, secret })?);
        }
        print(&secret)?;
        eprintln!("key {} ({}, tenant {}): this is its secret, which is shown this once", key.id, key.name, key.tenant);
        Ok(())
    }
}

impl List {
    async fn run(self) -> anyhow::Result<()> {
        let keys = match self.server.remote()? {
            Some(server) => server.all(&["keys"]).await?,
            None => {
                let (_lock, store) = open(&self.state).await?;
                all(&*store).await?
            }
        };
        if self.json {
            return print(&serde_json::json!({ "data": keys, "next_cursor": null }).to_string());
        }
        keys.iter().try_for_each(|key| print(&line(key, OffsetDateTime::now_utc())))
    }
}

impl Revoke {
    async fn run(self) -> anyhow::Result<()> {
        if let Some(server) = self.server.remote()? {
            server.send(server.request(Method::DELETE, &["keys", &self.id])?).await?;
            return print(&format!("revoked {}", self.id));
        }
        let (_lock, store) = open(&self.state).await?;
        let revoked = store.revoke_key(None, &self.id, OffsetDateTime::now_utc()).await?;
        print(&format!("revoked {} ({}…)", revoked.id, revoked.prefix))
    }
}

/// The records: with the lock where nobody has it, else beside the server that has it.
async fn open(state: &StateOptions) -> anyhow::Result<(Option<DataDirLock>, Arc<dyn Store>)> {
    let (dir, url) = (&state.data_dir, state.database.database_url.as_ref());
    if url.is_some() {
        // Servers may run over an older schema: it is brought up to date by `attune migrate`, or where there is none at all.
        return match attach_store(dir, url).await {
            Err(StoreError::OlderSchema { found: 0, .. }) => Ok((None, open_store(dir, url).await?)),
            attached => Ok((None, attached?)),
        };
    }
    match DataDirLock::acquire(dir) {
        Ok(lock) => Ok((Some(lock), open_store(dir, None).await?)),
        Err(LockError::InUse { .. }) => Ok((None, attach_store(dir, None).await?)),
        Err(error) => Err(error.into()),
    }
}

async fn all(store: &dyn Store) -> anyhow::Result<Vec<KeyView>> {
    let mut keys = Vec::new();
    let mut page = PageRequest { limit: PAGE, cursor: None };
    loop {
        let found = store.list_keys(None, &page).await?;
        keys.extend(found.data.into_iter().map(KeyView::from));
        match found.next_cursor {
            Some(next) => page.cursor = Some(next),
            None => return Ok(keys),
        }
    }
}

/// A key in a line.
fn line(key: &KeyView, now: OffsetDateTime) -> String {
    let day = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    let scopes: Vec<&str> = key.scopes.iter().map(|scope| scope.as_str()).collect();
    let state = match (key.revoked_at, key.expires_at) {
        (Some(at), _) => format!("revoked {}", day(at)),
        (None, Some(at)) if at <= now => format!("expired {}", day(at)),
        (None, Some(at)) => format!("expires {}", day(at)),
        (None, None) => "valid".to_owned(),
    };
    let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("used {}", day(at)));
    let KeyView { id, prefix, name, tenant, .. } = key;
    format!("{id}  {prefix}…  {tenant}  {}  {state}  {used}  {name}", scopes.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn a_line_tells_what_became_of_a_key() {
        let mut key = KeyView {
            id: "1".to_owned(),
            name: "n".to_owned(),
            tenant: "t".to_owned(),
            scopes: vec![Scope::Read, Scope::Generate],
            prefix: "attune_0".to_owned(),
            requests_per_minute: None,
            adapters_per_day: None,
            training_minutes_per_day: None,
            created_at: datetime!(2026-01-01 0:00 UTC),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        let now = datetime!(2026-02-01 0:00 UTC);
        assert_eq!(line(&key, now), "1  attune_0…  t  read,generate  valid  never used  n");
        key.expires_at = Some(datetime!(2026-01-02 0:00 UTC));
        assert!(line(&key, now).contains("expired 2026-01-02T00:00:00Z"));
        key.revoked_at = Some(datetime!(2026-01-01 0:00 UTC));
        assert!(line(&key, now).contains("revoked 2026-01-01T00:00:00Z"));
    }
}
