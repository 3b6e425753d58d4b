#![allow(clippy::unwrap_used)]
use affetto_core::Seed;
use affetto_media::{
    Bar, ChordChange, ChordSymbol, Key, PitchName, Quality, Section, Tempo, TempoChange,
};
use proptest::{collection::vec, prelude::*};

use super::{grid::Weight, voicing::motion, *};

fn quarters(n: i64, d: i64) -> Quarters {
    Quarters::new(n, d)
}

/// A lead sheet in one metre; `|` ends a bar, chords of a bar divide it evenly; melody pitches divide the piece
/// evenly.
fn sheet(metre: &str, chords: &str, melody: &[u8]) -> Score {
    let metre: Metre = metre.parse().unwrap();
    let zero = quarters(0, 1);
    let mut changes: Vec<ChordChange> = Vec::new();
    let bars: Vec<&str> = chords.split('|').collect();
    for (bar, symbols) in bars.iter().enumerate() {
        let symbols: Vec<&str> = symbols.split_whitespace().collect();
        for (place, symbol) in symbols.iter().enumerate() {
            let chord = (*symbol != "N.C.").then(|| symbol.parse().unwrap());
            let share = quarters(place as i64, symbols.len() as i64);
            if changes.last().is_none_or(|last| last.chord != chord) {
                changes.push(ChordChange {
                    onset: metre.length() * (share + bar as i64),
                    chord,
                });
            }
        }
    }
    let duration = metre.length() * bars.len() as i64 / (melody.len().max(1) as i64);
    let notes = (0..).zip(melody).map(|(place, pitch)| Note {
        onset: duration * place,
        pitch: *pitch,
        duration,
        velocity: 80,
    });
    Score {
        title: "test".into(),
        creator: String::new(),
        bars: vec![Bar::full(metre, Key::C_MAJOR); bars.len()],
        tempos: vec![TempoChange {
            onset: zero,
            tempo: Tempo::from_bpm(100.0),
        }],
        chords: changes,
        sections: Vec::new(),
        parts: vec![Part {
            name: "Melody".into(),
            role: Role::Melody,
            program: 0,
            channel: 0,
            notes: notes.collect(),
        }],
    }
}

/// The notes of the part with `role`: onset, duration, pitch.
fn heard(score: &Score, role: Role) -> Vec<(String, String, u8)> {
    let part = score.parts.iter().find(|part| part.role == role);
    let notes = part.map_or(&[][..], |part| &part.notes);
    let word = |note: &Note| {
        (
            note.onset.to_string(),
            note.duration.to_string(),
            note.pitch,
        )
    };
    notes.iter().map(word).collect()
}

fn row(onset: &str, duration: &str, pitch: u8) -> (String, String, u8) {
    (onset.into(), duration.into(), pitch)
}

fn voicings(score: &Score) -> Vec<Vec<u8>> {
    let setting = Setting::new(score, Accompaniment::Block, &[]);
    voicing::lead(&setting.cells, &setting.ceiling, 0.0)
}

/// By hand, from A C D F: D and F stay for G7 while A and the seventh C fall by step; then G and B stay for Cmaj7
/// while D and the seventh F fall by step. Six semitones in all, which no other four-part way beats.
#[test]
fn two_five_one_by_hand() {
    let chords = voicings(&sheet("4/4", "Dm7 | G7 | Cmaj7", &[76, 74, 72]));
    assert_eq!(
        chords,
        [
            vec![57, 60, 62, 65],
            vec![55, 59, 62, 65],
            vec![55, 59, 60, 64]
        ]
    );
    assert_eq!(motion(&chords[0], &chords[1]), 3.0);
    assert_eq!(motion(&chords[1], &chords[2]), 3.0);
}

#[test]
fn motion_by_hand() {
    assert_eq!(motion(&[48, 52, 55], &[48, 53, 57]), 3.0);
    // C-E-G to B-D-F-G: C divides into B and D, E goes to F, G stays.
    assert_eq!(motion(&[60, 64, 67], &[59, 62, 65, 67]), 4.0);
    assert_eq!(motion(&[59, 62, 65, 67], &[60, 64, 67]), 4.0);
    assert_eq!(motion(&[60], &[59, 60, 61]), 2.0);
}

