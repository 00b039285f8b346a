//! The calls per second of many clients with durable commits: a bar per number of clients.

use std::path::Path;

use super::{
    BAR, Drawn, LONGEST_BAR, MARGIN, TITLE, canvas, draw_figure, draw_legend, shades, write_text,
};
use crate::throughput::{CALLS, CLIENTS, Call, Rates, Setting, Who};

const LEGEND: i32 = 102;

pub fn draw(folder: &Path, rates: &Rates) -> Drawn {
    let median = |call: &Call, who, clients| {
        let setting = Setting { who, is_durable: true, clients };
        rates.spread(call, setting).map(|spread| spread.median)
    };
    let durable = rates.0.iter().filter(|rate| rate.setting.is_durable);
    let fastest = durable.filter_map(|rate| rates.spread(rate.call, rate.setting));
    let fastest = fastest.map(|spread| spread.median);
    let scale = LONGEST_BAR / fastest.fold(1.0, f64::max);
    let row = CLIENTS.len() as i32 * BAR + 12;
    let measured = |who| {
        let is_measured =
            |call: &&Call| CLIENTS.iter().any(|clients| median(call, who, *clients).is_some());
        CALLS.iter().filter(is_measured).collect::<Vec<_>>()
    };
    let rows: usize = Who::ALL.iter().map(|who| measured(*who).len()).sum();
    let height = LEGEND + Who::ALL.len() as i32 * TITLE + rows as i32 * row + MARGIN;

    let path = folder.join("throughput.svg");
    let root = canvas(&path, height)?;
    draw_legend(
        &root,
        "Calls per second with durable commits (median)",
        &[(0, "32 clients"), (1, "8 clients"), (2, "1 client")],
    )?;
    let mut y = LEGEND;
    for who in Who::ALL {
        write_text(&root, who.title(), (MARGIN, y + 8), 19)?;
        y += TITLE;
        for call in measured(who) {
            write_text(&root, call.name, (MARGIN, y + BAR), 16)?;
            let shades = shades(call.is_ours);
            for (line, clients) in CLIENTS.into_iter().rev().enumerate() {
                let Some(median) = median(call, who, clients) else { continue };
                let text = format!("{median:.0}");
                draw_figure(&root, y + line as i32 * BAR, median * scale, (shades[line], &text))?;
            }
            y += row;
        }
    }
    root.present()?;
    println!("Drawn: {}", path.display());
    Ok(())
}
