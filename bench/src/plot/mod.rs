//! Draws figures as bars, ours in green beside others in grey.

mod cost;
mod throughput;

use std::error::Error;
use std::path::Path;

use plotters::coord::Shift;
use plotters::prelude::*;

pub use cost::draw as draw_costs;
pub use throughput::draw as draw_rates;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const WIDTH: u32 = 960;
const MARGIN: i32 = 20;
const BARS_FROM: i32 = 320;
const LONGEST_BAR: f64 = 540.0;
const BAR: i32 = 14;
const TITLE: i32 = 34;

/// From dark to light.
const OURS: [RGBColor; 3] =
    [RGBColor(36, 123, 90), RGBColor(100, 168, 140), RGBColor(154, 205, 183)];
const OTHERS: [RGBColor; 3] =
    [RGBColor(120, 120, 120), RGBColor(165, 165, 165), RGBColor(205, 205, 205)];

fn shades(is_ours: bool) -> [RGBColor; 3] {
    if is_ours { OURS } else { OTHERS }
}

fn canvas(path: &Path, height: i32) -> Result<Area<'_>, Box<dyn Error>> {
    let root = SVGBackend::new(path, (WIDTH, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    Ok(root)
}

/// A title, and below it what each shade means.
fn draw_legend(root: &Area, title: &str, shades: &[(usize, &str)]) -> Drawn {
    write_text(root, title, (MARGIN, MARGIN - 4), 19)?;
    for (line, (shade, text)) in shades.iter().enumerate() {
        let y = MARGIN + 22 + 18 * line as i32;
        draw_bar(root, (MARGIN, y), MARGIN + 24, OURS[*shade])?;
        draw_bar(root, (MARGIN + 28, y), MARGIN + 52, OTHERS[*shade])?;
        write_text(root, text, (MARGIN + 62, y), 15)?;
    }
    Ok(())
}

/// A bar with its figure.
fn draw_figure(root: &Area, y: i32, length: f64, (color, text): (RGBColor, &str)) -> Drawn {
    let end = BARS_FROM + length as i32;
    draw_bar(root, (BARS_FROM, y), end, color)?;
    write_text(root, text, (end + 6, y), 14)
}

fn draw_bar(root: &Area, (x, y): (i32, i32), end: i32, color: RGBColor) -> Drawn {
    Ok(root.draw(&Rectangle::new([(x, y), (end, y + BAR - 1)], color.filled()))?)
}

fn write_text(root: &Area, text: &str, place: (i32, i32), size: u32) -> Drawn {
    let style = ("sans-serif", size).into_font().color(&BLACK);
    Ok(root.draw(&Text::new(text.to_owned(), place, style))?)
}
