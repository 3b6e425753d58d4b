//! Laws that hold for any input.

#![allow(clippy::unwrap_used)]

use affetto_emotion::{
    Channel, Curve, Easing, Emotion, Key, Label, Mixture, Plausibility, Posterior, Taxonomy,
    TimeBase, Unit, Vad, parse_frame_rate, soft_labels,
};
use proptest::{collection::vec, option, prelude::*};

fn posteriors() -> [&'static Posterior; 4] {
    [
        Posterior::core8(),
        Posterior::core8_correlated(),
        Posterior::pad151(),
        Posterior::grouped(),
    ]
}

prop_compose! {
    fn point()(v in -1.0..=1.0f64, a in -1.0..=1.0f64, d in -1.0..=1.0f64) -> Vad {
        Vad::new(v, a, d).unwrap()
    }
}

prop_compose! {
    fn mixture()(parts in vec((0..Label::all().count(), 0.001..10.0f64), 1..6)) -> Mixture {
        let label = |index| Label::all().nth(index).unwrap();
        Mixture::new(parts.into_iter().map(|(index, weight)| (label(index), weight))).unwrap()
    }
}

prop_compose! {
    fn key()(
        step in 0.001..100.0f64,
        values in [(); 6].map(|()| option::of(0.0..=1.0f64)),
        mixture in option::of(mixture()),
        ease in prop::sample::select(Easing::ALL.to_vec()),
    ) -> Key {
        let key = Key { mixture, ease, ..Key::at(step) }.with(Channel::Valence, -0.25);
        Channel::ALL.into_iter().zip(values).fold(key, |key, (channel, value)| match value {
            Some(value) => key.with(channel, value),
            None => key,
        })
    }
}

prop_compose! {
    fn curve()(unit in prop::sample::select(Unit::ALL.to_vec()), keys in vec(key(), 1..20)) -> Curve {
        let mut at = 0.0;
        let keys = keys.into_iter().map(|key| {
            at += key.at;
            Key { at, ..key }
        });
        let fps = (unit == Unit::Frames).then(|| parse_frame_rate("30000/1001").unwrap());
        Curve::new(unit, fps, keys.collect()).unwrap()
    }
}

fn base() -> TimeBase {
    TimeBase::new(0.4, 3.0, parse_frame_rate("25").unwrap()).unwrap()
}

