//! The measurements by contender, revision and cluster.

use crate::cluster::{Libraries, Revision};
use crate::contenders::Contender;
use crate::statistics::Spread;

pub struct Sample {
    pub contender: &'static Contender,
    pub revision: Revision,
    pub libraries: Libraries,
    /// Microseconds per call, one figure per round.
    pub rounds: Vec<f64>,
}

pub struct Samples(pub Vec<Sample>);

impl Samples {
    /// Microseconds per call; `None` if this revision has no such function.
    pub fn spread(
        &self,
        contender: &Contender,
        revision: Revision,
        libraries: Libraries,
    ) -> Option<Spread> {
        self.rounds(contender, revision, libraries).map(Spread::of)
    }

    /// The total cost of some contenders divided by that of others, per round.
    pub fn ratio(
        &self,
        above: (&[&Contender], Revision),
        below: (&[&Contender], Revision),
        libraries: Libraries,
    ) -> Option<Spread> {
        let above = self.sums(above, libraries)?;
        let below = self.sums(below, libraries)?;
        let ratios: Vec<f64> =
            above.iter().zip(below).map(|(above, below)| above / below).collect();
        Some(Spread::of(&ratios))
    }

    fn sums(
        &self,
        (contenders, revision): (&[&Contender], Revision),
        libraries: Libraries,
    ) -> Option<Vec<f64>> {
        let mut sums = Vec::new();
        for contender in contenders {
            let rounds = self.rounds(contender, revision, libraries)?;
            sums.resize(rounds.len(), 0.0);
            sums.iter_mut().zip(rounds).for_each(|(sum, cost)| *sum += cost);
        }
        Some(sums)
    }

    fn rounds(
        &self,
        contender: &Contender,
        revision: Revision,
        libraries: Libraries,
    ) -> Option<&[f64]> {
        let of = |sample: &&Sample| {
            sample.contender == contender
                && sample.revision == revision
                && sample.libraries == libraries
        };
        self.0.iter().find(of).map(|sample| sample.rounds.as_slice())
    }
}
