//! The metadata of a GGUF file: typed values by their keys.

use super::Error;
use super::reader::Reader;
use std::collections::HashMap;
use std::io::{Read, Seek};

/// The longest key that the format allows, in bytes.
const MAX_KEY_BYTES: u64 = 65_535;
/// The least that one entry takes: the key's length, the type, one byte of value.
const MIN_ENTRY_BYTES: u64 = 13;
/// The number of the type of texts.
const TEXT: u32 = 8;
/// The number of the type of arrays.
const ARRAY: u32 = 9;

/// Values by their keys. Every getter gives nothing where the key is absent *or has another type*.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    values: HashMap<String, Value>,
}

/// One value.
#[derive(Clone, Debug)]
enum Value {
    Scalar(Scalar),
    Text(String),
    Texts(Vec<String>),
    /// The scalars' bytes as they are in the file: an array of bytes takes no more than it must.
    Scalars {
        kind: ScalarKind,
        bytes: Vec<u8>,
    },
}

/// One number or flag.
#[derive(Clone, Copy, Debug)]
enum Scalar {
    Whole(u64),
    Negative(i64),
    Single(f32),
    Double(f64),
    Flag(bool),
}

/// How a number or flag is stored.
#[derive(Clone, Copy, Debug)]
enum ScalarKind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    Flag,
    U64,
    I64,
    F64,
}

impl Metadata {
    /// Reads `count` entries.
    pub(super) fn read<R: Read + Seek>(reader: &mut Reader<R>, count: u64) -> Result<Self, Error> {
        let count = reader.check_count("the metadata", count, MIN_ENTRY_BYTES)?;
        let mut values = HashMap::new();
        for _ in 0..count {
            let key = reader.name("a metadata key", MAX_KEY_BYTES)?;
            let value = Value::read(reader, &key)?;
            if values.contains_key(&key) {
                return Err(Error::DuplicateKey { key });
            }
            values.insert(key, value);
        }
        Ok(Self { values })
    }

    /// Whether there is a value of any type.
    pub fn contains(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A list of texts.
    pub fn texts(&self, key: &str) -> Option<&[String]> {
        match self.values.get(key)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// A whole number that is not negative, of any integer type.
    pub fn whole(&self, key: &str) -> Option<u64> {
        self.scalar(key)?.whole()
    }

    /// A number of any type. One that is stored in 32 bits is the shortest decimal that they stand
    /// for: 1e-5 and not 9.999999747378752e-6.
    pub fn number(&self, key: &str) -> Option<f64> {
        self.scalar(key)?.number()
    }

    /// A flag.
    pub fn flag(&self, key: &str) -> Option<bool> {
        self.scalar(key)?.flag()
    }

    /// A list of whole numbers, none negative.
    pub fn wholes(&self, key: &str) -> Option<Vec<u64>> {
        self.scalars(key)?.map(Scalar::whole).collect()
    }

    /// A list of numbers.
    pub fn numbers(&self, key: &str) -> Option<Vec<f64>> {
        self.scalars(key)?.map(Scalar::number).collect()
    }

    /// A list of numbers in single precision, wider ones rounded.
    pub fn singles(&self, key: &str) -> Option<Vec<f32>> {
        self.scalars(key)?.map(Scalar::single).collect()
    }

    /// A list of flags.
    pub fn flags(&self, key: &str) -> Option<Vec<bool>> {
        self.scalars(key)?.map(Scalar::flag).collect()
    }

    fn scalar(&self, key: &str) -> Option<Scalar> {
        match self.values.get(key)? {
            Value::Scalar(scalar) => Some(*scalar),
            _ => None,
        }
    }

    fn scalars(&self, key: &str) -> Option<impl Iterator<Item = Scalar> + '_> {
        match self.values.get(key)? {
            Value::Scalars { kind, bytes } => Some(bytes.chunks_exact(kind.bytes()).map(|bytes| kind.decode(bytes))),
            _ => None,
        }
    }
}

impl Value {
    fn read<R: Read + Seek>(reader: &mut Reader<R>, key: &str) -> Result<Self, Error> {
        match reader.u32("a metadata type")? {
            TEXT => Ok(Self::Text(reader.text("a metadata text")?)),
            ARRAY => Self::read_array(reader, key),
            code => {
                let kind = ScalarKind::of(code, key)?;
                let bytes = reader.bytes("a metadata number", kind.bytes() as u64)?;
                Ok(Self::Scalar(kind.decode(&bytes)))
            }
        }
    }

    fn read_array<R: Read + Seek>(reader: &mut Reader<R>, key: &str) -> Result<Self, Error> {
        let code = reader.u32("a metadata type")?;
        let count = reader.u64("a metadata array's length")?;
        match code {
            TEXT => Ok(Self::Texts(reader.texts("a metadata array", count)?)),
            ARRAY => Err(Error::NestedArray { key: key.to_owned() }),
            code => {
                let kind = ScalarKind::of(code, key)?;
                reader.check_count("a metadata array", count, kind.bytes() as u64)?;
                let bytes = reader.bytes("a metadata array", count * kind.bytes() as u64)?;
                Ok(Self::Scalars { kind, bytes })
            }
        }
    }
}

impl ScalarKind {
    fn of(code: u32, key: &str) -> Result<Self, Error> {
        Ok(match code {
            0 => Self::U8,
            1 => Self::I8,
            2 => Self::U16,
            3 => Self::I16,
            4 => Self::U32,
            5 => Self::I32,
            6 => Self::F32,
            7 => Self::Flag,
            10 => Self::U64,
            11 => Self::I64,
            12 => Self::F64,
            _ => return Err(Error::ValueType { key: key.to_owned(), code }),
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Flag => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The value of [`Self::bytes`] bytes, little endian.
    fn decode(self, bytes: &[u8]) -> Scalar {
        let mut wide = [0; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        let bits = u64::from_le_bytes(wide);
        // The casts cut off the zeros that made the value wide.
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => Scalar::Whole(bits),
            Self::I8 => Scalar::signed(i64::from(bits as u8 as i8)),
            Self::I16 => Scalar::signed(i64::from(bits as u16 as i16)),
            Self::I32 => Scalar::signed(i64::from(bits as u32 as i32)),
            Self::I64 => Scalar::signed(bits as i64),
            Self::F32 => Scalar::Single(f32::from_bits(bits as u32)),
            Self::F64 => Scalar::Double(f64::from_bits(bits)),
            Self::Flag => Scalar::Flag(bits != 0),
        }
    }
}

impl Scalar {
    fn signed(value: i64) -> Self {
        u64::try_from(value).map_or(Self::Negative(value), Self::Whole)
    }

    fn whole(self) -> Option<u64> {
        match self {
            Self::Whole(value) => Some(value),
            _ => None,
        }
    }

    fn number(self) -> Option<f64> {
        match self {
            Self::Whole(value) => Some(value as f64),
            Self::Negative(value) => Some(value as f64),
            Self::Single(value) => value.to_string().parse().ok(),
            Self::Double(value) => Some(value),
            Self::Flag(_) => None,
        }
    }

    fn single(self) -> Option<f32> {
        match self {
            Self::Whole(value) => Some(value as f32),
            Self::Negative(value) => Some(value as f32),
            Self::Single(value) => Some(value),
            Self::Double(value) => Some(value as f32),
            Self::Flag(_) => None,
        }
    }

    fn flag(self) -> Option<bool> {
        match self {
            Self::Flag(value) => Some(value),
            _ => None,
        }
    }
}
