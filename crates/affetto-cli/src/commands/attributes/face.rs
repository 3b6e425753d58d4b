//! What an emotion asks of a face.

use affetto::{
    Emotion,
    face::facs::{Prototype, prototype},
    media::rig::{Shape, Turn},
};
use serde_json::{Value, json};

use super::asked::say_title;
use crate::{commands::json, printer::Printer};

/// `affetto attributes EMOTION --medium face`
pub fn show(emotion: &Emotion, name: &str, printer: &Printer) -> Value {
    let prototype = prototype(emotion);
    let (weights, head) = prototype.shown(emotion.intensity());
    let all = Shape::ALL.into_iter().map(|shape| (shape, weights[shape]));
    let mut shapes: Vec<(Shape, f64)> = all.filter(|(_, weight)| *weight > 0.0).collect();
    shapes.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    if !printer.is_json() {
        say_title(name, emotion, printer);
        printer.data_table(&units(&prototype, emotion.intensity()));
        printer.data("");
        printer.data_table(&table(&shapes));
        say_turn(head, printer);
        printer.say("");
        for basis in &prototype.bases {
            printer.say(&format!("by {}", basis.source()));
        }
    }
    let shapes = shapes.iter();
    let shapes = shapes.map(|(shape, weight)| (shape.name().to_owned(), json!(weight)));
    json!({
        "emotion": name,
        "point": emotion.vad(),
        "intensity": emotion.intensity(),
        "units": json(&prototype.units),
        "shapes": shapes.collect::<serde_json::Map<String, Value>>(),
        "head": json(&head),
        "sources": prototype.bases.iter().map(|basis| basis.source()).collect::<Vec<_>>(),
    })
}

fn units(prototype: &Prototype, intensity: f64) -> Vec<Vec<String>> {
    let head = ["action unit", "moves", "strength"].map(str::to_owned);
    let row = |unit: &affetto::ActionUnit, strength: f64| {
        let strength = format!("{strength:.2}");
        vec![format!("AU{unit}"), unit.name().to_owned(), strength]
    };
    let units = prototype.units.iter();
    let rows = units.map(|(unit, strength)| row(unit, strength * intensity));
    std::iter::once(head.to_vec()).chain(rows).collect()
}

fn table(shapes: &[(Shape, f64)]) -> Vec<Vec<String>> {
    let head = vec!["ARKit shape".to_owned(), "is added".to_owned()];
    let row = |(shape, weight): &(Shape, f64)| vec![shape.to_string(), format!("{weight:.2}")];
    std::iter::once(head)
        .chain(shapes.iter().map(row))
        .collect()
}

fn say_turn(turn: Turn, printer: &Printer) {
    if turn == Turn::default() {
        return;
    }
    let [yaw, pitch, roll] = [turn.yaw, turn.pitch, turn.roll].map(f64::to_degrees);
    printer.data("");
    printer.data(&format!(
        "head: yaw {yaw:+.1}, pitch {pitch:+.1}, roll {roll:+.1} degrees"
    ));
}
