"""Holds the Dockerfiles against the repository that they build: docker_context.py ATTUNE

An image takes a quarter of an hour and a Docker engine, which this check does without. It looks at what breaks such builds: that the
toolchain is the pinned one; that the build commands are the ones that CI's own `binary` check runs, in the release profile; that the
manifests alone, with the empty crate of the first layer, are a package; that .dockerignore leaves every file that the binary was made of,
as the compiler noted them, and every file that is copied; and that all variables ATTUNE_… that images, compose and deploy set are
options of ATTUNE.
"""

import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path.cwd()
DOCKERFILES = {"docker/Dockerfile": "cargo build", "docker/Dockerfile.cuda": "docker/build-cuda.sh"}
# What macros read without telling the compiler.
SILENT = ["models/demo", "migrations"]
COMMANDS = ["serve", "worker", "migrate", "bench"]


def main():
    attune = sys.argv[1]
    faults = [fault for file, command in DOCKERFILES.items() for fault in of_dockerfile(file, command)]
    faults += [*of_context(), *of_empty_crate(), *of_variables(attune)]
    print("\n".join(faults) or "the images' build commands, contexts and variables fit the repository")
    sys.exit(1 if faults else 0)


def instructions(file):
    text = re.sub(r"^\s*#.*\n", "", (ROOT / file).read_text(), flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def of_dockerfile(file, command):
    lines = instructions(file)
    channel = re.search(r'channel = "([^"]+)"', (ROOT / "rust-toolchain.toml").read_text())[1]
    if not any(word == "FROM" and rest.startswith(f"rust:{channel}-") for word, rest in lines):
        yield f"{file}: the toolchain is not {channel}"
    ours = re.search(r"^check binary cargo build (.*)$", (ROOT / ".ci/run").read_text(), flags=re.M)[1].split()
    wanted = {*ours, "--release"} if command == "cargo build" else {*ours}
    builds = [step.strip() for word, rest in lines if word == "RUN" for step in rest.split("&&") if step.strip().startswith(command)]
    builds = [step for step in builds if "--toolkit-only" not in step]
    if len(builds) != 2 or any({*step[len(command) :].split()} != wanted for step in builds):
        yield f"{file}: builds by {builds}, but .ci/run by {' '.join(ours)}"
    # `cargo build` refuses a manifest that names a benchmark without its file; `cargo metadata` does not.
    first = next((at for at, (word, rest) in enumerate(lines) if word == "RUN" and "src/main.rs" in rest), 0)
    copied = [part for word, rest in lines[:first] if word == "COPY" for part in rest.split()[:-1]]
    for bench in re.findall(r'^\[\[bench\]\]\nname = "(\w+)"', (ROOT / "Cargo.toml").read_text(), flags=re.M):
        source = f"benches/{bench}.rs" if (ROOT / f"benches/{bench}.rs").exists() else f"benches/{bench}"
        if ignored(source) or not any(source == part or source.startswith(f"{part}/") for part in copied):
            yield f"{file}: {source}, which Cargo.toml names, is not there when the first layer is built"
    for word, rest in lines:
        if word == "COPY" and "--from" not in rest:
            for source in (part for part in rest.split()[:-1] if not part.startswith("--")):
                if not (ROOT / source).exists() or ignored(source):
                    yield f"{file}: {source} is not in the context"


def of_context():
    """Files that the compiler read and the context lacks."""
    notes = [*(ROOT / "target/debug").glob("attune.d"), *(ROOT / "target/debug/deps").glob("attune-*.d"), *(ROOT / "target/debug/deps").glob("libattune-*.d")]
    read = {word for note in notes for word in re.split(r"(?<!\\)\s+", note.read_text())}
    files = {pathlib.Path(word.rstrip(":")) for word in read}
    files = {str(file.relative_to(ROOT)) if file.is_absolute() else str(file) for file in files if not file.is_absolute() or ROOT in file.parents}
    # Tests have more, which no image is made of.
    files = {file for file in files if (ROOT / file).is_file() and file.startswith(("src/", "tests/data/", "models/", "migrations/"))}
    files |= {str(file.relative_to(ROOT)) for folder in SILENT for file in (ROOT / folder).rglob("*") if file.is_file()}
    for source in sorted((ROOT / "src").rglob("*.rs")):
        for name in re.findall(r'include_(?:str|bytes)!\(concat!\(env!\("CARGO_MANIFEST_DIR"\), "/([^"]+)"\)\)', source.read_text()):
            files.add(name)
    files |= {"Cargo.toml", "Cargo.lock", ".cargo/config.toml", "src/main.rs", "src/lib.rs"}
    for file in sorted(files):
        if not file.startswith("tests/fixtures/") and ignored(file):
            yield f".dockerignore leaves {file} out, of which the binary is made"


def ignored(path):
    """As Docker reads .dockerignore: the last pattern that matches the file or a folder above it counts."""
    parents = [path, *map(str, pathlib.PurePosixPath(path).parents)]
    out = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        keep, pattern = pattern.startswith("!"), pattern.lstrip("!").strip("/")
        expression = "".join({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}.get(part, re.escape(part)) for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern))
        if any(re.fullmatch(expression, parent) for parent in parents):
            out = not keep
    return out


def of_empty_crate():
    with tempfile.TemporaryDirectory() as folder:
        crate = pathlib.Path(folder)
        for name in ("Cargo.toml", "Cargo.lock"):
            (crate / name).write_bytes((ROOT / name).read_bytes())
        (crate / "src").mkdir()
        (crate / "src/lib.rs").write_text("//! Empty.\n")
        (crate / "src/main.rs").write_text("fn main() {}\n")
        command = ["cargo", "metadata", "--locked", "--offline", "--no-deps", "--format-version", "1"]
        ran = subprocess.run(command, cwd=crate, capture_output=True, text=True)
        if ran.returncode:
            yield f"the manifests with an empty crate are no package: {ran.stderr.strip()}"


def of_variables(attune):
    known = set()
    for command in COMMANDS:
        help_text = subprocess.run([attune, command, "--help"], capture_output=True, text=True, check=True).stdout
        known |= set(re.findall(r"\[env: (ATTUNE_\w+)", help_text))
    files = [*DOCKERFILES, "docker/compose.yaml", *(str(file.relative_to(ROOT)) for file in (ROOT / "deploy").rglob("*.yaml"))]
    for file in files:
        # `ATTUNE_A=b` of an image or a ConfigMap, `ATTUNE_A: b` of compose, `name: ATTUNE_A` of a container.
        text = re.sub(r"#.*", "", (ROOT / file).read_text())
        for name in sorted(set(re.findall(r"\b(ATTUNE_[A-Z_]+)(?=[=:]|\s*$)", text, flags=re.M)) - known):
            yield f"{file}: {name} is no option of {attune} {'|'.join(COMMANDS)}"


if __name__ == "__main__":
    main()
