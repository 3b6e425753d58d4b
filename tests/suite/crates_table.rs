//! The table of `crates/README.md` is what Cargo says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use cargo_metadata::{DependencyKind, Metadata, Package, PackageId};

use crate::metadata::{metadata, root};

type Table = BTreeMap<String, BTreeSet<String>>;

fn words_in_backticks(cell: &str) -> Vec<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// The crates in the order of the table, and what each may use.
fn written() -> (Vec<String>, Table) {
    let text = fs::read_to_string(root().join("crates/README.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let rows: Vec<(String, BTreeSet<String>)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
            (
                words_in_backticks(cells[0]).remove(0),
                words_in_backticks(cells[2]).into_iter().collect(),
            )
        })
        .collect();
    (
        rows.iter().map(|(name, _)| name.clone()).collect(),
        rows.into_iter().collect(),
    )
}

fn crates(metadata: &Metadata) -> Vec<&Package> {
    let members = metadata.workspace_packages();
    members
        .into_iter()
        .filter(|package| package.manifest_path.as_str().contains("/crates/"))
        .collect()
}

#[test]
fn a_crate_uses_what_the_table_says() {
    let metadata = metadata();
    let uses = |package: &Package| {
        let normal = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal);
        normal
            .map(|dependency| dependency.name.clone())
            .filter(|name| name.starts_with("affetto"))
            .collect()
    };
    let found: Table = crates(&metadata)
        .into_iter()
        .map(|package| (package.name.to_string(), uses(package)))
        .collect();
    assert_eq!(written().1, found);
}

#[test]
fn a_crate_uses_only_what_stands_before_it() {
    let (order, table) = written();
    for (at, name) in order.iter().enumerate() {
        let before: BTreeSet<String> = order[..at].iter().cloned().collect();
        assert!(table[name].is_subset(&before), "{name}");
    }
}

#[test]
fn the_first_four_do_not_know_candle() {
    let metadata = metadata();
    let graph = metadata.resolve.as_ref().unwrap();
    let uses: BTreeMap<&PackageId, Vec<&PackageId>> = graph
        .nodes
        .iter()
        .map(|node| {
            let normal = |dep: &&cargo_metadata::NodeDep| {
                dep.dep_kinds
                    .iter()
                    .any(|kind| kind.kind == DependencyKind::Normal)
            };
            (
                &node.id,
                node.deps
                    .iter()
                    .filter(normal)
                    .map(|dep| &dep.pkg)
                    .collect(),
            )
        })
        .collect();
    for package in crates(&metadata) {
        let light = [
            "affetto-core",
            "affetto-emotion",
            "affetto-media",
            "affetto-attributes",
        ];
        if !light.contains(&package.name.as_str()) {
            continue;
        }
        let (mut seen, mut next) = (BTreeSet::new(), vec![&package.id]);
        while let Some(id) = next.pop() {
            if seen.insert(id) {
                next.extend(&uses[id]);
            }
        }
        assert!(
            seen.iter()
                .all(|id| !metadata[id].name.starts_with("candle")),
            "{}",
            package.name
        );
    }
}