#[test]
fn a_waltz_has_the_bass_on_one_and_chords_on_two_and_three() {
    let score = sheet("3/4", "C | C | G7 | C", &[76]);
    let waltz = arrange(&score, &Arrangement::new(Accompaniment::Waltz, 0.1));
    let bass = heard(&waltz, Role::Bass);
    assert_eq!(
        bass,
        [
            row("0", "1", 36),
            row("3", "1", 43),
            row("6", "1", 31),
            row("9", "3", 36),
        ]
    );
    let onsets: Vec<String> = heard(&waltz, Role::Chords)
        .into_iter()
        .map(|note| note.0)
        .collect();
    let mut different = onsets.clone();
    different.dedup();
    assert_eq!(different, ["1", "2", "4", "5", "7", "8", "9"]);
}

#[test]
fn six_eight_waltzes_in_two() {
    let score = sheet("6/8", "Am | E7", &[76]);
    let waltz = arrange(&score, &Arrangement::new(Accompaniment::Waltz, 0.0));
    let onsets: Vec<String> = heard(&waltz, Role::Bass)
        .into_iter()
        .map(|note| note.0)
        .collect();
    assert_eq!(onsets, ["0", "3/2", "3"]);
}

#[test]
fn a_held_block_is_struck_at_bars_and_changes() {
    let score = sheet("4/4", "C | C | F G | C", &[76]);
    let block = arrange(&score, &Arrangement::new(Accompaniment::Block, -0.5));
    let mut strokes: Vec<(String, String)> = heard(&block, Role::Chords)
        .into_iter()
        .map(|note| (note.0, note.1))
        .collect();
    strokes.dedup();
    let expected = [("0", "4"), ("4", "4"), ("8", "2"), ("10", "2"), ("12", "4")];
    assert_eq!(
        strokes,
        expected.map(|(a, b)| (a.to_string(), b.to_string()))
    );
}

#[test]
fn no_chord_is_silence() {
    let score = sheet("4/4", "C | N.C. | G", &[76]);
    for accompaniment in Accompaniment::ALL {
        let arranged = arrange(&score, &Arrangement::new(accompaniment, 0.7));
        for part in &arranged.parts[1..] {
            let silent = |note: &Note| note.end() <= quarters(4, 1) || note.onset >= quarters(8, 1);
            assert!(part.notes.iter().all(silent), "{accompaniment}");
        }
    }
}

#[test]
fn a_walking_bass_steps_into_each_chord() {
    let score = sheet("4/4", "Dm7 | G7 | Cmaj7 | Cmaj7", &[76]);
    let arranged = arrange(&score, &Arrangement::new(Accompaniment::Pulse, 0.8));
    assert_eq!(arranged.parts[2].program, 32);
    let bass: Vec<u8> = heard(&arranged, Role::Bass)
        .into_iter()
        .map(|note| note.2)
        .collect();
    // D F A to A (a whole tone above G); G F D to D (above C); C E G B; C held.
    assert_eq!(bass.len(), 13);
    for (change, root) in [(4, 7), (8, 0)] {
        assert_eq!(bass[change] % 12, root);
        assert!(bass[change - 1].abs_diff(bass[change]) <= 2, "{bass:?}");
    }
}

#[test]
fn a_slash_chord_has_its_bass() {
    let score = sheet("4/4", "C/E | F/G | C/Bb", &[76]);
    let arranged = arrange(&score, &Arrangement::new(Accompaniment::Block, -0.5));
    let bass: Vec<u8> = heard(&arranged, Role::Bass)
        .into_iter()
        .map(|note| note.2 % 12)
        .collect();
    assert_eq!(bass, [4, 7, 10]);
}

#[test]
fn a_short_pickup_rests() {
    let mut score = sheet("4/4", "C | F", &[76, 77]);
    score.bars[0].length = quarters(1, 1);
    score.chords[1].onset = quarters(1, 1);
    score.parts[0].notes.clear();
    let arranged = arrange(&score, &Arrangement::new(Accompaniment::Pulse, 0.0));
    for part in &arranged.parts[1..] {
        assert_eq!(part.notes[0].onset, quarters(1, 1));
    }
}

