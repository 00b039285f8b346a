//! The cost of calls: two bars per contender, with preloaded libraries and without.

use std::path::Path;

use super::{
    BAR, Drawn, LONGEST_BAR, MARGIN, TITLE, canvas, draw_figure, draw_legend, shades, write_text,
};
use crate::cluster::{Libraries, Revision};
use crate::contenders::{self, Contender, GROUPS};
use crate::samples::Samples;

const ROW: i32 = 2 * BAR + 12;
const LEGEND: i32 = 84;

pub fn draw(folder: &Path, samples: &Samples) -> Drawn {
    let median = |contender: &Contender, libraries| {
        samples.spread(contender, Revision::Current, libraries).map(|spread| spread.median)
    };
    let is_measured = |contender: &&&Contender| median(contender, Libraries::Plain).is_some();
    let rows = contenders::all().filter(|contender| is_measured(&contender)).count() as i32;
    let height = LEGEND + rows * ROW + GROUPS.len() as i32 * TITLE + MARGIN;
    let slowest = samples.0.iter().map(|sample| (sample.contender, sample.libraries));
    let slowest = slowest.filter_map(|(contender, libraries)| median(contender, libraries));
    let scale = LONGEST_BAR / slowest.fold(1.0, f64::max);

    let path = folder.join("cost.svg");
    let root = canvas(&path, height)?;
    let preloaded = "with pg_stat_statements, pgaudit and auto_explain, as on Supabase";
    draw_legend(
        &root,
        "Microseconds per call inside the server (median)",
        &[(0, preloaded), (2, "without them")],
    )?;
    let mut y = LEGEND;
    for group in GROUPS {
        write_text(&root, group.title, (MARGIN, y + 8), 19)?;
        y += TITLE;
        for contender in group.contenders.iter().filter(is_measured) {
            write_text(&root, contender.name, (MARGIN, y + BAR / 2), 16)?;
            let [dark, _, light] = shades(contender.is_ours);
            let bars = [(Libraries::Preloaded, dark, y), (Libraries::Plain, light, y + BAR)];
            for (libraries, color, y) in bars {
                let Some(median) = median(contender, libraries) else { continue };
                draw_figure(&root, y, median * scale, (color, &format!("{median:.1}")))?;
            }
            y += ROW;
        }
    }
    root.present()?;
    println!("Drawn: {}", path.display());
    Ok(())
}
