//! Writes the figures to a JSON file.

use std::error::Error;
use std::fs;

use serde::Serialize;

use crate::USERS;
use crate::cluster::{Libraries, Revision};
use crate::contenders;
use crate::growth::Size;
use crate::machine::{Machine, load};
use crate::options::Options;
use crate::ratios::RATIOS;
use crate::samples::Samples;
use crate::statistics::Spread;
use crate::throughput::{Rates, Who};

#[derive(Serialize)]
struct Figures<'a> {
    machine: &'a Machine,
    load_at_end: f64,
    revision: &'a str,
    users: u32,
    rounds: usize,
    microseconds_per_call: Vec<Cost>,
    ratios: Vec<Comparison>,
    calls_per_second: Vec<Throughput>,
    /// Empty in a quick run.
    growth: Vec<Growth>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Against<'a>>,
}

#[derive(Serialize)]
struct Cost {
    name: &'static str,
    is_hand_written: bool,
    plain: Option<Spread>,
    preloaded: Option<Spread>,
}

#[derive(Serialize)]
struct Throughput {
    name: &'static str,
    is_ours: bool,
    /// Whether all clients call for the same user.
    is_one_user: bool,
    is_durable: bool,
    clients: u32,
    rate: Spread,
}

#[derive(Serialize)]
struct Growth {
    rows: u32,
    table_bytes_per_row: f64,
    index_bytes_per_row: f64,
    calls: Vec<GrownCall>,
}

#[derive(Serialize)]
struct GrownCall {
    name: &'static str,
    calls_per_second: Spread,
    log_bytes_per_call: f64,
}

#[derive(Serialize)]
struct Comparison {
    name: String,
    plain: Option<Spread>,
    preloaded: Option<Spread>,
    /// On the preloaded cluster.
    target_at_most: Option<f64>,
}

/// New divided by old.
#[derive(Serialize)]
struct Against<'a> {
    revision: &'a str,
    new_by_old: Vec<Comparison>,
}

pub fn write(
    options: &Options,
    machine: &Machine,
    samples: &Samples,
    rates: &Rates,
    sizes: &[Size],
) -> Result<(), Box<dyn Error>> {
    let figures = Figures {
        machine,
        load_at_end: load()?,
        revision: &options.revision,
        users: USERS,
        rounds: options.rounds,
        microseconds_per_call: costs(samples),
        ratios: ratios(samples),
        calls_per_second: throughput(rates),
        growth: sizes.iter().map(growth).collect(),
        against: options
            .old_revision
            .as_deref()
            .map(|revision| Against { revision, new_by_old: changes(samples) }),
    };
    let path = options.folder.join("figures.json");
    fs::write(&path, serde_json::to_string_pretty(&figures)? + "\n")?;
    println!("\nWritten: {}", path.display());
    Ok(())
}

fn costs(samples: &Samples) -> Vec<Cost> {
    contenders::all()
        .map(|contender| {
            let spread = |libraries| {
                samples.spread(contender, Revision::Current, libraries).map(rounded::<2>)
            };
            Cost {
                name: contender.name,
                is_hand_written: !contender.is_ours,
                plain: spread(Libraries::Plain),
                preloaded: spread(Libraries::Preloaded),
            }
        })
        .filter(|cost| cost.plain.is_some())
        .collect()
}

fn throughput(rates: &Rates) -> Vec<Throughput> {
    let rate = |rate: &crate::throughput::Rate| Throughput {
        name: rate.call.name,
        is_ours: rate.call.is_ours,
        is_one_user: rate.setting.who == Who::One,
        is_durable: rate.setting.is_durable,
        clients: rate.setting.clients,
        rate: rounded::<0>(Spread::of(&rate.rounds)),
    };
    rates.0.iter().map(rate).collect()
}

fn growth(size: &Size) -> Growth {
    let call = |cost: &crate::growth::Cost| GrownCall {
        name: cost.call.name,
        calls_per_second: rounded::<0>(cost.spread()),
        log_bytes_per_call: cost.wal_bytes.round(),
    };
    Growth {
        rows: size.rows,
        table_bytes_per_row: size.table_bytes.round(),
        index_bytes_per_row: size.index_bytes.round(),
        calls: size.calls.iter().map(call).collect(),
    }
}

fn ratios(samples: &Samples) -> Vec<Comparison> {
    let ratio = |ratio: &crate::ratios::Ratio| {
        let current = |libraries| {
            let of = Revision::Current;
            samples.ratio((ratio.ours, of), (ratio.others, of), libraries).map(rounded::<3>)
        };
        Comparison {
            name: ratio.title(),
            plain: current(Libraries::Plain),
            preloaded: current(Libraries::Preloaded),
            target_at_most: ratio.at_most,
        }
    };
    RATIOS.iter().map(ratio).collect()
}

fn changes(samples: &Samples) -> Vec<Comparison> {
    contenders::all()
        .map(|contender| {
            let change = |libraries| {
                let (new, old) = (Revision::Current, Revision::Old);
                samples.ratio((&[contender], new), (&[contender], old), libraries).map(rounded::<3>)
            };
            Comparison {
                name: contender.name.to_owned(),
                plain: change(Libraries::Plain),
                preloaded: change(Libraries::Preloaded),
                target_at_most: None,
            }
        })
        .filter(|comparison| comparison.plain.is_some())
        .collect()
}

fn rounded<const DIGITS: i32>(spread: Spread) -> Spread {
    let factor = 10_f64.powi(DIGITS);
    let round = |figure: f64| (figure * factor).round() / factor;
    Spread {
        lower_quartile: round(spread.lower_quartile),
        median: round(spread.median),
        upper_quartile: round(spread.upper_quartile),
    }
}
