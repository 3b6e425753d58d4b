use std::path::Path;

/// A file format of takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeFormat {
    /// The table of the Live Link Face app.
    LiveLinkCsv,
    /// One JSON object, `face-take/1`.
    Json,
    /// One JSON object a line, each a frame.
    JsonLines,
    /// Binary glTF 2.0.
    Glb,
    /// VRM animation.
    Vrma,
}

impl TakeFormat {
    /// Every format.
    pub const ALL: [Self; 5] = [
        Self::LiveLinkCsv,
        Self::Json,
        Self::JsonLines,
        Self::Glb,
        Self::Vrma,
    ];

    /// The name people use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LiveLinkCsv => "Live Link Face CSV",
            Self::Json => "face-take JSON",
            Self::JsonLines => "face-take JSON Lines",
            Self::Glb => "binary glTF",
            Self::Vrma => "VRM animation",
        }
    }

    /// File name extensions in lower case, the usual one first. A `.vrm` is the model, not its animation; it is known
    /// so that its reader can say so.
    pub const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::LiveLinkCsv => &["csv"],
            Self::Json => &["json"],
            Self::JsonLines => &["jsonl", "ndjson"],
            Self::Glb => &["glb"],
            Self::Vrma => &["vrma", "vrm"],
        }
    }

    /// The format that a file name's extension stands for.
    pub fn from_path(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL
            .into_iter()
            .find(|format| format.extensions().contains(&extension.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_known_in_any_case() {
        let format = |name: &str| TakeFormat::from_path(Path::new(name));
        assert_eq!(format("take.CSV"), Some(TakeFormat::LiveLinkCsv));
        assert_eq!(format("take.jsonl"), Some(TakeFormat::JsonLines));
        assert_eq!(format("model.vrm"), Some(TakeFormat::Vrma));
        assert_eq!(format("take.wav"), None);
    }
}
