//! The integration tests; the modules mirror what they test.

mod fixtures;
