//! From the numbers of the model to channels of the rig, made fit to be drawn.

use super::{
    basis::{BASIS, Frame, Kind, SOURCE, SourceFrame},
    latents::Scales,
};

/// A style is put on above this weight and taken off below [`WORN_OFF`].
const WORN_ON: f32 = 0.6;
/// See [`WORN_ON`].
const WORN_OFF: f32 = 0.4;
/// A style is worn or not for at least so many seconds.
const SHORTEST_SECS: f32 = 0.12;
/// How far a number may be from the mean of all clips, in their spreads.
const FURTHEST: f32 = 3.5;
/// How far one eye must be more of a style than the other for it alone to wear it.
const ONE_EYE: f32 = 0.35;

/// Numbers that have narrower bounds than [`FURTHEST`] gives them, so that no feature leaves the face.
const BOUNDS: [(&str, f32, f32); 27] = [
    ("head_x", -0.35, 0.35),
    ("head_y", -0.3, 0.35),
    ("head_rot", -0.6, 0.6),
    ("head_size", 0.8, 1.2),
    ("head_stretch", -0.16, 0.16),
    ("face_x", -0.3, 0.3),
    ("face_y", -0.25, 0.45),
    ("eye_spread", 0.25, 0.46),
    ("eye_y_d", -0.08, 0.08),
    ("eye_open_s", 0.015, 0.52),
    ("eye_open_d", -0.2, 0.2),
    ("eye_mid_s", -0.12, 0.2),
    ("eye_mid_d", -0.1, 0.1),
    ("eye_w_s", 0.2, 0.5),
    ("eye_w_d", -0.1, 0.1),
    ("eye_ang_s", -0.45, 0.45),
    ("white_w", 0.38, 0.62),
    ("white_open", 0.1, 0.66),
    ("white_mid", -0.1, 0.1),
    ("glyph_w", 0.7, 0.9),
    ("brow_y_d", -0.12, 0.12),
    ("brow_x_s", -0.1, 0.1),
    ("mouth_x", -0.2, 0.2),
    ("mouth_y", -0.9, -0.32),
    ("mouth_w", 0.14, 1.25),
    ("mouth_open", 0.012, 0.85),
    ("mouth_mid", -0.42, 0.3),
];

/// How styles are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Styles {
    /// Once for the whole loop, by its mean.
    ForAll,
    /// As they come and go, with some inertia.
    ByTime,
}

/// Channels of frames, `fps` of them a second.
pub fn channels(
    mut frames: Vec<Frame>,
    scales: &Scales,
    styles: Styles,
    looping: bool,
    fps: f32,
) -> Vec<SourceFrame> {
    bound(&mut frames, scales);
    let hold = (SHORTEST_SECS * fps).ceil() as usize;
    wear(&mut frames, styles, looping, hold.max(1));
    let mut decoded: Vec<SourceFrame> = frames.iter().map(|frame| BASIS.decode(frame)).collect();
    decoded.iter_mut().for_each(within_head);
    decoded
}

/// Brings every number near what clips have.
fn bound(frames: &mut [Frame], scales: &Scales) {
    for (place, row) in BASIS.rows().iter().enumerate() {
        if row.kind == Kind::Style {
            continue;
        }
        let (mean, reach) = (scales.mean[place], FURTHEST * scales.deviation[place]);
        let (mut least, mut most) = (mean - reach, mean + reach);
        if let Some((_, lower, upper)) = BOUNDS.iter().find(|(name, _, _)| *name == row.name) {
            (least, most) = (*lower, *upper);
        }
        for frame in frames.iter_mut() {
            frame[place] = frame[place].clamp(least, most);
        }
    }
}

fn place(name: &str) -> usize {
    BASIS.place(name).unwrap_or_default()
}

