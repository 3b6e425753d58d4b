"""Whether others read a take as what it was written from: Python's csv the table of Live Link Face, pygltflib the
binary glTF and the VRM animation.

    python check_take.py TAKE.csv TAKE.glb TAKE.vrma...

Beside each file stands the take as JSON (TAKE.json). Takes to check are written by

    AFFETTO_SAMPLES_DIR=DIR cargo test -p affetto-media --test suite take_samples -- --ignored
"""

import argparse
import csv
import json
import math
import pathlib
import struct
import sys
from fractions import Fraction

import pygltflib
from score_json import Report

COLUMNS = """Timecode BlendShapeCount
EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft EyeWideLeft
EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight EyeWideRight
JawForward JawRight JawLeft JawOpen MouthClose MouthFunnel MouthPucker MouthRight MouthLeft
MouthSmileLeft MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft MouthDimpleRight
MouthStretchLeft MouthStretchRight MouthRollLower MouthRollUpper MouthShrugLower MouthShrugUpper
MouthPressLeft MouthPressRight MouthLowerDownLeft MouthLowerDownRight MouthUpperUpLeft MouthUpperUpRight
BrowDownLeft BrowDownRight BrowInnerUp BrowOuterUpLeft BrowOuterUpRight CheekPuff CheekSquintLeft CheekSquintRight
NoseSneerLeft NoseSneerRight TongueOut HeadYaw HeadPitch HeadRoll
LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch RightEyeRoll""".split()

# The first six shapes of a sample, in JSON's order, are the weights of its expressions.
EXPRESSIONS = ["neutral", "happy", "angry", "sad", "relaxed", "surprised"]

COMPONENTS = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}


def as_f32(number):
    return struct.unpack("<f", struct.pack("<f", number))[0]


def angles(turn):
    """As Live Link Face has them: yaw and roll the other way."""
    return [0 - turn["yaw"], turn["pitch"], 0 - turn["roll"]]


def check_csv(path, take, report):
    with open(path, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    report.same("columns", COLUMNS, rows[0])
    report.same("numbers of columns", [63] * len(rows), [len(row) for row in rows])
    report.same("timecodes", [it["timecode"] for it in take["frames"]], [row[0] for row in rows[1:]])
    report.same("counts", ["61"] * len(take["frames"]), [row[1] for row in rows[1:]])
    for index, (frame, row) in enumerate(zip(take["frames"], rows[1:])):
        names = [name[0].lower() + name[1:] for name in COLUMNS[2:54]]
        asked = [frame["weights"][name] for name in names]
        for turn in (frame["head"], frame["eyes"]["left"], frame["eyes"]["right"]):
            asked += angles(turn)
        report.same(f"numbers of frame {index}", asked, [float(field) for field in row[2:]])


def numbers(file, index):
    """The items of an accessor of `f32`, each a tuple."""
    accessor = file.accessors[index]
    view = file.bufferViews[accessor.bufferView]
    width = COMPONENTS[accessor.type]
    start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
    blob = file.binary_blob()[start : start + 4 * width * accessor.count]
    flat = struct.unpack(f"<{width * accessor.count}f", blob)
    return [flat[at : at + width] for at in range(0, len(flat), width)]


def curve(file, node, path):
    """Times and values of a property of a node."""
    animation = file.animations[0]
    for channel in animation.channels:
        if (channel.target.node, channel.target.path) == (node, path):
            sampler = animation.samplers[channel.sampler]
            times = [time for (time,) in numbers(file, sampler.input)]
            return times, numbers(file, sampler.output)
    return None


def node_named(file, name):
    return [node.name for node in file.nodes].index(name)


def check_times(file, take, times, report):
    rate = Fraction(take["fps"])
    report.same("rates", take["fps"], file.animations[0].extras["fps"])
    report.same("times", [as_f32(float(index / rate)) for index in range(len(take["frames"]))], times)


def quaternion(turn):
    """Yaw about y, then pitch about x, then roll about z, as products of half turns."""

    def product(a, b):
        (ax, ay, az, aw), (bx, by, bz, bw) = a, b
        return (
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        )

    def half(axis, angle):
        parts = [0.0, 0.0, 0.0, math.cos(angle / 2)]
        parts[axis] = math.sin(angle / 2)
        return parts

    yaw, pitch, roll = half(1, turn["yaw"]), half(0, turn["pitch"]), half(2, turn["roll"])
    return product(product(yaw, pitch), roll)


def apart(turn, found):
    """0 for the same rotation: both signs of a quaternion are one."""
    return 1 - abs(sum(a * b for a, b in zip(quaternion(turn), found)))


def check_glb(path, take, report):
    file = pygltflib.GLTF2().load_binary(str(path))
    names = file.meshes[0].extras["targetNames"]
    report.same("target names", list(take["frames"][0]["weights"]), names)
    report.same("targets", len(names), len(file.meshes[0].primitives[0].targets))
    face = node_named(file, "face")
    times, weights = curve(file, face, "weights")
    check_times(file, take, times, report)
    flat = [weight for (weight,) in weights]
    asked = [as_f32(frame["weights"][name]) for frame in take["frames"] for name in names]
    report.same("weights", asked, flat)
    turns = {
        "face": [it["head"] for it in take["frames"]],
        "leftEye": [it["eyes"]["left"] for it in take["frames"]],
        "rightEye": [it["eyes"]["right"] for it in take["frames"]],
    }
    for name, asked in turns.items():
        _, found = curve(file, node_named(file, name), "rotation")
        report.same(f"numbers of turns of {name}", len(asked), len(found))
        worst = max(map(apart, asked, found))
        report.same(f"turns of {name}", True, worst < 1e-6)
    buffer = file.buffers[0]
    report.same("a file in itself", None, buffer.uri)


def check_vrma(path, take, report):
    file = pygltflib.GLTF2().load_binary(str(path))
    extension = file.extensions["VRMC_vrm_animation"]
    report.same("versions", "1.0", extension["specVersion"])
    report.same("extensions used", ["VRMC_vrm_animation"], file.extensionsUsed)
    presets = extension["expressions"]["preset"]
    report.same("expressions", sorted(EXPRESSIONS), sorted(presets))
    for place, name in enumerate(EXPRESSIONS):
        times, values = curve(file, presets[name]["node"], "translation")
        check_times(file, take, times, report)
        weights = [list(frame["weights"].values())[place] for frame in take["frames"]]
        report.same(f"weights of {name}", [(as_f32(weight), 0.0, 0.0) for weight in weights], values)


CHECKS = {".csv": check_csv, ".glb": check_glb, ".vrma": check_vrma}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    differences = 0
    arguments = parser.parse_args()
    for path in arguments.files:
        report = Report(path)
        with open(path.with_suffix(".json"), encoding="utf-8") as file:
            take = json.load(file)
        CHECKS[path.suffix](path, take, report)
        differences += report.differences
    print(f"{len(arguments.files)} files, {differences} differences")
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
