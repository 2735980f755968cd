# Everything runs in the dev profile, so that one set of build outputs serves all recipes.

# List the recipes
default:
    @just --list

# Type-check everything
check:
    cargo check --all-targets

# Run the tests; arguments go to cargo, as in `just test --test layers`
test *args:
    cargo test {{args}}

# Format the sources
fmt:
    cargo fmt

# Lint as strictly as CI does
clippy:
    cargo clippy --all-targets -- -D warnings

# Build the demo model on this machine's CPU; an interrupted build goes on where it was
demo *args:
    cargo run -- demo build {{args}}

# Serve the demo model on 127.0.0.1:8080
serve *args:
    cargo run -- serve {{args}}

# Licences, advisories and sources of the dependencies (needs cargo-deny)
deny:
    cargo deny check

# All that must pass before a change lands
ci:
    bash .ci/run