/// Makes every style 0 or 1.
fn wear(frames: &mut [Frame], styles: Styles, looping: bool, hold: usize) {
    let column =
        |frames: &[Frame], at: usize| frames.iter().map(|frame| frame[at]).collect::<Vec<f32>>();
    let decide = |weights: &[f32], styles: Styles| match styles {
        Styles::ForAll => vec![mean(weights) > 0.5; weights.len()],
        Styles::ByTime => with_inertia(weights, looping, hold),
    };
    let glyphs = ["sty_heart", "sty_star", "sty_dizzy"].map(place);
    let weights = glyphs.map(|at| column(frames, at));
    let strongest = (0..3)
        .max_by(|a, b| mean(&weights[*a]).total_cmp(&mean(&weights[*b])))
        .unwrap_or(0);
    let mut glyph = vec![false; frames.len()];
    for (index, at) in glyphs.into_iter().enumerate() {
        // Two sorts of glyphs never take turns within a loop.
        let may = styles == Styles::ByTime || index == strongest;
        let worn = if may {
            decide(&weights[index], styles)
        } else {
            vec![false; frames.len()]
        };
        for (frame, (glyph, worn)) in frames.iter_mut().zip(glyph.iter_mut().zip(worn)) {
            let worn = worn && !*glyph;
            frame[at] = f32::from(u8::from(worn));
            *glyph |= worn;
        }
    }
    for (name, styles) in [
        ("eye_white", styles),
        ("eye_squint", Styles::ByTime),
        ("brow_vis", styles),
    ] {
        let [both, apart] = ["s", "d"].map(|side| place(&format!("{name}_{side}")));
        let (sum, difference) = (column(frames, both), column(frames, apart));
        let alone = mean(&difference);
        let side = |sign: f32| {
            let own: Vec<f32> = sum
                .iter()
                .zip(&difference)
                .map(|(sum, apart)| sum + sign * apart)
                .collect();
            decide(if alone.abs() > ONE_EYE { &own } else { &sum }, styles)
        };
        let worn = side(1.0).into_iter().zip(side(-1.0));
        for ((frame, (left, right)), glyph) in frames.iter_mut().zip(worn).zip(&glyph) {
            let hidden = *glyph && name != "brow_vis";
            let [left, right] = [left, right].map(|worn| f32::from(u8::from(worn && !hidden)));
            (frame[both], frame[apart]) = ((left + right) / 2.0, (left - right) / 2.0);
        }
    }
    let white = place("eye_white_s");
    for frame in frames.iter_mut() {
        if frame[white] > 0.0 {
            (frame[place("eye_squint_s")], frame[place("eye_squint_d")]) = (0.0, 0.0);
        }
    }
    for (name, styles) in [
        ("mouth_vis", Styles::ForAll),
        ("mouth_kiss", Styles::ByTime),
    ] {
        let at = place(name);
        let worn = decide(&column(frames, at), styles);
        for (frame, worn) in frames.iter_mut().zip(worn) {
            frame[at] = f32::from(u8::from(worn));
        }
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

/// On above [`WORN_ON`], off below [`WORN_OFF`], never for less than `hold` frames.
fn with_inertia(weights: &[f32], looping: bool, hold: usize) -> Vec<bool> {
    let count = weights.len();
    let mut on = mean(weights) > 0.5;
    // Around the loop once first, so that its beginning follows its end.
    let rounds = if looping { 2 } else { 1 };
    let mut worn = vec![on; count];
    for index in 0..rounds * count {
        let weight = weights[index % count];
        on = if on {
            weight > WORN_OFF
        } else {
            weight > WORN_ON
        };
        worn[index % count] = on;
    }
    let mut index = 0;
    while index < count {
        let run = worn[index..]
            .iter()
            .take_while(|other| **other == worn[index])
            .count();
        let inside = index > 0 && index + run < count;
        if run < hold && inside {
            let before = worn[index - 1];
            worn[index..index + run].fill(before);
        }
        index += run;
    }
    worn
}

/// The place of a channel.
pub(super) fn channel(name: &str) -> usize {
    SOURCE
        .iter()
        .position(|other| *other == name)
        .unwrap_or_default()
}

/// Keeps eyes and mouth on the head, whose radius is 1.
fn within_head(frame: &mut SourceFrame) {
    let (mouth, low, width) = (
        channel("mouth_cy"),
        channel("mouth_low"),
        channel("mouth_w"),
    );
    let lowest = frame[mouth] + frame[low].min(0.0);
    if lowest < LOWEST_MOUTH {
        frame[mouth] += LOWEST_MOUTH - lowest;
    }
    // The head is about as wide as a circle at the height of the mouth.
    let reach = 0.94 * (1.0 - frame[mouth].clamp(-0.9, 0.9).powi(2)).sqrt();
    frame[width] = frame[width].min(2.0 * (reach - frame[channel("mouth_x")].abs()).max(0.1));
    let [teeth, tongue] = ["mouth_teeth", "mouth_tongue"].map(channel);
    let open = frame[channel("mouth_up")] - frame[low];
    if open < CLOSED_MOUTH {
        (frame[teeth], frame[tongue]) = (0.0, 0.0);
    }
}

/// The lowest a mouth reaches, in head radii.
const LOWEST_MOUTH: f32 = -0.86;
/// A mouth that is less open shows no teeth and no tongue.
const CLOSED_MOUTH: f32 = 0.1;

/// Which channels of a drawn frame mean something, 0 or 1: brows that are seen, pupils of white eyes, places of tears and
/// sweat that are there.
pub fn known(frame: &SourceFrame) -> SourceFrame {
    let seen = |name: &str, least: f32| frame[channel(name)] > least;
    std::array::from_fn(|index| {
        let name = SOURCE[index];
        let of_side = |part: &str, what: &str| {
            ["L", "R"].iter().any(|side| {
                let own = name.strip_prefix(&format!("{part}{side}_"));
                own.is_some_and(|own| own.starts_with(what))
                    && !seen(&format!("{part}{side}_{}", depends(part)), 0.5)
            })
        };
        let hidden = match name {
            "browL_vis" | "browR_vis" | "mouth_vis" => false,
            "tearL_y" | "tearR_y" => !seen(&name[..5], 0.004),
            "sweat_x" | "sweat_y" => !seen("sweat", 0.004),
            name if name.starts_with("mouth_") => !seen("mouth_vis", 0.5),
            name if name.starts_with("brow") => of_side("brow", ""),
            name if name.contains("_pup_") => of_side("eye", "pup_"),
            _ => false,
        };
        f32::from(u8::from(!hidden))
    })
}

/// The weight that a part's other channels depend on.
fn depends(part: &str) -> &'static str {
    if part == "brow" { "vis" } else { "white" }
}

/// Numbers of drawn frames, and which of them are known.
pub fn numbers(frames: &[SourceFrame]) -> (Vec<Frame>, Vec<Frame>) {
    frames
        .iter()
        .map(|frame| BASIS.encode(frame, &known(frame)))
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sticker::data::{Clip, tests::invented};

    fn calm() -> Frame {
        std::array::from_fn(|at| BASIS.rows()[at].neutral)
    }

    fn scales() -> Scales {
        let clips = invented(8);
        Scales::of(&clips.iter().collect::<Vec<&Clip>>())
    }

    #[test]
    fn a_style_is_worn_for_all_of_a_loop_or_none() {
        let mut frames = vec![calm(); 20];
        for (at, frame) in frames.iter_mut().enumerate() {
            frame[place("sty_heart")] = if at < 12 { 0.9 } else { 0.1 };
            frame[place("sty_star")] = 0.55;
        }
        let found = channels(frames, &scales(), Styles::ForAll, true, 24.0);
        for frame in found {
            assert_eq!(
                [frame[channel("sty_heart")], frame[channel("sty_star")]],
                [1.0, 0.0]
            );
            assert!(
                frame[channel("eyeL_w")] >= 0.7,
                "a heart is larger than an eye"
            );
        }
    }

    #[test]
    fn styles_do_not_flicker() {
        let weights = [
            0.1, 0.9, 0.1, 0.1, 0.55, 0.7, 0.45, 0.55, 0.9, 0.45, 0.3, 0.2,
        ];
        let worn = with_inertia(&weights, true, 3);
        let expected = [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0].map(|on| on == 1);
        assert_eq!(worn, expected);
    }

    #[test]
    fn a_wide_mouth_stays_on_the_head() {
        let mut frame = calm();
        frame[place("mouth_y")] = -5.0;
        frame[place("mouth_w")] = 9.0;
        frame[place("mouth_open")] = 3.0;
        let found = channels(vec![frame], &scales(), Styles::ForAll, true, 24.0)[0];
        let (y, low) = (found[channel("mouth_cy")], found[channel("mouth_low")]);
        assert!(y + low >= LOWEST_MOUTH - 1e-5, "{y} {low}");
        let corner = (found[channel("mouth_w")] / 2.0).powi(2) + y.powi(2);
        assert!(corner <= 1.0, "{corner}");
    }

    #[test]
    fn what_is_not_drawn_is_not_known() {
        let mut frame = BASIS.decode(&calm());
        let found = |frame: &SourceFrame, name: &str| known(frame)[channel(name)] > 0.5;
        assert!(
            !found(&frame, "browL_y") && !found(&frame, "eyeL_pup_x") && !found(&frame, "tearR_y")
        );
        assert!(found(&frame, "eyeL_w") && found(&frame, "mouth_w") && found(&frame, "browL_vis"));
        frame[channel("browL_vis")] = 1.0;
        frame[channel("eyeR_white")] = 1.0;
        assert!(
            found(&frame, "browL_y") && !found(&frame, "browR_y") && found(&frame, "eyeR_pup_x")
        );
    }
}
