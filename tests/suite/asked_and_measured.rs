//! How what is measured follows what is asked.

use std::sync::Mutex;

use affetto::{
    Control, LeadSheet, LeadSheetRequest, Models, Seed, Silent, Vad, compose,
    emotion::{Channel, Curve, Key, Unit},
};

use crate::random_requests::{Draws, for_each, is_long};

/// Pearson's r over pairs of asked and measured.
fn correlation(pairs: &[(f64, f64)]) -> f64 {
    let count = pairs.len() as f64;
    let (x, y) = pairs.iter().fold((0.0, 0.0), |sum, pair| {
        (sum.0 + pair.0 / count, sum.1 + pair.1 / count)
    });
    let moments = pairs.iter().fold([0.0; 3], |[xx, xy, yy], pair| {
        let (dx, dy) = (pair.0 - x, pair.1 - y);
        [xx + dx * dx, xy + dx * dy, yy + dy * dy]
    });
    moments[1] / (moments[0] * moments[2]).sqrt()
}

fn sheets(count: usize, request: impl Fn(usize) -> LeadSheetRequest + Sync) -> Vec<LeadSheet> {
    let models = Models::embedded().unwrap();
    let sheets = Mutex::new(Vec::new());
    for_each(count, |number| {
        let sheet = compose(&request(number), &models, &Silent).unwrap();
        sheets.lock().unwrap().push((number, sheet));
    });
    let mut sheets = sheets.into_inner().unwrap();
    sheets.sort_by_key(|(number, _)| *number);
    sheets.into_iter().map(|(_, sheet)| sheet).collect()
}

/// Three to five keys over 16 bars.
fn curve(channel: Channel, number: usize) -> Curve {
    let mut draws = Draws::new(7000 + number as u64);
    let (low, high) = match channel {
        Channel::Valence => (-0.8, 0.85),
        channel => channel.range(),
    };
    let keys = 3 + draws.below(3);
    let key = |at: usize| {
        let value = low + (high - low) * draws.below(101) as f64 / 100.0;
        Key::at(16.0 * at as f64 / (keys - 1) as f64).with(channel, value)
    };
    Curve::new(Unit::Bars, None, (0..keys).map(key).collect()).unwrap()
}

fn pieces() -> usize {
    if is_long() { 200 } else { 24 }
}

#[test]
fn valence_of_the_piece() {
    let count = if is_long() { 380 } else { 38 };
    let asked = |number: usize| (number % 19) as f64 / 10.0 - 0.9;
    let sheets = sheets(count, |number| LeadSheetRequest {
        seed: Seed(number as u64),
        emotion: Vad::clamped(asked(number), 0.0, 0.0).into(),
        ..LeadSheetRequest::default()
    });
    let pairs: Vec<_> = sheets
        .iter()
        .enumerate()
        .map(|(at, sheet)| (asked(at), sheet.measured.valence))
        .collect();
    let r = correlation(&pairs);
    eprintln!("valence of {count} pieces, asked and measured: r = {r:.3}");
    assert!(r >= 0.95, "{r}");
}

#[test]
fn valence_over_the_bars() {
    let sheets = sheets(pieces(), |number| LeadSheetRequest {
        seed: Seed(number as u64),
        emotion: curve(Channel::Valence, number).into(),
        ..LeadSheetRequest::default()
    });
    let pairs = sheets.iter().flat_map(|sheet| {
        let measured = sheet.measured.bars.iter().map(|bar| bar.valence);
        sheet.asked.valence_per_bar.iter().copied().zip(measured)
    });
    let r = correlation(&pairs.collect::<Vec<_>>());
    eprintln!(
        "valence over the bars of {} pieces, asked and measured: r = {r:.3}",
        sheets.len()
    );
    assert!(r >= 0.95, "{r}");
}

#[test]
fn density_over_the_bars() {
    let sheets = sheets(pieces(), |number| LeadSheetRequest {
        seed: Seed(number as u64),
        density: Some(Control::Curve(curve(Channel::Density, number))),
        ..LeadSheetRequest::default()
    });
    let mut pairs = Vec::new();
    for (number, sheet) in sheets.iter().enumerate() {
        let curve = curve(Channel::Density, number);
        let asked = (0..16).map(|bar| curve.value(Channel::Density, f64::from(bar) + 0.5).unwrap());
        pairs.extend(asked.zip(sheet.measured.bars.iter().map(|bar| bar.events as f64)));
    }
    let r = correlation(&pairs);
    eprintln!(
        "density over the bars of {} pieces, asked and measured: r = {r:.3}",
        sheets.len()
    );
    assert!(r >= 0.95, "{r}");
}

#[test]
fn arousal_over_the_bars() {
    let sheets = sheets(pieces(), |number| LeadSheetRequest {
        seed: Seed(number as u64),
        arousal: Some(Control::Curve(curve(Channel::Arousal, number))),
        ..LeadSheetRequest::default()
    });
    let (mut loudness, mut events) = (Vec::new(), Vec::new());
    for sheet in &sheets {
        let asked = sheet.asked.arousal_per_bar.clone().unwrap();
        let onsets = sheet.score.bar_onsets();
        for (bar, (asked, measured)) in asked.iter().zip(&sheet.measured.bars).enumerate() {
            let notes = &sheet.score.melody().unwrap().notes;
            let here = notes
                .iter()
                .filter(|note| (onsets[bar]..onsets[bar + 1]).contains(&note.onset));
            let velocities: Vec<f64> = here.map(|note| f64::from(note.velocity)).collect();
            if !velocities.is_empty() {
                loudness.push((
                    *asked,
                    velocities.iter().sum::<f64>() / velocities.len() as f64,
                ));
            }
            events.push((*asked, measured.events as f64));
        }
    }
    let (loudness, events) = (correlation(&loudness), correlation(&events));
    eprintln!(
        "arousal over the bars of {} pieces, asked, and loudness and events: r = {loudness:.3} and {events:.3}",
        sheets.len()
    );
    assert!(loudness >= 0.9 && events >= 0.8, "{loudness} {events}");
}

#[test]
fn tension_over_the_bars() {
    let sheets = sheets(pieces(), |number| LeadSheetRequest {
        seed: Seed(number as u64),
        tension: Some(Control::Curve(curve(Channel::Tension, number))),
        ..LeadSheetRequest::default()
    });
    let pairs = sheets.iter().flat_map(|sheet| {
        let asked = sheet.asked.tension_per_bar.clone().unwrap();
        asked
            .into_iter()
            .zip(sheet.measured.bars.iter().map(|bar| bar.tension))
    });
    let r = correlation(&pairs.collect::<Vec<_>>());
    eprintln!(
        "tension over the bars of {} pieces, asked and measured: r = {r:.3}",
        sheets.len()
    );
    assert!(r >= 0.8, "{r}");
}
