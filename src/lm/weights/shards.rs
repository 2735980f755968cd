//! How tensors are spread over files, with Hugging Face's names.

use serde_json::{Map, Value, json};

/// The tensors of each file, in order.
#[derive(Debug)]
pub(super) struct Shards<'a> {
    files: Vec<Vec<&'a str>>,
    bytes: u64,
}

/// One file.
#[derive(Debug)]
pub(super) struct Shard<'s> {
    /// Its name.
    pub(super) file: String,
    /// Its tensors.
    pub(super) names: &'s [&'s str],
}

impl<'a> Shards<'a> {
    /// Fills files of at most `most` bytes with `tensors` (names and sizes), in their order.
    pub(super) fn split(tensors: impl Iterator<Item = (&'a str, u64)>, most: u64) -> Self {
        let mut shards = Self { files: vec![Vec::new()], bytes: 0 };
        let mut filled = 0;
        for (name, size) in tensors {
            if filled > 0 && filled + size > most {
                shards.files.push(Vec::new());
                filled = 0;
            }
            filled += size;
            shards.bytes += size;
            if let Some(last) = shards.files.last_mut() {
                last.push(name);
            }
        }
        shards
    }

    /// Bytes of all tensors.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Shard<'_>> {
        let files = self.files.iter().enumerate();
        files.map(|(index, names)| Shard { file: self.file(index), names })
    }

    fn file(&self, index: usize) -> String {
        match self.files.len() {
            1 => "model.safetensors".to_owned(),
            count => format!("model-{:05}-of-{count:05}.safetensors", index + 1),
        }
    }

    /// `model.safetensors.index.json`, which only several files have.
    pub(super) fn index(&self) -> Option<String> {
        if self.files.len() == 1 {
            return None;
        }
        let files = self.iter().flat_map(|shard| shard.names.iter().map(move |name| (*name, shard.file.clone())));
        let weight_map: Map<String, Value> = files.map(|(name, file)| (name.to_owned(), file.into())).collect();
        Some(format!("{:#}\n", json!({ "metadata": { "total_size": self.bytes }, "weight_map": weight_map })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sizes: &[u64], most: u64) -> Vec<(String, usize)> {
        let names = ["a", "b", "c", "d"];
        let shards = Shards::split(names.into_iter().zip(sizes.iter().copied()), most);
        shards.iter().map(|shard| (shard.file, shard.names.len())).collect()
    }

    #[test]
    fn what_fits_is_one_file_without_an_index() {
        assert_eq!(files(&[1, 2, 3], 6), [("model.safetensors".to_owned(), 3)]);
        assert_eq!(Shards::split([("a", 1)].into_iter(), 1).index(), None);
    }

    #[test]
    fn a_file_ends_before_it_is_too_long_and_a_large_tensor_stands_alone() {
        let found = files(&[2, 9, 1, 3], 4);
        let expected = [1, 1, 2].into_iter().enumerate();
        let expected: Vec<_> =
            expected.map(|(n, count)| (format!("model-0000{}-of-00003.safetensors", n + 1), count)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_index_says_where_each_tensor_is() {
        let index = Shards::split([("a", 3), ("b", 2)].into_iter(), 3).index().unwrap();
        let index: Value = serde_json::from_str(&index).unwrap();
        assert_eq!(index["metadata"]["total_size"], 5);
        assert_eq!(index["weight_map"]["b"], "model-00002-of-00002.safetensors");
    }
}
