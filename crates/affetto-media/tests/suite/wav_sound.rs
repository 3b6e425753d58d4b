//! Scores as sound, checked by numbers.
#![allow(clippy::disallowed_methods)]

use std::{fs, io::Cursor, path::PathBuf};

use affetto_media::{
    Bar, Error, Key, Metre, Note, Part, Quarters, Role, Score, Tempo, TempoChange,
    wav::{self, Audio, SAMPLE_RATE, Sound},
};

const SCALE: [u8; 8] = [60, 62, 64, 65, 67, 69, 71, 72];

/// A C major scale of half notes at 120 bpm, one per second.
fn scale(program: u8, transposed: i8) -> Score {
    let note = |(index, pitch): (usize, &u8)| Note {
        onset: Quarters::from_integer(2 * index as i64),
        pitch: pitch.saturating_add_signed(transposed),
        duration: Quarters::new(15, 8),
        velocity: 90,
    };
    Score {
        title: String::new(),
        creator: String::new(),
        bars: vec![Bar::full(Metre::COMMON, Key::C_MAJOR); 4],
        tempos: vec![TempoChange {
            onset: 0.into(),
            tempo: Tempo::from_bpm(120.0),
        }],
        chords: Vec::new(),
        sections: Vec::new(),
        parts: vec![Part {
            name: "Melody".into(),
            role: Role::Melody,
            program,
            channel: 0,
            notes: SCALE.iter().enumerate().map(note).collect(),
        }],
    }
}

fn render(score: &Score) -> Audio {
    wav::render(score, &Sound::BuiltIn).unwrap()
}

fn mono(audio: &Audio) -> Vec<f64> {
    let sides = audio.left.iter().zip(&audio.right);
    sides
        .map(|(left, right)| f64::from(left + right) / 2.0)
        .collect()
}

fn hertz(pitch: u8) -> f64 {
    440.0 * ((f64::from(pitch) - 69.0) / 12.0).exp2()
}

/// The fundamental, by the method of de Cheveigné & Kawahara, "YIN" (2002), with its threshold of 0.1 to 0.2.
fn fundamental_hertz(samples: &[f64]) -> f64 {
    let longest = samples.len() / 2;
    let difference: Vec<f64> = (0..longest)
        .map(|lag| {
            (0..longest)
                .map(|n| (samples[n] - samples[n + lag]).powi(2))
                .sum()
        })
        .collect();
    let mut sum = 0.0;
    let mut normal = vec![1.0];
    for (lag, difference) in difference.iter().enumerate().skip(1) {
        sum += difference;
        normal.push(difference * lag as f64 / sum);
    }
    let mut lag = (20..longest).find(|lag| normal[*lag] < 0.2).unwrap();
    while normal[lag + 1] < normal[lag] {
        lag += 1;
    }
    let (before, at, after) = (normal[lag - 1], normal[lag], normal[lag + 1]);
    let shift = (before - after) / (2.0 * (before - 2.0 * at + after));
    f64::from(SAMPLE_RATE) / (lag as f64 + shift)
}

/// One of every kind of pitched instrument, with the octave it is tried in.
const PROGRAMS: [(u8, i8); 18] = [
    (0, 0),
    (4, 0),
    (6, 0),
    (9, 0),
    (12, 0),
    (19, 0),
    (25, -12),
    (32, -24),
    (33, -24),
    (38, -24),
    (46, 0),
    (48, 0),
    (52, 0),
    (56, 0),
    (68, 0),
    (71, 0),
    (73, 12),
    (80, 0),
];

#[test]
fn every_instrument_is_in_tune_and_clean() {
    for (program, transposed) in PROGRAMS {
        let audio = render(&scale(program, transposed));
        let samples = mono(&audio);
        for (index, pitch) in SCALE.iter().enumerate().step_by(3) {
            let middle = index * SAMPLE_RATE as usize + SAMPLE_RATE as usize * 6 / 10;
            let found = fundamental_hertz(&samples[middle..middle + 2048]);
            let expected = hertz(pitch.saturating_add_signed(transposed));
            assert!(
                (found / expected - 1.0).abs() < 0.01,
                "program {program}: {found} for {expected}"
            );
        }
        assert_is_clean(&audio, &format!("program {program}"), 0.35);
    }
}

