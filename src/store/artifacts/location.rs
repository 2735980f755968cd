//! Where artifacts lie, as an option says it.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

/// A place for artifacts.
///
/// ```
/// use attune::store::ArtifactLocation;
/// let location: ArtifactLocation = "s3://models/attune".parse()?;
/// assert_eq!(location, ArtifactLocation::S3 { bucket: "models".into(), prefix: "attune".into() });
/// assert_eq!(location.to_string(), "s3://models/attune");
/// # Ok::<(), attune::store::LocationError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArtifactLocation {
    /// A directory; several processes may share it.
    Directory(PathBuf),
    /// A bucket of S3, or of what speaks its protocol.
    S3 {
        /// The bucket.
        bucket: String,
        /// What all keys begin with, without a `/` at its ends; may be empty.
        prefix: String,
    },
}

/// Why a text is no location. It does not repeat the text, which may hold a secret that has no place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Another scheme, or none.
    #[error("must be file:///DIRECTORY or s3://BUCKET/PREFIX")]
    Scheme,
    /// Not a directory on this machine.
    #[error("file:// takes an absolute path of this machine, as in file:///var/lib/attune")]
    Directory,
    /// No bucket.
    #[error("s3:// takes a bucket, as in s3://bucket/prefix")]
    Bucket,
    /// More than a bucket and a prefix.
    #[error("takes a bucket and a prefix alone: credentials, region and endpoint are the environment's (AWS_…)")]
    More,
}

impl FromStr for ArtifactLocation {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let url = Url::parse(text).map_err(|_| LocationError::Scheme)?;
        let more = !url.username().is_empty()
            || url.password().is_some()
            || url.port().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        match url.scheme() {
            "file" | "s3" if more => Err(LocationError::More),
            "file" => url.to_file_path().map(Self::Directory).map_err(|()| LocationError::Directory),
            "s3" => {
                let bucket = url.host_str().filter(|bucket| !bucket.is_empty()).ok_or(LocationError::Bucket)?;
                Ok(Self::S3 { bucket: bucket.to_owned(), prefix: url.path().trim_matches('/').to_owned() })
            }
            _ => Err(LocationError::Scheme),
        }
    }
}

impl fmt::Display for ArtifactLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "file://{}", path.display()),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_buckets_are_read() {
        let s3 = |bucket: &str, prefix: &str| ArtifactLocation::S3 { bucket: bucket.into(), prefix: prefix.into() };
        for (text, location) in [
            ("file:///var/lib/attune", ArtifactLocation::Directory("/var/lib/attune".into())),
            ("file:///with%20space", ArtifactLocation::Directory("/with space".into())),
            ("s3://bucket", s3("bucket", "")),
            ("s3://bucket/", s3("bucket", "")),
            ("s3://My_bucket.eu/a/b/", s3("My_bucket.eu", "a/b")),
        ] {
            assert_eq!(text.parse(), Ok(location), "{text}");
        }
    }

    #[test]
    fn what_is_no_location_is_refused_without_repeating_it() {
        for (text, error) in [
            ("artifacts", LocationError::Scheme),
            ("/var/lib/attune", LocationError::Scheme),
            ("gs://bucket", LocationError::Scheme),
            ("file://host/path", LocationError::Directory),
            ("s3://", LocationError::Bucket),
            ("s3:///prefix", LocationError::Bucket),
            ("s3://key:secret@bucket/prefix", LocationError::More),
            ("s3://bucket/prefix?endpoint=x", LocationError::More),
        ] {
            let refused = text.parse::<ArtifactLocation>().unwrap_err();
            assert_eq!(refused, error, "{text}");
            assert!(!refused.to_string().contains("secret"));
        }
    }
}
