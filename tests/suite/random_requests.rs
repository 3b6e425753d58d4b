//! Random valid requests: none fails, and each file has what was asked, to the bar.

use std::{
    env,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use affetto::{
    Control, EffectKind, Key, LeadSheet, LeadSheetRequest, Metre, Models, Seed, Silent, Vad,
    compose,
    media::{self, Limits, Quarters, midi},
    music::{condition::PitchRange, tokens::METRES},
};

/// How many candidates a piece is chosen from: as many as anybody gets in a long run, else few.
pub fn candidates() -> usize {
    if is_long() {
        LeadSheetRequest::default().candidates
    } else {
        2
    }
}

/// How many requests: 60, or 1,000 with `AFFETTO_LONG=1`.
pub fn is_long() -> bool {
    env::var_os("AFFETTO_LONG").is_some_and(|value| value == "1")
}

/// Numbers from a seed, without a generator of their own.
pub struct Draws {
    seed: Seed,
    drawn: u64,
}

impl Draws {
    pub fn new(seed: u64) -> Self {
        Self {
            seed: Seed(seed),
            drawn: 0,
        }
    }

    /// A whole number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        self.drawn += 1;
        (self.seed.derive(&format!("draw {}", self.drawn)).0 % count as u64) as usize
    }

    /// A number in `[-1, 1]`, in thousandths.
    pub fn signed(&mut self) -> f64 {
        self.below(2001) as f64 / 1000.0 - 1.0
    }

    /// True once in `count`.
    fn once_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

fn request(number: u64) -> LeadSheetRequest {
    let mut draws = Draws::new(number);
    let keys: Vec<Key> = Key::all().collect();
    let (count, unit) = METRES[draws.below(METRES.len())];
    let metre = Metre::new(count, unit).unwrap();
    let bars = 4 + draws.below(61);
    let lowest = 36 + draws.below(36) as u8;
    let pinned = draws.once_in(2);
    let levels = (0..bars).map(|_| draws.below(5) as i8 - 2).collect();
    LeadSheetRequest {
        seed: Seed(number),
        emotion: Vad::clamped(draws.signed(), draws.signed(), draws.signed()).into(),
        valence_levels: pinned.then_some(levels),
        bars: Some(bars),
        meter: Some(metre),
        pickup: draws.once_in(4).then(|| Quarters::new(1, 2)),
        key: Some(keys[draws.below(keys.len())]),
        tempo_bpm: Some(30.0 + draws.below(2000) as f64 / 10.0),
        range: Some(PitchRange {
            lowest,
            highest: lowest + 12 + draws.below(13) as u8,
        }),
        density: draws
            .once_in(3)
            .then(|| Control::Constant(draws.below(101) as f64 / 100.0)),
        form: draws.once_in(3).then(|| "AABA".parse().unwrap()),
        ..LeadSheetRequest::default()
    }
}

/// What is not as asked, in words.
fn faults(request: &LeadSheetRequest, sheet: &LeadSheet) -> Vec<String> {
    let score = midi::write(&sheet.score)
        .and_then(|bytes| midi::read(&bytes, &Limits::DEFAULT))
        .unwrap();
    let pickup = usize::from(request.pickup.is_some());
    let mut faults: Vec<String> = score.broken_rule().map(str::to_owned).into_iter().collect();
    let mut check = |sound: bool, fault: &dyn Fn() -> String| {
        if !sound {
            faults.push(fault());
        }
    };
    let bars = request.bars.unwrap() + pickup;
    check(score.bars.len() == bars, &|| {
        format!("{} bars for {bars}", score.bars.len())
    });
    let (metre, key) = (request.meter.unwrap(), request.key.unwrap());
    for (at, bar) in score.bars.iter().enumerate() {
        let length = request.pickup.filter(|_| at == 0).unwrap_or(metre.length());
        let sound = (bar.metre, bar.key, bar.length) == (metre, key, length);
        check(sound, &|| format!("bar {at} is {bar:?}"));
    }
    let tempo = media::Tempo::from_bpm(request.tempo_bpm.unwrap());
    check(score.tempo() == tempo, &|| {
        format!("tempo {:?}", score.tempo())
    });
    let range = request.range.unwrap();
    for note in &score.melody().unwrap().notes {
        let sound = (range.lowest..=range.highest).contains(&note.pitch);
        check(sound, &|| format!("{} outside {range}", note.pitch));
    }
    let steered = [
        EffectKind::Key,
        EffectKind::Valence,
        EffectKind::Tension,
        EffectKind::TensionCurve,
    ];
    for effect in sheet
        .effects
        .iter()
        .filter(|effect| !steered.contains(&effect.control))
    {
        check(effect.reached, &|| effect.to_string());
    }
    let levels = request.valence_levels.iter().flatten();
    for (at, (level, bar)) in levels.zip(&sheet.measured.bars[pickup..]).enumerate() {
        let class = bar.valence_class.number();
        check(*level == class, &|| {
            format!("full bar {at} of class {class}, asked {level}: {bar:?}")
        });
    }
    faults
}

/// Does `work` for every number below `count`, on all processors.
pub fn for_each(count: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    work(number);
                }
            });
        }
    });
}

#[test]
fn every_valid_request_is_met() {
    let models = Models::embedded().unwrap();
    let count = if is_long() { 1000 } else { 60 };
    let (bars, failed, begun) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Instant::now());
    for_each(count, |number| {
        // Every candidate keeps what is asked; more of them only give the critic more to choose from.
        let request = LeadSheetRequest {
            candidates: 2,
            ..request(number as u64)
        };
        let faults = match compose(&request, &models, &Silent) {
            Ok(sheet) => {
                bars.fetch_add(sheet.score.bars.len(), Ordering::Relaxed);
                faults(&request, &sheet)
            }
            Err(error) => vec![error.to_string()],
        };
        if !faults.is_empty() {
            let request = serde_json::to_string(&request).unwrap();
            failed.lock().unwrap().push(format!(
                "request {number}: {}\n{request}",
                faults.join("; ")
            ));
        }
    });
    let (bars, failed) = (bars.into_inner(), failed.into_inner().unwrap());
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!(
        "{} of {count} requests met, {bars} bars in {seconds:.0} s",
        count - failed.len()
    );
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
