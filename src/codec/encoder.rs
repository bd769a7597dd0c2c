//! Values to bytes.

use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::{EIGHT, EncodeError, FOUR, SIXTEEN, SMALL, TWO};

/// Appends to bytes, up to a bound.
pub(super) struct Encoder<'a> {
    out: &'a mut Vec<u8>,
    most: usize,
    /// How long `out` may get.
    end: usize,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>, most: usize) -> Self {
        let end = out.len().saturating_add(most);
        Encoder { out, most, end }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        if bytes.len() > self.end.saturating_sub(self.out.len()) {
            return Err(EncodeError::TooLong(self.most));
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn put_tagged(&mut self, tag: u8, bytes: &[u8]) -> Result<(), EncodeError> {
        self.put(&[tag])?;
        self.put(bytes)
    }

    fn number(&mut self, number: u64) -> Result<(), EncodeError> {
        if number < u64::from(SMALL) {
            self.put(&[number as u8])
        } else if let Ok(number) = u16::try_from(number) {
            self.put_tagged(TWO, &number.to_le_bytes())
        } else if let Ok(number) = u32::try_from(number) {
            self.put_tagged(FOUR, &number.to_le_bytes())
        } else {
            self.put_tagged(EIGHT, &number.to_le_bytes())
        }
    }

    /// Writes an element of a sequence or a key of a map. A reader takes a length for a lie if there
    /// are fewer bytes than elements.
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let before = self.out.len();
        value.serialize(&mut *self)?;
        if self.out.len() == before { unsupported("elements without bytes") } else { Ok(()) }
    }
}

fn unsupported<T>(what: &'static str) -> Result<T, EncodeError> {
    Err(EncodeError::Unsupported(what))
}

impl Error for EncodeError {
    fn custom<T: Display>(message: T) -> Self {
        EncodeError::Value(message.to_string())
    }
}

/// Methods for kinds of values that the format does not have.
macro_rules! unsupported {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, _: $type) -> Result<(), EncodeError> {
            unsupported(stringify!($type))
        })*
    };
}

impl Serializer for &mut Encoder<'_> {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    unsupported!(
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_f32: f32, serialize_f64: f64, serialize_char: char
    );

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.put(&[u8::from(value)])
    }

    fn serialize_u8(self, value: u8) -> Result<(), EncodeError> {
        self.put(&[value])
    }

    fn serialize_u16(self, value: u16) -> Result<(), EncodeError> {
        self.number(u64::from(value))
    }

    fn serialize_u32(self, value: u32) -> Result<(), EncodeError> {
        self.number(u64::from(value))
    }

    fn serialize_u64(self, value: u64) -> Result<(), EncodeError> {
        self.number(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), EncodeError> {
        match u64::try_from(value) {
            Ok(value) => self.number(value),
            Err(_) => self.put_tagged(SIXTEEN, &value.to_le_bytes()),
        }
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        self.number(value.len() as u64)?;
        self.put(value)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.put(&[0])
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        self.put(&[1])?;
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), EncodeError> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
    ) -> Result<(), EncodeError> {
        self.number(u64::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        self.number(u64::from(variant))?;
        value.serialize(self)
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Self, EncodeError> {
        let Some(length) = length else { return unsupported("sequences of unknown length") };
        self.number(length as u64)?;
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, EncodeError> {
        self.number(u64::from(variant))?;
        Ok(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Self, EncodeError> {
        self.serialize_seq(length)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, EncodeError> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        name: &'static str,
        variant: u32,
        variant_name: &'static str,
        fields: usize,
    ) -> Result<Self, EncodeError> {
        self.serialize_tuple_variant(name, variant, variant_name, fields)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

impl SerializeSeq for &mut Encoder<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.element(value)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}

impl SerializeMap for &mut Encoder<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        self.element(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), EncodeError> {
        Ok(())
    }
}

/// Fields follow one another, whatever they belong to.
macro_rules! fields {
    ($($what:ident, $method:ident $(, $key:ident)?;)*) => {
        $(impl $what for &mut Encoder<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), EncodeError> {
                $(let _ = $key;)?
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), EncodeError> {
                Ok(())
            }
        })*
    };
}

fields! {
    SerializeTuple, serialize_element;
    SerializeTupleStruct, serialize_field;
    SerializeTupleVariant, serialize_field;
    SerializeStruct, serialize_field, key;
    SerializeStructVariant, serialize_field, key;
}
