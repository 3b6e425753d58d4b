#![no_main]

use std::path::Path;

use affetto::{
    Curve, LeadSheetRequest, Provenance, Request, Silent,
    media::{Limits, Score, midi},
    music::{
        compose::{Composition, Sources, compose},
        set::GameScore,
        statistics::Statistics,
        trigram::Trigram,
    },
};
use libfuzzer_sys::fuzz_target;

/// Longer pieces take longer and show no more.
const MOST_BARS: usize = 12;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(curve) = Curve::from_json(text)
    {
        let again = Curve::from_json(&curve.to_json()).expect("what is written is read");
        assert_eq!(again, curve);
    }
    if let Ok(request) = serde_json::from_slice::<Request>(bytes) {
        match request.check() {
            Ok(()) => make(&request),
            Err(error) => assert_eq!(error.to_string().lines().count(), 1, "{error}"),
        }
        request.inputs().for_each(drop);
        let text = serde_json::to_vec(&request).expect("a request is JSON");
        let again = serde_json::from_slice::<Request>(&text);
        assert_eq!(again.expect("what is written is read"), request);
    }
    if let Ok(provenance) = Provenance::from_json(Path::new("a.provenance.json"), bytes) {
        let text = provenance.to_json();
        let again = Provenance::from_json(Path::new("a.provenance.json"), text.as_bytes());
        assert_eq!(again.expect("what is written is read"), provenance);
    }
});

fn make(request: &Request) {
    match request {
        Request::LeadSheet(sheet) => {
            if let Some(composition) = composed(sheet) {
                sound(&composition.score);
            }
        }
        Request::Set(set) => {
            let composition = composed(&set.lead_sheet());
            let game = composition.and_then(|composition| GameScore::new(set, &composition).ok());
            let Some(game) = game else {
                return;
            };
            let stingers = game.stingers.iter().map(|(_, score)| score);
            for score in stingers.chain([&game.whole()]) {
                sound(score);
            }
            assert!((0.0..=1.0).contains(&game.in_scale()));
        }
        Request::Sticker(sticker) => {
            assert!(sticker.frames() > 0);
            for share in [0.0, 0.5, 1.0] {
                sticker.emotion_at(share * sticker.length_secs);
            }
        }
        Request::Piano(_) | Request::Face(_) => {} // need weights, or a take
    }
}

fn composed(request: &LeadSheetRequest) -> Option<Composition> {
    let named = [&request.keep, &request.continue_from, &request.fill_in];
    let long = request.bars.is_some_and(|bars| bars > MOST_BARS);
    let many = request
        .chords
        .as_ref()
        .is_some_and(|text| text.matches('|').count() > MOST_BARS);
    if long || many || named.iter().any(|path| path.is_some()) {
        return None;
    }
    let (sources, model) = (Sources::default(), Trigram::train(&[], 2));
    compose(request, &sources, &model, &Statistics::default(), &Silent).ok()
}

fn sound(score: &Score) {
    assert_eq!(score.broken_rule(), None);
    let bytes = midi::write(score).expect("what we compose is written");
    midi::read(&bytes, &Limits::DEFAULT).expect("what we write is read");
}
