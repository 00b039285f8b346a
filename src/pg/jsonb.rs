//! Writes jsonb directly, without text in between.
//!
//! [`pgrx::JsonB`] builds a tree, writes it as text and lets Postgres parse the text, which takes a
//! limit check as long as reading the counter. This module builds Postgres' tree in one pass over
//! the value.

use std::cell::RefCell;
use std::fmt;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pg_sys::{self, JsonbPair, JsonbValue, jbvType};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{IntoDatum, JsonB, datum::Datum, direct_function_call_as_datum};
use serde::ser::{
    self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
};

/// A result that SQL receives as jsonb.
pub struct Jsonb<T>(pub T);

// SAFETY: pgrx reads the SQL type of the result from here, and `box_into` returns a jsonb.
unsafe impl<T> SqlTranslatable for Jsonb<T> {
    const TYPE_IDENT: &'static str = JsonB::TYPE_IDENT;
    const TYPE_ORIGIN: TypeOrigin = JsonB::TYPE_ORIGIN;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = JsonB::ARGUMENT_SQL;
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = JsonB::RETURN_SQL;
}

// SAFETY: the datum is a jsonb, in the memory of the caller's row.
unsafe impl<T: Serialize> BoxRet for Jsonb<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        // SAFETY: the function is declared to return jsonb.
        unsafe { fcinfo.return_raw_datum(Document::of(&self.0).datum()) }
    }
}

/// A jsonb in the current memory context, as an argument of a statement.
#[derive(Clone, Copy)]
pub struct Document(pg_sys::Datum);

impl Document {
    pub fn of(value: &impl Serialize) -> Self {
        let memory = Memory::default();
        let written = value.serialize(Writer { memory: &memory });
        let mut whole = written.expect("results are objects of simple values");
        // SAFETY: the tree is complete, and `memory` owns everything it points to.
        Self(unsafe { pg_sys::Datum::from(pg_sys::JsonbValueToJsonb(&raw mut whole)) })
    }

    pub fn datum(self) -> pg_sys::Datum {
        self.0
    }
}

/// Owns what the values of a tree point to; must outlive the tree.
#[derive(Default)]
struct Memory {
    texts: RefCell<Vec<Box<str>>>,
    objects: RefCell<Vec<Box<[JsonbPair]>>>,
    arrays: RefCell<Vec<Box<[JsonbValue]>>>,
}

fn empty(kind: jbvType::Type) -> JsonbValue {
    JsonbValue { type_: kind, ..JsonbValue::default() }
}

fn text_value(text: &str) -> JsonbValue {
    let mut value = empty(jbvType::jbvString);
    value.val.string.len = text.len() as i32;
    value.val.string.val = text.as_ptr().cast_mut().cast();
    value
}

/// Serializes one value.
#[derive(Clone, Copy)]
struct Writer<'a> {
    memory: &'a Memory,
}

/// Serializes an object or an array, value by value.
struct Inside<'a, T> {
    writer: Writer<'a>,
    values: Vec<T>,
}

macro_rules! unsupported {
    ($($name:ident($argument:ty);)*) => {
        $(fn $name(self, _: $argument) -> Written { Err(Unsupported) })*
    };
}

type Written = Result<JsonbValue, Unsupported>;

impl<'a> ser::Serializer for Writer<'a> {
    type Ok = JsonbValue;
    type Error = Unsupported;
    type SerializeSeq = Inside<'a, JsonbValue>;
    type SerializeMap = Inside<'a, JsonbPair>;
    type SerializeStruct = Inside<'a, JsonbPair>;
    type SerializeTuple = Inside<'a, JsonbValue>;
    type SerializeTupleStruct = Impossible<JsonbValue, Unsupported>;
    type SerializeTupleVariant = Impossible<JsonbValue, Unsupported>;
    type SerializeStructVariant = Impossible<JsonbValue, Unsupported>;

    fn serialize_bool(self, boolean: bool) -> Written {
        let mut value = empty(jbvType::jbvBool);
        value.val.boolean = boolean;
        Ok(value)
    }

    fn serialize_i32(self, integer: i32) -> Written {
        self.serialize_i64(integer.into())
    }

    fn serialize_i64(self, integer: i64) -> Written {
        let mut value = empty(jbvType::jbvNumeric);
        // SAFETY: allocates a numeric in the current context.
        value.val.numeric = unsafe { pg_sys::int64_to_numeric(integer) };
        Ok(value)
    }

