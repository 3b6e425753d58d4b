"""Whether a set of game files is what its cue file says, read by others: RIFF chunks by struct, OGG by libsndfile and
mutagen, MIDI by mido.

    python check_game_set.py FOLDER...
"""

import argparse
import json
import pathlib
import struct
import sys

import mido
import numpy
import soundfile
from mutagen.oggvorbis import OggVorbis
from score_json import Report


def chunks(data):
    """(name, content) of a RIFF file, to its last byte."""
    riff, size, form = struct.unpack_from("<4sI4s", data)
    assert (riff, form, size) == (b"RIFF", b"WAVE", len(data) - 8), "not one whole WAVE file"
    at = 12
    while at < len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        assert at + 8 + size <= len(data), f"chunk {name} passes the end of the file"
        yield name, data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


def read_wav(path, report):
    """Its samples (frames, channels) and its other chunks."""
    found = list(chunks(path.read_bytes()))
    names = [name for name, _ in found]
    report.same(f"repeated chunks of {path.name}", len(names), len(set(names)))
    found = dict(found)
    kind, channels, rate, _, frame, bits = struct.unpack_from("<HHIIHH", found[b"fmt "])
    report.same(f"format of {path.name}", (1, 2, 44100, 4, 16), (kind, channels, rate, frame, bits))
    samples = numpy.frombuffer(found[b"data"], "<i2").reshape(-1, 2) / 32767
    return samples, found


def loops(content):
    """(type, first, last, times) of each loop of a smpl chunk."""
    *_, period, note, _, _, _, count, extra = struct.unpack_from("<9I", content)
    assert (period, note, extra) == (22676, 60, 0) and len(content) == 36 + 24 * count
    numbers = [struct.unpack_from("<6I", content, 36 + 24 * at) for at in range(count)]
    return [(kind, first, last, times) for _, kind, first, last, _, times in numbers]


def cue_points(content):
    """Place by number."""
    (count,) = struct.unpack_from("<I", content)
    assert len(content) == 4 + 24 * count
    points = {}
    for at in range(count):
        number, _, chunk, start, block, offset = struct.unpack_from("<II4sIII", content, 4 + 24 * at)
        assert (chunk, start, block) == (b"data", 0, 0)
        points[number] = offset
    return points


def labels(content):
    """Text by number."""
    assert content[:4] == b"adtl"
    at, texts = 4, {}
    while at < len(content):
        name, size = struct.unpack_from("<4sI", content, at)
        assert name == b"labl" and content[at + 8 + size - 1] == 0
        (number,) = struct.unpack_from("<I", content, at + 8)
        texts[number] = content[at + 12 : at + 8 + size - 1].decode("ascii")
        at += 8 + size + size % 2
    return texts


def seam(samples, first, end):
    """The step from the end of the loop to its beginning, and the largest one elsewhere."""
    steps = numpy.abs(numpy.diff(samples, axis=0)).max(axis=1)
    return numpy.abs(samples[first] - samples[end - 1]).max(), steps.max()