#[test]
fn a_low_melody_silences_what_would_be_above_it() {
    let score = sheet("4/4", "C | F | G7 | C", &[50, 49, 48, 40]);
    let arranged = arrange(&score, &Arrangement::new(Accompaniment::Block, 0.0));
    assert!(arranged.parts.iter().all(|part| !part.notes.is_empty()));
    check_below_melody(&score, &arranged);
}

#[test]
fn the_choice_follows_metre_and_arousal() {
    let choose = |metre: &str, arousal| Accompaniment::choose(metre.parse().unwrap(), arousal);
    assert_eq!(choose("3/4", -0.8), Accompaniment::Waltz);
    assert_eq!(choose("3/4", 0.9), Accompaniment::Pulse);
    assert_eq!(choose("12/8", 0.0), Accompaniment::Arpeggio);
    assert_eq!(choose("4/4", -0.9), Accompaniment::Block);
    assert_eq!(choose("4/4", 0.0), Accompaniment::Arpeggio);
    assert_eq!(choose("2/2", 0.8), Accompaniment::Pulse);
    let mut score = sheet("3/4", "C | F | C", &[]);
    score.bars[2] = Bar::full(Metre::COMMON, Key::C_MAJOR);
    assert_eq!(
        Arrangement::chosen(&score, 0.0).accompaniment,
        Accompaniment::Waltz
    );
}

#[test]
fn words_are_read_as_they_are_written() {
    for accompaniment in Accompaniment::ALL {
        assert_eq!(accompaniment.to_string().parse(), Ok(accompaniment));
    }
    let error = "polka".parse::<Accompaniment>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "\"polka\" is not an accompaniment; the choices are block, arpeggio, waltz, pulse, none"
    );
}

#[test]
fn shaping_touches_velocities_only_and_follows_height() {
    let score = sheet("4/4", "C | F | G | C", &[72, 74, 76, 77, 79, 81, 76, 72]);
    let shaped = shape_melody(&score, 0.0);
    let velocities: Vec<u8> = shaped.parts[0]
        .notes
        .iter()
        .map(|note| note.velocity)
        .collect();
    let loudest = velocities.iter().max();
    assert!(
        loudest == Some(&velocities[4]) || loudest == Some(&velocities[5]),
        "{velocities:?}"
    );
    assert!(velocities[7] < velocities[0], "{velocities:?}");
    let mut flat = shaped.clone();
    flat.parts[0]
        .notes
        .iter_mut()
        .for_each(|note| note.velocity = 80);
    assert_eq!(flat, score);
    let mean = |score: Score| {
        let notes = &score.parts[0].notes;
        notes
            .iter()
            .map(|note| f64::from(note.velocity))
            .sum::<f64>()
            / notes.len() as f64
    };
    assert!(mean(shape_melody(&score, 1.0)) > mean(shaped) + 15.0);
}

fn metres() -> impl Strategy<Value = Metre> {
    let texts = [
        "4/4", "3/4", "2/4", "2/2", "6/8", "9/8", "12/8", "5/4", "7/8", "3/8", "3/2", "1/4",
        "11/16", "13/32",
    ];
    (0..texts.len()).prop_map(move |place| texts[place].parse().unwrap())
}

fn chords() -> impl Strategy<Value = Option<ChordSymbol>> {
    let slash = prop_oneof![3 => Just(None), 1 => (-6_i8..7).prop_map(PitchName::from_fifths)];
    let chord = (-6_i8..7, 0..Quality::ALL.len(), slash).prop_map(|(root, quality, bass)| {
        Some(ChordSymbol {
            root: PitchName::from_fifths(root).unwrap(),
            quality: Quality::ALL[quality],
            bass,
        })
    });
    prop_oneof![1 => Just(None), 9 => chord]
}

/// Lengths that fall on and off the beat.
fn steps() -> impl Strategy<Value = Quarters> {
    let lengths = [
        (1, 4),
        (1, 2),
        (1, 1),
        (3, 2),
        (2, 1),
        (3, 1),
        (4, 1),
        (1, 3),
        (2, 3),
    ];
    (0..lengths.len()).prop_map(move |place| quarters(lengths[place].0, lengths[place].1))
}

