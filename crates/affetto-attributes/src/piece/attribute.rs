use std::{borrow::Cow, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Piece, table};

/// What an attribute is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Group {
    /// Which pitches.
    Pitch,
    /// From note to note.
    Melody,
    /// What sounds together.
    Harmony,
    /// How long and how many.
    Rhythm,
    /// How regular.
    Pulse,
    /// How lines go together.
    Texture,
    /// How loud changes.
    Dynamics,
    /// The twelve beside the hundred.
    Expression,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 8] = [
        Self::Pitch,
        Self::Melody,
        Self::Harmony,
        Self::Rhythm,
        Self::Pulse,
        Self::Texture,
        Self::Dynamics,
        Self::Expression,
    ];

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pitch => "pitch",
            Self::Melody => "melody",
            Self::Harmony => "harmony",
            Self::Rhythm => "rhythm",
            Self::Pulse => "pulse",
            Self::Texture => "texture",
            Self::Dynamics => "dynamics",
            Self::Expression => "expression",
        }
    }
}

/// What an attribute is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub enum Unit {
    /// A part of a whole, 0 to 1.
    #[serde(rename = "share")]
    Share,
    /// A number of things.
    #[serde(rename = "count")]
    Count,
    /// Semitones.
    #[serde(rename = "semitones")]
    Semitones,
    /// A MIDI pitch number, 60 being C4.
    #[serde(rename = "MIDI pitch")]
    MidiPitch,
    /// Quarter notes.
    #[serde(rename = "quarters")]
    Quarters,
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Times a second.
    #[serde(rename = "1/s")]
    PerSecond,
    /// Times a quarter note.
    #[serde(rename = "1/quarter")]
    PerQuarter,
    /// Beats a minute.
    #[serde(rename = "bpm")]
    Bpm,
    /// Loudness, 0 to 127.
    #[serde(rename = "loudness")]
    Loudness,
    /// One thing against another, or a number without a unit.
    #[serde(rename = "ratio")]
    Ratio,
}

impl Unit {
    /// As tables show it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Share => "share",
            Self::Count => "count",
            Self::Semitones => "semitones",
            Self::MidiPitch => "MIDI pitch",
            Self::Quarters => "quarters",
            Self::Seconds => "s",
            Self::PerSecond => "1/s",
            Self::PerQuarter => "1/quarter",
            Self::Bpm => "bpm",
            Self::Loudness => "loudness",
            Self::Ratio => "ratio",
        }
    }
}

/// One row of the table of attributes.
#[derive(Clone, Copy)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// jSymbolic's code; empty for the twelve of ours.
    pub(super) code: &'static str,
    pub(super) group: Group,
    pub(super) unit: Unit,
    pub(super) meaning: &'static str,
    pub(super) measure: fn(&Piece) -> Option<f64>,
}

/// One measured attribute. Two are equal if their names are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute(u8);

impl Attribute {
    /// How many EmoGen has.
    pub const EMOGEN_COUNT: usize = 100;

    /// Every attribute: the hundred in the order of EmoGen's command, then the twelve.
    pub const ALL: [Self; 112] = {
        let mut all = [Self(0); 112];
        let mut index = 0;
        while index < all.len() {
            all[index] = Self(index as u8);
            index += 1;
        }
        all
    };

    fn row(self) -> &'static Row {
        &table::ROWS[self.index()]
    }

    /// Its place in [`Attribute::ALL`].
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// jSymbolic's name; the suffix `_i` is the bin of a histogram, counted from 0.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// jSymbolic's code, such as `P-2`; nothing for the twelve of ours.
    pub fn jsymbolic_code(self) -> Option<&'static str> {
        Some(self.row().code).filter(|code| !code.is_empty())
    }

    /// What it is about.
    pub fn group(self) -> Group {
        self.row().group
    }

    /// What it is counted in.
    pub fn unit(self) -> Unit {
        self.row().unit
    }

    /// What a high value means to a musician.
    pub fn meaning(self) -> &'static str {
        self.row().meaning
    }

    /// The attribute called `name`, in any case.
    pub fn named(name: &str) -> Option<Self> {
        let is_it = |attribute: &Self| attribute.name().eq_ignore_ascii_case(name.trim());
        Self::ALL.into_iter().find(is_it)
    }

    /// Its value; nothing where the piece has none.
    pub fn measure(self, piece: &Piece) -> Option<f64> {
        (self.row().measure)(piece).filter(|value| value.is_finite())
    }
}

impl Serialize for Attribute {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Attribute {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<str>::deserialize(deserializer)?;
        Self::named(&name)
            .ok_or_else(|| de::Error::custom(format!("no attribute is called {name:?}")))
    }
}

impl schemars::JsonSchema for Attribute {
    fn schema_name() -> Cow<'static, str> {
        "Attribute".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "The name of a measured attribute of a piece",
            "enum": Self::ALL.map(Self::name).to_vec(),
        })
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attribute({:?})", self.name())
    }
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for attribute in Attribute::ALL {
            assert_eq!(Attribute::named(attribute.name()), Some(attribute));
            assert_eq!(Attribute::ALL[attribute.index()], attribute);
        }
    }

    #[test]
    fn the_hundred_are_jsymbolic_s() {
        for attribute in Attribute::ALL {
            let is_emogen = attribute.index() < Attribute::EMOGEN_COUNT;
            assert_eq!(
                attribute.jsymbolic_code().is_some(),
                is_emogen,
                "{attribute}"
            );
            assert_eq!(
                attribute.group() == Group::Expression,
                !is_emogen,
                "{attribute}"
            );
        }
    }
}
