//! Results as jsonb.

use std::ffi::CString;

use pgrx::callconv::{BoxRet, FcInfo};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{JsonB, datum::Datum, direct_function_call_as_datum, pg_sys};
use serde::Serialize;

/// A result that SQL sees as jsonb. [`pgrx::JsonB`] would first build a tree of it; this writes the
/// text at once.
pub struct Jsonb<T>(pub T);

// SAFETY: pgrx asks for the SQL type of the result, and jsonb is what `box_into` returns.
unsafe impl<T> SqlTranslatable for Jsonb<T> {
    const TYPE_IDENT: &'static str = JsonB::TYPE_IDENT;
    const TYPE_ORIGIN: TypeOrigin = JsonB::TYPE_ORIGIN;
    const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = JsonB::ARGUMENT_SQL;
    const RETURN_SQL: Result<ReturnsRef, ReturnsError> = JsonB::RETURN_SQL;
}

// SAFETY: the datum is a jsonb, made by Postgres' own input function from a text that ends in NUL.
unsafe impl<T: Serialize> BoxRet for Jsonb<T> {
    unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> Datum<'fcx> {
        let text = serde_json::to_string(&self.0).expect("results are JSON");
        let text = CString::new(text).expect("JSON escapes NUL");
        let argument = Some(text.as_ptr().into());
        match unsafe { direct_function_call_as_datum(pg_sys::jsonb_in, &[argument]) } {
            Some(datum) => unsafe { fcinfo.return_raw_datum(datum) },
            None => fcinfo.return_null(),
        }
    }
}
