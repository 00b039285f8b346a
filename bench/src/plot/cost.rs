//! Draws the figures as bars: two per contender, with preloaded libraries and without.

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::cluster::{Libraries, Revision};
use crate::contenders::{self, Contender, GROUPS};
use crate::samples::Samples;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const WIDTH: u32 = 960;
const MARGIN: i32 = 20;
const BARS_FROM: i32 = 320;
const LONGEST_BAR: f64 = 540.0;
const BAR: i32 = 14;
const ROW: i32 = 2 * BAR + 12;
const TITLE: i32 = 34;
const LEGEND: i32 = 84;

const OURS: RGBColor = RGBColor(36, 123, 90);
const OURS_PLAIN: RGBColor = RGBColor(154, 205, 183);
const HAND_WRITTEN: RGBColor = RGBColor(120, 120, 120);
const HAND_WRITTEN_PLAIN: RGBColor = RGBColor(205, 205, 205);

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
    let root = SVGBackend::new(&path, (WIDTH, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    draw_legend(&root)?;
    let mut y = LEGEND;
    for group in GROUPS {
        write_text(&root, group.title, (MARGIN, y + 8), 19)?;
        y += TITLE;
        for contender in group.contenders.iter().filter(is_measured) {
            write_text(&root, contender.name, (MARGIN, y + BAR / 2), 16)?;
            let (with, without) = colors(contender);
            let preloaded = (Libraries::Preloaded, with, y);
            let plain = (Libraries::Plain, without, y + BAR);
            for (libraries, color, y) in [preloaded, plain] {
                let Some(median) = median(contender, libraries) else { continue };
                let end = BARS_FROM + (median * scale) as i32;
                draw_bar(&root, (BARS_FROM, y), end, color)?;
                write_text(&root, &format!("{median:.1}"), (end + 6, y), 14)?;
            }
            y += ROW;
        }
    }
    root.present()?;
    println!("Drawn: {}", path.display());
    Ok(())
}

/// With preloaded libraries, and without.
fn colors(contender: &Contender) -> (RGBColor, RGBColor) {
    if contender.is_ours { (OURS, OURS_PLAIN) } else { (HAND_WRITTEN, HAND_WRITTEN_PLAIN) }
}

fn draw_legend(root: &Area) -> Drawn {
    write_text(root, "Microseconds per call inside the server (median)", (MARGIN, MARGIN - 4), 19)?;
    let preloaded = "with pg_stat_statements, pgaudit and auto_explain, as on Supabase";
    let lines = [(OURS, HAND_WRITTEN, preloaded), (OURS_PLAIN, HAND_WRITTEN_PLAIN, "without them")];
    for (line, (ours, hand_written, text)) in lines.into_iter().enumerate() {
        let y = MARGIN + 22 + 18 * line as i32;
        draw_bar(root, (MARGIN, y), MARGIN + 24, ours)?;
        draw_bar(root, (MARGIN + 28, y), MARGIN + 52, hand_written)?;
        write_text(root, text, (MARGIN + 62, y), 15)?;
    }
    Ok(())
}

fn draw_bar(root: &Area, (x, y): (i32, i32), end: i32, color: RGBColor) -> Drawn {
    Ok(root.draw(&Rectangle::new([(x, y), (end, y + BAR - 1)], color.filled()))?)
}

fn write_text(root: &Area, text: &str, place: (i32, i32), size: u32) -> Drawn {
    let style = ("sans-serif", size).into_font().color(&BLACK);
    Ok(root.draw(&Text::new(text.to_owned(), place, style))?)
}