fn accompaniments() -> impl Strategy<Value = Accompaniment> {
    (0..Accompaniment::ALL.len()).prop_map(|place| Accompaniment::ALL[place])
}

prop_compose! {
    fn lead_sheets()(
        metre in metres(),
        fifths in -7_i8..=7,
        bars in 1_usize..9,
        pickup in prop_oneof![2 => Just(None), 1 => steps().prop_map(Some)],
        bpms in vec((30.0_f64..260.0, 0_usize..9), 1..3),
        changes in vec((steps(), chords()), 0..20),
        tune in vec((steps(), 45_u8..90, prop::bool::weighted(0.2), 1_u8..=127), 0..60),
    ) -> Score {
        let key = Key::new(fifths, affetto_media::Mode::Minor).unwrap();
        let mut score = sheet("4/4", "", &[]);
        score.bars = vec![Bar::full(metre, key); bars];
        if let Some(length) = pickup.filter(|length| *length < metre.length()) {
            score.bars[0].length = length;
        }
        let (onsets, length) = (score.bar_onsets(), score.length());
        score.tempos = vec![TempoChange { onset: quarters(0, 1), tempo: Tempo::from_bpm(bpms[0].0) }];
        if let Some((bpm, bar)) = bpms.get(1).filter(|(_, bar)| (1..bars).contains(bar)) {
            score.tempos.push(TempoChange { onset: onsets[*bar], tempo: Tempo::from_bpm(*bpm) });
            score.sections.push(Section { onset: onsets[*bar], name: "B".into() });
        }
        let mut onset = quarters(0, 1);
        score.chords.clear();
        for (step, chord) in changes {
            if onset < length && score.chords.last().is_none_or(|last| last.chord != chord) {
                score.chords.push(ChordChange { onset, chord });
            }
            onset += step;
        }
        let mut onset = quarters(0, 1);
        for (duration, pitch, rest, velocity) in tune {
            if !rest && onset + duration <= length {
                score.parts[0].notes.push(Note { onset, pitch, duration, velocity });
            }
            onset += duration;
        }
        score
    }
}

fn check_sound(score: &Score) {
    for part in &score.parts {
        assert!(part.notes.is_sorted_by_key(|note| (note.onset, note.pitch)));
        for (place, note) in part.notes.iter().enumerate() {
            assert!(note.onset >= quarters(0, 1) && note.end() <= score.length());
            assert!(note.duration > quarters(0, 1) && note.velocity >= 1 && note.velocity <= 127);
            let later = part.notes[place + 1..]
                .iter()
                .find(|later| later.pitch == note.pitch);
            assert!(
                later.is_none_or(|later| later.onset >= note.end()),
                "{note:?} {later:?}"
            );
        }
    }
}

fn check_below_melody(score: &Score, arranged: &Score) {
    for part in arranged
        .parts
        .iter()
        .filter(|part| part.role != Role::Melody)
    {
        for note in &part.notes {
            let above = |tune: &&Note| {
                tune.onset < note.end() && note.onset < tune.end() && tune.pitch <= note.pitch
            };
            assert_eq!(score.parts[0].notes.iter().find(above), None, "{note:?}");
        }
    }
}

fn check_harmony(score: &Score, arranged: &Score) {
    let grids = grid::grids(score);
    for part in arranged
        .parts
        .iter()
        .filter(|part| part.role != Role::Melody)
    {
        for note in &part.notes {
            let chord = score.chord_at(note.onset).unwrap();
            let class = note.pitch % 12;
            let next = score.chords.iter().find(|change| change.onset > note.onset);
            assert!(next.is_none_or(|next| note.end() <= next.onset));
            let belongs = chord.pitch_classes().contains(&class);
            if part.role == Role::Chords {
                assert!(belongs && voicing::RANGE.contains(&note.pitch));
                continue;
            }
            let bar = grids.partition_point(|grid| grid.start <= note.onset) - 1;
            let root = chord.bass.unwrap_or(chord.root).pitch_class();
            assert!(belongs || class == root || grids[bar].weight(note.onset) == Weight::Pulse);
            assert!(bass::RANGE.contains(&note.pitch));
        }
    }
}

