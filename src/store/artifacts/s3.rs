//! Blobs as objects of a bucket.
//!
//! An object is put whole by one request, so there is nothing half written. What object_store reads from the environment
//! (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, …)
//! says who asks and whom.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientConfigKey, Error, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

use super::backend::{Backend, BackendFuture, Stored};
use super::error::ArtifactError;
use super::location::ArtifactLocation;
use super::s3_http::{Connector, is_on};

/// A bucket, or the part of it below a prefix.
pub(super) struct S3 {
    objects: Arc<dyn ObjectStore>,
    place: String,
}

/// The store's own `Debug` could show credentials.
impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("S3").field(&self.place).finish()
    }
}

impl S3 {
    /// The bucket of a location, with what the environment says. It is asked for its objects, so that a wrong bucket or
    /// wrong credentials are found out at once.
    pub(super) async fn open(bucket: &str, prefix: &str) -> Result<Self, ArtifactError> {
        Self::with(AmazonS3Builder::from_env(), bucket, prefix).await
    }

    pub(super) async fn with(builder: AmazonS3Builder, bucket: &str, prefix: &str) -> Result<Self, ArtifactError> {
        let place = ArtifactLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() }.to_string();
        let builder = builder.with_bucket_name(bucket).with_http_connector(Connector).with_retry(retries());
        if asks_in_the_clear(&builder) {
            let reason = "its endpoint is http://, which AWS_ALLOW_HTTP=true allows".to_owned();
            return Err(ArtifactError::Away { place, reason });
        }
        let objects = match builder.build() {
            Ok(objects) => PrefixStore::new(objects, Path::from(prefix)),
            Err(error) => return Err(ArtifactError::Away { reason: reason(&error), place }),
        };
        let opened = Self { objects: Arc::new(objects), place };
        opened.objects.list_with_delimiter(None).await.map_err(|error| opened.away(&error))?;
        Ok(opened)
    }

    fn away(&self, error: &Error) -> ArtifactError {
        ArtifactError::Away { place: self.place.clone(), reason: reason(error) }
    }

    /// What was done; `None` where there is no such object.
    fn if_there<T>(&self, done: Result<T, Error>) -> Result<Option<T>, ArtifactError> {
        match done {
            Ok(done) => Ok(Some(done)),
            // A bucket that is gone is no answer about the object.
            Err(Error::NotFound { source, .. }) if code(&source.to_string()) != Some("NoSuchBucket") => Ok(None),
            Err(error) => Err(self.away(&error)),
        }
    }
}

impl Backend for S3 {
    fn read<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<Bytes>> {
        Box::pin(async move {
            let Some(found) = self.if_there(self.objects.get(&Path::from(key)).await)? else { return Ok(None) };
            found.bytes().await.map(Some).map_err(|error| self.away(&error))
        })
    }

    fn size<'a>(&'a self, key: &'a str) -> BackendFuture<'a, Option<u64>> {
        Box::pin(async move {
            Ok(self.if_there(self.objects.head(&Path::from(key)).await)?.map(|ObjectMeta { size, .. }| size))
        })
    }

