//! Places where a test makes the process die, as `kill -9` would: between two writes that belong together.
//!
//! They are there in debug builds alone, where `ATTUNE_CRASH_AT` names one. A release build has none, and refuses to start
//! with the variable: nobody is to believe that it crashes where it does not.

/// Names the place.
pub const VARIABLE: &str = "ATTUNE_CRASH_AT";

/// The places and their words.
macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $word:literal,)+) => {
        /// A place to die.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Point {
            $($(#[$doc])* $point,)+
        }

        impl Point {
            /// All of them, in the order of the work.
            pub const ALL: &[Self] = &[$(Self::$point,)+];

            /// The word for it.
            pub fn word(self) -> &'static str {
                match self { $(Self::$point => $word,)+ }
            }
        }
    };
}

points! {
    /// A made adapter's bytes are stored, and no record names them.
    AdapterStored = "adapter_stored",
    /// An imported adapter's bytes are stored, and no record names them.
    ImportStored = "import_stored",
    /// A trained adapter's bytes are stored, and no record names them.
    TrainedStored = "trained_stored",
    /// A trained adapter is listed, and its job has not ended.
    TrainedListed = "trained_listed",
    /// A generator's bytes are stored, and no record names them.
    GeneratorStored = "generator_stored",
    /// A trained generator is listed, and does not serve.
    GeneratorListed = "generator_listed",
    /// A trained generator serves, and its job has not ended.
    GeneratorActivated = "generator_activated",
}

/// Why the variable's value cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A release build.
    #[error("{VARIABLE} is for tests, and this build has no places to crash: unset it")]
    Release,
    /// Another word.
    #[error("{VARIABLE} names no place: {}", words())]
    Unknown,
}

/// Checks the environment when the process starts.
///
/// # Errors
/// Where the variable is set and this build has no such place.
pub fn check() -> Result<(), Refused> {
    match std::env::var_os(VARIABLE) {
        None => Ok(()),
        Some(_) if !cfg!(debug_assertions) => Err(Refused::Release),
        Some(value) => value.to_str().and_then(named).map(drop).ok_or(Refused::Unknown),
    }
}

/// Ends the process here, if that was asked for.
#[cfg(debug_assertions)]
pub fn at(point: Point) {
    static ASKED: std::sync::OnceLock<Option<Point>> = std::sync::OnceLock::new();
    if *ASKED.get_or_init(|| named(&std::env::var(VARIABLE).ok()?)) == Some(point) {
        std::process::abort();
    }
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
pub fn at(_: Point) {}

fn named(word: &str) -> Option<Point> {
    Point::ALL.iter().copied().find(|point| point.word() == word)
}

fn words() -> String {
    Point::ALL.iter().map(|point| point.word()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_has_its_own_word() {
        for &point in Point::ALL {
            assert_eq!(named(point.word()), Some(point));
        }
        assert_eq!(named("nowhere"), None);
        assert!(Refused::Unknown.to_string().contains("generator_listed"));
    }
}
