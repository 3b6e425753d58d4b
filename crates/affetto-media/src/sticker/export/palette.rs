//! One palette for all frames, so that colours do not flicker.

use std::{collections::HashMap, sync::Mutex};

use color_quant::NeuQuant;
use image::RgbaImage;

/// The net that finds colours needs so many.
const FEWEST: usize = 64;
/// So many pixels are looked at to find the colours.
const LOOKED_AT: usize = 60_000;

/// Colours with their transparency, at most 256.
pub(super) struct Palette {
    colours: Vec<[u8; 4]>,
    known: Mutex<HashMap<[u8; 4], u8>>,
}

impl Palette {
    /// The palette of some pictures: `most` colours, 64..=256, the first of them transparent. `opaque` leaves no other
    /// transparent one.
    pub(super) fn of(pictures: &[RgbaImage], most: usize, opaque: bool) -> Self {
        let most = most.clamp(FEWEST, 256);
        let seen = |pixel: &[u8; 4]| pixel[3] >= if opaque { 128 } else { 8 };
        let total: usize = pictures
            .iter()
            .map(|picture| picture.pixels().filter(|pixel| seen(&pixel.0)).count())
            .sum();
        let step = (total / LOOKED_AT).max(1);
        let pixels = pictures
            .iter()
            .flat_map(RgbaImage::pixels)
            .map(|pixel| pixel.0);
        let mut looked_at: Vec<u8> = Vec::new();
        let mut distinct = std::collections::BTreeSet::new();
        for [r, g, b, a] in pixels.filter(seen).step_by(step) {
            let a = if opaque { 255 } else { a };
            looked_at.extend_from_slice(&[r, g, b, a]);
            if distinct.len() <= most {
                distinct.insert([r, g, b, a]);
            }
        }
        let mut colours = vec![[0, 0, 0, 0]];
        if distinct.len() < most {
            colours.extend(distinct);
        } else {
            let net = NeuQuant::new(1, most - 1, &looked_at);
            let found = net.color_map_rgba();
            let mut found: Vec<[u8; 4]> = found
                .chunks_exact(4)
                .map(|c| {
                    [
                        c[0],
                        c[1],
                        c[2],
                        if opaque || c[3] > 247 { 255 } else { c[3] },
                    ]
                })
                .collect();
            found.sort_unstable();
            found.dedup();
            colours.extend(found);
        }
        Self {
            colours,
            known: Mutex::default(),
        }
    }

    pub(super) fn colours(&self) -> &[[u8; 4]] {
        &self.colours
    }

    /// The place of the nearest colour of each pixel.
    pub(super) fn indices(&self, picture: &RgbaImage, opaque: bool) -> Vec<u8> {
        let mut known = match self.known.lock() {
            Ok(known) => known.clone(),
            Err(broken) => broken.into_inner().clone(),
        };
        let before = known.len();
        let index = |pixel: &image::Rgba<u8>| {
            let [r, g, b, a] = pixel.0;
            let pixel = match opaque {
                true if a >= 128 => [r, g, b, 255],
                true => [0, 0, 0, 0],
                false => [r, g, b, a],
            };
            if pixel[3] == 0 {
                return 0;
            }
            *known.entry(pixel).or_insert_with(|| self.nearest(pixel))
        };
        let indices = picture.pixels().map(index).collect();
        if known.len() > before
            && let Ok(mut shared) = self.known.lock()
        {
            shared.extend(known);
        }
        indices
    }

    /// The nearest by what is seen: colours weigh as much as they cover.
    fn nearest(&self, pixel: [u8; 4]) -> u8 {
        let premultiplied = |[r, g, b, a]: [u8; 4]| {
            let cover = |value: u8| i32::from(value) * i32::from(a) / 255;
            [cover(r), cover(g), cover(b), i32::from(a)]
        };
        let asked = premultiplied(pixel);
        let distance = |colour: &[u8; 4]| {
            let colour = premultiplied(*colour);
            let weights = [3, 4, 2, 4];
            (0..4)
                .map(|at| weights[at] * (asked[at] - colour[at]) * (asked[at] - colour[at]))
                .sum::<i32>()
        };
        let first = usize::from(pixel[3] >= 8);
        let nearest = (first..self.colours.len()).min_by_key(|at| distance(&self.colours[*at]));
        nearest.unwrap_or(0) as u8
    }
}
