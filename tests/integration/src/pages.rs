//! The pages of the documentation, as their readers follow them: what they run, and where they lead.
//!
//! A page's SQL is run from top to bottom. If a `text` block follows a `sql` block, it is what psql
//! prints; there, `…` stands for any text. What a reader need not see is in a comment that begins
//! with `<!-- setup`; after `<!-- setup: supabase`, the database is as Supabase leaves it. A block whose
//! language is followed by a path shows that file.

use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The folder of the project.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the project")
}

/// One page.
pub struct Page {
    /// Its path in the project.
    pub path: String,
    pub lines: usize,
    pub examples: Vec<Example>,
    pub shown: Vec<Shown>,
    pub links: Vec<Link>,
    /// The headings, as links name them.
    pub anchors: Vec<String>,
    /// What is written as code: commands, paths, names.
    pub code: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// SQL that is run, and what it prints, if the page says so.
pub struct Example {
    pub line: usize,
    pub sql: String,
    pub output: Option<String>,
}

/// A file of the project that the page shows.
pub struct Shown {
    pub path: String,
    pub content: String,
}

/// A link: its target, and its text if that is code.
pub struct Link {
    pub target: String,
    pub code: Option<String>,
}

/// All pages: those in the project's folder, in `docs` and in `tests`.
pub fn pages() -> Vec<Page> {
    let folders = ["", "docs", "tests"].map(|folder| root().join(folder));
    let entries = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder"));
    let paths = entries.map(|entry| entry.expect("a file").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect();
    paths.sort();
    paths.iter().map(|path| Page::read(path)).collect()
}

impl Page {
    fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a page");
        let path = path.strip_prefix(root()).expect("a page of the project");
        let mut page = Self {
            path: path.to_str().expect("UTF-8").to_owned(),
            lines: text.lines().count(),
            examples: Vec::new(),
            shown: Vec::new(),
            links: Vec::new(),
            anchors: Vec::new(),
            code: Vec::new(),
            rows: Vec::new(),
        };
        let (mut block, mut html, mut heading) = (None, None, None);
        let mut prints = false;
        for (event, range) in Parser::new_ext(&text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = text[..range.start].lines().count() + 1;
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                    block = Some((language.to_string(), String::new()));
                }
                Event::End(TagEnd::CodeBlock) => {
                    let (language, content) = block.take().unwrap_or_default();
                    let (language, path) =
                        language.split_once(' ').unwrap_or((language.as_str(), ""));
                    if !path.is_empty() {
                        page.shown.push(Shown { path: path.to_owned(), content: content.clone() });
                    }
                    match language {
                        "sql" => page.examples.push(Example { line, sql: content, output: None }),
                        "text" if prints => {
                            page.examples.last_mut().expect("an example").output = Some(content);
                        }
                        "sh" => page.code.extend(content.lines().map(str::to_owned)),
                        _ => {}
                    }
                    prints = language == "sql";
                }
                Event::Start(Tag::HtmlBlock) => html = Some(String::new()),
                Event::Html(content) => html.get_or_insert_default().push_str(&content),
                Event::End(TagEnd::HtmlBlock) => {
                    let sql = setup(&html.take().unwrap_or_default());
                    page.examples.extend(sql.map(|sql| Example { line, sql, output: None }));
                    prints = false;
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.push(anchor(&heading.take().unwrap_or_default()));
                    prints = false;
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(Link { target: dest_url.to_string(), code: None });
                }
                // What follows a table is not in its last cell.
                Event::End(TagEnd::Table) | Event::Start(Tag::TableRow) => {
                    page.rows.push(Vec::new());
                }
                Event::Start(Tag::TableCell) => {
                    if let Some(row) = page.rows.last_mut() {
                        row.push(String::new());
                    }
                }
                Event::Start(_) => prints = false,
                Event::Code(content) => {
                    if text[..range.start].ends_with('[') {
                        page.links.last_mut().expect("a link").code = Some(content.to_string());
                    }
                    page.write(&content, &mut heading);
                    page.code.push(content.to_string());
                }
                Event::Text(content) => match &mut block {
                    Some((_, block)) => block.push_str(&content),
                    None => page.write(&content, &mut heading),
                },
                _ => {}
            }
        }
        page
    }

    /// Adds text to the heading or the cell that is being read.
    fn write(&mut self, text: &str, heading: &mut Option<String>) {
        let cell = self.rows.last_mut().and_then(|row| row.last_mut());
        if let Some(unfinished) = heading.as_mut().or(cell) {
            unfinished.push_str(text);
        }
    }
}

/// The SQL of a comment for the tests.
fn setup(html: &str) -> Option<String> {
    let content = html.trim().strip_prefix("<!-- setup")?.strip_suffix("-->")?;
    let Some(content) = content.strip_prefix(": supabase") else {
        return Some(content.to_owned());
    };
    let fixture = root().join("tests/fixtures/supabase_database.sql");
    let fixture = fs::read_to_string(fixture).expect("the fixture");
    Some(format!("{fixture}\n\\connect - app_owner\n{content}"))
}

/// A heading as links name it.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}