/// Where a chord sets in, so does the bass, unless the melody is below it.
fn check_changes(score: &Score, arranged: &Score) {
    let Some(bass) = arranged.parts.iter().find(|part| part.role == Role::Bass) else {
        return;
    };
    let first_bar = &score.bars[0];
    let from = match first_bar.length < first_bar.metre.length() && score.bars.len() > 1 {
        true => first_bar.length,
        false => quarters(0, 1),
    };
    for change in score.chords.iter().filter(|change| change.onset >= from) {
        let Some(chord) = change.chord else { continue };
        let root = chord.bass.unwrap_or(chord.root).pitch_class();
        let strikes = |note: &Note| note.onset == change.onset && note.pitch % 12 == root;
        let low = |note: &Note| note.pitch <= 45 && note.onset <= change.onset + 4;
        assert!(
            bass.notes.iter().any(strikes) || score.parts[0].notes.iter().any(low),
            "{change:?}"
        );
    }
}

fn mean_velocity(part: &Part) -> f64 {
    let sum: f64 = part.notes.iter().map(|note| f64::from(note.velocity)).sum();
    sum / part.notes.len() as f64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn an_arrangement_keeps_its_laws(
        score in lead_sheets(),
        accompaniment in accompaniments(),
        arousal in -1.0_f64..=1.0,
    ) {
        let arrangement = Arrangement { accompaniment, arousal };
        let arranged = arrange(&score, &arrangement);
        prop_assert_eq!(&arranged.lead_sheet(), &score);
        check_sound(&arranged);
        check_below_melody(&score, &arranged);
        check_harmony(&score, &arranged);
        if accompaniment != Accompaniment::None {
            check_changes(&score, &arranged);
        }
        let (melody, others) = arranged.parts.split_first().unwrap();
        if !melody.notes.is_empty() && mean_velocity(melody) >= 40.0 {
            for part in others {
                prop_assert!(part.notes.iter().all(|note| f64::from(note.velocity) < mean_velocity(melody)));
            }
        }
    }

    #[test]
    fn the_bass_stays_below_the_chords(
        score in lead_sheets(),
        accompaniment in accompaniments(),
        arousal in -1.0_f64..=1.0,
    ) {
        let arranged = arrange(&score, &Arrangement::new(accompaniment, arousal));
        let [_, chords, bass] = &arranged.parts[..] else { return Ok(()) };
        for low in &bass.notes {
            for high in &chords.notes {
                let together = low.onset < high.end() && high.onset < low.end();
                prop_assert!(!together || low.pitch < high.pitch);
            }
        }
    }

    #[test]
    fn a_walking_bass_leads_over_on_weak_beats(
        changes in vec((1_i64..5, -6_i8..7, 2_usize..6), 2..12),
    ) {
        let mut score = sheet("4/4", "C", &[]);
        score.chords.clear();
        let mut onset = quarters(0, 1);
        for (beats, root, quality) in changes {
            let root = PitchName::from_fifths(root).unwrap();
            let chord = Some(ChordSymbol::new(root, Quality::ALL[quality]));
            if score.chords.last().is_none_or(|last| last.chord != chord) {
                score.chords.push(ChordChange { onset, chord });
            }
            onset += beats;
        }
        score.bars = vec![score.bars[0]; (onset / 4).ceil().to_integer() as usize];
        let arranged = arrange(&score, &Arrangement::new(Accompaniment::Pulse, 0.8));
        prop_assert_eq!(arranged.parts[1].program, 0);
        prop_assert_eq!(arranged.parts[2].program, 32);
        check_harmony(&score, &arranged);
        let before_last_chord = score.chords.last().unwrap().onset;
        let walked = arranged.parts[2].notes.iter().filter(|note| note.onset < before_last_chord);
        prop_assert_eq!(walked.count() as i64, before_last_chord.to_integer());
    }

    #[test]
    fn humanized_music_stays_sound(
        score in lead_sheets(),
        accompaniment in accompaniments(),
        amount in 0.0_f64..=1.0,
        seed in 0_u64..1000,
    ) {
        let exact = arrange(&score, &Arrangement::new(accompaniment, 0.5));
        let played = humanize(&exact, amount, Seed(seed));
        check_sound(&played);
        prop_assert_eq!(&played, &humanize(&exact, amount, Seed(seed)));
        prop_assert_eq!(&humanize(&exact, 0.0, Seed(seed)), &exact);
        prop_assert_eq!(&played.bars, &exact.bars);
        for (before, after) in exact.parts.iter().zip(&played.parts) {
            prop_assert_eq!(before.notes.len(), after.notes.len());
            for (old, new) in before.notes.iter().zip(&after.notes) {
                prop_assert_eq!(old.pitch, new.pitch);
                let secs = exact.seconds_at(new.onset) - exact.seconds_at(old.onset);
                prop_assert!(secs.abs() <= 0.02 * amount + 1e-9, "{secs}");
                prop_assert!((f64::from(old.velocity) - f64::from(new.velocity)).abs() <= 10.0 * amount + 0.5);
            }
        }
    }
}

