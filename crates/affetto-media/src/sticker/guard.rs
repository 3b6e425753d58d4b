//! What of an SVG is refused before anything is made of it.

use std::{borrow::Cow, collections::HashMap};

use usvg::roxmltree::{self, Document, Node, NodeId, ParsingOptions};

use super::{character::malformed, take::check_limit};
use crate::Error;

/// The largest file, in bytes.
pub(super) const BYTES: u64 = 2 << 20;
/// The most elements, also after those that are used several times are counted each time.
const ELEMENTS: u64 = 5_000;
/// How deep they are nested.
const DEPTH: usize = 64;
/// The longest attribute, in bytes.
const ATTRIBUTE: u64 = 256 << 10;
/// The most corners of paths.
const POINTS: u64 = 50_000;
/// The most comparisons of elements with the selectors of style sheets.
const COMPARISONS: u64 = 20_000_000;
/// No point of the drawing is further away, in units of the artboard.
pub(super) const FAR: f32 = 20_000.0;

/// Elements that do something else than draw.
const REFUSED: [(&str, &str); 12] = [
    ("script", "a script; remove it"),
    ("foreignObject", "a foreign object; remove it"),
    ("image", "a picture; draw it as paths"),
    ("text", "text; convert it to paths"),
    ("animate", "an animation; the rig moves the character"),
    (
        "animateTransform",
        "an animation; the rig moves the character",
    ),
    ("animateMotion", "an animation; the rig moves the character"),
    ("set", "an animation; the rig moves the character"),
    ("filter", "a filter; use a gradient instead"),
    ("mask", "a mask; cut the shapes instead"),
    ("pattern", "a pattern; use a colour or a gradient"),
    ("marker", "a marker; draw it as a path"),
];

/// The text, without the document type that drawing programs write. One that declares anything is refused.
pub(super) fn text(bytes: &[u8]) -> Result<Cow<'_, str>, Error> {
    check_limit("bytes", bytes.len() as u64, BYTES)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        return Err(malformed(
            "its beginning",
            "a compressed SVG; save it as plain SVG".into(),
        ));
    }
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        malformed(
            &format!("byte {}", error.valid_up_to()),
            "not UTF-8; save it as plain SVG".into(),
        )
    })?;
    let Some(begin) = text.find("<!DOCTYPE") else {
        return Ok(text.into());
    };
    let end = text[begin..].find('>').map(|end| begin + end);
    let Some(end) = end else {
        return Err(malformed("<!DOCTYPE", "it does not end".into()));
    };
    if text[begin..end].contains('[') {
        return Err(malformed(
            "<!DOCTYPE",
            "declarations of entities; save it as plain SVG".into(),
        ));
    }
    Ok([&text[..begin], &text[end + 1..]].concat().into())
}

/// The document, if it only draws and refers to nothing outside of itself.
pub(super) fn document(text: &str) -> Result<Document<'_>, Error> {
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: 8 * ELEMENTS as u32,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::NodesLimitReached => Error::Limit {
            what: "elements",
            limit: ELEMENTS,
            found: ELEMENTS + 1,
        },
        error => malformed(
            &format!("line {}, column {}", error.pos().row, error.pos().col),
            format!("no SVG: {error}"),
        ),
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        return Err(malformed(
            "its beginning",
            format!("the root is {:?}, not svg", root.tag_name().name()),
        ));
    }
    let mut ids = HashMap::new();
    let mut count = 0;
    for node in document.descendants().filter(Node::is_element) {
        count += 1;
        check_limit("elements", count, ELEMENTS)?;
        check(&document, node)?;
        if let Some(id) = node.attribute("id") {
            ids.entry(id).or_insert(node);
        }
    }
    let mut counted = HashMap::new();
    let drawn = expanded(root, &ids, &mut counted, 0)?;
    let selectors = comparisons(&document);
    check_limit(
        "comparisons of styles",
        drawn.saturating_mul(selectors),
        COMPARISONS,
    )?;
    Ok(document)
}

