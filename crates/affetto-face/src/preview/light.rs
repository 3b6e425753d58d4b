//! Three lamps, skin that light enters a little, and colours as screens want them.

use crate::basis::vector::{Vector, dot, scale, unit};

/// A colour as light: red, green and blue, linear, 1 is white paper in full light.
pub(super) type Light = Vector;

/// A lamp far away.
struct Lamp {
    /// Where it stands.
    from: Vector,
    colour: Light,
}

/// A warm one above on the left of the picture, a weak cool one on the right, and one behind.
const LAMPS: [Lamp; 3] = [
    Lamp {
        from: [-0.480, 0.560, 0.675],
        colour: [1.02, 0.98, 0.92],
    },
    Lamp {
        from: [0.784, 0.060, 0.618],
        colour: [0.28, 0.31, 0.36],
    },
    Lamp {
        from: [0.464, 0.464, -0.755],
        colour: [0.42, 0.42, 0.46],
    },
];
/// The light from everywhere, from above and from below.
const FROM_ABOVE: Light = [0.33, 0.35, 0.39];
const FROM_BELOW: Light = [0.20, 0.17, 0.16];

/// How a surface takes light.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surface {
    pub colour: Light,
    /// How far light goes round its edge to the dark side, for red, green and blue.
    pub wrap: Light,
    /// How much it mirrors the lamps.
    pub gloss: f32,
    /// How sharp the mirror is: how often the cosine is squared.
    pub sharpness: u32,
}

/// The light that comes from a surface with this normal to a camera in front. `open` is how much of the surroundings it
/// sees, 0..=1.
pub(super) fn lit(surface: &Surface, normal: Vector, open: f32) -> Light {
    let towards_camera = [0.0, 0.0, 1.0];
    let sky = 0.5 + 0.5 * normal[1];
    let mut fallen = [0, 1, 2]
        .map(|part| (FROM_BELOW[part] + (FROM_ABOVE[part] - FROM_BELOW[part]) * sky) * open);
    let mut mirrored = [0.0; 3];
    let direct = 0.35 + 0.65 * open;
    for lamp in &LAMPS {
        let facing = dot(normal, lamp.from);
        let half = unit([lamp.from[0], lamp.from[1], lamp.from[2] + towards_camera[2]]);
        let mut mirror = dot(normal, half).max(0.0);
        for _ in 0..surface.sharpness {
            mirror *= mirror;
        }
        for part in 0..3 {
            let wrap = surface.wrap[part];
            let soft = ((facing + wrap) / (1.0 + wrap)).max(0.0);
            fallen[part] += lamp.colour[part] * soft * direct;
            mirrored[part] += lamp.colour[part] * mirror * surface.gloss * open;
        }
    }
    [0, 1, 2].map(|part| surface.colour[part] * fallen[part] + mirrored[part])
}

/// A colour of a screen, `0xrrggbb`, as light.
pub(super) fn light(rgb: u32) -> Light {
    [16, 8, 0].map(|shift| {
        let part = f32::from((rgb >> shift) as u8) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            libm::powf((part + 0.055) / 1.055, 2.4) // IEC 61966-2-1
        }
    })
}

/// Light as the 256 steps of a screen, by a table of the square roots of light.
pub(super) struct Screen(Vec<u8>);

impl Screen {
    const STEPS: usize = 4096;

    pub fn new() -> Self {
        let step = |at: usize| {
            let root = at as f32 / (Self::STEPS - 1) as f32;
            let light = root * root;
            let part = if light <= 0.0031308 {
                light * 12.92
            } else {
                1.055 * libm::powf(light, 1.0 / 2.4) - 0.055
            };
            (part * 255.0).round() as u8
        };
        Self((0..Self::STEPS).map(step).collect())
    }

    /// Bright light is compressed, so that white stays within reach.
    pub fn pixel(&self, light: Light) -> [u8; 3] {
        light.map(|part| {
            let part = part.max(0.0);
            let shown = part * (1.0 + part * 0.12) / (1.0 + part * 0.42);
            let at = shown.sqrt() * (Self::STEPS - 1) as f32;
            self.0[(at as usize).min(Self::STEPS - 1)]
        })
    }
}

/// `part` of `colour` over what is left of `under`.
pub(super) fn over(under: Light, colour: Light, part: f32) -> Light {
    crate::basis::vector::mix(under, colour, part)
}

/// 0 up to `from`, 1 from `to` on, smooth between.
pub(super) fn smooth(from: f32, to: f32, at: f32) -> f32 {
    let t = ((at - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// Darker, all colours alike.
pub(super) fn dimmed(light: Light, by: f32) -> Light {
    scale(light, by)
}
