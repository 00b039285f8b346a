//! The README and the pages of `docs` tell the truth: their examples print what they say, and their
//! links, commands and figures exist.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use integration::pages::{Example, Page, Shown, pages, root};
use integration::{Cluster, Database};

static CLUSTER: LazyLock<Cluster> = LazyLock::new(|| {
    let cluster = Cluster::create_at("it_docs", "2025-02-10 12:00:00");
    let roles = fs::read_to_string(root().join("tests/fixtures/supabase.sql")).expect("the roles");
    drop(cluster.existing("postgres").psql(&roles));
    cluster
});

/// What separates the output of one example from that of the next.
const END: &str = "-- end of the example --";

fn is_documentation(page: &Page) -> bool {
    page.path == "README.md" || page.path.starts_with("docs/")
}

fn page(path: &str) -> Page {
    pages().into_iter().find(|page| page.path == path).expect(path)
}

/// Runs the examples of a page in one session, and returns those that print something else. Tables
/// are without the number of rows, and errors without the context in the extension's own functions.
fn differences(page: &Page, database: &Database) -> Vec<String> {
    let pairs = page.examples.iter().zip(outputs(page, database));
    let different = pairs.filter(|(example, output)| !prints(example, output));
    let explained = different.map(|(Example { line, sql, .. }, output)| {
        format!("{}, line {line}:\n{sql}\nprints\n{output}", page.path)
    });
    explained.collect()
}

/// Runs the examples of a page in one session, and returns what each prints.
fn outputs(page: &Page, database: &Database) -> Vec<String> {
    let mut script = "\\pset footer off\n\\set SHOW_CONTEXT never\n".to_owned();
    for example in &page.examples {
        script += &format!("{}\n\\echo '{END}'\n", example.sql);
    }
    let printed = database.psql_with_errors(&script);
    let outputs: Vec<String> = printed.split(END).map(str::to_owned).collect();
    assert_eq!(outputs.len(), page.examples.len() + 1, "{}: psql has ended early", page.path);
    outputs
}

/// Whether an example prints what its page says; without a word about it, anything but an error.
fn prints(example: &Example, output: &str) -> bool {
    match &example.output {
        Some(expected) => matches(&normal(expected), &normal(output)),
        None => !output.contains("ERROR:") && !output.contains("FATAL:"),
    }
}

