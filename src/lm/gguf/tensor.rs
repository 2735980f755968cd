//! What a GGUF file says about its tensors: names, shapes, types and places. Their data is not read here.

use super::Error;
use super::reader::Reader;
use std::collections::HashMap;
use std::io::{Read, Seek};

/// The longest name that the format allows, in bytes.
const MAX_NAME_BYTES: u64 = 64;
/// The most dimensions that ggml has.
const MAX_DIMENSIONS: u32 = 4;
/// The least that one entry takes: the name's length, the dimensions, one of them, the type, the offset.
const MIN_ENTRY_BYTES: u64 = 32;

/// One tensor of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufTensor {
    /// Its name in the file.
    pub name: String,
    /// Row-major, the outermost dimension first: ggml's dimensions the other way round.
    pub shape: Vec<usize>,
    /// How its numbers are stored.
    pub kind: GgmlType,
    /// Where its data begins, in bytes from the file's beginning.
    pub offset: u64,
    /// How long its data is.
    pub bytes: usize,
}

/// How a tensor's numbers are stored: the types that the tensor library can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "ggml's own names, and nothing else to say of each")]
pub enum GgmlType {
    F32,
    F16,
    Bf16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q8_1,
    Q2K,
    Q3K,
    Q4K,
    Q5K,
    Q6K,
    Q8K,
}

/// A type's number in files, its name, the numbers and the bytes of one block.
struct Layout {
    kind: GgmlType,
    code: u32,
    name: &'static str,
    block: usize,
    bytes: usize,
}

const fn layout(kind: GgmlType, code: u32, name: &'static str, (block, bytes): (usize, usize)) -> Layout {
    Layout { kind, code, name, block, bytes }
}

/// The types that are held, in the order of [`GgmlType`].
const LAYOUTS: [Layout; 15] = [
    layout(GgmlType::F32, 0, "F32", (1, 4)),
    layout(GgmlType::F16, 1, "F16", (1, 2)),
    layout(GgmlType::Bf16, 30, "BF16", (1, 2)),
    layout(GgmlType::Q4_0, 2, "Q4_0", (32, 18)),
    layout(GgmlType::Q4_1, 3, "Q4_1", (32, 20)),
    layout(GgmlType::Q5_0, 6, "Q5_0", (32, 22)),
    layout(GgmlType::Q5_1, 7, "Q5_1", (32, 24)),
    layout(GgmlType::Q8_0, 8, "Q8_0", (32, 34)),
    layout(GgmlType::Q8_1, 9, "Q8_1", (32, 36)),
    layout(GgmlType::Q2K, 10, "Q2_K", (256, 84)),
    layout(GgmlType::Q3K, 11, "Q3_K", (256, 110)),
    layout(GgmlType::Q4K, 12, "Q4_K", (256, 144)),
    layout(GgmlType::Q5K, 13, "Q5_K", (256, 176)),
    layout(GgmlType::Q6K, 14, "Q6_K", (256, 210)),
    layout(GgmlType::Q8K, 15, "Q8_K", (256, 292)),
];

/// The names of types that files may have and that are refused.
const REFUSED: [(u32, &str); 19] = [
    (16, "IQ2_XXS"),
    (17, "IQ2_XS"),
    (18, "IQ3_XXS"),
    (19, "IQ1_S"),
    (20, "IQ4_NL"),
    (21, "IQ3_S"),
    (22, "IQ2_S"),
    (23, "IQ4_XS"),
    (24, "I8"),
    (25, "I16"),
    (26, "I32"),
    (27, "I64"),
    (28, "F64"),
    (29, "IQ1_M"),
    (34, "TQ1_0"),
    (35, "TQ2_0"),
    (39, "MXFP4"),
    (40, "NVFP4"),
    (41, "Q1_0"),
];

impl GgmlType {
    /// ggml's name of it.
    pub fn name(self) -> &'static str {
        self.layout().name
    }

    /// Numbers in one block; a row holds whole blocks.
    pub fn block_size(self) -> usize {
        self.layout().block
    }

    /// Bytes of one block.
    pub fn block_bytes(self) -> usize {
        self.layout().bytes
    }

    fn layout(self) -> &'static Layout {
        &LAYOUTS[self as usize]
    }

    fn of(code: u32, tensor: &str) -> Result<Self, Error> {
        if let Some(layout) = LAYOUTS.iter().find(|layout| layout.code == code) {
            return Ok(layout.kind);
        }
        let name = REFUSED.iter().find(|(refused, _)| *refused == code);
        let known: Vec<_> = LAYOUTS.iter().map(|layout| layout.name).collect();
        Err(Error::TensorKind {
            tensor: tensor.to_owned(),
            kind: name.map_or_else(|| code.to_string(), |(_, name)| (*name).to_owned()),
            known: known.join(", "),
        })
    }
}

