"""Whether music21 reads a MusicXML file as the score that it was written from, and whether Verovio
engraves it without a warning. What is played is written in score time, with `attack` and `release` for when, which
music21 passes over: the file itself is read for them.

    python check_musicxml.py [--svg DIR] [--png DIR] SCORE.musicxml...

Beside each file stands its score as JSON (SCORE.json).
"""

import argparse
import contextlib
import os
import pathlib
import sys
import tempfile
import xml.etree.ElementTree
from fractions import Fraction

import music21
import verovio
from score_json import Chord, Report, Score

TIMES_PER_QUARTER = 4096


def exact(time):
    return Fraction(time).limit_denominator(TIMES_PER_QUARTER)


def onset_in(part, element):
    return exact(element.getOffsetInHierarchy(part))


def spelled(pitch):
    return pitch.name.replace("-", "b")


def notes_of(part):
    """Sounding notes with their ties merged, as (onset, pitch, duration)."""
    pieces = []
    for element in part.recurse().notes:
        if isinstance(element, music21.harmony.Harmony):
            continue
        voice = element.activeSite.id if isinstance(element.activeSite, music21.stream.Voice) else "1"
        onset = onset_in(part, element)
        duration = exact(element.duration.quarterLength)
        members = element.notes if isinstance(element, music21.chord.Chord) else [element]
        for note in members:
            tie = note.tie.type if note.tie else ""
            pieces.append((onset, note.pitch.midi, duration, str(voice), tie))
    notes, open_ties = [], {}
    for onset, pitch, duration, voice, tie in sorted(pieces):
        ends_one = tie in ("stop", "continue")
        ending = open_ties.get((pitch, onset), {}) if ends_one else {}
        # Where a bar has one voice only, music21 forgets which one.
        begun = ending.pop(voice if voice in ending else next(iter(ending), None), None)
        if begun is None:
            notes.append([onset, pitch, duration])
            begun = len(notes) - 1
        else:
            notes[begun][2] += duration
        if tie in ("start", "continue"):
            open_ties.setdefault((pitch, onset + duration), {})[voice] = begun
    return sorted(tuple(note) for note in notes)


def staves_of(path):
    """For each staff of each part its notes, ties merged, as they are written and as they are played."""
    staves = []
    for part in xml.etree.ElementTree.parse(path).getroot().iter("part"):
        notes = {}
        open_ties = {}
        divisions, start, count = 1, Fraction(0), 1
        for measure in part.iter("measure"):
            divisions = int(measure.findtext("attributes/divisions", divisions))
            count = int(measure.findtext("attributes/staves", count))
            time = reached = onset = Fraction(0)
            for item in measure:
                if item.tag not in ("note", "backup", "forward"):
                    continue
                duration = Fraction(int(item.findtext("duration")), divisions)
                if item.tag != "note":
                    time += duration if item.tag == "forward" else -duration
                    continue
                if item.find("chord") is None:
                    onset, time = time, time + duration
                    reached = max(reached, time)
                if item.find("pitch") is None:
                    continue
                staff = notes.setdefault(item.findtext("staff", "1"), [])
                begin, end = start + onset, start + onset + duration
                pitch = music21.pitch.Pitch(
                    step=item.findtext("pitch/step"),
                    octave=int(item.findtext("pitch/octave")),
                    accidental=music21.pitch.Accidental(int(item.findtext("pitch/alter", 0))),
                ).midi
                ties = [tie.get("type") for tie in item.iter("tie")]
                attack, release = (Fraction(int(item.get(name, 0)), divisions) for name in ("attack", "release"))
                place = (pitch, item.findtext("voice"))
                if "stop" in ties:
                    note = open_ties.pop((*place, begin))
                else:
                    note = [begin, pitch, begin + attack, None, None]
                    staff.append(note)
                note[3:] = [end, end + release]
                if "start" in ties:
                    open_ties[(*place, end)] = note
            start += reached
        for staff in range(1, count + 1):
            own = notes.get(str(staff), [])
            written = sorted((begin, pitch, end - begin) for begin, pitch, _, end, _ in own)
            played = sorted((begin, pitch, end - begin) for _, pitch, begin, _, end in own)
            staves.append((written, played))
    return staves


def changes(part, kind, value):
    found = []
    for element in part.recurse().getElementsByClass(kind):
        if not found or found[-1][1] != value(element):
            found.append((onset_in(part, element), value(element)))
    return found


