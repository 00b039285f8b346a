//! Results as jsonb, written without the detour over text.
//!
//! [`pgrx::JsonB`] builds a tree, writes it as text and has Postgres parse it; for a check that
//! takes as long as reading the counters. This hands the values of a result to Postgres one by one.

use std::fmt;
use std::ptr;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pg_sys::{self, JsonbIteratorToken as Token, jbvType};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{IntoDatum, JsonB, datum::Datum, direct_function_call_as_datum};
use serde::ser::{self, Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct};

/// A result that SQL sees as jsonb.
pub struct Jsonb<T>(pub T);

// SAFETY: pgrx asks for the SQL type of the result, and jsonb is what `box_into` returns.
unsafe impl<T> SqlTranslatable for Jsonb<T> {
    const TYPE_IDENT: &'static str = JsonB::TYPE_IDENT;
    const TYPE_ORIGIN: TypeOrigin = JsonB::TYPE_ORIGIN;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = JsonB::ARGUMENT_SQL;
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = JsonB::RETURN_SQL;
}

// SAFETY: the datum is a jsonb, in the memory of the caller's row.
unsafe impl<T: Serialize> BoxRet for Jsonb<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let mut builder = Builder { state: ptr::null_mut(), whole: ptr::null_mut() };
        let written = self.0.serialize(Place { builder: &mut builder, token: Token::WJB_VALUE });
        written.expect("results are objects of simple values");
        assert!(!builder.whole.is_null(), "a result is an object");
        unsafe {
            let datum = pg_sys::JsonbValueToJsonb(builder.whole);
            fcinfo.return_raw_datum(pg_sys::Datum::from(datum))
        }
    }
}

/// What Postgres has been given so far.
struct Builder {
    state: *mut pg_sys::JsonbParseState,
    /// The outermost object, once it has ended.
    whole: *mut pg_sys::JsonbValue,
}

impl Builder {
    fn push(&mut self, token: Token::Type, value: *mut pg_sys::JsonbValue) {
        // SAFETY: the tokens come in the order of the value that is written; the value is copied.
        self.whole = unsafe { pg_sys::pushJsonbValue(&mut self.state, token, value) };
    }

    fn push_text(&mut self, token: Token::Type, text: &str) {
        // SAFETY: Postgres keeps the pointer until the whole is built, hence a copy of the text.
        let mut value = unsafe {
            let copy = pg_sys::palloc(text.len().max(1)).cast::<u8>();
            ptr::copy_nonoverlapping(text.as_ptr(), copy, text.len());
            let mut value = empty(jbvType::jbvString);
            value.val.string.len = text.len() as i32;
            value.val.string.val = copy.cast();
            value
        };
        self.push(token, &mut value);
    }
}

fn empty(kind: jbvType::Type) -> pg_sys::JsonbValue {
    // SAFETY: zero is a value of every member of the union.
    let mut value: pg_sys::JsonbValue = unsafe { std::mem::zeroed() };
    value.type_ = kind;
    value
}

/// Where a value goes: behind a key, or into an array.
struct Place<'a> {
    builder: &'a mut Builder,
    token: Token::Type,
}

/// The places within an object or an array, and the token that ends it.
struct Inside<'a> {
    builder: &'a mut Builder,
    token: Token::Type,
    end: Token::Type,
}

impl<'a> Place<'a> {
    fn begin(self, begin: Token::Type, token: Token::Type, end: Token::Type) -> Inside<'a> {
        self.builder.push(begin, ptr::null_mut());
        Inside { builder: self.builder, token, end }
    }
}

impl Inside<'_> {
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        value.serialize(Place { builder: self.builder, token: self.token })
    }

    fn finish(self) -> Result<(), Unsupported> {
        self.builder.push(self.end, ptr::null_mut());
        Ok(())
    }
}

macro_rules! unsupported {
    ($($name:ident($argument:ty);)*) => {
        $(fn $name(self, _: $argument) -> Result<(), Unsupported> { Err(Unsupported) })*
    };
}

impl<'a> ser::Serializer for Place<'a> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = Inside<'a>;
    type SerializeMap = Inside<'a>;
    type SerializeStruct = Inside<'a>;
    type SerializeTuple = Impossible<(), Unsupported>;
    type SerializeTupleStruct = Impossible<(), Unsupported>;
    type SerializeTupleVariant = Impossible<(), Unsupported>;
    type SerializeStructVariant = Impossible<(), Unsupported>;

    fn serialize_bool(self, boolean: bool) -> Result<(), Unsupported> {
        let mut value = empty(jbvType::jbvBool);
        value.val.boolean = boolean;
        self.builder.push(self.token, &mut value);
        Ok(())
    }

    fn serialize_i32(self, integer: i32) -> Result<(), Unsupported> {
        self.serialize_i64(integer.into())
    }

    fn serialize_i64(self, integer: i64) -> Result<(), Unsupported> {
        let mut value = empty(jbvType::jbvNumeric);
        // SAFETY: makes a numeric in the current context.
        value.val.numeric = unsafe { pg_sys::int64_to_numeric(integer) };
        self.builder.push(self.token, &mut value);
        Ok(())
    }

    fn serialize_f64(self, float: f64) -> Result<(), Unsupported> {
        let mut value = empty(jbvType::jbvNumeric);
        // SAFETY: makes a numeric in the current context.
        let numeric =
            unsafe { direct_function_call_as_datum(pg_sys::float8_numeric, &[float.into_datum()]) };
        value.val.numeric = numeric.ok_or(Unsupported)?.cast_mut_ptr();
        self.builder.push(self.token, &mut value);
        Ok(())
    }

    fn serialize_u64(self, integer: u64) -> Result<(), Unsupported> {
        self.serialize_i64(i64::try_from(integer).map_err(|_| Unsupported)?)
    }

    fn serialize_str(self, text: &str) -> Result<(), Unsupported> {
        self.builder.push_text(self.token, text);
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Unsupported> {
        self.builder.push(self.token, &mut empty(jbvType::jbvNull));
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unsupported> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Inside<'a>, Unsupported> {
        Ok(self.begin(Token::WJB_BEGIN_OBJECT, Token::WJB_VALUE, Token::WJB_END_OBJECT))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Inside<'a>, Unsupported> {
        self.serialize_map(None)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Inside<'a>, Unsupported> {
        Ok(self.begin(Token::WJB_BEGIN_ARRAY, Token::WJB_ELEM, Token::WJB_END_ARRAY))
    }

    // What no result contains.
    unsupported! {
        serialize_i8(i8); serialize_i16(i16);  serialize_u8(u8);
        serialize_u16(u16); serialize_u32(u32); serialize_f32(f32);
        serialize_char(char); serialize_bytes(&[u8]); serialize_unit_struct(&'static str);
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
    ) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unsupported> {
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

impl SerializeStruct for Inside<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Unsupported> {
        self.builder.push_text(Token::WJB_KEY, key);
        self.value(value)
    }

    fn end(self) -> Result<(), Unsupported> {
        self.finish()
    }
}

impl SerializeMap for Inside<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsupported> {
        key.serialize(Place { builder: self.builder, token: Token::WJB_KEY })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.value(value)
    }

    fn end(self) -> Result<(), Unsupported> {
        self.finish()
    }
}

impl SerializeSeq for Inside<'_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsupported> {
        self.value(value)
    }

    fn end(self) -> Result<(), Unsupported> {
        self.finish()
    }
}

/// A value that no result contains, such as a tuple.
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
