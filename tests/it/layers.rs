//! Imports run downwards only: the rooms of `src` in their order, held by parsing the sources.

use std::{collections::BTreeSet, fs, path::Path};

use syn::{
    Attribute, File, ItemMod, ItemUse, UseTree,
    visit::{self, Visit},
};

/// From the leaves up. A room imports from rooms further up in this list, never from its own line or below.
const LAYERS: &[&[&str]] = &[
    &["text"],
    &["base", "proto"],
    &["contract"],
    &["traffic"],
    &["wire"],
    &["ledger"],
    &["send"],
    &["store"],
    &["source"],
    &["judge"],
    &["junjo"],
    &["index"],
    &["tables"],
    &["checks"],
    &["audit"],
    &["settings"],
    &["inspect", "trace", "ui", "capture", "standin", "cluster"],
    &["report"],
    &["doctor", "chaos"],
    &["query"],
    &["proof"],
    &["commands"],
    &["cli"],
];

/// May be used by every test and uses every room.
const TESTING: &str = "testing";

fn layer(room: &str) -> Option<usize> {
    LAYERS.iter().position(|rooms| rooms.contains(&room))
}

/// All paths of one file that begin at `crate` or climb by `super`, without what only tests see.
struct Imports {
    /// The module that is being read, from the crate's root.
    module: Vec<String>,
    rooms: BTreeSet<String>,
}

impl Imports {
    fn note(&mut self, path: &[String]) {
        let climbs = path.iter().take_while(|segment| *segment == "super").count();
        let room = match path.first().map(String::as_str) {
            Some("crate") => path.get(1),
            Some("super") if climbs >= self.module.len() => path.get(climbs),
            _ => None,
        };
        self.rooms.extend(room.cloned());
    }

    fn note_tree(&mut self, tree: &UseTree, before: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.note_tree(&path.tree, before);
                before.pop();
            }
            UseTree::Group(group) => group.items.iter().for_each(|item| self.note_tree(item, before)),
            UseTree::Name(name) => self.note_leaf(before, name.ident.to_string()),
            UseTree::Rename(renamed) => self.note_leaf(before, renamed.ident.to_string()),
            UseTree::Glob(_) => self.note(before),
        }
    }

    fn note_leaf(&mut self, before: &[String], leaf: String) {
        self.note(&[before, &[leaf]].concat());
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|condition| condition.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            self.note_tree(&item.tree, &mut Vec::new());
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.note(&segments);
        visit::visit_path(self, path);
    }
}

fn test_modules(file: &File) -> BTreeSet<String> {
    let modules = file.items.iter().filter_map(|item| match item {
        syn::Item::Mod(module) if is_for_tests(&module.attrs) => Some(module.ident.to_string()),
        _ => None,
    });
    modules.collect()
}

/// Reads a module's file and those below it, and notes each arrow that does not run down.
fn read(source: &Path, module: &[String], upward: &mut Vec<String>) {
    let path = source.join(module.join("/")).with_extension("rs");
    let file = syn::parse_file(&fs::read_to_string(&path).unwrap()).unwrap();
    let mut imports = Imports { module: module.to_vec(), rooms: BTreeSet::new() };
    imports.visit_file(&file);
    let room = &module[0];
    for used in imports.rooms.iter().filter(|used| *used != room && *used != TESTING) {
        let (Some(from), Some(to)) = (layer(room), layer(used)) else {
            upward.push(format!("{}: `{room}` or `{used}` has no layer", path.display()));
            continue;
        };
        if to >= from {
            upward.push(format!("{} uses `{used}`", module.join("::")));
        }
    }
    let tests = test_modules(&file);
    let below = fs::read_dir(source.join(module.join("/"))).into_iter().flatten();
    for entry in below.map(|entry| entry.unwrap().path()) {
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        if entry.extension().is_some_and(|extension| extension == "rs") && !tests.contains(&name) {
            read(source, &[module, &[name]].concat(), upward);
        }
    }
}

#[test]
fn imports_run_downwards() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut upward = Vec::new();
    for entry in fs::read_dir(&source).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_stem().unwrap().to_str().unwrap().to_owned();
        let is_room = entry.extension().is_some_and(|extension| extension == "rs");
        if is_room && !["lib", "main", TESTING].contains(&name.as_str()) {
            read(&source, &[name], &mut upward);
        }
    }
    upward.sort();
    assert!(upward.is_empty(), "these imports run upwards:\n{}", upward.join("\n"));
}

#[test]
fn an_upward_import_is_seen_however_it_is_written() {
    let noted = |text: &str| {
        let mut imports =
            Imports { module: vec!["judge".to_owned(), "claim".to_owned()], rooms: BTreeSet::new() };
        imports.visit_file(&syn::parse_file(text).unwrap());
        imports.rooms.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(noted("use crate::{checks::{a, b}, text};"), ["checks", "text"]);
    assert_eq!(noted("use super::super::report::Report; use super::tally::Tally;"), ["report"]);
    assert_eq!(noted("fn f() { crate::audit::examine(super::tally::new()) }"), ["audit"]);
    assert_eq!(noted("mod inner { use super::super::super::query; }"), ["query"]);
    assert!(noted("#[cfg(test)] mod tests { use crate::cli; } use std::fs;").is_empty());
}
