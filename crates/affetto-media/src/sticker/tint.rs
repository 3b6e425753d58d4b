//! Colours: how an emotion tints a character.

use affetto_emotion::{Label, Mixture, Taxonomy, Vad};

use super::scene::{Colour, Paint, Stop};

/// A colour that the art is drawn towards, and how far.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tint {
    /// Red, green and blue, 0..=255.
    pub colour: [u8; 3],
    /// 0 leaves the art as it is, 1 gives it the hue of the colour.
    pub strength: f32,
}

/// The colours of Mikels' eight emotions, in the order of the taxonomy; what animation gives them: warm for amusement
/// and excitement, red for anger, green for disgust, violet for awe and fear, blue for sadness.
const MIKELS: [(&str, [u8; 3]); 8] = [
    ("amusement", [255, 190, 60]),
    ("awe", [160, 130, 255]),
    ("contentment", [110, 214, 160]),
    ("excitement", [255, 128, 96]),
    ("anger", [238, 58, 52]),
    ("disgust", [150, 190, 60]),
    ("fear", [132, 120, 220]),
    ("sadness", [86, 146, 240]),
];

impl Tint {
    /// No tint.
    pub const NONE: Self = Self {
        colour: [255, 255, 255],
        strength: 0.0,
    };

    /// The tint of a mixture of emotions: that of its image among Mikels' eight; none where it has no image there.
    pub fn of_mixture(mixture: &Mixture, strength: f32) -> Self {
        let Some(image) = mixture.image(Taxonomy::Mikels) else {
            return Self::NONE;
        };
        let weight = |(name, colour): (&str, [u8; 3])| {
            let label = Label::parse(&format!("mikels/{name}")).ok()?;
            Some((image.mixture.weight(label) as f32, colour))
        };
        Self::of_weights(MIKELS.into_iter().filter_map(weight), strength)
    }

    /// The tint of weights of Mikels' eight, in the order amusement, awe, contentment, excitement, anger, disgust,
    /// fear, sadness.
    pub fn of_mikels(weights: [f32; 8], strength: f32) -> Self {
        let colours = MIKELS.map(|(_, colour)| colour);
        Self::of_weights(weights.into_iter().zip(colours), strength)
    }

    /// The tint of a point of valence, arousal and dominance.
    pub fn of_vad(point: Vad, strength: f32) -> Self {
        let weight = |(name, colour): (&str, [u8; 3])| {
            let there = Label::parse(&format!("mikels/{name}")).ok()?.vad();
            let away = |here: f64, there: f64| (here - there) * (here - there);
            let distance = away(point.valence(), there.valence())
                + away(point.arousal(), there.arousal())
                + 0.5 * away(point.dominance(), there.dominance());
            Some((libm::exp(-distance / 0.18) as f32, colour))
        };
        let away = (point.valence() * point.valence() + point.arousal() * point.arousal()).sqrt();
        let strength = strength * (away as f32 / 0.5).min(1.0);
        Self::of_weights(MIKELS.into_iter().filter_map(weight), strength)
    }

    fn of_weights(weights: impl Iterator<Item = (f32, [u8; 3])>, strength: f32) -> Self {
        let (mut sum, mut total) = ([0.0_f32; 3], 0.0);
        for (weight, colour) in weights.filter(|(weight, _)| *weight > 0.0) {
            let lab = lab([0, 1, 2].map(|at| f32::from(colour[at]) / 255.0));
            for (sum, value) in sum.iter_mut().zip(lab) {
                *sum += weight * value;
            }
            total += weight;
        }
        match total > 0.0 {
            true => Self {
                colour: rgb(sum.map(|value| value / total))
                    .map(|value| (value * 255.0).round() as u8),
                strength: strength.clamp(0.0, 1.0),
            },
            false => Self::NONE,
        }
    }
}

/// How the colours of the art change: towards a tint, and by what the take adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Toning {
    lab: [f32; 3],
    strength: f32,
    added: [f32; 3],
}

impl Toning {
    pub(super) fn new(tint: Tint, share: f32, added: [f32; 3]) -> Self {
        Self {
            lab: lab(tint.colour.map(|value| f32::from(value) / 255.0)),
            strength: tint.strength * share,
            added,
        }
    }