proptest! {
    #[test]
    fn rows_are_finite_and_sum_to_one(point in point()) {
        for posterior in posteriors() {
            let weights = posterior.weights(point);
            prop_assert!(weights.iter().all(|weight| (0.0..=1.0).contains(weight)));
            prop_assert!((weights.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            let sharp = posterior.with_spread(0.01).unwrap().weights(point);
            prop_assert!((sharp.iter().sum::<f64>() - 1.0).abs() < 1e-6);
        }
    }

    /// No direction of space is farther out than the farthest mean.
    #[test]
    fn the_expectation_lies_in_the_hull_of_the_means(point in point(), direction in point()) {
        let along = |vad: Vad| -> f64 {
            vad.to_array().into_iter().zip(direction.to_array()).map(|(x, u)| x * u).sum()
        };
        for posterior in posteriors() {
            let expected = posterior.expectation(&posterior.weights(point));
            let means = posterior.classes().iter().map(|class| along(class.gaussian.mean()));
            prop_assert!(along(expected) <= means.fold(f64::NEG_INFINITY, f64::max) + 1e-9);
        }
    }

    #[test]
    fn inferred_dominance_stays_in_the_cube(v in -1.0..=1.0f64, a in -1.0..=1.0f64) {
        for posterior in posteriors() {
            prop_assert!((-1.0..=1.0).contains(&posterior.infer_dominance(v, a)));
        }
    }

    #[test]
    fn a_mixture_is_normal_and_reads_back(mixture in mixture()) {
        let sum: f64 = mixture.parts().iter().map(|(_, weight)| weight).sum();
        prop_assert!((sum - 1.0).abs() < 1e-6);
        prop_assert_eq!(&Mixture::parse(&mixture.to_string()).unwrap(), &mixture);
        let json = serde_json::to_string(&mixture).unwrap();
        prop_assert_eq!(serde_json::from_str::<Mixture>(&json).unwrap(), mixture);
    }

    #[test]
    fn images_are_normal_and_lose_no_more_than_they_say(mixture in mixture()) {
        for taxonomy in Taxonomy::ALL {
            if let Some(image) = mixture.image(taxonomy) {
                let parts = image.mixture.parts();
                let sum: f64 = parts.iter().map(|(_, weight)| weight).sum();
                prop_assert!((sum - 1.0).abs() < 1e-6);
                prop_assert!(parts.iter().all(|(label, _)| label.taxonomy() == taxonomy));
                prop_assert!(image.mapped > 0.0 && image.mapped < 1.0 + 1e-9);
            }
        }
    }

    #[test]
    fn plausibility_is_a_share(mixture in mixture()) {
        let score = Plausibility::of(&mixture).score;
        prop_assert!((0.0..0.5).contains(&score));
    }

    #[test]
    fn smoothing_keeps_the_sum(weights in vec(0.001..1.0f64, 2..30), epsilon in 0.0..=1.0f64) {
        let total: f64 = weights.iter().sum();
        let target: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let after: f64 = soft_labels::smoothed(&target, epsilon).unwrap().iter().sum();
        prop_assert!((after - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_curve_reads_back(curve in curve()) {
        prop_assert_eq!(&Curve::from_json(&curve.to_json()).unwrap(), &curve);
        let emotion = Emotion::from(curve);
        let json = serde_json::to_string(&emotion).unwrap();
        prop_assert_eq!(serde_json::from_str::<Emotion>(&json).unwrap(), emotion);
    }

    #[test]
    fn a_curve_stays_between_its_keys(curve in curve(), at in -10.0..3000.0f64) {
        for channel in Channel::ALL {
            let values: Vec<f64> = curve.keys().iter().filter_map(|key| key.get(channel)).collect();
            let Some(value) = curve.value(channel, at) else {
                prop_assert!(values.is_empty());
                continue;
            };
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            prop_assert!(low - 1e-12 <= value && value <= high + 1e-12);
        }
    }

    #[test]
    fn a_key_is_met_exactly(curve in curve()) {
        for key in curve.keys() {
            let sample = curve.sample(key.at);
            for channel in Channel::ALL {
                prop_assert!(key.get(channel).is_none_or(|value| curve.value(channel, key.at) == Some(value)));
            }
            prop_assert!(key.mixture.is_none() || sample.mixture == key.mixture);
        }
    }

    #[test]
    fn easing_is_monotone(a in 0.0..=1.0f64, b in 0.0..=1.0f64) {
        for ease in Easing::ALL {
            prop_assert!((ease.share(a) <= ease.share(b)) == (a <= b) || ease.share(a) == ease.share(b));
        }
    }

    #[test]
    fn a_converted_curve_says_the_same(curve in curve(), seconds in 0.0..900.0f64) {
        let here = curve.sample_in(seconds, Unit::Seconds, &base()).arousal;
        for unit in Unit::ALL {
            let converted = curve.converted(unit, &base()).unwrap();
            let keys = curve.keys().iter().map(|key| (key.at, key.ease));
            let jumps = keys.filter(|(_, ease)| *ease == Easing::Hold).count() > 0;
            let there = converted.sample_in(seconds, Unit::Seconds, &base()).arousal;
            prop_assert_eq!(here.is_some(), there.is_some());
            if let (Some(here), Some(there)) = (here, there) {
                prop_assert!(jumps || (here - there).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn a_stronger_emotion_is_farther_from_neutral(mixture in mixture(), a in 0.0..=1.0f64, b in 0.0..=1.0f64) {
        let from_neutral = |intensity| {
            let emotion = Emotion::from(mixture.clone()).with_intensity(intensity).unwrap();
            emotion.vad().distance(Vad::NEUTRAL)
        };
        prop_assert!(a > b || from_neutral(a) <= from_neutral(b) + 1e-12);
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = Label::parse(&text);
        let _ = Mixture::parse(&text);
        let _ = Emotion::parse(&text);
        let _ = Taxonomy::parse(&text);
        let _ = parse_frame_rate(&text);
        let _ = Curve::from_json(&text);
        let _ = Curve::from_a2f_yaml(&text);
        let _ = Curve::parse(Channel::Valence, Unit::Bars, None, &text);
        let _ = serde_json::from_str::<Emotion>(&text);
    }

    /// A valid file with a piece cut out, doubled or replaced.
    #[test]
    fn no_damaged_file_panics(
        curve in curve(),
        from in 0..3000usize,
        length in 0..40usize,
        put in "[0-9\\-\\[\\]{}\",:a-z.]{0,6}",
    ) {
        let yaml = "emotion_with_timecode_list:\n  a:\n    time_code: 1.0\n    emotions: {joy: 0.5}\n";
        for text in [curve.to_json(), yaml.into()] {
            let from = from % text.len();
            let to = (from + length).min(text.len());
            let damaged = format!("{}{put}{}", &text[..from], &text[to..]);
            let _ = Curve::from_json(&damaged);
            let _ = Curve::from_a2f_yaml(&damaged);
        }
    }
}
