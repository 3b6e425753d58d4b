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
/// What a final bass, and a final note of the melody, on the tonic add to the correlation.
const FINAL: f64 = 0.12;
/// By how much another key must fit better than those of the signature, for the signature to be taken
/// as missing. In neonscribe's songs, which all have one, the largest such lead of a wrong key is 0.32;
/// of OpenEWLD's, 18 without a signature have 0.34 to 1.32.
const MISSING_SIGNATURE: f64 = 0.33;

/// The time that each pitch class sounds, in any unit.
pub type Histogram = [f64; 12];

/// What a key is told by.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Heard {
    /// All that sounds.
    pub histogram: Histogram,
    /// The last bass, or the root of the last chord.
    pub final_bass: Option<PitchClass>,
    /// The last note of a melody; none where a passage may end anywhere.
    pub final_note: Option<PitchClass>,
}

/// The more likely of the two keys with `fifths` in the signature. None for a signature beyond seven
/// accidentals.
pub fn relative_key(fifths: i8, heard: &Heard) -> Option<Key> {
    let major = Key::new(fifths, Mode::Major)?;
    let minor = Key::new(fifths, Mode::Minor)?;
    Some(if heard.fit(minor) > heard.fit(major) {
        minor
    } else {
        major
    })
}

/// As [`relative_key`], but for a file without sharps and flats in the signature, another key where it
/// fits far better: the signature was left out.
pub fn likely_key(fifths: i8, heard: &Heard) -> Option<Key> {
    let written = relative_key(fifths, heard)?;
    if fifths != 0 {
        return Some(written);
    }
    let mut best = written;
    for key in Key::all().filter(|key| (-5..=6).contains(&key.fifths())) {
        if heard.fit(key) > heard.fit(best) {
            best = key;
        }
    }
    let lead = heard.fit(best) - heard.fit(written);
    Some(if lead > MISSING_SIGNATURE {
        best
    } else {
        written
    })
}

/// The key that fits best. With `fifths` in the signature, another key than its two must fit by `lead` better than
/// they do.
pub fn fitting_key(fifths: Option<i8>, lead: f64, heard: &Heard) -> Option<Key> {
    let odds = |key: &Key| {
        heard.fit(*key)
            + if fifths == Some(key.fifths()) {
                lead
            } else {
                0.0
            }
    };
    let keys =
        Key::all().filter(|key| (-5..=6).contains(&key.fifths()) || fifths == Some(key.fifths()));
    keys.max_by(|one, other| odds(one).total_cmp(&odds(other)))
}

impl Heard {
    /// How well `key` fits: the correlation, and what the ends add.
    fn fit(&self, key: Key) -> f64 {
        let tonic = key.tonic().pitch_class();
        let profile = match key.mode() {
            Mode::Major => &MAJOR,
            Mode::Minor => &MINOR,
        };
        let ends = [self.final_bass, self.final_note];
        let on_tonic = ends.iter().filter(|end| **end == Some(tonic)).count();
        correlation(&self.histogram, profile, tonic) + FINAL * on_tonic as f64
    }
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

    fn heard_in(key: Key) -> Heard {
        let profile = match key.mode() {
            Mode::Major => MAJOR,
            Mode::Minor => MINOR,
        };
        let mut heard = Heard::default();
        for (degree, share) in profile.iter().enumerate() {
            heard.histogram[(degree + usize::from(key.tonic().pitch_class())) % 12] = *share;
        }
        heard
    }

    #[test]
    fn the_profiles_find_themselves() {
        for key in Key::all() {
            assert_eq!(relative_key(key.fifths(), &heard_in(key)).unwrap(), key);
        }
        assert_eq!(relative_key(8, &Heard::default()), None);
    }

    /// The white notes, each as long as the others: C major and A minor are nearly equal.
    #[test]
    fn the_last_bass_decides_between_near_equals() {
        let mut heard = Heard::default();
        for class in [0, 2, 4, 5, 7, 9, 11] {
            heard.histogram[class] = 1.0;
        }
        let mut key = |bass| {
            heard.final_bass = Some(bass);
            relative_key(0, &heard).unwrap().to_string()
        };
        assert_eq!((key(0).as_str(), key(9).as_str()), ("C major", "A minor"));
    }

    #[test]
    fn a_key_far_from_the_signature_must_fit_far_better() {
        let e_flat: Key = "Eb major".parse().unwrap();
        let found = |fifths, lead| fitting_key(fifths, lead, &heard_in(e_flat));
        assert_eq!(found(None, 0.0), Some(e_flat));
        assert_eq!(found(Some(3), 0.1), Some(e_flat)); // three sharps hardly fit
        assert_eq!(found(Some(3), 9.0).unwrap().fifths(), 3);
    }

    #[test]
    fn only_an_empty_signature_may_be_missing() {
        let e_flat: Key = "Eb major".parse().unwrap();
        assert_eq!(likely_key(0, &heard_in(e_flat)).unwrap(), e_flat);
        assert_eq!(likely_key(1, &heard_in(e_flat)).unwrap().fifths(), 1);
        let a_minor: Key = "A minor".parse().unwrap();
        assert_eq!(likely_key(0, &heard_in(a_minor)).unwrap(), a_minor);
    }
}
