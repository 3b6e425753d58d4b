//! All that is printed: data on stdout, everything else on stderr.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use affetto::{Progress, Stage, Warning};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{args::Global, failure::Failure, signals::Signals};

/// Events a second, at most.
const EVENTS_PER_SECOND: u64 = 10;

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Volume {
    Quiet,
    Normal,
    Verbose,
}

/// Whether a request to end stops the work at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnTerminate {
    /// The piece at hand is finished first.
    Finish,
    /// The work stops at its next safe place, to go on later.
    Stop,
}

/// Prints, and tells the work to stop.
pub struct Printer {
    volume: Volume,
    json: bool,
    colour: bool,
    bar: Option<ProgressBar>,
    last_event: Mutex<Option<(Stage, Instant)>>,
    signals: Signals,
    on_terminate: OnTerminate,
}

impl Printer {
    /// A printer for a command line.
    pub fn new(global: &Global, signals: Signals, on_terminate: OnTerminate) -> Self {
        let volume = match (global.quiet, global.verbose) {
            (true, _) => Volume::Quiet,
            (false, true) => Volume::Verbose,
            (false, false) => Volume::Normal,
        };
        let terminal = io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let draws = terminal && volume != Volume::Quiet && !global.json;
        Self {
            volume,
            json: global.json,
            colour: terminal && !no_colour,
            bar: draws.then(progress_bar),
            last_event: Mutex::new(None),
            signals,
            on_terminate,
        }
    }

    /// Whether stdout is JSON.
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Whether more is to be said.
    pub fn is_verbose(&self) -> bool {
        self.volume == Volume::Verbose
    }

    /// One event, where stdout is JSON.
    pub fn event(&self, kind: &str, fields: Value) {
        if !self.json {
            return;
        }
        let mut event = json!({ "schema": "affetto-event/1", "type": kind });
        if let (Value::Object(event), Value::Object(fields)) = (&mut event, fields) {
            event.extend(fields);
        }
        put(&mut io::stdout(), &event.to_string());
    }

    /// The last line where stdout is JSON.
    pub fn envelope(&self, data: &impl Serialize, failure: Option<&Failure>) {
        let exit_code = failure.map_or(0, |failure| failure.code as u8);
        self.event(
            "envelope",
            json!({ "ok": failure.is_none(), "exit_code": exit_code, "data": data, "error": failure.map(Failure::to_json) }),
        );
    }

    /// A line of data on stdout, where it is not JSON.
    pub fn data(&self, line: &str) {
        if !self.json {
            put(&mut io::stdout(), line);
        }
    }

    /// A line of commentary on stderr.
    pub fn say(&self, line: &str) {
        if !self.json && self.volume != Volume::Quiet {
            self.above_bar(line);
        }
    }

    /// Rows of a table on stderr, the first one its head.
    pub fn say_table(&self, rows: &[Vec<String>]) {
        for (at, line) in table(rows).iter().enumerate() {
            let line = if at == 0 {
                self.styled("1", line)
            } else {
                line.clone()
            };
            self.say(&line);
        }
    }

    /// Rows of a table on stdout, where it is not JSON.
    pub fn data_table(&self, rows: &[Vec<String>]) {
        for line in table(rows) {
            self.data(&line);
        }
    }

    /// The end of a command that failed, on stderr.
    pub fn failure(&self, failure: &Failure) {
        self.clear();
        let head = self.styled("1;31", "error");
        put(&mut io::stderr(), &format!("{head}: {}", failure.message));
        if let Some(hint) = &failure.hint {
            let head = self.styled("1", "hint");
            put(&mut io::stderr(), &format!("{head}: {hint}"));
        }
    }

    /// Takes the progress bar away.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Whether the system asked to end.
    pub fn terminated(&self) -> bool {
        self.signals.terminated()
    }

    /// Whether Ctrl-C was pressed.
    pub fn interrupted(&self) -> bool {
        self.signals.interrupted()
    }

    fn above_bar(&self, line: &str) {
        match &self.bar {
            Some(bar) if !bar.is_finished() => bar.suspend(|| put(&mut io::stderr(), line)),
            _ => put(&mut io::stderr(), line),
        }
    }

    fn styled(&self, style: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{style}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }

    /// Whether a progress event is due: the first and last of a stage, and else a few a second.
    fn is_due(&self, stage: Stage, done: usize, total: usize) -> bool {
        let mut last = self
            .last_event
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let pause = Duration::from_millis(1000 / EVENTS_PER_SECOND);
        let recent = last.is_some_and(|(before, at)| before == stage && at.elapsed() < pause);
        if recent && done < total {
            return false;
        }
        *last = Some((stage, Instant::now()));
        true
    }
}

impl Progress for Printer {
    fn step(&self, stage: Stage, done: usize, total: usize) {
        if self.cancelled() {
            return; // what is still counted is thrown away
        }
        if let Some(bar) = &self.bar {
            bar.set_length(total as u64);
            bar.set_position(done as u64);
            bar.set_message(stage.name());
        }
        if self.json && self.is_due(stage, done, total) {
            self.event(
                "progress",
                json!({ "stage": stage.name(), "done": done, "total": total }),
            );
        }
    }

    fn note(&self, text: &str) {
        self.event("note", json!({ "message": text }));
        if self.volume == Volume::Verbose || self.on_terminate == OnTerminate::Stop {
            self.say(text);
        }
    }

    fn warn(&self, warning: Warning) {
        self.event("warning", json!({ "message": warning.0 }));
        let head = self.styled("1;33", "warning");
        self.say(&format!("{head}: {}", warning.0));
    }

    fn cancelled(&self) -> bool {
        self.interrupted() || (self.on_terminate == OnTerminate::Stop && self.terminated())
    }
}

fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{msg:10} {bar:30} {pos}/{len} {per_sec} {eta}");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A reader that went away is no reason to fail.
fn put(stream: &mut dyn Write, line: &str) {
    let _: io::Result<()> = writeln!(stream, "{line}").and_then(|()| stream.flush());
}

/// A time in words.
pub fn duration(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 120.0 => format!("{seconds:.0} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3600.0),
    }
}

/// Columns as wide as their widest cell, two spaces apart.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate();
        let cells: Vec<String> = cells
            .map(|(column, cell)| format!("{cell:width$}", width = widths[column]))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[test]
fn columns_stand_below_each_other() {
    let rows = [["", "asked"], ["valence", "-0.70"]].map(|row| row.map(str::to_owned).to_vec());
    assert_eq!(table(&rows), ["         asked", "valence  -0.70"]);
}
