//! What the documentation of strategies says about files is what files can say.

use inflight_lab::{
    experiment::{Diagnostics, Document, layer_kinds},
    manual::pages,
    stack::LayerSpec,
};
use inflight_strategies::manual::{Block, Page};

/// Reads a file whose only layer is written so.
fn read(layer: &str) -> Result<LayerSpec, Diagnostics> {
    let text = format!("[[endpoint]]\nname = \"a\"\ncalls = \"parallel\"\nb = [ {layer} ]\n");
    Document::read(&text, "manual", &|_| Err("no file".into()))
        .map(|document| document.endpoints[0].b[0].clone())
}

/// The layer with `knob` in the place where knobs go.
fn with(written: &str, knob: &str) -> String {
    let knob = if knob.is_empty() { knob.into() } else { format!(", {knob}") };
    written.replace(", …", &knob).replace("…", knob.trim_start_matches(", "))
}

/// Every way in which a page's strategy is written, and the knobs that go with it: name and default.
fn written(page: &Page) -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let tables = page.blocks().into_iter().filter_map(|block| match block {
        Block::Table(rows) => Some(rows.iter().map(|row| (row[0].trim_matches('`'), row[2])).collect()),
        Block::Text { .. } => None,
    });
    page.written().into_iter().zip(tables.chain(std::iter::repeat_with(Vec::new))).collect()
}

#[test]
fn every_layer_is_explained_under_its_name() {
    for kind in layer_kinds() {
        let page = pages().find(|page| page.name == *kind).unwrap_or_else(|| panic!("nothing about {kind}"));
        let is_of_kind = |layer: LayerSpec| layer.name() == *kind;
        assert!(page.written().iter().any(|w| read(&with(w, "")).is_ok_and(is_of_kind)), "{kind}");
    }
}

#[test]
fn whatever_is_said_to_be_written_so_can_be_read() {
    for page in pages() {
        for (written, _) in written(page) {
            read(&with(written, "")).unwrap_or_else(|problems| panic!("{}\n{problems}", page.name));
        }
    }
}

#[test]
fn documented_defaults_are_those_of_the_code() {
    let mut checked = 0;
    for page in pages() {
        for (written, knobs) in written(page) {
            let bare = read(&with(written, "")).expect("read by the test before");
            for (knob, default) in knobs.iter().filter(|(_, default)| default.starts_with('`')) {
                let said = with(written, &format!("{knob} = {}", default.trim_matches('`')));
                let said = read(&said).unwrap_or_else(|problems| panic!("{} {knob}\n{problems}", page.name));
                assert_eq!(said, bare, "{}: the default of {knob} is not {default}", page.name);
                checked += 1;
            }
        }
    }
    assert!(checked > 80, "{checked}");
}

#[test]
fn every_key_of_a_table_is_documented_and_no_other() {
    for page in pages() {
        for (written, knobs) in written(page).into_iter().filter(|(written, _)| written.contains('…')) {
            let problems = read(&with(written, "no-such-knob = 1")).expect_err("no such knob");
            let notes = problems.list[0].notes[0].clone();
            let (_, known) = notes.split_once(": ").expect("keys of …: a, b");
            let mut known: Vec<&str> = known.split(", ").collect();
            let mut documented: Vec<&str> = knobs.iter().map(|(knob, _)| *knob).collect();
            known.sort_unstable();
            documented.sort_unstable();
            assert_eq!(documented, known, "{}: {written}", page.name);
        }
    }
}
