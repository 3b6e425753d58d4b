//! What pictures that follow each other look like: brightness, colourfulness and hue as EmoVid measures them (2025, section 3:
//! means over the pixels of every twentieth frame, in hue, saturation and value), and how much moves.

use image::RgbImage;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Frames from one that colours are measured on to the next.
const EVERY: usize = 20;

/// What a video looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The mean value, 0 (black) to 100.
    pub brightness: f64,
    /// The mean saturation, 0 (grey) to 100.
    pub colourfulness: f64,
    /// The circular mean of the hue in degrees, 0 to 360; 0 where nothing has a colour.
    pub hue: f64,
    /// The mean change of a channel from a frame to the next, 0 (still) to 100.
    pub motion: f64,
}

/// Measures frames as they come.
#[derive(Clone, Debug, Default)]
pub struct LookMeter {
    frames: usize,
    pixels: f64,
    value: f64,
    saturation: f64,
    /// Sums of the sines and the cosines of hues.
    hue: [f64; 2],
    before: Option<RgbImage>,
    change: f64,
}

impl LookMeter {
    /// The next frame.
    pub fn push(&mut self, frame: RgbImage) {
        if self.frames.is_multiple_of(EVERY) {
            for pixel in frame.pixels() {
                self.add(pixel.0.map(|channel| f64::from(channel) / 255.0));
            }
        }
        let same_extents = self
            .before
            .as_ref()
            .filter(|before| before.dimensions() == frame.dimensions());
        if let Some(before) = same_extents {
            let pairs = before.as_raw().iter().zip(frame.as_raw());
            let sum: u64 = pairs.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            self.change += sum as f64 / (255 * frame.as_raw().len().max(1)) as f64;
        }
        self.frames += 1;
        self.before = Some(frame);
    }

    fn add(&mut self, rgb: [f64; 3]) {
        let [red, green, blue] = rgb;
        let most = red.max(green).max(blue);
        let span = most - red.min(green).min(blue);
        self.pixels += 1.0;
        self.value += most;
        if span <= 0.0 {
            // Grey has the hue 0, as in the definition that is followed.
            self.hue[1] += 1.0;
            return;
        }
        self.saturation += span / most;
        let sixth = if most == red {
            (green - blue) / span
        } else if most == green {
            2.0 + (blue - red) / span
        } else {
            4.0 + (red - green) / span
        };
        let angle = sixth * std::f64::consts::FRAC_PI_3;
        self.hue[0] += libm::sin(angle);
        self.hue[1] += libm::cos(angle);
    }

    /// Of all frames so far.
    pub fn look(&self) -> Look {
        let pixels = self.pixels.max(1.0);
        let [sines, cosines] = self.hue;
        let degrees = libm::atan2(sines, cosines).to_degrees();
        Look {
            brightness: 100.0 * self.value / pixels,
            colourfulness: 100.0 * self.saturation / pixels,
            hue: (degrees + 360.0) % 360.0,
            motion: 100.0 * self.change / self.frames.saturating_sub(1).max(1) as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn look(frames: &[[u8; 3]]) -> Look {
        let mut meter = LookMeter::default();
        for colour in frames {
            meter.push(RgbImage::from_pixel(3, 2, Rgb(*colour)));
        }
        meter.look()
    }

    #[test]
    fn plain_colours_are_themselves() {
        let red = look(&[[255, 0, 0]]);
        assert_eq!(
            (red.brightness, red.colourfulness, red.motion),
            (100.0, 100.0, 0.0)
        );
        assert!(red.hue < 1e-9);
        let dark_blue = look(&[[0, 0, 51]]);
        assert!((dark_blue.brightness - 20.0).abs() < 1e-9);
        assert!((dark_blue.hue - 240.0).abs() < 1e-9);
        let grey = look(&[[128, 128, 128]]);
        assert_eq!((grey.colourfulness, grey.hue), (0.0, 0.0));
    }

    #[test]
    fn hues_on_both_sides_of_red_are_red_together() {
        let mut meter = LookMeter::default();
        let picture = RgbImage::from_fn(2, 1, |x, _| Rgb([[255, 64, 0], [255, 0, 64]][x as usize]));
        meter.push(picture);
        let hue = meter.look().hue;
        assert!(!(1e-6..359.999).contains(&hue), "{hue}");
    }

    #[test]
    fn motion_is_the_mean_change() {
        let still = look(&[[9, 9, 9]; 5]);
        assert_eq!(still.motion, 0.0);
        let flicker = look(&[[0, 0, 0], [255, 255, 255], [0, 0, 0]]);
        assert!((flicker.motion - 100.0).abs() < 1e-9);
    }

    #[test]
    fn colours_are_those_of_every_twentieth_frame() {
        let mut frames = vec![[0, 0, 0]; 21];
        frames[20] = [255, 255, 255];
        assert!((look(&frames).brightness - 50.0).abs() < 1e-9);
        assert_eq!(look(&frames[..20]).brightness, 0.0);
    }
}
