//! EmoGen's own tables, as published: github.com/microsoft/muzic, commit 2b8739671ba06f819f31f568b8a79da581aaf6f9,
//! `emogen/data` (MIT licence, copyright Microsoft Corporation), typed in anew.

use super::Attribute;

/// The medians over the 1,078 clips of EMOPIA (`threshold.npy`); a bit is set where a value lies above.
#[rustfmt::skip]
pub const THRESHOLDS: [f64; Attribute::EMOGEN_COUNT] = [
    0.08127999999999999, 0.014575000000000001, 0.06401000000000001, 0.1217, 0.018840000000000003, 0.06953999999999999, 27.5, 50.0, 0.27355, 0.49360000000000004,
    0.18635000000000002, 61.0, 5.423500000000001, 63.0, 11.41, -0.22765000000000002, 0.021505, 0.036715, 0.05147, 0.1221,
    0.021565, 0.005602, 0.0, 0.0, 0.15575, 0.4545, 0.07246, 0.04545, 1.537, 5.8445,
    0.017425, 0.07783000000000001, 0.042395, 0.0052935, 0.03015, 0.01259, 0.02034, 0.003189, 0.010620000000000001, 0.002167,
    0.0011589999999999999, 0.002255, 0.001597, 0.0, 0.0, 0.0, 0.16745, 0.07261999999999999, 0.056815000000000004, 0.11465,
    0.02468, 5.6850000000000005, 0.18275, 0.43925000000000003, 0.27780000000000005, 0.3223, 0.072635, 0.42445, 229.0, 3.005,
    1.2475, 0.02381, 0.083535, 0.086675, 0.12154999999999999, 0.11935000000000001, 0.11660000000000001, 0.084555, 0.060524999999999995, 0.024065,
    0.008316, 0.009709, 0.04469, 0.1405, 0.6696, 0.3645, 0.046335, 1.0, 0.2624, 1.701,
    12.515, 0.07692, 1.4365, 0.845, 0.0, 0.085225, 0.10195, 0.1724, 0.0047905, 6.0,
    1.238, 0.07591, 0.055505, 4.0, 39.585, 0.1478, 0.26755, 0.02042, 11.785, 11.105,
];

/// The vectors that stand for the quadrants Q1 to Q4 of Russell's circumplex (`inference_command.npy`). Each is that
/// of one clip of EMOPIA near the centre of its quadrant.
#[rustfmt::skip]
const COMMANDS: [&str; 4] = [
    "1011111100110111101001100001100100011111111001100111010100011111111100101110000011001100111110001100",
    "1100001110110010000000001000101000011111111111101011111101111111100000011110001010111110111110000000",
    "0100110110001011110001001101101001010011100000001000101100001110000111111101100101001111101110111111",
    "1101011111001011111000100011101111010000000000000100011100000000101111110001110100000011001110111111",
];

/// A bit for each of the hundred attributes.
pub type Bits = [bool; Attribute::EMOGEN_COUNT];

/// The published vectors of Q1 to Q4.
pub fn commands() -> [Bits; 4] {
    COMMANDS.map(|command| {
        let digits = command.as_bytes();
        std::array::from_fn(|index| digits[index] == b'1')
    })
}

/// The bits of measured values (in the order of [`Attribute::ALL`]): above the threshold, where equal is not
/// above and undefined counts as 0, as in EmoGen.
pub fn bits(values: &[Option<f64>]) -> Bits {
    std::array::from_fn(|index| {
        let value = values.get(index).copied().flatten().unwrap_or(0.0);
        value > THRESHOLDS[index]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums of the rows of the published file.
    #[test]
    fn ones_are_counted() {
        let ones = commands().map(|bits| bits.iter().filter(|bit| **bit).count());
        assert_eq!(ones, [58, 54, 53, 49]);
    }

    #[test]
    fn equal_is_not_above() {
        let mut values: Vec<Option<f64>> = THRESHOLDS.iter().map(|value| Some(*value)).collect();
        assert!(bits(&values).iter().all(|bit| !bit));
        values[7] = Some(50.5);
        values[11] = None;
        let bits = bits(&values);
        assert!(bits[7] && !bits[11]);
    }
}