/// Close position on the root, from C3 up.
fn root_position(cell: &Cell) -> Vec<u8> {
    let root = 48 + cell.chord.root.pitch_class();
    let tones = cell.chord.quality.intervals().iter().take(4);
    let mut close: Vec<u8> = tones.map(|tone| root + tone % 12).collect();
    close.sort();
    close
}

/// Thirty-two chords of any quality on any root, twenty times.
#[test]
fn led_voices_move_far_less_than_root_positions() {
    let mut rng = Seed(11).rng();
    let total = |voicings: &[Vec<u8>]| -> f64 {
        voicings
            .windows(2)
            .map(|pair| motion(&pair[0], &pair[1]))
            .sum()
    };
    for _ in 0..20 {
        let mut score = sheet("4/4", "C", &[]);
        score.bars = vec![score.bars[0]; 32];
        let mut chord = || ChordSymbol {
            root: PitchName::from_fifths(rng.below(13) as i8 - 6).unwrap(),
            quality: Quality::ALL[rng.below(Quality::ALL.len())],
            bass: None,
        };
        let changes = (0..32).map(|bar| ChordChange {
            onset: quarters(4 * bar, 1),
            chord: Some(chord()),
        });
        score.chords = changes.collect();
        let setting = Setting::new(&score, Accompaniment::Block, &[]);
        let plain: Vec<Vec<u8>> = setting.cells.iter().map(root_position).collect();
        let ratio = total(&voicings(&score)) / total(&plain);
        assert!(ratio < 0.6, "{ratio}");
    }
}

/// Notes of one pitch that nearly touch: the one before gives way.
#[test]
fn humanized_repetitions_do_not_overlap() {
    let mut score = sheet("4/4", "C | C | C | C", &[72; 16]);
    score.tempos[0].tempo = Tempo::from_bpm(60.0);
    for note in &mut score.parts[0].notes {
        note.duration = quarters(299, 300);
    }
    for seed in 0..20 {
        check_sound(&humanize(&score, 1.0, Seed(seed)));
    }
}

#[test]
fn humanizing_moves_most_notes() {
    let score = sheet("4/4", "C | F | G | C", &[72, 74, 76, 77, 79, 81, 76, 72]);
    let exact = arrange(&score, &Arrangement::new(Accompaniment::Arpeggio, 0.0));
    let played = humanize(&exact, 1.0, Seed(7));
    let pairs = || {
        exact
            .parts
            .iter()
            .zip(&played.parts)
            .flat_map(|(a, b)| a.notes.iter().zip(&b.notes))
    };
    let moved = pairs().filter(|(a, b)| a.onset != b.onset).count();
    assert!(moved * 2 > pairs().count());
    assert!(pairs().all(|(_, b)| (b.onset * 480).is_integer()));
}