    /// Writes over an object that is there: S3 has no other way to make it young, and whoever asks first whether it is
    /// whole reads as much as this writes.
    fn write<'a>(&'a self, key: &'a str, bytes: Bytes) -> BackendFuture<'a, ()> {
        Box::pin(async move {
            let put = self.objects.put(&Path::from(key), bytes.into()).await;
            put.map(|_| ()).map_err(|error| self.away(&error))
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> BackendFuture<'a, bool> {
        Box::pin(async move {
            let copied = self.objects.copy(&Path::from(from), &Path::from(to)).await;
            if self.if_there(copied)?.is_none() {
                return Ok(false);
            }
            self.delete(from).await?;
            Ok(true)
        })
    }

    fn delete<'a>(&'a self, key: &'a str) -> BackendFuture<'a, ()> {
        Box::pin(async move { self.if_there(self.objects.delete(&Path::from(key)).await).map(|_| ()) })
    }

    fn list<'a>(&'a self, folder: &'a str) -> BackendFuture<'a, Vec<Stored>> {
        Box::pin(async move {
            let below = Some(Path::from(folder)).filter(|_| !folder.is_empty());
            let stored = |meta: ObjectMeta| Stored {
                key: meta.location.to_string(),
                bytes: meta.size,
                modified: meta.last_modified.into(),
            };
            let listed: Result<Vec<_>, Error> = self.objects.list(below.as_ref()).map_ok(stored).try_collect().await;
            listed.map_err(|error| self.away(&error))
        })
    }

    fn tidy(&self, _before: SystemTime) -> BackendFuture<'_, ()> {
        Box::pin(async { Ok(()) })
    }

    fn place(&self, key: &str) -> String {
        format!("{}/{key}", self.place)
    }
}

/// A request that fails is sent again a few times; who waits for it learns within half a minute or so that S3 is away.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(2),
        ..BackoffConfig::default()
    };
    RetryConfig { backoff, max_retries: 5, retry_timeout: Duration::from_secs(20) }
}

fn asks_in_the_clear(builder: &AmazonS3Builder) -> bool {
    let value = |key| builder.get_config_value(&key);
    let endpoint = value(AmazonS3ConfigKey::S3Endpoint).or_else(|| value(AmazonS3ConfigKey::Endpoint));
    let allowed = value(AmazonS3ConfigKey::Client(ClientConfigKey::AllowHttp));
    endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) && !is_on(allowed)
}

/// The error in words. An answer of S3 may repeat the key and the signature that came with the request, so only its code is told.
fn reason(error: &Error) -> String {
    let text = error.to_string();
    match (error, code(&text)) {
        (_, Some("NoSuchBucket")) => "there is no such bucket".to_owned(),
        (Error::PermissionDenied { .. } | Error::Unauthenticated { .. }, code) => {
            format!("the credentials of the environment (AWS_…) do not let in: {}", code.unwrap_or("access denied"))
        }
        (_, Some(code)) => format!("it answers {code}"),
        _ => text.split('<').next().unwrap_or_default().trim().to_owned(),
    }
}

/// What an answer of S3 says in `<Code>`.
fn code(text: &str) -> Option<&str> {
    Some(text.split_once("<Code>")?.1.split_once("</Code>")?.0)
}

#[cfg(test)]
impl S3 {
    /// Any object store in the place of S3.
    pub(super) fn over(objects: impl ObjectStore) -> Self {
        Self { objects: Arc::new(objects), place: "s3://test".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_s3_is_told_by_its_code_alone() {
        let answer =
            "status 403: <Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIAX</AWSAccessKeyId></Error>";
        let denied = Error::PermissionDenied { path: "x".to_owned(), source: answer.into() };
        let told = reason(&denied);
        assert!(told.contains("SignatureDoesNotMatch") && !told.contains("AKIAX"), "{told}");
        let other = Error::Generic { store: "S3", source: answer.into() };
        assert!(!reason(&other).contains("AKIAX"));
    }

    #[tokio::test]
    async fn an_endpoint_in_the_clear_must_be_allowed() {
        let builder = AmazonS3Builder::new().with_endpoint("http://127.0.0.1:1");
        let refused = S3::with(builder, "bucket", "").await.unwrap_err();
        assert!(refused.to_string().contains("AWS_ALLOW_HTTP"), "{refused}");
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_away_and_shows_no_secret() {
        let builder = AmazonS3Builder::new()
            .with_endpoint("http://127.0.0.1:1")
            .with_allow_http(true)
            .with_access_key_id("AKIAX")
            .with_secret_access_key("very-secret");
        let away = S3::with(builder, "bucket", "prefix").await.unwrap_err();
        assert!(matches!(&away, ArtifactError::Away { place, .. } if place == "s3://bucket/prefix"), "{away}");
        assert!(!format!("{away} {away:?}").contains("secret"));
    }
}