def key_name(signature):
    tonic = spelled(signature.tonic)
    return f"{tonic[0].upper()}{tonic[1:]} {signature.mode}"


def chord_of(symbol):
    if isinstance(symbol, music21.harmony.NoChord):
        return None
    degrees = tuple(
        (change.modType, change.degree, int(change.interval.semitones))
        for change in symbol.chordStepModifications
    )
    return Chord(spelled(symbol.root()), symbol.chordKind, degrees, spelled(symbol.bass()))


def check_music21(path, report):
    score = Score(path.with_suffix(".json"))
    read = music21.converter.parse(path, forceSource=True)
    parts = list(read.parts)
    staves = staves_of(path)
    report.same("titles", score.title, (read.metadata.title or "") if read.metadata else "")
    report.same("numbers of parts", max(1, len(score.parts)), len(parts))
    for index, (part, found) in enumerate(zip(score.parts, parts)):
        hands = score.hands_at(index)
        report.same(f"staff of {part['name']!r}", hands, isinstance(found, music21.stream.PartStaff))
        if part["name"]:
            report.same("part names", "Piano" if hands else part["name"], found.partName)
        written, played = staves[index]
        report.same(f"notes of {part['name']!r}", score.notes(part), played)
        report.same(f"written notes of {part['name']!r}", written, notes_of(found))
    for part in parts:
        measures = list(part.getElementsByClass(music21.stream.Measure))
        onsets = [exact(measure.offset) for measure in measures]
        ends = onsets[1:] + [exact(part.highestTime)]
        report.same("bar lines", score.bar_onsets(), [Fraction(0)] + ends)
        metres = changes(part, music21.meter.TimeSignature, lambda it: it.ratioString)
        report.same("metres", score.changes("metre"), metres)
        report.same("keys", score.changes("key"), changes(part, music21.key.Key, key_name))
    lead = parts[0]
    symbols = lead.recurse().getElementsByClass(music21.harmony.Harmony)
    found = [(onset_in(lead, symbol), chord_of(symbol)) for symbol in symbols]
    report.same("chord symbols", score.chords(), found)
    marks = lead.recurse().getElementsByClass(music21.expressions.RehearsalMark)
    found = [(onset_in(lead, mark), mark.content) for mark in marks]
    report.same("sections", score.sections(), found)
    marks = lead.recurse().getElementsByClass(music21.tempo.MetronomeMark)
    found = [(onset_in(lead, mark), round(mark.getQuarterBPM(), 1)) for mark in marks]
    asked = [(onset, round(60e6 / micros, 1)) for onset, micros in score.tempos()]
    report.same("tempo onsets", [it[0] for it in asked], [it[0] for it in found])
    for (onset, bpm), (_, other) in zip(asked, found):
        if abs(bpm - other) > 0.11:
            report.same(f"tempos at {onset}", bpm, other)


@contextlib.contextmanager
def standard_error():
    """What the process, libraries in C++ too, writes to standard error."""
    written = []
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield written
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            written.append(file.read().decode("utf-8", "replace"))


def engrave(path, report, svg_folder, png_folder):
    with standard_error() as written:
        toolkit = verovio.toolkit()
        toolkit.setOptions({"adjustPageHeight": True, "footer": "none", "scale": 40})
        loaded = toolkit.loadFile(str(path))
        pages = [toolkit.renderToSVG(page + 1) for page in range(toolkit.getPageCount())]
        log = toolkit.getLog()
    report.same("loading by Verovio", True, loaded)
    report.same("warnings of Verovio", "", (log + written[0]).strip())
    for index, svg in enumerate(pages):
        name = f"{path.stem}-{index + 1}"
        if svg_folder:
            (svg_folder / f"{name}.svg").write_text(svg, encoding="utf-8")
        if png_folder:
            import cairosvg

            file = str(png_folder / f"{name}.png")
            cairosvg.svg2png(bytestring=svg.encode(), write_to=file, background_color="white")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    parser.add_argument("--svg", type=pathlib.Path, help="folder for engraved pages")
    parser.add_argument("--png", type=pathlib.Path, help="folder for engraved pages")
    arguments = parser.parse_args()
    verovio.enableLog(verovio.LOG_WARNING)
    differences = 0
    for path in arguments.files:
        report = Report(path)
        check_music21(path, report)
        engrave(path, report, arguments.svg, arguments.png)
        differences += report.differences
    print(f"{len(arguments.files)} files, {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