/// Without empty lines, and without the spaces with which psql ends a line.
fn normal(output: &str) -> String {
    let lines = output.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Compares texts; `…` in the expected one matches any text within a line.
fn matches(expected: &str, output: &str) -> bool {
    let matches_line = |(expected, mut line): (&str, &str)| {
        let mut parts = expected.split('…');
        let Some(rest) = line.strip_prefix(parts.next().unwrap_or_default()) else { return false };
        line = rest;
        let mut is_exact = true;
        for part in parts {
            let Some(at) = line.find(part) else { return false };
            line = &line[at + part.len()..];
            is_exact = !part.is_empty();
        }
        line.is_empty() || !is_exact
    };
    expected.lines().count() == output.lines().count()
        && expected.lines().zip(output.lines()).all(matches_line)
}

#[test]
fn an_output_matches_what_is_expected_and_nothing_else() {
    assert!(matches("id … is 5\nb", "id 17 is 5\nb"));
    assert!(matches("id …", "id 17"));
    for output in ["id 17 is 6\nb", "id 17 is 5", "id 17 is 5\nb\nc", "id 17 is 55\nb", "x"] {
        assert!(!matches("id … is 5\nb", output), "{output}");
    }
}

#[test]
fn every_example_prints_what_its_page_says() {
    let pages: Vec<Page> = pages().into_iter().filter(is_documentation).collect();
    let differences = pages.iter().enumerate().flat_map(|(number, page)| {
        let database = CLUSTER.empty_database(&format!("page_{number}"));
        differences(page, &database)
    });
    let differences: Vec<String> = differences.collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
    let checked = pages.iter().flat_map(|page| &page.examples);
    assert!(checked.filter(|example| example.output.is_some()).count() > 30, "too few are checked");
}

/// Readers paste the examples on days of their own: an instant of a page must not be one that is over.
#[test]
fn every_example_can_be_pasted_on_another_day() {
    let later = Cluster::create_at("it_docs_later", "2031-05-17 21:30:00");
    let roles = fs::read_to_string(root().join("tests/fixtures/supabase.sql")).expect("the roles");
    drop(later.existing("postgres").psql(&roles));
    let pages: Vec<Page> = pages().into_iter().filter(is_documentation).collect();
    let failures = pages.iter().enumerate().flat_map(|(number, page)| {
        let database = later.empty_database(&format!("page_{number}"));
        let outputs = outputs(page, &database).into_iter();
        let pairs = outputs.zip(&page.examples).filter(|(output, example)| {
            errors(output) != errors(example.output.as_deref().unwrap_or_default())
        });
        let failures = pairs.map(|(output, Example { line, sql, .. })| {
            format!("{}, line {line}:\n{sql}\nprints\n{output}", page.path)
        });
        failures.collect::<Vec<_>>()
    });
    let failures: Vec<String> = failures.collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn errors(output: &str) -> usize {
    output.lines().filter(|line| line.starts_with("ERROR:") || line.starts_with("FATAL:")).count()
}

#[test]
fn the_readme_also_works_in_the_demo() {
    let database = CLUSTER.empty_database("demo");
    drop(database.psql(&fs::read_to_string(root().join("dev/demo.sql")).expect("the demo")));
    let differences = differences(&page("README.md"), &database);
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn every_file_that_a_page_shows_is_as_shown() {
    let pages = pages();
    let shown: Vec<_> = pages.iter().flat_map(|page| &page.shown).collect();
    let differs = |shown: &&&Shown| {
        fs::read_to_string(root().join(&shown.path)).ok().as_ref() != Some(&shown.content)
    };
    let different: Vec<_> = shown.iter().filter(differs).map(|shown| &shown.path).collect();
    assert!(different.is_empty(), "not as shown: {different:?}");
    assert!(shown.len() > 3, "too few are shown");
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut dead = Vec::new();
    for page in &pages {
        let folder = Path::new(&page.path).parent().expect("a folder");
        for link in page.links.iter().filter(|link| !link.target.contains("://")) {
            let (path, anchor) = link.target.split_once('#').unwrap_or((&link.target, ""));
            let file = root().join(folder).join(path);
            let target = if path.is_empty() { root().join(&page.path) } else { file };
            let leads = target.canonicalize().is_ok_and(|target| {
                let same = |other: &&Page| root().join(&other.path) == target;
                let other = pages.iter().find(same);
                (anchor.is_empty() || other.is_some_and(|o| o.anchors.iter().any(|a| a == anchor)))
                    && link.code.as_deref().is_none_or(|code| is_test_of(&target, code))
            });
            if !leads {
                dead.push(format!("{}: {}", page.path, link.target));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

/// Whether a link whose text is the name of a test leads to the file that has it.
fn is_test_of(target: &Path, name: &str) -> bool {
    let is_rust = target.extension().is_some_and(|extension| extension == "rs");
    !is_rust || fs::read_to_string(target).is_ok_and(|text| text.contains(&format!("fn {name}(")))
}

#[test]
fn every_path_that_a_page_names_exists() {
    let folders = ["dev/", "docs/", "tests/", "src/", "sql/", "bench/", "supabase/", ".ci/"];
    let is_placeholder = |word: &str| word.contains(['*', '{', ':']) || word.contains("NAME");
    let is_path = |word: &&str| {
        let names_file = folders.iter().any(|folder| word.starts_with(folder));
        names_file && !is_placeholder(word) && !word.contains("--A--B")
    };
    let mut missing = Vec::new();
    for page in pages() {
        for word in page.code.iter().flat_map(|code| code.split_whitespace()).filter(is_path) {
            if !root().join(word).exists() {
                missing.push(format!("{}: {word}", page.path));
            }
        }
    }
    assert!(missing.is_empty(), "missing:\n{}", missing.join("\n"));
}

#[test]
fn the_benchmarks_have_the_figures_of_the_last_run() {
    let text = fs::read_to_string(root().join("bench/figures.json")).expect("the figures");
    let figures: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let rows = page("docs/benchmarks.md").rows;
    for (list, digits) in [("ratios", 2), ("microseconds_per_call", 1)] {
        for figure in figures[list].as_array().expect(list) {
            let median = |kind: &str| {
                format!("{:.digits$}", figure[kind]["median"].as_f64().expect("a median"))
            };
            let name = figure["name"].as_str().expect("a name").to_owned();
            let row = vec![name, median("plain"), median("preloaded")];
            assert!(rows.contains(&row), "no row {row:?}");
        }
    }
}

#[test]
fn the_readme_is_for_people_in_a_hurry() {
    assert!(page("README.md").lines <= 150);
}
