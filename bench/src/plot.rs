//! The figures as bars.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use crate::contest::{Bar, Outcome};

const WIDTH: u32 = 960;
const ROW: u32 = 40;

/// Draws one bar a contender; ours are the coloured ones.
pub fn draw(path: &Path, outcomes: &[Outcome]) -> Result<(), Box<dyn Error>> {
    let rows: u32 = outcomes.iter().map(|outcome| outcome.bars.len() as u32 + 1).sum();
    let root = SVGBackend::new(path, (WIDTH, rows * ROW + ROW)).into_drawing_area();
    root.fill(&WHITE)?;
    let slowest = outcomes
        .iter()
        .flat_map(|outcome| &outcome.bars)
        .fold(0.0_f64, |slowest, bar| slowest.max(bar.median));
    let text = |size: u32| ("sans-serif", size).into_font().color(&BLACK);
    let mut y = ROW as i32 / 2;
    for outcome in outcomes {
        let title = format!("Cost of {}, µs a call (median)", outcome.title);
        root.draw(&Text::new(title, (20, y), text(18)))?;
        y += ROW as i32;
        for Bar { name, is_ours, median } in &outcome.bars {
            let color = if *is_ours { RGBColor(36, 123, 90) } else { RGBColor(170, 170, 170) };
            let end = 260 + (median / slowest * 480.0) as i32;
            root.draw(&Text::new((*name).to_owned(), (20, y + 4), text(15)))?;
            root.draw(&Rectangle::new([(260, y), (end, y + 24)], color.filled()))?;
            let label = format!("{median:.1}");
            root.draw(&Text::new(label, (end + 8, y + 4), text(15)))?;
            y += ROW as i32;
        }
    }
    root.present()?;
    println!("\nDrawn: {}", path.display());
    Ok(())
}