#[test]
fn voicings_are_whole_and_in_range() {
    for quality in Quality::ALL {
        for bass in [None, PitchName::from_fifths(2)] {
            let root = PitchName::from_fifths(-2).unwrap();
            let chord = ChordSymbol {
                root,
                quality,
                bass,
            };
            let candidates = voicing::candidates(chord);
            assert!(candidates.len() >= 3, "{chord}");
            let of_chord = |tones: std::ops::RangeInclusive<u8>| {
                let intervals = quality.intervals().iter();
                let guide = intervals.filter(move |tone| tones.contains(*tone));
                guide.map(move |tone| (root.pitch_class() + tone) % 12)
            };
            for (voicing, missing) in candidates {
                let classes: Vec<u8> = voicing.iter().map(|pitch| pitch % 12).collect();
                assert!((2..=4).contains(&voicing.len()), "{chord}: {voicing:?}");
                assert!(voicing.is_sorted_by(|a, b| a < b));
                assert!(voicing.iter().all(|pitch| voicing::RANGE.contains(pitch)));
                assert!(
                    classes
                        .iter()
                        .all(|class| chord.pitch_classes().contains(class))
                );
                let guides = of_chord(2..=5).chain(of_chord(9..=11));
                assert!(
                    { guides }.all(|class| classes.contains(&class)),
                    "{chord}: {voicing:?}"
                );
                if bass.is_some() && missing == 0 {
                    assert!(
                        classes.contains(&root.pitch_class()),
                        "{chord}: {voicing:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn ninths_leave_the_root_to_the_bass() {
    let chords = voicings(&sheet("4/4", "C9 | Fmaj9 | C9/E", &[76]));
    let plays = |place: usize, class: u8| chords[place].iter().any(|pitch| pitch % 12 == class);
    assert!(!plays(0, 0) && plays(0, 2) && plays(0, 4) && plays(0, 10));
    assert!(!plays(1, 5) && plays(1, 7));
    assert!(plays(2, 0)); // its bass plays something else
}

#[test]
fn no_voice_rubs_against_the_melody() {
    // E would lie a semitone below F, A below B flat.
    for (chord, melody, rubbing) in [("C", 65, 64), ("Cmaj7", 65, 64), ("F", 70, 69)] {
        let chords = voicings(&sheet("4/4", chord, &[melody]));
        assert!(!chords[0].contains(&rubbing), "{chord}: {chords:?}");
    }
}

/// From C to D in root position every voice of the chord would move in parallel fifths with the bass.
#[test]
fn outer_voices_move_in_no_parallels() {
    for chords in [
        "C | D | C | D",
        "F | G | F | G",
        "Am | G | Am | G",
        "Dm | Em | F | G",
    ] {
        let score = sheet("4/4", chords, &[79]);
        let setting = Setting::new(&score, Accompaniment::Block, &[]);
        let voicings = voicings(&score);
        for (cells, pair) in setting.cells.windows(2).zip(voicings.windows(2)) {
            let interval =
                |place: usize| (pair[place].last().unwrap() + 12 - cells[place].bass()) % 12;
            assert!(
                interval(0) != interval(1) || !matches!(interval(0), 0 | 7),
                "{voicings:?}"
            );
        }
    }
}

#[test]
fn any_number_is_an_arousal() {
    let score = sheet("4/4", "Dm7 | G7 | C", &[76, 74, 72]);
    for arousal in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 7.0] {
        for accompaniment in Accompaniment::ALL {
            check_sound(&arrange(&score, &Arrangement::new(accompaniment, arousal)));
        }
        assert_ne!(
            Arrangement::chosen(&score, arousal).accompaniment,
            Accompaniment::None
        );
        check_sound(&shape_melody(&score, arousal));
        check_sound(&humanize(&score, arousal, Seed(1)));
    }
}

#[test]
fn files_have_the_names_in_lower_case() {
    let text = serde_json::to_string(&Accompaniment::Waltz).unwrap();
    assert_eq!(text, "\"waltz\"");
}

#[test]
fn a_long_piece_is_arranged() {
    let score = sheet("4/4", &["Dm7 G13 | Cmaj9 A7b9"; 500].join(" | "), &[76]);
    let arranged = arrange(&score, &Arrangement::new(Accompaniment::Arpeggio, 0.2));
    assert!(arranged.parts[1].notes.len() > 7000);
}
