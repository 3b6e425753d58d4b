//! Major or minor: which of the two keys of a signature a passage is in.

use affetto_media::{Key, Mode, PitchClass};

/// How often each degree sounds in major and in minor, from the tonic up: Albrecht & Shanahan, "The
/// Use of Large Corpora to Train a New Type of Key-Finding Algorithm" (2013).
const MAJOR: [f64; 12] = [
    0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081,
];
const MINOR: [f64; 12] = [
    0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052,
];
/// What a final bass on the tonic adds to the correlation.
const FINAL_BASS: f64 = 0.12;

/// The time that each pitch class sounds, in any unit.
pub type Histogram = [f64; 12];

/// The more likely of the two keys with `fifths` in the signature, given what sounds and the last
/// bass note. None for a signature beyond seven accidentals.
pub fn relative_key(
    fifths: i8,
    histogram: &Histogram,
    final_bass: Option<PitchClass>,
) -> Option<Key> {
    let major = Key::new(fifths, Mode::Major)?;
    let minor = Key::new(fifths, Mode::Minor)?;
    let fit = |key: Key, profile: &[f64; 12]| {
        let tonic = key.tonic().pitch_class();
        let bonus = if final_bass == Some(tonic) {
            FINAL_BASS
        } else {
            0.0
        };
        correlation(histogram, profile, tonic) + bonus
    };
    Some(if fit(minor, &MINOR) > fit(major, &MAJOR) {
        minor
    } else {
        major
    })
}

/// Pearson's correlation of what sounds with `profile` put on `tonic`; 0 where nothing varies.
fn correlation(histogram: &Histogram, profile: &[f64; 12], tonic: PitchClass) -> f64 {
    let mean = |values: &[f64; 12]| values.iter().sum::<f64>() / 12.0;
    let (mean_heard, mean_profile) = (mean(histogram), mean(profile));
    let (mut product, mut heard_square, mut profile_square) = (0.0, 0.0, 0.0);
    for (degree, share) in profile.iter().enumerate() {
        let heard = histogram[(degree + usize::from(tonic)) % 12] - mean_heard;
        let expected = share - mean_profile;
        product += heard * expected;
        heard_square += heard * heard;
        profile_square += expected * expected;
    }
    let scale = (heard_square * profile_square).sqrt();
    if scale > 0.0 { product / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_profiles_find_themselves() {
        for key in Key::all() {
            let profile = match key.mode() {
                Mode::Major => MAJOR,
                Mode::Minor => MINOR,
            };
            let mut heard = [0.0; 12];
            for (degree, share) in profile.iter().enumerate() {
                heard[(degree + usize::from(key.tonic().pitch_class())) % 12] = *share;
            }
            assert_eq!(relative_key(key.fifths(), &heard, None).unwrap(), key);
        }
        assert_eq!(relative_key(8, &[0.0; 12], None), None);
    }

    /// The white notes, each as long as the others: C major and A minor are nearly equal.
    #[test]
    fn the_last_bass_decides_between_near_equals() {
        let mut heard = [0.0; 12];
        for class in [0, 2, 4, 5, 7, 9, 11] {
            heard[class] = 1.0;
        }
        let key = |bass| relative_key(0, &heard, Some(bass)).unwrap().to_string();
        assert_eq!((key(0).as_str(), key(9).as_str()), ("C major", "A minor"));
    }
}
