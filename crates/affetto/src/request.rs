use affetto_core::Seed;
use affetto_music::condition::LeadSheetRequest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to make. The command builds one, a manifest line holds one.
///
/// ```
/// use affetto::Request;
///
/// let text = r#"{ "kind": "music.lead-sheet", "seed": 7, "bars": 8, "key": "D minor" }"#;
/// let request: Request = serde_json::from_str(text).unwrap();
/// assert_eq!(request.kind(), "music.lead-sheet");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Request {
    /// A lead sheet with its accompaniment.
    #[serde(rename = "music.lead-sheet")]
    LeadSheet(Box<LeadSheetRequest>),
}

impl Request {
    /// The word for what is made.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::LeadSheet(_) => "music.lead-sheet",
        }
    }

    /// Its seed.
    pub const fn seed(&self) -> Seed {
        match self {
            Self::LeadSheet(request) => request.seed,
        }
    }

    /// The same request with another seed.
    pub fn with_seed(self, seed: Seed) -> Self {
        match self {
            Self::LeadSheet(request) => {
                Self::LeadSheet(Box::new(LeadSheetRequest { seed, ..*request }))
            }
        }
    }
}

impl From<LeadSheetRequest> for Request {
    fn from(request: LeadSheetRequest) -> Self {
        Self::LeadSheet(Box::new(request))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_request_names_its_kind_and_survives_json() {
        let sheet = LeadSheetRequest {
            seed: Seed(u64::MAX),
            bars: Some(9),
            temperature: 0.1 + 0.2,
            ..LeadSheetRequest::default()
        };
        let request = Request::from(sheet);
        let json = serde_json::to_string(&request).unwrap();
        assert!(json.starts_with(r#"{"kind":"music.lead-sheet","#));
        assert_eq!(serde_json::from_str::<Request>(&json).unwrap(), request);
    }

    #[test]
    fn unknown_kinds_and_fields_are_refused() {
        for text in [
            "{}",
            r#"{"kind":"music.opera"}"#,
            r#"{"kind":"music.lead-sheet","bras":8}"#,
        ] {
            assert!(serde_json::from_str::<Request>(text).is_err(), "{text}");
        }
    }
}
