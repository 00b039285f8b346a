//! The status: everything that a page or an operator wants to know of a user, as one answer.

use std::rc::Rc;

use domain::decision::decide;
use domain::status::{FeatureStatus, Status};
use pgrx::Uuid;

use super::terms::{Terms, Unusable};
use super::usage;
use crate::error::Report;
use crate::error::argument::ArgumentError;
use crate::store::registry::{self, Registered, Registry};

/// The status of one feature, or of all.
pub fn status(user_id: Uuid, feature_type: Option<&str>) -> Status {
    let registry = registry::current();
    let features = match feature_type {
        None => registry.features.clone(),
        Some(feature_type) => match registry.find(feature_type) {
            Some(registered) => vec![Rc::clone(registered)],
            None => {
                let known = registry.feature_types();
                ArgumentError::UnknownFeature { feature_type, known }.raise()
            }
        },
    };
    let mut status = Status::of_user(user_id.to_string());
    for registered in &features {
        let terms = Terms::read(&registry, registered, user_id, Unusable::IsRefused);
        status.plan_id = Some(terms.entitlement.subscription.plan_id().to_owned());
        let of_feature = of_feature(&registry, registered, user_id, &terms);
        status.features.insert(registered.feature.feature_type.clone(), of_feature);
    }
    status
}

fn of_feature(
    registry: &Rc<Registry>,
    registered: &Rc<Registered>,
    user_id: Uuid,
    terms: &Terms,
) -> FeatureStatus {
    let (span, places) = (terms.span(registered), terms.places(registered));
    let usage = usage::read(registry, registered, user_id, terms, &span, &places);
    let standing = terms.standing(&usage.caps, usage.current_usage, span.reset_at);
    FeatureStatus::new(&span, &standing, decide(&standing, 0), usage.reserved)
}
