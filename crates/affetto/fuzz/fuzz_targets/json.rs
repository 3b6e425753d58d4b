#![no_main]

use std::path::Path;

use affetto::{
    Curve, LeadSheetRequest, Provenance, Request, Silent,
    media::{Limits, midi},
    music::{
        compose::{Sources, compose},
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
        if let Request::LeadSheet(sheet) = &request {
            write(sheet);
        }
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

fn write(request: &LeadSheetRequest) {
    let named = [&request.keep, &request.continue_from, &request.fill_in];
    let long = request.bars.is_some_and(|bars| bars > MOST_BARS);
    let many = request
        .chords
        .as_ref()
        .is_some_and(|text| text.matches('|').count() > MOST_BARS);
    if request.check().is_err() || long || many || named.iter().any(|path| path.is_some()) {
        return;
    }
    let (sources, model) = (Sources::default(), Trigram::train(&[], 2));
    let Ok(composition) = compose(request, &sources, &model, &Statistics::default(), &Silent)
    else {
        return;
    };
    assert_eq!(composition.score.broken_rule(), None);
    let bytes = midi::write(&composition.score).expect("what we compose is written");
    midi::read(&bytes, &Limits::DEFAULT).expect("what we write is read");
}