    /// Hue and chroma go to those of the tint, the lightness a part of the way.
    fn colour(&self, Colour([red, green, blue, alpha]): Colour) -> Colour {
        let [l, a, b] = lab([red, green, blue]);
        let [tl, ta, tb] = self.lab;
        // What is nearly white or black takes less colour, so that it stays light or dark.
        let room = (4.0 * l * (1.0 - l)).clamp(0.0, 1.0).sqrt() * 1.15;
        let s = self.strength;
        let (ta, tb) = (ta * room, tb * room);
        let chroma = |a: f32, b: f32| (a * a + b * b).sqrt();
        // Between opposite hues there is no grey: the direction turns, the chroma goes straight on.
        let turn = s * s * (3.0 - 2.0 * s);
        let (na, nb) = (a + turn * (ta - a), b + turn * (tb - b));
        let asked = chroma(a, b) + s * (chroma(ta, tb) - chroma(a, b));
        let kept = (asked / chroma(na, nb).max(1e-6)).clamp(0.0, 4.0);
        let toned = [
            l + s * 0.35 * (tl - 0.72) * (l - 0.05).max(0.0),
            na * kept,
            nb * kept,
        ];
        let [red, green, blue] = rgb(toned);
        let [r, g, b] = self.added;
        let add = |value: f32, more: f32| (value + 0.58 * more).clamp(0.0, 1.0);
        Colour([add(red, r), add(green, g), add(blue, b), alpha])
    }

    pub(super) fn paint(&self, paint: &Paint) -> Paint {
        let toned = |stops: &[Stop]| {
            let stop = |stop: &Stop| Stop {
                at: stop.at,
                colour: self.colour(stop.colour),
            };
            stops.iter().map(stop).collect()
        };
        match paint {
            Paint::Solid(colour) => Paint::Solid(self.colour(*colour)),
            Paint::Linear { from, to, stops } => Paint::Linear {
                from: *from,
                to: *to,
                stops: toned(stops),
            },
            Paint::Radial {
                centre,
                radius,
                stops,
                frame,
            } => Paint::Radial {
                centre: *centre,
                radius: *radius,
                stops: toned(stops),
                frame: *frame,
            },
        }
    }

    pub(super) fn line(&self, colour: Colour) -> Colour {
        self.colour(colour)
    }
}

/// Ottosson, "A perceptual color space for image processing" (2020): Oklab from sRGB.
fn lab(srgb: [f32; 3]) -> [f32; 3] {
    let [r, g, b] = srgb.map(|value| match value <= 0.040_45 {
        true => value / 12.92,
        false => libm::powf((value + 0.055) / 1.055, 2.4),
    });
    let l = libm::cbrtf(0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b);
    let m = libm::cbrtf(0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b);
    let s = libm::cbrtf(0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b);
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

/// sRGB from Oklab, within 0..=1.
fn rgb([l, a, b]: [f32; 3]) -> [f32; 3] {
    let cube = |x: f32| x * x * x;
    let long = cube(l + 0.396_337_78 * a + 0.215_803_76 * b);
    let medium = cube(l - 0.105_561_346 * a - 0.063_854_17 * b);
    let short = cube(l - 0.089_484_18 * a - 1.291_485_5 * b);
    let linear = [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_4 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ];
    linear.map(|value| {
        let value = value.clamp(0.0, 1.0);
        match value <= 0.003_130_8 {
            true => value * 12.92,
            false => 1.055 * libm::powf(value, 1.0 / 2.4) - 0.055,
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn oklab_and_back() {
        let white = lab([1.0, 1.0, 1.0]);
        assert!((white[0] - 1.0).abs() < 1e-3 && white[1].abs() < 1e-3 && white[2].abs() < 1e-3);
        for colour in [[0.2, 0.5, 0.9], [1.0, 0.0, 0.1], [0.0, 0.0, 0.0]] {
            let again = rgb(lab(colour));
            for (a, b) in again.into_iter().zip(colour) {
                assert!((a - b).abs() < 2e-3, "{colour:?} {again:?}");
            }
        }
    }

    #[test]
    fn tints_follow_the_emotion() {
        let anger = Tint::of_mixture(&Mixture::parse("mikels/anger").unwrap(), 1.0);
        assert_eq!(anger.colour, [238, 58, 52]);
        let mut weights = [0.0; 8];
        assert_eq!(Tint::of_mikels(weights, 1.0), Tint::NONE);
        weights[7] = 2.0;
        assert_eq!(Tint::of_mikels(weights, 0.5).colour, [86, 146, 240]);
        let sad = Tint::of_vad(Label::parse("mikels/sadness").unwrap().vad(), 1.0);
        assert!(sad.colour[2] > sad.colour[0], "{sad:?}");
        assert_eq!(Tint::of_vad(Vad::NEUTRAL, 1.0).strength, 0.0);
        let toning = Toning::new(anger, 1.0, [0.0; 3]);
        let Colour([r, g, b, _]) = toning.colour(Colour::rgb(120, 200, 120));
        assert!(r > g && r > b);
        let still = Toning::new(Tint::NONE, 1.0, [0.0; 3]);
        let Colour([r, g, b, a]) = still.colour(Colour::rgb(120, 200, 120).with_alpha(0.5));
        assert!((r - 120.0 / 255.0).abs() < 3e-3 && (g - 200.0 / 255.0).abs() < 3e-3);
        assert!((b - 120.0 / 255.0).abs() < 3e-3 && a == 0.5);
    }
}