class Set:
    """A folder with its cue file."""

    def __init__(self, folder):
        (cues,) = folder.glob("*.cues.json")
        self.folder, self.cues = folder, json.loads(cues.read_text())
        provenance = json.loads((folder / f"{self.cues['name']}.provenance.json").read_text())
        self.measured = provenance["measured"]
        self.outputs = [output["name"] for output in provenance["outputs"]]
        self.first = self.cues["loop_start"]["samples"]
        self.length = self.cues["length"]["samples"]
        self.places = [(cue["label"], cue["at"]["samples"]) for cue in self.cues["cues"]]

    def check_cues(self, report):
        cues = self.cues
        report.same("schema", "music-set/1", cues["schema"])
        report.same("end of the loop", self.length, self.first + cues["loop_length"]["samples"])
        beats = cues["beats_per_bar"] * cues["beat_quarters"]
        per_bar = beats * 60 / cues["tempo_bpm"] * cues["sample_rate"]
        report.same("samples of a bar", True, abs(per_bar - cues["samples_per_bar"]) < 1e-3 * beats)
        for extent in [cues["length"], cues["loop_start"], cues["loop_length"]]:
            exact = extent["bars"] * cues["samples_per_bar"]
            report.same("bars in samples", True, abs(exact - extent["samples"]) <= 1)
            report.same("seconds", extent["samples"] / cues["sample_rate"], extent["seconds"])
        godot = cues["godot"]
        seconds = godot["beat_count"] * 60 / godot["bpm"]
        report.same("beats of Godot", True, abs(seconds - cues["length"]["seconds"]) < 1e-4)
        report.same("offset of Godot", cues["loop_start"]["seconds"], godot["loop_offset"])

    def check_names(self, report):
        cues = self.cues
        outro = cues["outro"]["layers"] if cues["outro"] else []
        all_files = [it["files"] for it in cues["layers"] + cues["stingers"]] + outro
        named = {name for files in all_files for name in files.values()}
        named |= {cues["score"], f"{cues['name']}.cues.json"}
        report.same("files of the provenance", sorted(named), sorted(self.outputs))
        missing = [name for name in named if not (self.folder / name).is_file()]
        report.same("missing files", [], missing)

    def check_layer(self, layer, measured, report):
        files = layer["files"]
        samples, found = read_wav(self.folder / files["wav"], report)
        report.same(f"samples of {files['wav']}", self.length, len(samples))
        report.same("loops", [(0, self.first, self.length - 1, 0)], loops(found[b"smpl"]))
        points, texts = cue_points(found[b"cue "]), labels(found[b"LIST"])
        report.same("cue points", self.places, [(texts[number], points[number]) for number in sorted(points)])
        ogg, rate = soundfile.read(self.folder / files["ogg"])
        report.same(f"samples of {files['ogg']}", (self.length, 2, 44100), (*ogg.shape, rate))
        tags = OggVorbis(self.folder / files["ogg"])
        report.same("LOOPSTART", [str(self.first)], tags["loopstart"])
        report.same("LOOPLENGTH", [str(self.length - self.first)], tags["looplength"])
        for name, sound in [("wav", samples), ("ogg", ogg)]:
            step, largest = seam(sound, self.first, self.length)
            report.same(f"{files[name]}: the seam is no louder than the music", True, step <= largest)
            said = measured[f"{name}_seam"]
            near = abs(said["step"] - step) < 2e-4 and abs(said["largest_inside"] - largest) < 2e-3
            report.same(f"{files[name]}: seam {step:.5f} of {largest:.5f} as measured", True, near)
            if self.first:
                before = numpy.abs(sound[self.first] - sound[self.first - 1]).max()
                report.same(f"{files[name]}: step into the loop", True, before <= largest)
        loudest = numpy.abs(samples[self.first :]).max()
        report.same(f"{files['wav']} is not silent", True, loudest > 0.01)
        # The lossy copy sounds as the other does.
        error = numpy.sqrt(numpy.mean((ogg - samples) ** 2)) / numpy.sqrt(numpy.mean(samples**2))
        report.same(f"{files['ogg']}: away by {error:.3f}", True, error < 0.3)
        return samples

    def check_midi(self, name, bars, report):
        file = mido.MidiFile(self.folder / name)
        meta = {message.type: message for message in file.tracks[0]}
        report.same(f"{name}: tempo", True, abs(mido.tempo2bpm(meta["set_tempo"].tempo) - self.cues["tempo_bpm"]) < 0.01)
        ticks = max(sum(message.time for message in track) for track in file.tracks)
        beats = bars * self.cues["beats_per_bar"] * self.cues["beat_quarters"]
        report.same(f"{name}: length in quarters", beats, ticks / file.ticks_per_beat)
        names = [track.name for track in file.tracks[1:]]
        return names, sum(m.type == "note_on" and m.velocity > 0 for track in file.tracks for m in track)

    def check(self, report):
        self.check_cues(report)
        self.check_names(report)
        cues, sounds = self.cues, []
        for layer, measured in zip(cues["layers"], self.measured["layers"], strict=True):
            sounds.append(self.check_layer(layer, measured, report))
            names, notes = self.check_midi(layer["files"]["midi"], cues["length"]["bars"], report)
            report.same("parts", layer["parts"], names)
            report.same("notes", True, notes > 0)
        highest = sum(numpy.abs(sound) for sound in sounds).max()
        report.same(f"any mix of layers reaches {highest:.4f}", True, highest <= 0.8915)
        if cues["outro"]:
            lengths = set()
            for files in cues["outro"]["layers"]:
                samples, found = read_wav(self.folder / files["wav"], report)
                report.same("loops of an ending", False, b"smpl" in found)
                lengths |= {len(samples), len(soundfile.read(self.folder / files["ogg"])[0])}
                self.check_midi(files["midi"], cues["outro"]["bars"], report)
            report.same("samples of endings", {cues["outro"]["length"]["samples"]}, lengths)
        for stinger in cues["stingers"]:
            samples, _ = read_wav(self.folder / stinger["files"]["wav"], report)
            ogg, _ = soundfile.read(self.folder / stinger["files"]["ogg"])
            lengths = {len(samples), len(ogg), stinger["length"]["samples"]}
            report.same("lengths of a stinger", 1, len(lengths))
            report.same("peak of a stinger", True, 0.05 < numpy.abs(samples).max() <= 0.8915)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    differences = 0
    arguments = parser.parse_args()
    for folder in arguments.folders:
        report = Report(folder)
        Set(folder).check(report)
        differences += report.differences
    print(f"{len(arguments.folders)} sets, {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
