//! The answer of a commit or a release, as callers read it.

use serde::Serialize;

use crate::reservation::Status;

/// The answer; `committed` or `released`, whichever was requested, says whether it happened.
#[derive(Clone, Debug, Serialize)]
pub struct Settled {
    #[serde(skip_serializing_if = "Option::is_none")]
    late: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<i32>,
    amount: i32,
    period: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    released: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    feature_type: String,
    reservation_id: String,
}

/// The requested operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Commit(Option<i32>),
    Release,
}

/// The reservation of an answer.
#[derive(Clone, Debug)]
pub struct Subject {
    pub reservation_id: String,
    pub feature_type: String,
    pub period: String,
    pub amount: i32,
}

impl Settled {
    pub fn done(
        request: Request,
        subject: Subject,
        status: Status,
        actual: Option<i32>,
        late: bool,
    ) -> Self {
        Self { late: Some(late), actual, ..Self::new(request, subject, status, true) }
    }

    pub fn finalized(request: Request, subject: Subject, status: Status) -> Self {
        Self {
            reason: Some(format!("the reservation was {} before", status.name())),
            error_code: Some("RESERVATION_FINALIZED"),
            ..Self::new(request, subject, status, false)
        }
    }

    fn new(request: Request, subject: Subject, status: Status, is_done: bool) -> Self {
        Self {
            late: None,
            actual: None,
            amount: subject.amount,
            period: subject.period,
            reason: None,
            status: status.name(),
            released: (request == Request::Release).then_some(is_done),
            committed: (request != Request::Release).then_some(is_done),
            error_code: None,
            feature_type: subject.feature_type,
            reservation_id: subject.reservation_id,
        }
    }
}
