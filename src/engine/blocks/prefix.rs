//! By what cached keys and values are found: a chain of digests over a text's full blocks.

use super::BLOCK_TOKENS;
use sha2::{Digest, Sha256};

/// What cached keys and values depend on beside the tokens: the base, its precision, the adapter, its scale, whether it is
/// merged, and whose text it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PrefixContext([u8; 32]);

impl PrefixContext {
    /// The SHA-256 digest of the parts, each after its length, so that no two lists of parts read alike.
    pub(crate) fn new(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

/// Names a full block by all that its keys and values depend on: the context, and every token up to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PrefixKey {
    /// First, so that the keys of a context stand together.
    context: PrefixContext,
    digest: [u8; 32],
}

/// How far a text's full blocks have been named.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    blocks: usize,
    key: PrefixKey,
}

impl Chain {
    /// The chain of no blocks.
    pub(super) fn new(context: PrefixContext) -> Self {
        Self { blocks: 0, key: PrefixKey { context, digest: context.0 } }
    }

    /// How many blocks have been named.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// The key of the last block named.
    pub(super) fn key(&self) -> PrefixKey {
        self.key
    }

    /// The chain that is longer by the text's next block; none where the text does not fill it.
    ///
    /// `digest(i) = SHA-256(context ‖ digest(i - 1) ‖ tokens of block i)`
    pub(super) fn next(&self, text: &[u32]) -> Option<Self> {
        let start = self.blocks * BLOCK_TOKENS;
        let tokens = text.get(start..start + BLOCK_TOKENS)?;
        let mut hash = Sha256::new();
        hash.update(self.key.context.0);
        hash.update(self.key.digest);
        tokens.iter().for_each(|token| hash.update(token.to_le_bytes()));
        let key = PrefixKey { context: self.key.context, digest: hash.finalize().into() };
        Some(Self { blocks: self.blocks + 1, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_context_cannot_run_into_each_other() {
        let contexts: Vec<PrefixContext> =
            [&[b"ab".as_slice(), b"c"] as &[&[u8]], &[b"a", b"bc"], &[b"abc"], &[b"abc", b""], &[b"", b"abc"], &[]]
                .into_iter()
                .map(PrefixContext::new)
                .collect();
        for (i, context) in contexts.iter().enumerate() {
            assert!(!contexts[i + 1..].contains(context), "{i}");
        }
    }

    #[test]
    fn a_key_depends_on_the_context_and_every_token_up_to_the_blocks_end() {
        let text: Vec<u32> = (0..40).collect();
        let second = |context: &[u8], text: &[u32]| {
            let chain = Chain::new(PrefixContext::new(&[context]));
            chain.next(text).and_then(|chain| chain.next(text)).unwrap().key()
        };
        let key = second(b"a", &text);
        assert_eq!(key, second(b"a", &text[..32]), "what follows does not count");
        assert_ne!(key, second(b"b", &text));
        for changed in [0, 15, 16, 31] {
            let mut other = text.clone();
            other[changed] += 1;
            assert_ne!(key, second(b"a", &other), "token {changed}");
        }
    }

    #[test]
    fn a_block_that_is_not_full_has_no_key() {
        let chain = Chain::new(PrefixContext::new(&[]));
        assert!(chain.next(&[1; BLOCK_TOKENS - 1]).is_none());
        assert!(chain.next(&[1; BLOCK_TOKENS]).is_some_and(|chain| chain.next(&[1; BLOCK_TOKENS]).is_none()));
    }
}
