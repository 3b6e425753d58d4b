//! The plane of valence and arousal.

use affetto_emotion::{Emotion, Label, Vad};

use super::{
    canvas::{Align, Canvas, Colour, Ink},
    style::{self, ASKED, FAINT, GRID, INK},
};
use crate::map::Quadrant;

/// Words that show where one is.
const LANDMARKS: [&str; 16] = [
    "joy",
    "excitement",
    "surprise",
    "pride",
    "love",
    "contentment",
    "calm",
    "relief",
    "nostalgia",
    "sadness",
    "pad151/bored",
    "pad151/lonely",
    "fear",
    "anger",
    "disgust",
    "tension",
];

/// The plane, a square.
pub(super) struct Circumplex {
    pub(super) left: f32,
    pub(super) top: f32,
    pub(super) side: f32,
}

impl Circumplex {
    pub(super) fn draw(&self, canvas: &mut Canvas, emotion: &Emotion, name: &str) {
        self.quadrants(canvas);
        self.axes(canvas);
        self.landmarks(canvas, emotion);
        self.asked(canvas, emotion, name);
    }

    fn place(&self, point: Vad) -> (f32, f32) {
        let half = self.side / 2.0;
        (
            self.left + half * (1.0 + point.valence() as f32),
            self.top + half * (1.0 - point.arousal() as f32),
        )
    }

    fn quadrants(&self, canvas: &mut Canvas) {
        let half = self.side / 2.0;
        for quadrant in Quadrant::ALL {
            let x = self.left + if quadrant.is_pleasant() { half } else { 0.0 };
            let y = self.top + if quadrant.is_awake() { 0.0 } else { half };
            canvas.rectangle(x, y, half, half, tint(quadrant));
            let (x, align) = if quadrant.is_pleasant() {
                (self.left + self.side - 12.0, Align::Right)
            } else {
                (self.left + 12.0, Align::Left)
            };
            let y = if quadrant.is_awake() {
                self.top + 24.0
            } else {
                self.top + self.side - 12.0
            };
            canvas.text(
                x,
                y,
                quadrant.name(),
                Ink {
                    bold: true,
                    ..style::text(FAINT)
                },
                align,
            );
        }
    }

    fn axes(&self, canvas: &mut Canvas) {
        let (left, right) = (self.left, self.left + self.side);
        let (top, bottom) = (self.top, self.top + self.side);
        let (x, y) = (self.left + self.side / 2.0, self.top + self.side / 2.0);
        canvas.line((left, y), (right, y), 1.5, GRID);
        canvas.line((x, top), (x, bottom), 1.5, GRID);
        canvas.ring(x, y, self.side / 2.0, 1.0, GRID);
        let ink = Ink {
            bold: true,
            ..style::text(FAINT)
        };
        canvas.text(x, top - 9.0, "awake", ink, Align::Centre);
        canvas.text(left, bottom + 22.0, "unpleasant", ink, Align::Left);
        canvas.text(x, bottom + 22.0, "calm", ink, Align::Centre);
        canvas.text(right, bottom + 22.0, "pleasant", ink, Align::Right);
    }

    fn landmarks(&self, canvas: &mut Canvas, emotion: &Emotion) {
        let asked = self.place(emotion.vad());
        let mut taken: Vec<(f32, f32, f32)> = Vec::new();
        for label in LANDMARKS.iter().filter_map(|word| Label::parse(word).ok()) {
            let (x, y) = self.place(label.vad());
            let ink = style::small(FAINT);
            let width = canvas.width(label.name(), ink);
            let near = |(other_x, other_y, other_width): &(f32, f32, f32)| {
                (y - other_y).abs() < 16.0
                    && x < other_x + other_width + 12.0
                    && *other_x < x + width + 12.0
            };
            let is_asked = emotion
                .mixture()
                .is_some_and(|mixture| mixture.weight(label) > 0.0);
            let below_asked = near(&(asked.0, asked.1, 120.0));
            if is_asked || below_asked || taken.iter().any(near) {
                continue;
            }
            taken.push((x, y, width));
            canvas.disc(x, y, 3.0, GRID);
            if x + 7.0 + width < self.left + self.side {
                canvas.text(x + 7.0, y + 4.5, label.name(), ink, Align::Left);
            } else {
                canvas.text(x - 7.0, y + 4.5, label.name(), ink, Align::Right);
            }
        }
    }

    /// The point, and the words that it is mixed of.
    fn asked(&self, canvas: &mut Canvas, emotion: &Emotion, name: &str) {
        let point = self.place(emotion.vad());
        let parts = emotion.mixture().map_or(&[][..], |mixture| mixture.parts());
        if parts.len() > 1 {
            for (label, share) in parts {
                let part = self.place(label.vad());
                canvas.line(point, part, 1.0 + 3.0 * *share as f32, ASKED.alpha(110));
                canvas.disc(part.0, part.1, 3.0 + 5.0 * *share as f32, ASKED.alpha(150));
                canvas.text(
                    part.0 + 10.0,
                    part.1 + 5.0,
                    label.name(),
                    style::text(INK),
                    Align::Left,
                );
            }
        }
        canvas.disc(point.0, point.1, 12.0, Colour::hex(0xffffff));
        canvas.disc(point.0, point.1, 9.5, ASKED);
        let ink = Ink {
            bold: true,
            size: 18.0,
            colour: INK,
        };
        let right = self.left + self.side;
        if parts.len() <= 1 {
            if point.0 + 18.0 + canvas.width(name, ink) < right {
                canvas.text(point.0 + 18.0, point.1 + 6.0, name, ink, Align::Left);
            } else {
                canvas.text(point.0 - 18.0, point.1 + 6.0, name, ink, Align::Right);
            }
        }
    }
}

const fn tint(quadrant: Quadrant) -> Colour {
    match quadrant {
        Quadrant::Q1 => Colour::hex(0xfff4e2),
        Quadrant::Q2 => Colour::hex(0xfcebe6),
        Quadrant::Q3 => Colour::hex(0xe9eef7),
        Quadrant::Q4 => Colour::hex(0xe8f4ee),
    }
}
