//! The modules of the command-line tool have an order in which each one imports only those before it.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::sources;

/// Folder of the sources of the command-line tool.
const FOLDER: &str = "crates/cli/src/";

/// Returns the modules directly below the root that the production code of a file imports.
fn imports(text: &str) -> BTreeSet<String> {
    let production = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    let code = production.lines().map(|line| line.split("//").next().unwrap());
    let paths = code.flat_map(|line| line.split("crate::").skip(1));
    let name_of = |path: &str| path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    paths.map(name_of).collect()
}

#[test]
fn modules_of_the_tool_import_in_one_direction() {
    let mut modules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in sources(FOLDER) {
        let path = file.strip_prefix(FOLDER).unwrap().trim_end_matches(".rs");
        let module = path.split('/').next().unwrap().to_owned();
        modules.entry(module).or_default().extend(imports(&text));
    }
    modules.retain(|module, imported| {
        imported.remove(module);
        module != "lib" && module != "main"
    });
    assert!(modules.contains_key("args") && modules.contains_key("output"), "{:?}", modules.keys());
    // Each round takes the modules that import none of those that are left.
    loop {
        let is_lowest = |imported: &BTreeSet<String>| imported.iter().all(|name| !modules.contains_key(name));
        let lowest: Vec<String> =
            modules.iter().filter(|(_, imported)| is_lowest(imported)).map(|(module, _)| module.clone()).collect();
        if lowest.is_empty() {
            break;
        }
        modules.retain(|module, _| !lowest.contains(module));
    }
    assert!(modules.is_empty(), "these modules import each other in a circle: {modules:#?}");
}