/// No clipping, the level as stated, no offset, silence at the end, no clicks.
fn assert_is_clean(audio: &Audio, name: &str, sharpest_bend: f32) {
    let peak = audio.peak();
    assert!(peak <= 0.8913, "{name}: peak {peak}");
    let loudness = wav::loudness_lufs(audio).unwrap();
    let is_levelled = (loudness - wav::LOUDNESS_LUFS).abs() < 0.1 || peak > 0.89;
    assert!(
        is_levelled && loudness < wav::LOUDNESS_LUFS + 0.1,
        "{name}: {loudness} LUFS, peak {peak}"
    );
    for channel in [&audio.left, &audio.right] {
        let mean: f64 =
            channel.iter().map(|sample| f64::from(*sample)).sum::<f64>() / channel.len() as f64;
        assert!(mean.abs() < 1e-4, "{name}: mean {mean}");
        assert!(channel[0].abs() < 0.01, "{name}: begins at {}", channel[0]);
        let silence = &channel[channel.len() - SAMPLE_RATE as usize / 10..];
        assert!(silence.iter().all(|sample| *sample == 0.0), "{name}");
        // A click is a jump that the neighbours do not continue.
        let bend = |n: usize| (channel[n + 1] - 2.0 * channel[n] + channel[n - 1]).abs();
        let sharpest = (1..channel.len() - 1).map(bend).fold(0.0, f32::max) / peak;
        assert!(
            sharpest < sharpest_bend,
            "{name}: a bend of {sharpest} of the peak"
        );
    }
}

#[test]
fn drums_and_many_parts_are_clean() {
    let mut score = scale(73, 0);
    for (role, program, channel, transposed) in [
        (Role::Chords, 4, 1, -12),
        (Role::Bass, 32, 2, -24),
        (Role::Other, 48, 3, 0),
        (Role::Other, 0, 9, -24),
    ] {
        let mut part = scale(program, transposed).parts.remove(0);
        (part.role, part.channel) = (role, channel);
        score.parts.push(part);
    }
    assert_is_clean(&render(&score), "band", 0.6); // drums are noise
}

#[test]
fn the_same_score_gives_the_same_bytes() {
    let bytes = |program| wav::write(&render(&scale(program, 0))).unwrap();
    for program in [0, 48, 73] {
        assert!(bytes(program) == bytes(program));
    }
}

#[test]
fn a_tempo_change_moves_what_follows() {
    let mut score = scale(0, 0);
    score.tempos.push(TempoChange {
        onset: 8.into(),
        tempo: Tempo::from_bpm(60.0),
    });
    let audio = render(&score);
    // Eight quarters in 4 s and eight in 8 s, then the tail.
    assert!(
        (12.1..16.0).contains(&audio.duration_secs()),
        "{}",
        audio.duration_secs()
    );
    let samples = mono(&audio);
    let at = |seconds: f64| {
        let first = (seconds * f64::from(SAMPLE_RATE)) as usize;
        fundamental_hertz(&samples[first..first + 4096])
    };
    assert!((at(3.5) / hertz(65) - 1.0).abs() < 0.01); // the fourth note, from 3 s
    assert!((at(11.0) / hertz(72) - 1.0).abs() < 0.01); // the eighth note, from 10 s
}

#[test]
fn silence_is_as_long_as_the_score() {
    let mut score = scale(0, 0);
    score.parts.clear();
    let audio = render(&score);
    assert_eq!(
        audio.frames(),
        8 * SAMPLE_RATE as usize + SAMPLE_RATE as usize / 10
    );
    assert_eq!(audio.peak(), 0.0);
}

#[test]
fn more_than_half_an_hour_is_refused() {
    let mut score = scale(0, 0);
    score.bars = vec![score.bars[0]; 901];
    let message = wav::render(&score, &Sound::BuiltIn)
        .unwrap_err()
        .to_string();
    assert_eq!(message, "1802 seconds, and at most 1800 are read");
    score.bars.clear();
    assert!(matches!(
        wav::render(&score, &Sound::BuiltIn),
        Err(Error::Unsupported { .. })
    ));
}

#[test]
fn the_file_is_16_bit_stereo() {
    let audio = render(&scale(73, 0));
    let bytes = wav::write(&audio).unwrap();
    let mut reader = hound::WavReader::new(Cursor::new(&bytes)).unwrap();
    let spec = reader.spec();
    assert_eq!(
        (spec.channels, spec.sample_rate, spec.bits_per_sample),
        (2, 44_100, 16)
    );
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    assert_eq!(samples.len(), 2 * audio.frames());
    for (frame, written) in samples.chunks(2).enumerate() {
        for (written, sample) in written.iter().zip([audio.left[frame], audio.right[frame]]) {
            assert!((f32::from(*written) - sample * 32_767.0).abs() < 1.6);
        }
    }
    assert_eq!(samples[samples.len() - 2..], [0, 0]);
}

