//! Everything that is built in may be passed on.

use crate::metadata::metadata;

/// Licences that ask for no more than a notice.
const PERMISSIVE: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
    "bzip2-1.0.6",
];

/// Whether an SPDX expression can be met by permissive licences alone: every part joined by AND has a permissive
/// choice among those joined by OR.
fn is_permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression.split(" AND ").all(|part| {
        let mut choices = part
            .split(" OR ")
            .map(|choice| choice.split(" WITH ").next().unwrap_or("").trim());
        choices.any(|choice| PERMISSIVE.contains(&choice))
    })
}

#[test]
fn expressions_are_read() {
    for good in [
        "MIT",
        "MIT/Apache-2.0",
        "(MIT OR GPL-3.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(is_permissive(good), "{good}");
    }
    for bad in ["GPL-3.0", "MIT AND MPL-2.0", "", "LGPL-2.1 OR GPL-2.0"] {
        assert!(!is_permissive(bad), "{bad}");
    }
}

#[test]
fn every_dependency_is_permissive() {
    let metadata = metadata();
    let graph = metadata.resolve.as_ref().unwrap();
    for node in &graph.nodes {
        let package = &metadata[&node.id];
        let licence = package.license.as_deref().unwrap_or("");
        assert!(
            is_permissive(licence),
            "{} {}: {licence:?}",
            package.name,
            package.version
        );
    }
}
