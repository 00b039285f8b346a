//! Compares the extension with hand-written SQL, on the same tables, in the same run: what a call costs
//! on a plain Postgres and on one that preloads the libraries of Supabase's image, and how many calls
//! many clients make per second.
//!
//! The machine is noisy, so contenders and clusters take turns, and ratios are computed per round.

mod cluster;
mod contenders;
mod figures;
mod growth;
mod machine;
mod measure;
mod memory;
mod options;
mod plot;
mod ratios;
mod report;
mod samples;
mod statistics;
mod throughput;
mod updates;

use std::error::Error;

use cluster::{Cluster, connect, prepare};
use options::Options;

/// Users in the tables; each measurement calls a function once per user.
const USERS: u32 = 10_000;

/// The period key of calls that take one; the others count in the current period.
const PERIOD: &str = "2025-02-10";

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut clusters =
        options.clusters.iter().map(Cluster::prepare).collect::<Result<Vec<_>, _>>()?;
    let begun = machine::Machine::read(&mut clusters[0].db)?;
    let samples = measure::run(&mut clusters, options.rounds)?;
    report::print(&samples, &options, &begun);
    drop(clusters);
    println!("\nThroughput");
    let mut durable = prepare(&options.durable)?;
    let rates = throughput::run(&mut durable, &options.clients, options.is_quick)?;
    report::print_rates(&rates, &begun);
    report::print_of_empty_requests(&rates, &begun);
    let sizes = match options.is_quick {
        true => Vec::new(),
        false => growth::run(&mut durable, &options.clients.pgbench)?,
    };
    report::print_sizes(&sizes, &begun);
    figures::write(&options, &begun, &samples, &rates, &sizes)?;
    plot::draw_costs(&options.folder, &samples)?;
    plot::draw_rates(&options.folder, &rates)?;
    if !options.is_quick {
        let plain = &options.clusters[0].config;
        updates::run(&mut prepare(plain)?, &begun)?;
        // Use new tables: with large ones, every backend needs more memory.
        drop(prepare(plain)?);
        memory::run(plain, &begun)?;
    }
    Ok(())
}
