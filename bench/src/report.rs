//! Prints the figures.

use crate::USERS;
use crate::cluster::{Libraries, Revision};
use crate::contenders::{self, GROUPS};
use crate::growth::Size;
use crate::machine::Machine;
use crate::options::Options;
use crate::ratios::RATIOS;
use crate::samples::Samples;
use crate::statistics::Spread;
use crate::throughput::{CALLS, CLIENTS, Call, EMPTY_REQUEST, Rates, Setting, Who};

const LIBRARIES: [Libraries; 2] = [Libraries::Plain, Libraries::Preloaded];

pub fn print(samples: &Samples, options: &Options, machine: &Machine) {
    println!(
        "\nMicroseconds per call: median (lower to upper quartile) of {} rounds, {USERS} users\n({machine})",
        options.rounds
    );
    print_costs(samples);
    println!(
        "\nRatios: median (lower to upper quartile) of the rounds; targets are for preloaded\n({machine})"
    );
    print_ratios(samples);
    if let Some(old) = &options.old_revision {
        println!("\nNew / old: {} compared with {old}\n({machine})", options.revision);
        print_changes(samples);
    }
}

pub fn print_rates(rates: &Rates, machine: &Machine) {
    println!("\nCalls per second: median (lower to upper quartile)\n({machine})");
    for who in Who::ALL {
        for (is_durable, commits) in [(true, "durable commits"), (false, "synchronous_commit off")]
        {
            let spreads = |call: &Call| {
                CLIENTS.map(|clients| rates.spread(call, Setting { who, is_durable, clients }))
            };
            let is_measured = |call: &&Call| spreads(call).iter().any(Option::is_some);
            let mut calls = CALLS.iter().filter(is_measured).peekable();
            if calls.peek().is_some() {
                println!("  {}, {commits}; clients: {CLIENTS:?}", who.title());
            }
            for call in calls {
                print_line(call.name, spreads(call), 0, "");
            }
        }
    }
}

/// How many calls through the REST server there are for each that does nothing.
pub fn print_of_empty_requests(rates: &Rates, machine: &Machine) {
    println!("\nCalls per second / those of {EMPTY_REQUEST}; clients: {CLIENTS:?}\n({machine})");
    for call in CALLS.iter().filter(|call| call.is_rest() && call.name != EMPTY_REQUEST) {
        let ratio = |clients| {
            let setting = Setting { who: Who::Many, is_durable: true, clients };
            rates.of_empty_request(call, setting)
        };
        print_line(call.name, CLIENTS.map(ratio), 2, "");
    }
}

pub fn print_sizes(sizes: &[Size], machine: &Machine) {
    for Size { rows, table_bytes, index_bytes, calls } in sizes {
        println!(
            "\n{rows} rows of {table_bytes:.0} bytes and {index_bytes:.0} of the index\n({machine})"
        );
        println!("  {:<40}{:<28}bytes of log per call", "", "calls per second");
        for cost in calls {
            let Spread { lower_quartile, median, upper_quartile } = cost.spread();
            let rate = format!("{median:.0} ({lower_quartile:.0} to {upper_quartile:.0})");
            println!("    {:<38}{rate:<28}{:.0}", cost.call.name, cost.wal_bytes);
        }
    }
}

fn print_costs(samples: &Samples) {
    println!("  {:<40}{:<28}preloaded", "", "plain");
    for group in GROUPS {
        println!("  {}", group.title);
        for contender in group.contenders {
            let spread = |libraries| samples.spread(contender, Revision::Current, libraries);
            let spreads = LIBRARIES.map(spread);
            if spreads.iter().any(Option::is_some) {
                print_line(contender.name, spreads, 1, "");
            }
        }
    }
}

fn print_ratios(samples: &Samples) {
    for ratio in RATIOS {
        let current = |libraries| {
            let of = Revision::Current;
            samples.ratio((ratio.ours, of), (ratio.others, of), libraries)
        };
        let [plain, preloaded] = LIBRARIES.map(current);
        println!("  {}", ratio.title());
        print_line("", [plain, preloaded], 2, &verdict(ratio.at_most, preloaded));
    }
}

fn verdict(at_most: Option<f64>, measured: Option<Spread>) -> String {
    match (at_most, measured) {
        (None, _) => String::new(),
        (Some(at_most), None) => format!("at most {at_most}: not measured"),
        (Some(at_most), Some(Spread { median, .. })) => {
            let verdict = if median <= at_most { "met" } else { "missed" };
            format!("at most {at_most}: {verdict}")
        }
    }
}

fn print_changes(samples: &Samples) {
    println!("  {:<40}{:<28}preloaded", "", "plain");
    for contender in contenders::all() {
        let change = |libraries| {
            let (new, old) = (Revision::Current, Revision::Old);
            samples.ratio((&[contender], new), (&[contender], old), libraries)
        };
        let changes = LIBRARIES.map(change);
        if changes.iter().any(Option::is_some) {
            print_line(contender.name, changes, 2, "");
        }
    }
}

fn print_line<const COLUMNS: usize>(
    name: &str,
    spreads: [Option<Spread>; COLUMNS],
    digits: usize,
    remark: &str,
) {
    let text = |spread: Option<Spread>| {
        spread.map_or("–".to_owned(), |Spread { lower_quartile, median, upper_quartile }| {
            format!("{median:.digits$} ({lower_quartile:.digits$} to {upper_quartile:.digits$})")
        })
    };
    let columns = spreads.map(|spread| format!("{:<28}", text(spread))).concat();
    let line = format!("    {name:<38}{columns}{remark}");
    println!("{}", line.trim_end());
}