/// How often an element is compared with selectors: each of several steps may be tried at every element around it.
fn comparisons(document: &Document<'_>) -> u64 {
    let elements = document.descendants().filter(Node::is_element);
    let depth = elements.clone().map(|node| node.ancestors().count() as u64);
    let depth = depth.max().unwrap_or(1);
    let sheets = elements.filter(|node| node.tag_name().name() == "style");
    let texts = sheets.filter_map(|sheet| sheet.text());
    let rules = texts.flat_map(|text| text.split('{'));
    let heads = rules.filter_map(|rule| rule.rsplit('}').next());
    let selectors = heads.flat_map(|head| head.split(','));
    let steps = selectors.map(|selector| {
        let steps = selector.split(|letter: char| letter.is_whitespace() || ">+~".contains(letter));
        steps.filter(|step| !step.is_empty()).count().max(1) as u32
    });
    steps.fold(0, |sum, steps| {
        sum.saturating_add(depth.saturating_pow(steps - 1))
    })
}

pub(super) fn check_points(found: usize) -> Result<(), Error> {
    check_limit("points of paths", found as u64, POINTS)
}

fn check(document: &Document<'_>, node: Node<'_, '_>) -> Result<(), Error> {
    let name = node.tag_name().name();
    let place = || {
        let place = document.text_pos_at(node.range().start);
        format!("line {}, column {}", place.row, place.col)
    };
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(malformed(&place(), (*reason).into()));
    }
    if node.ancestors().count() > DEPTH {
        return Err(malformed(
            &place(),
            format!("more than {DEPTH} elements inside each other"),
        ));
    }
    for attribute in node.attributes() {
        let (key, value) = (attribute.name(), attribute.value());
        check_limit("bytes of an attribute", value.len() as u64, ATTRIBUTE)?;
        if key.starts_with("on") {
            return Err(malformed(&place(), format!("a script in {key}; remove it")));
        }
        let is_link = key == "href" && name != "a";
        if is_link && !value.trim_start().starts_with('#') {
            return Err(malformed(
                &place(),
                "a reference to something outside the file; embed it as paths".into(),
            ));
        }
        if refers_outside(value) {
            return Err(malformed(
                &place(),
                format!("a reference to something outside the file in {key}; remove it"),
            ));
        }
    }
    let style = node.text().filter(|_| name == "style");
    if style.is_some_and(|style| style.contains("@import") || refers_outside(style)) {
        return Err(malformed(
            &place(),
            "a style sheet that refers to something outside the file; remove it".into(),
        ));
    }
    Ok(())
}

/// Whether a value names something by `url(...)` that is not in the file.
fn refers_outside(value: &str) -> bool {
    let mut rest = value;
    while let Some(at) = rest.find("url(") {
        rest = &rest[at + 4..];
        let target = rest.trim_start_matches([' ', '"', '\'', '\t', '\n', '\r']);
        if !target.starts_with('#') {
            return true;
        }
    }
    false
}

/// How many elements an element stands for: those in it, and those that it uses.
fn expanded<'a>(
    node: Node<'a, 'a>,
    ids: &HashMap<&str, Node<'a, 'a>>,
    counted: &mut HashMap<NodeId, Option<u64>>,
    depth: usize,
) -> Result<u64, Error> {
    match counted.get(&node.id()) {
        Some(Some(count)) => return Ok(*count),
        Some(None) => return Err(malformed("use", "an element that uses itself".into())),
        None => counted.insert(node.id(), None),
    };
    if depth > 4 * DEPTH {
        return Err(malformed(
            "use",
            "elements that use each other too often".into(),
        ));
    }
    let mut count: u64 = 1;
    for child in node.children().filter(Node::is_element) {
        count = count.saturating_add(expanded(child, ids, counted, depth + 1)?);
    }
    if node.tag_name().name() == "use" {
        // The one of SVG 2 and the one of XLink: a reader takes either.
        let references = node
            .attributes()
            .filter(|attribute| attribute.name() == "href");
        for reference in references {
            let id = reference.value().trim().strip_prefix('#');
            if let Some(target) = id.and_then(|id| ids.get(id)) {
                count = count.saturating_add(expanded(*target, ids, counted, depth + 1)?);
            }
        }
    }
    check_limit("elements", count, ELEMENTS)?;
    counted.insert(node.id(), Some(count));
    Ok(count)
}
