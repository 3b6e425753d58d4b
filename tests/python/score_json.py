"""The JSON that Affetto makes of a score, in exact time.

Scores to check, each as JSON, MusicXML and MIDI, are written by

    AFFETTO_SAMPLES_DIR=DIR cargo test -p affetto-media --test suite musicxml_laws -- --ignored
"""

import json
import re
from dataclasses import dataclass
from fractions import Fraction

# The kind, and the degrees that change it, of each chord symbol suffix, as MusicXML 4.0 names them.
KINDS = {
    "": ("major", ()),
    "m": ("minor", ()),
    "7": ("dominant-seventh", ()),
    "maj7": ("major-seventh", ()),
    "m7": ("minor-seventh", ()),
    "9": ("dominant-ninth", ()),
    "m9": ("minor-ninth", ()),
    "dim": ("diminished", ()),
    "6": ("major-sixth", ()),
    "m6": ("minor-sixth", ()),
    "m7b5": ("half-diminished-seventh", ()),
    "dim7": ("diminished-seventh", ()),
    "aug": ("augmented", ()),
    "sus4": ("suspended-fourth", ()),
    "sus2": ("suspended-second", ()),
    "5": ("power", ()),
    "7sus4": ("suspended-fourth", (("add", 7, 0),)),
    "7#5": ("augmented-seventh", ()),
    "7b5": ("dominant-seventh", (("alter", 5, -1),)),
    "7b9": ("dominant-seventh", (("add", 9, -1),)),
    "7#9": ("dominant-seventh", (("add", 9, 1),)),
    "mMaj7": ("minor-major-seventh", ()),
    "maj9": ("major-ninth", ()),
    "add9": ("major", (("add", 9, 0),)),
    "madd9": ("minor", (("add", 9, 0),)),
    "6/9": ("major-sixth", (("add", 9, 0),)),
    "11": ("dominant-11th", ()),
    "m11": ("minor-11th", ()),
    "13": ("dominant-13th", ()),
    "maj13": ("major-13th", ()),
    "m13": ("minor-13th", ()),
}


@dataclass(frozen=True)
class Chord:
    root: str
    kind: str
    degrees: tuple
    bass: str

    @classmethod
    def parse(cls, symbol):
        """None for no chord; the bass is the root where none is written."""
        if symbol is None:
            return None
        root, rest = re.fullmatch(r"([A-G](?:#{1,2}|b{1,2})?)(.*)", symbol).groups()
        slash = re.fullmatch(r"(.*)/([A-G](?:#{1,2}|b{1,2})?)", rest)
        suffix, bass = slash.groups() if slash else (rest, root)
        kind, degrees = KINDS[suffix]
        return cls(root, kind, degrees, bass)


def quarters(pair):
    return Fraction(pair[0], pair[1])


class Score:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.json = json.load(file)
        self.title = self.json["title"]
        self.bars = self.json["bars"]
        self.parts = self.json["parts"]

    def bar_onsets(self):
        onsets = [Fraction(0)]
        for bar in self.bars:
            onsets.append(onsets[-1] + quarters(bar["length"]))
        return onsets

    def changes(self, field):
        """Where `metre` or `key` changes, and to what."""
        found = []
        for onset, bar in zip(self.bar_onsets(), self.bars):
            if not found or found[-1][1] != bar[field]:
                found.append((onset, bar[field]))
        return found

    def tempos(self):
        """Onsets with microseconds per quarter note."""
        return [(quarters(it["onset"]), it["tempo"]) for it in self.json["tempos"]]

    def chord_symbols(self):
        return [(quarters(it["onset"]), it["chord"]) for it in self.json["chords"]]

    def chords(self):
        return [(onset, Chord.parse(symbol)) for onset, symbol in self.chord_symbols()]

    def sections(self):
        return [(quarters(it["onset"]), it["name"]) for it in self.json["sections"]]

    def hands_at(self, index):
        """Whether the part is one of two hands that stand on one grand staff."""
        roles = [part["role"] for part in self.parts]
        pair = ["right-hand", "left-hand"]
        return roles[index : index + 2] == pair or roles[max(index - 1, 0) : index + 1] == pair

    @staticmethod
    def notes(part):
        """(onset, pitch, duration), sorted."""
        notes = part["notes"]
        return sorted((quarters(it["onset"]), it["pitch"], quarters(it["duration"])) for it in notes)


class Report:
    """Differences, said once they are found."""

    def __init__(self, path):
        self.path = path
        self.differences = 0

    def same(self, what, asked, found):
        if asked == found:
            return
        self.differences += 1
        print(f"{self.path}: {what} differ")
        if isinstance(asked, list) and isinstance(found, list):
            print(f"  {len(asked)} asked, {len(found)} found")
            pairs = zip(asked + [None] * len(found), found + [None] * len(asked))
            asked, found = next(pair for pair in pairs if pair[0] != pair[1])
        print(f"  asked {asked}")
        print(f"  found {found}")
