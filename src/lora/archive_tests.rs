use super::*;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use tar::{EntryType, Header};
use zip::write::{SimpleFileOptions, ZipWriter};

const LIMIT: u64 = 1 << 16;
const CONFIG: (&str, &[u8]) = ("adapter_config.json", b"{}");
const WEIGHTS: (&str, &[u8]) = ("adapter_model.safetensors", b"weights");

fn tar(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        builder.append(&header(name, EntryType::Regular, bytes.len()), *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A header with a name that the library itself would not write.
fn header(name: &str, kind: EntryType, size: usize) -> Header {
    let mut header = Header::new_ustar();
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header.set_mode(0o644);
    header.set_cksum();
    header
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// The same entries in each of the three forms.
fn forms(entries: &[(&str, &[u8])]) -> [Vec<u8>; 3] {
    [tar(entries), gzip(&tar(entries)), zip(entries)]
}

fn refusal(bytes: &[u8]) -> Error {
    read_archive(bytes, LIMIT).expect_err("the archive is refused")
}

#[test]
fn an_adapter_is_found_at_the_root_and_in_one_folder_of_each_form() {
    for folder in ["", "./", "my-adapter/", "./my-adapter/"] {
        let named: Vec<_> = [("README.md", b"# hello".as_slice()), CONFIG, WEIGHTS]
            .map(|(name, bytes)| (format!("{folder}{name}"), bytes))
            .to_vec();
        let entries: Vec<_> = named.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
        for bytes in forms(&entries) {
            let files = read_archive(&bytes, LIMIT).unwrap();
            assert_eq!((files.config.as_slice(), files.weights.as_slice()), (CONFIG.1, WEIGHTS.1), "{folder}");
        }
    }
}

#[test]
fn a_file_that_is_missing_is_named() {
    for bytes in forms(&[CONFIG]) {
        assert!(refusal(&bytes).to_string().contains("adapter_model.safetensors"));
    }
    for bytes in forms(&[WEIGHTS, ("a/b/adapter_config.json", b"{}")]) {
        assert!(refusal(&bytes).to_string().contains("adapter_config.json"));
    }
    for bytes in forms(&[CONFIG, ("adapter_model.bin", b"\x80")]) {
        assert!(matches!(refusal(&bytes), Error::Pickle));
    }
}

#[test]
fn paths_that_lead_elsewhere_are_refused() {
    for name in ["../adapter_config.json", "/etc/passwd", "a/../../b", "..\\b", "C:/b"] {
        for bytes in forms(&[(name, b"x"), CONFIG, WEIGHTS]) {
            assert!(matches!(refusal(&bytes), Error::Archive(ArchiveError::Path { .. })), "{name}");
        }
    }
}

#[test]
fn an_adapter_that_is_there_twice_is_refused() {
    for entries in [[CONFIG, CONFIG, WEIGHTS].as_slice(), &[CONFIG, WEIGHTS, ("old/adapter_config.json", b"{}")]] {
        let is_refused = |bytes: &[u8]| matches!(refusal(bytes), Error::Archive(ArchiveError::Repeated { .. }));
        assert!(is_refused(&tar(entries)) && is_refused(&gzip(&tar(entries))));
    }
    // The library writes no name twice, so the second entry's name is changed afterwards.
    let mut twice = zip(&[CONFIG, ("adapter_confih.json", b"{}"), WEIGHTS]);
    while let Some(at) = twice.windows(14).position(|window| window == b"adapter_confih") {
        twice[at + 13] = b'g';
    }
    assert!(matches!(refusal(&twice), Error::Archive(ArchiveError::Repeated { .. })));
}

#[test]
fn links_and_special_files_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
        let mut builder = tar::Builder::new(Vec::new());
        let mut header = header("adapter_config.json", kind, 0);
        header.set_link_name("elsewhere").unwrap();
        header.set_cksum();
        builder.append(&header, [].as_slice()).unwrap();
        let bytes = builder.into_inner().unwrap();
        assert!(matches!(refusal(&bytes), Error::Archive(ArchiveError::Special { .. })), "{kind:?}");
    }
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.add_symlink("adapter_config.json", "elsewhere", SimpleFileOptions::default()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    assert!(matches!(refusal(&bytes), Error::Archive(ArchiveError::Special { .. })));
}

#[test]
fn a_bomb_is_given_up_at_the_limit() {
    let zeros = vec![0; 4 << 20];
    let [_, gzipped, zipped] = forms(&[CONFIG, ("adapter_model.safetensors", &zeros)]);
    assert!(gzipped.len() < 1 << 16 && zipped.len() < 1 << 16);
    for bytes in [gzipped, zipped, gzip(&tar(&[("README.md", &zeros), CONFIG, WEIGHTS]))] {
        assert!(matches!(refusal(&bytes), Error::Archive(ArchiveError::TooLarge { limit: LIMIT })));
    }
    // A declared size is not believed: here it says 7 bytes.
    let mut lying = zip(&[CONFIG, ("adapter_model.safetensors", &zeros)]);
    let declared = (zeros.len() as u32).to_le_bytes();
    while let Some(at) = lying.windows(4).position(|window| window == declared) {
        lying[at..at + 4].copy_from_slice(&7u32.to_le_bytes());
    }
    assert!(matches!(refusal(&lying), Error::Archive(_)));
}

#[test]
fn many_entries_are_refused() {
    let names: Vec<String> = (0..200).map(|n| format!("{n}.txt")).collect();
    let entries: Vec<_> = names.iter().map(|name| (name.as_str(), b"".as_slice())).chain([CONFIG, WEIGHTS]).collect();
    for bytes in forms(&entries) {
        assert!(matches!(refusal(&bytes), Error::Archive(ArchiveError::ManyEntries { .. })));
    }
}

#[test]
fn an_encrypted_entry_is_refused() {
    let mut bytes = zip(&[CONFIG, WEIGHTS]);
    // The lowest bit of the flags, in the local header and in the directory.
    bytes[6] |= 1;
    let directory = bytes.windows(4).position(|window| window == b"PK\x01\x02").unwrap();
    bytes[directory + 8] |= 1;
    assert!(matches!(refusal(&bytes), Error::Archive(ArchiveError::Encrypted { .. })));
}

#[test]
fn an_archive_that_is_cut_short_or_altered_gives_no_panic_and_no_adapter() {
    for bytes in forms(&[CONFIG, WEIGHTS]) {
        for end in 0..bytes.len() - 1024 * usize::from(bytes.len() > 2048) {
            refusal(&bytes[..end]);
        }
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 0x55;
            let _ = read_archive(&altered, LIMIT);
        }
    }
    let gzipped = gzip(&tar(&[CONFIG, WEIGHTS]));
    let mut altered = gzipped.clone();
    let checksum = altered.len() - 8;
    altered[checksum] ^= 1;
    assert!(matches!(refusal(&altered), Error::Archive(ArchiveError::Damaged { .. })));
    assert!(matches!(refusal(b"%PDF-1.7"), Error::Archive(ArchiveError::Unknown)));
}
