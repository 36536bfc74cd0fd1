//! Where a report goes that is a document: into files, by their endings.

use std::{path::PathBuf, str::FromStr};

use crate::{
    base::{output::Output, problem::Problem},
    report::{
        document::Document,
        html, markdown,
        page::{self, Page},
    },
};

/// A file for a report, and its form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageFile {
    form: PageForm,
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageForm {
    Text,
    Markdown,
    Html,
}

impl FromStr for PageFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = PathBuf::from(text);
        let form = match path.extension().and_then(|ending| ending.to_str()) {
            Some("txt") => PageForm::Text,
            Some("md") => PageForm::Markdown,
            Some("html" | "htm") => PageForm::Html,
            _ => return Err("unknown extension; expected .html, .md or .txt".to_owned()),
        };
        Ok(Self { form, path })
    }
}

/// Files that wait for a report.
pub(crate) struct Waiting(Vec<(PageForm, Output)>);

/// Opens the files before there is anything to write, so that nothing is done in vain.
pub(crate) fn open(files: &[PageFile]) -> Result<Waiting, Problem> {
    let open = |file: &PageFile| Ok((file.form, Output::create(&file.path, &[])?));
    Ok(Waiting(files.iter().map(open).collect::<Result<_, Problem>>()?))
}

impl Waiting {
    /// `document` makes the report for its form; `name` is what it is of.
    pub(crate) fn fill(self, name: &str, document: impl Fn(PageForm) -> Document) -> Result<(), Problem> {
        for (form, output) in self.0 {
            output.fill(render(form, &document(form), name).as_bytes())?;
        }
        Ok(())
    }
}

pub(crate) fn render(form: PageForm, document: &Document, name: &str) -> String {
    match form {
        PageForm::Text => page::render(document, Page::UNBOUNDED),
        PageForm::Markdown => markdown::render(document, name),
        PageForm::Html => html::render(document, name),
    }
}
