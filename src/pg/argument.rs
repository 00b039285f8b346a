//! Arguments of prepared statements.

use chrono::{DateTime, Utc};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{IntoDatum, Uuid};

use super::clock;
use super::jsonb::Document;

/// An argument of a prepared statement.
#[derive(Clone, Copy)]
pub enum Argument<'a> {
    Uuid(Uuid),
    Oid(Oid),
    Text(&'a str),
    Integer(i32),
    Bigint(i64),
    Instant(DateTime<Utc>),
    Boolean(bool),
    Jsonb(Document),
    Uuids(&'a [Uuid]),
    Texts(&'a [String]),
    Bigints(&'a [i64]),
    /// NULLs.
    NoText,
    NoInstant,
    NoBigint,
    NoJsonb,
    NoUuid,
}

impl Argument<'_> {
    pub fn type_oid(&self) -> Oid {
        match self {
            Self::Uuid(_) | Self::NoUuid => pg_sys::UUIDOID,
            Self::Oid(_) => pg_sys::OIDOID,
            Self::Text(_) | Self::NoText => pg_sys::TEXTOID,
            Self::Integer(_) => pg_sys::INT4OID,
            Self::Bigint(_) | Self::NoBigint => pg_sys::INT8OID,
            Self::Instant(_) | Self::NoInstant => pg_sys::TIMESTAMPTZOID,
            Self::Boolean(_) => pg_sys::BOOLOID,
            Self::Jsonb(_) | Self::NoJsonb => pg_sys::JSONBOID,
            Self::Uuids(_) => pg_sys::UUIDARRAYOID,
            Self::Texts(_) => pg_sys::TEXTARRAYOID,
            Self::Bigints(_) => pg_sys::INT8ARRAYOID,
        }
    }

    /// Its value; `None` is NULL.
    pub fn datum(&self) -> Option<Datum> {
        match *self {
            Self::Uuid(uuid) => uuid.into_datum(),
            Self::Oid(oid) => oid.into_datum(),
            Self::Text(text) => text.into_datum(),
            Self::Integer(integer) => integer.into_datum(),
            Self::Bigint(integer) => integer.into_datum(),
            Self::Instant(instant) => clock::since_2000(instant).into_datum(),
            Self::Boolean(boolean) => boolean.into_datum(),
            Self::Jsonb(written) => Some(written.datum()),
            Self::Uuids(uuids) => uuids.to_vec().into_datum(),
            Self::Texts(texts) => texts.to_vec().into_datum(),
            Self::Bigints(integers) => integers.to_vec().into_datum(),
            Self::NoText | Self::NoInstant | Self::NoBigint | Self::NoJsonb | Self::NoUuid => None,
        }
    }
}