/// Reads `count` entries. Their offsets count from the data's beginning, which is not known yet.
pub(super) fn read_tensors<R: Read + Seek>(reader: &mut Reader<R>, count: u64) -> Result<Vec<GgufTensor>, Error> {
    let count = reader.check_count("the list of tensors", count, MIN_ENTRY_BYTES)?;
    let mut tensors = Vec::new();
    for _ in 0..count {
        tensors.push(read_tensor(reader)?);
    }
    Ok(tensors)
}

fn read_tensor<R: Read + Seek>(reader: &mut Reader<R>) -> Result<GgufTensor, Error> {
    let what = "a tensor's entry";
    let name = reader.name("a tensor's name", MAX_NAME_BYTES)?;
    let refuse = |problem| Error::Tensor { tensor: name.clone(), problem };
    let dimensions = reader.u32(what)?;
    if dimensions == 0 || dimensions > MAX_DIMENSIONS {
        return Err(refuse("has not 1 to 4 dimensions"));
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.push(usize::try_from(reader.u64(what)?).map_err(|_| refuse("is larger than memory"))?);
    }
    let kind = GgmlType::of(reader.u32(what)?, &name)?;
    let offset = reader.u64(what)?;
    // ggml's first dimension is the innermost one.
    if shape.contains(&0) || !shape[0].is_multiple_of(kind.block_size()) {
        return Err(refuse("has an empty dimension, or rows that are no whole blocks of its type"));
    }
    let numbers = shape.iter().try_fold(1, |product: usize, size| product.checked_mul(*size));
    let bytes = numbers.and_then(|numbers| (numbers / kind.block_size()).checked_mul(kind.block_bytes()));
    let bytes = bytes.ok_or_else(|| refuse("is larger than memory"))?;
    shape.reverse();
    Ok(GgufTensor { name, shape, kind, offset, bytes })
}

/// Where the data lies: from `begin` to the file's end, every tensor at a multiple of `alignment`.
pub(super) struct DataRegion {
    pub(super) begin: u64,
    pub(super) end: u64,
    pub(super) alignment: u64,
}

/// Makes the offsets absolute, and checks that every tensor lies in the region, alone.
/// Gives the tensors' places in the list by their names.
pub(super) fn place_tensors(tensors: &mut [GgufTensor], data: &DataRegion) -> Result<HashMap<String, usize>, Error> {
    let mut places = HashMap::new();
    for (place, tensor) in tensors.iter_mut().enumerate() {
        let refuse = |problem| Error::Tensor { tensor: tensor.name.clone(), problem };
        if !tensor.offset.is_multiple_of(data.alignment) {
            return Err(refuse("does not begin at a multiple of the file's alignment"));
        }
        let begin = data.begin.checked_add(tensor.offset);
        let end = begin.and_then(|begin| begin.checked_add(tensor.bytes as u64));
        match (begin, end) {
            (Some(begin), Some(end)) if end <= data.end => tensor.offset = begin,
            _ => return Err(refuse("reaches beyond the file's end: is the file complete?")),
        }
        if places.insert(tensor.name.clone(), place).is_some() {
            return Err(Error::DuplicateTensor { tensor: tensor.name.clone() });
        }
    }
    let mut order: Vec<&GgufTensor> = tensors.iter().collect();
    order.sort_unstable_by_key(|tensor| tensor.offset);
    for pair in order.windows(2) {
        if pair[0].offset + pair[0].bytes as u64 > pair[1].offset {
            return Err(Error::Overlap { first: pair[0].name.clone(), second: pair[1].name.clone() });
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_layouts_is_in_the_order_of_the_types() {
        for (place, layout) in LAYOUTS.iter().enumerate() {
            assert_eq!(layout.kind as usize, place, "{}", layout.name);
            assert_eq!(GgmlType::of(layout.code, "t").expect("a known type"), layout.kind);
        }
    }
}
