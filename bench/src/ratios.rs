//! The ratios, and what we aim at.

#[allow(clippy::wildcard_imports, reason = "a ratio names any of the contenders")]
use crate::contenders::*;

/// The total cost of some contenders, divided by that of others.
pub struct Ratio {
    pub ours: &'static [&'static Contender],
    pub others: &'static [&'static Contender],
    /// The maximum that we aim at, on the preloaded cluster. Where one is missed, docs/architecture.md says
    /// what the floor is.
    pub at_most: Option<f64>,
}

const fn target(
    ours: &'static [&'static Contender],
    others: &'static [&'static Contender],
    at_most: f64,
) -> Ratio {
    Ratio { ours, others, at_most: Some(at_most) }
}

const fn information(
    ours: &'static [&'static Contender],
    others: &'static [&'static Contender],
) -> Ratio {
    Ratio { ours, others, at_most: None }
}

pub const RATIOS: &[Ratio] = &[
    target(&[&INCREMENT], &[&HAND_UPSERT], 0.55),
    target(&[&BATCH], &[&HAND_UPSERT], 0.45),
    information(&[&KEYED_BATCH], &[&BATCH]),
    target(&[&CHECK], &[&HAND_CHECK], 0.35),
    information(&[&CHECK], &[&HAND_READING_CHECK]),
    target(&[&CONSUME], &[&HAND_CHECK, &HAND_UPSERT], 0.35),
    target(&[&KEYED_CONSUME], &[&CONSUME], 2.5),
    information(&[&REPLAY], &[&CONSUME]),
    information(&[&KEYED_DENIAL], &[&DENIAL]),
    information(&[&RULED_CONSUME], &[&CONSUME]),
    target(&[&CAPPED_CONSUME], &[&CONSUME], 4.0),
    target(&[&GRANTED_CONSUME], &[&CONSUME], 5.0),
    information(&[&CAPPED_CHECK], &[&CHECK]),
    information(&[&CAPPED_INCREMENT], &[&INCREMENT]),
    target(&[&RESERVE, &COMMIT], &[&CONSUME], 2.5),
    information(&[&RESERVE, &COMMIT], &[&HAND_CHECK, &HAND_UPSERT]),
    target(&[&SUMMARY], &[&HAND_SUMMARY], 0.8),
    information(&[&RULED_SUMMARY], &[&SUMMARY]),
];

impl Ratio {
    pub fn title(&self) -> String {
        let names = |contenders: &[&Contender]| {
            contenders.iter().map(|contender| contender.name).collect::<Vec<_>>().join(" + ")
        };
        let others = names(self.others);
        let others = if self.others.len() > 1 { format!("({others})") } else { others };
        let ours = names(self.ours);
        let ours = if self.ours.len() > 1 { format!("({ours})") } else { ours };
        format!("{ours} / {others}")
    }
}
