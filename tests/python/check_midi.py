"""Whether mido reads a MIDI file as the score that it was written from.

    python check_midi.py SCORE.mid...

Beside each file stands its score as JSON (SCORE.json).
"""

import argparse
import pathlib
import sys
from fractions import Fraction

import mido
from score_json import Report, Score, quarters


def timed(track, ticks_per_quarter):
    """(time in quarters, message)"""
    ticks = 0
    for message in track:
        ticks += message.time
        yield Fraction(ticks, ticks_per_quarter), message


def text(words):
    """mido decodes text as Latin-1; what is written is UTF-8."""
    return words.encode("latin-1").decode("utf-8")


def notes_of(messages, report):
    """(onset, pitch, duration, velocity); every note must end."""
    notes, sounding = [], {}
    for time, message in messages:
        if message.type == "note_on" and message.velocity > 0:
            report.same("notes struck while they sound", None, sounding.get(message.note))
            sounding[message.note] = (time, message.velocity)
        elif message.type in ("note_on", "note_off"):
            onset, velocity = sounding.pop(message.note)
            notes.append((onset, message.note, time - onset, velocity))
    report.same("notes that never end", {}, sounding)
    return sorted(notes)


def one_at_a_time(part):
    """A MIDI channel plays one note of a pitch at a time: the next one ends the one before, and of
    two that begin together the longer and the louder counts."""
    notes = {}
    for note in part["notes"]:
        place = (note["pitch"], quarters(note["onset"]))
        duration, velocity = notes.get(place, (0, 0))
        notes[place] = (max(duration, quarters(note["duration"])), max(velocity, note["velocity"]))
    found, next_onset = [], {}
    for (pitch, onset), (duration, velocity) in sorted(notes.items(), reverse=True):
        end = min(onset + duration, next_onset.get(pitch, onset + duration))
        found.append((onset, pitch, end - onset, velocity))
        next_onset[pitch] = onset
    return sorted(found)


def bar_lines(signatures, end):
    """Where bars begin: each time signature begins one, and its own length after it the next."""
    onsets = []
    stops = [time for time, _ in signatures[1:]] + [end]
    for (start, message), stop in zip(signatures, stops):
        length = Fraction(4 * message.numerator, message.denominator)
        onset = start
        while onset < stop:
            onsets.append(onset)
            onset += length
    return onsets + [end]


def key_word(name):
    """`C minor` as mido says it: `Cm`."""
    tonic, mode = name.split()
    return tonic + ("m" if mode == "minor" else "")


def check_conductor(score, messages, report):
    found = [(time, it.tempo) for time, it in messages if it.type == "set_tempo"]
    report.same("tempos", score.tempos(), found)
    found = [(time, it.key) for time, it in messages if it.type == "key_signature"]
    report.same("keys", [(time, key_word(key)) for time, key in score.changes("key")], found)
    signatures = [(time, it) for time, it in messages if it.type == "time_signature"]
    onsets = score.bar_onsets()
    report.same("bar lines", onsets, bar_lines(signatures, onsets[-1]))
    for onset, bar in zip(onsets, score.bars):
        count, unit = map(int, bar["metre"].split("/"))
        if quarters(bar["length"]) != Fraction(4 * count, unit):
            continue  # a pick-up is shown in a metre of its own length
        shown = [it for time, it in signatures if time <= onset][-1]
        report.same(f"metres at {onset}", (count, unit), (shown.numerator, shown.denominator))
    names = [text(it.name) for _, it in messages if it.type == "track_name"]
    report.same("titles", [score.title] if score.title else [], names)
    markers = [(time, text(it.text)) for time, it in messages if it.type == "marker"]
    chords = [(time, symbol or "N.C.") for time, symbol in score.chord_symbols()]
    sections = []
    for time, name in score.sections():
        prefixed = (time, f"Section {name}")
        sections.append(prefixed if prefixed in markers else (time, name))
    report.same("markers", sorted(chords + sections), sorted(markers))


def check_part(part, messages, report):
    name = part["name"]
    names = [text(it.name) for _, it in messages if it.type == "track_name"]
    report.same("part names", [name], names)
    channels = {it.channel for _, it in messages if hasattr(it, "channel")}
    report.same(f"channels of {name!r}", {part["channel"]}, channels)
    programs = [(time, it.program) for time, it in messages if it.type == "program_change"]
    report.same(f"programs of {name!r}", [(0, part["program"])], programs)
    report.same(f"notes of {name!r}", one_at_a_time(part), notes_of(messages, report))


def check(path, report):
    score = Score(path.with_suffix(".json"))
    file = mido.MidiFile(path)
    report.same("formats", 1, file.type)
    tracks = [list(timed(track, file.ticks_per_beat)) for track in file.tracks]
    report.same("numbers of tracks", 1 + len(score.parts), len(tracks))
    check_conductor(score, tracks[0], report)
    for part, messages in zip(score.parts, tracks[1:]):
        check_part(part, messages, report)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    differences = 0
    arguments = parser.parse_args()
    for path in arguments.files:
        report = Report(path)
        check(path, report)
        differences += report.differences
    print(f"{len(arguments.files)} files, {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
