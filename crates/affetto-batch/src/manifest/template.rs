//! `{id}` and other fields of a job in the names of its files.

use serde_json::{Map, Value};

use super::syntax::{Fault, nearest};

/// `text` with each `{field}` replaced by that field of `job`, in letters that any file system and any engine takes:
/// lower case, digits, `_`, `-` and `.`. `{{` and `}}` are braces.
pub(super) fn fill(text: &str, job: &Map<String, Value>) -> Result<String, Fault> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        filled.push_str(before);
        if let Some(after) = from.strip_prefix("{{") {
            filled.push('{');
            rest = after;
        } else if let Some(after) = from.strip_prefix("}}") {
            filled.push('}');
            rest = after;
        } else {
            let inside = from.strip_prefix('{').and_then(|from| from.split_once('}'));
            let Some((name, after)) = inside else {
                return Err(Fault::new(format!("a brace without its other in {text:?}"))
                    .with_hint("two of them stand for a brace: {{ or }}"));
            };
            filled.push_str(&word(name, job)?);
            rest = after;
        }
    }
    filled.push_str(rest);
    Ok(filled)
}

fn word(name: &str, job: &Map<String, Value>) -> Result<String, Fault> {
    let mut value = job.get(name);
    let mut parts = name.split('.');
    if value.is_none() {
        value = parts.next().and_then(|part| job.get(part));
        for part in parts {
            value = value.and_then(|value| value.get(part));
        }
    }
    match value {
        Some(Value::String(text)) => Ok(plain(text)),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::Bool(truth)) => Ok(truth.to_string()),
        Some(_) => Err(Fault::new(format!("{{{name}}} is no word and no number"))),
        None => {
            let fault = Fault::new(format!("nothing stands for {{{name}}}"));
            Err(match nearest(name, job.keys().map(String::as_str)) {
                Some(near) => fault.with_hint(format!("did you mean {{{near}}}?")),
                None => fault,
            })
        }
    }
}

/// `D minor` as `d_minor`.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter.to_ascii_lowercase() {
            letter @ ('a'..='z' | '0'..='9' | '-' | '.' | '_') => plain.push(letter),
            '#' => plain.push_str("sharp"),
            _ if plain.ends_with('_') => {}
            _ => plain.push('_'),
        }
    }
    plain.trim_matches(['_', '.']).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_stand_in_for_their_names() {
        let job = json!({ "id": "town", "key": "F# minor", "seed": 7, "valence": -0.5, "emotion": { "label": "joy" } });
        let job = job.as_object().unwrap();
        let filled = |text| fill(text, job).unwrap();
        assert_eq!(filled("music/{id}.mid"), "music/town.mid");
        assert_eq!(filled("{key}_{seed}"), "fsharp_minor_7");
        assert_eq!(filled("v{valence}"), "v-0.5");
        assert_eq!(filled("{emotion.label}"), "joy");
        assert_eq!(filled("{{id}}"), "{id}");
        for text in ["{ids}", "{", "}", "{id", "{emotion}"] {
            assert!(fill(text, job).is_err(), "{text}");
        }
        let hint = fill("{ids}", job).unwrap_err().hint;
        assert_eq!(hint.unwrap(), "did you mean {id}?");
    }

    #[test]
    fn a_word_cannot_lead_out_of_the_folder() {
        assert_eq!(plain("../../etc/passwd"), "etc_passwd");
        assert_eq!(plain("joy:0.7,awe:0.3"), "joy_0.7_awe_0.3");
    }
}