    fn serialize_f64(self, float: f64) -> Written {
        let mut value = empty(jbvType::jbvNumeric);
        // SAFETY: allocates a numeric in the current context.
        let numeric =
            unsafe { direct_function_call_as_datum(pg_sys::float8_numeric, &[float.into_datum()]) };
        value.val.numeric = numeric.ok_or(Unsupported)?.cast_mut_ptr();
        Ok(value)
    }

    fn serialize_u64(self, integer: u64) -> Written {
        self.serialize_i64(i64::try_from(integer).map_err(|_| Unsupported)?)
    }

    fn serialize_str(self, text: &str) -> Written {
        let text: Box<str> = text.into();
        let value = text_value(&text);
        self.memory.texts.borrow_mut().push(text);
        Ok(value)
    }

    fn serialize_unit(self) -> Written {
        Ok(empty(jbvType::jbvNull))
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Inside<'a, JsonbPair>, Unsupported> {
        Ok(Inside { writer: self, values: Vec::with_capacity(length.unwrap_or(0)) })
    }

    fn serialize_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<Inside<'a, JsonbPair>, Unsupported> {
        self.serialize_map(Some(length))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Inside<'a, JsonbValue>, Unsupported> {
        Ok(Inside { writer: self, values: Vec::with_capacity(length.unwrap_or(0)) })
    }

    fn serialize_tuple(self, length: usize) -> Result<Inside<'a, JsonbValue>, Unsupported> {
        self.serialize_seq(Some(length))
    }

    // Types that no result contains.
    unsupported! {
        serialize_i8(i8); serialize_i16(i16); serialize_u8(u8);
        serialize_u16(u16); serialize_u32(u32); serialize_f32(f32);
        serialize_char(char); serialize_bytes(&[u8]); serialize_unit_struct(&'static str);
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Written {
        Err(Unsupported)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Written {
        Err(Unsupported)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Written {
        Err(Unsupported)
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unsupported> {
        Err(Unsupported)
    }
}

impl Inside<'_, JsonbPair> {
    fn push<T: Serialize + ?Sized>(
        &mut self,
        key: JsonbValue,
        value: &T,
    ) -> Result<(), Unsupported> {
        let value = value.serialize(self.writer)?;
        self.values.push(JsonbPair { key, value, order: 0 });
        Ok(())
    }

    /// Postgres wants the keys sorted, shortest first; no result repeats a key.
    fn finish(mut self) -> Written {
        let by_key = |pair: &JsonbPair| {
            // SAFETY: a key is a text that is still in memory.
            unsafe {
                let key = pair.key.val.string;
                (key.len, std::slice::from_raw_parts(key.val.cast::<u8>(), key.len as usize))
            }
        };
        self.values.sort_by(|a, b| by_key(a).cmp(&by_key(b)));
        let mut pairs = self.values.into_boxed_slice();
        let mut value = empty(jbvType::jbvObject);
        value.val.object.nPairs = pairs.len() as i32;
        value.val.object.pairs = pairs.as_mut_ptr();
        self.writer.memory.objects.borrow_mut().push(pairs);
        Ok(value)
    }
}

impl SerializeStruct for Inside<'_, JsonbPair> {
    type Ok = JsonbValue;
    type Error = Unsupported;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        self.push(text_value(key), value)
    }

    fn end(self) -> Written {
        self.finish()
    }
}

impl SerializeMap for Inside<'_, JsonbPair> {
    type Ok = JsonbValue;
    type Error = Unsupported;

    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), Unsupported> {
        let key = key.serialize(self.writer)?;
        self.push(key, value)
    }

    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, _: &T) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn end(self) -> Written {
        self.finish()
    }
}

impl SerializeSeq for Inside<'_, JsonbValue> {
    type Ok = JsonbValue;
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.values.push(value.serialize(self.writer)?);
        Ok(())
    }

    fn end(self) -> Written {
        let mut elements = self.values.into_boxed_slice();
        let mut value = empty(jbvType::jbvArray);
        value.val.array.nElems = elements.len() as i32;
        value.val.array.elems = elements.as_mut_ptr();
        self.writer.memory.arrays.borrow_mut().push(elements);
        Ok(value)
    }
}

impl SerializeTuple for Inside<'_, JsonbValue> {
    type Ok = JsonbValue;
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        SerializeSeq::serialize_element(self, value)
    }

    fn end(self) -> Written {
        SerializeSeq::end(self)
    }
}

/// The error for a type that no result contains, such as a variant.
#[derive(Debug)]
struct Unsupported;

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that results do not contain")
    }
}

impl std::error::Error for Unsupported {}

impl ser::Error for Unsupported {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}