/// A file of the SoundFont 2.04 format with one preset: a looped sine of 440 Hz.
fn soundfont() -> Vec<u8> {
    const PERIOD: usize = 100; // at 44,000 samples per second
    let chunk = |kind: &[u8; 4], data: &[u8]| -> Vec<u8> {
        [kind, &(data.len() as u32).to_le_bytes()[..], data].concat()
    };
    let list = |kind: &[u8; 4], chunks: &[Vec<u8>]| {
        chunk(b"LIST", &[&kind[..], &chunks.concat()].concat())
    };
    let name = |text: &str| -> Vec<u8> {
        let mut name = text.as_bytes().to_vec();
        name.resize(20, 0);
        name
    };
    let words =
        |words: &[u16]| -> Vec<u8> { words.iter().flat_map(|word| word.to_le_bytes()).collect() };
    let longs =
        |longs: &[u32]| -> Vec<u8> { longs.iter().flat_map(|long| long.to_le_bytes()).collect() };
    let wave =
        |n: usize| (20_000.0 * (std::f64::consts::TAU * n as f64 / PERIOD as f64).sin()) as i16;
    let mut samples: Vec<u8> = (0..10 * PERIOD)
        .flat_map(|n| wave(n).to_le_bytes())
        .collect();
    samples.extend([0; 2 * 46]);

    let info = list(
        b"INFO",
        &[chunk(b"ifil", &words(&[2, 4])), chunk(b"INAM", b"Sine\0\0")],
    );
    let sound = list(b"sdta", &[chunk(b"smpl", &samples)]);
    let preset = |text, bag: u16| [name(text), words(&[0, 0, bag]), longs(&[0, 0, 0])].concat();
    let instrument = |text, bag: u16| [name(text), words(&[bag])].concat();
    let header = [
        name("sine"),
        longs(&[
            0,
            10 * PERIOD as u32,
            PERIOD as u32,
            9 * PERIOD as u32,
            44_000,
        ]),
        vec![69, 0],
        words(&[0, 1]),
    ]
    .concat();
    let parameters = list(
        b"pdta",
        &[
            chunk(b"phdr", &[preset("sine", 0), preset("EOP", 1)].concat()),
            chunk(b"pbag", &words(&[0, 0, 1, 0])),
            chunk(b"pmod", &[0; 10]),
            chunk(b"pgen", &words(&[41, 0, 0, 0])), // instrument 0
            chunk(
                b"inst",
                &[instrument("sine", 0), instrument("EOI", 1)].concat(),
            ),
            chunk(b"ibag", &words(&[0, 0, 2, 0])),
            chunk(b"imod", &[0; 10]),
            chunk(b"igen", &words(&[54, 1, 53, 0, 0, 0])), // looped; sample 0
            chunk(
                b"shdr",
                &[header, [name("EOS"), vec![0; 26]].concat()].concat(),
            ),
        ],
    );
    chunk(
        b"RIFF",
        &[&b"sfbk"[..], &info, &sound, &parameters].concat(),
    )
}

fn temporary(name: &str, bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_soundfont_plays_the_scale() {
    let path = temporary("sine.sf2", &soundfont());
    let sound = Sound::SoundFont(path);
    let audio = wav::render(&scale(0, 0), &sound).unwrap();
    let samples = mono(&audio);
    for (index, pitch) in SCALE.iter().enumerate() {
        let middle = index * SAMPLE_RATE as usize + SAMPLE_RATE as usize / 2;
        let found = fundamental_hertz(&samples[middle..middle + 4096]);
        assert!((found / hertz(*pitch) - 1.0).abs() < 0.01, "{found}");
    }
    assert!(audio == wav::render(&scale(0, 0), &sound).unwrap());
}

#[test]
fn bad_soundfonts_are_refused() {
    let whole = soundfont();
    let mut damaged = whole.clone();
    let sample = damaged.windows(4).position(|word| word == b"shdr").unwrap() + 8;
    damaged[sample + 20..sample + 36].fill(0xff); // offsets far outside
    let refusal = |path: PathBuf| wav::render(&scale(0, 0), &Sound::SoundFont(path)).unwrap_err();
    for (name, bytes) in [
        ("empty.sf2", Vec::new()),
        ("text.sf2", b"this is no SoundFont".to_vec()),
        ("cut.sf2", whole[..whole.len() / 2].to_vec()),
        ("damaged.sf2", damaged),
    ] {
        let error = refusal(temporary(name, &bytes));
        assert!(matches!(error, Error::Malformed { .. }), "{name}: {error}");
    }
    assert!(matches!(
        refusal("/nowhere/at.all.sf2".into()),
        Error::Read(_)
    ));
}
