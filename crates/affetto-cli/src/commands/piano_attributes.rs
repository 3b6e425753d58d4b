//! The attributes of a piano piece, asked beside measured.

use std::collections::BTreeMap;

use affetto::{
    Attribute, PianoAsked, PianoMeasured,
    attributes::{
        map::{AttributeMap, Preset},
        plot::with_unit,
    },
    music::piano::compose::{AskedAttribute, MeasuredAttribute},
};

use crate::printer::Printer;

/// How many attributes are shown unless all are asked for.
const SHOWN: usize = 12;

/// Says those that were asked for and tell most of the emotion; all of them to who wants to hear more.
pub fn say(asked: &PianoAsked, measured: &PianoMeasured, printer: &Printer) {
    let by_attribute = |it: &AskedAttribute| (it.attribute, *it);
    let wishes: BTreeMap<Attribute, AskedAttribute> =
        asked.attributes.iter().map(by_attribute).collect();
    let mut shown: Vec<&MeasuredAttribute> = measured.attributes.iter().collect();
    let all = shown.len();
    shown.sort_by(|a, b| importance(b.attribute).total_cmp(&importance(a.attribute)));
    if !printer.is_verbose() {
        shown.retain(|it| wishes.contains_key(&it.attribute));
        shown.truncate(SHOWN);
    }
    if shown.is_empty() {
        return;
    }
    let head = ["attribute", "asked", "measured", ""].map(str::to_owned);
    let rows = shown.iter().map(|it| row(it, wishes.get(&it.attribute)));
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).map(Vec::from).collect();
    printer.say_table(&rows);
    if shown.len() < all {
        let (shown, asked) = (shown.len(), wishes.len());
        printer.say(&format!(
            "{shown} of {asked} attributes that were asked for; --verbose shows all {all}"
        ));
    }
}

/// How much it tells of the emotion.
fn importance(attribute: Attribute) -> f64 {
    let statistics = AttributeMap::preset(Preset::Default).statistics(attribute);
    statistics.and_then(|it| it.importance).unwrap_or(0.0)
}

fn row(measured: &MeasuredAttribute, asked: Option<&AskedAttribute>) -> [String; 4] {
    let unit = measured.attribute.unit();
    let value = measured.value.map(|value| with_unit(value, unit));
    let verdict = match measured.hit {
        Some(false) => "missed",
        _ => "",
    };
    [
        measured.attribute.name().into(),
        asked.map_or_else(|| "open".into(), in_words),
        value.unwrap_or_else(|| "none".into()),
        verdict.into(),
    ]
}

/// `high: above 60 bpm`
fn in_words(asked: &AskedAttribute) -> String {
    let unit = asked.attribute.unit();
    let bound = match (asked.from, asked.to) {
        (Some(from), _) => format!(": above {}", with_unit(from, unit)),
        (None, Some(to)) => format!(": up to {}", with_unit(to, unit)),
        (None, None) => String::new(),
    };
    format!("{}{bound}", asked.wish.name())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use affetto::AttributeWish;

    use super::*;

    #[test]
    fn a_row_says_what_was_asked_in_its_unit() {
        let attribute = Attribute::named("Mean Tempo")
            .or(Attribute::named("Mean Pitch"))
            .unwrap();
        let asked = AskedAttribute {
            attribute,
            wish: AttributeWish::High,
            from: Some(60.0),
            to: None,
        };
        let measured = MeasuredAttribute {
            attribute,
            value: None,
            hit: Some(false),
        };
        let bound = with_unit(60.0, attribute.unit());
        let expected = [
            attribute.name().into(),
            format!("high: above {bound}"),
            "none".into(),
            "missed".into(),
        ];
        assert_eq!(row(&measured, Some(&asked)), expected);
        let open = MeasuredAttribute {
            hit: None,
            ..measured
        };
        assert_eq!(
            row(&open, None)[1..],
            ["open".to_owned(), "none".into(), String::new()]
        );
    }
}
