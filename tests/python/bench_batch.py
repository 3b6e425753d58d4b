"""Items per second of one batch, beside starting the command once an item, and beside GNU parallel doing so.

    python3 tests/python/bench_batch.py target/release/affetto [ITEMS]

One run of each after the other, in this order, on the same items: lead sheets of eight bars, piano pieces of four, stickers
of a second as Lottie, and edits of a short take. Prints seconds, items per second, ratios, and the peak memory of the batch
for 100 items and for 10,000.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

PROGRAM = os.path.abspath(sys.argv[1])
ITEMS = int(sys.argv[2]) if len(sys.argv) > 2 else 80
CORES = os.cpu_count() or 1
TAKE = os.path.join(os.path.dirname(__file__), "../../assets/take.csv")


def item(at):
    """A job of the manifest, and the same as words of the command."""
    name, seed = f"item{at}", str(at)
    if at % 4 == 0:
        job = {"kind": "music.lead-sheet", "out": f"{name}.mid", "valence": 0.4, "bars": 8, "candidates": 4}
        words = ["music", "lead-sheet", "--valence", "0.4", "--bars", "8", "--candidates", "4", "-o", f"{name}.mid"]
    elif at % 4 == 1:
        job = {"kind": "music.piano", "out": f"{name}.mid", "emotion": "serenity", "bars": 4, "candidates": 2}
        words = ["music", "piano", "--emotion", "serenity", "--bars", "4", "--candidates", "2", "-o", f"{name}.mid"]
    elif at % 4 == 2:
        job = {"kind": "video.sticker", "out": f"{name}.json", "emotion": "joy", "length_secs": 1}
        words = ["video", "generate", "--emotion", "joy", "--length", "1", "-o", f"{name}.json"]
    else:
        job = {"kind": "face.rig", "out": f"{name}.csv", "take": "take.csv", "emotion": "joy"}
        words = ["face", "edit", "take.csv", "--emotion", "joy", "-o", f"{name}.csv"]
    job |= {"id": name, "seed": at}
    return job, words + (["--seed", seed] if at % 4 != 3 else [])


def folder(jobs):
    """A new folder with the manifest and the take."""
    path = tempfile.mkdtemp()
    with open(TAKE) as whole, open(os.path.join(path, "take.csv"), "w") as take:
        take.writelines(line for _, line in zip(range(60), whole))
    with open(os.path.join(path, "m.json"), "w") as manifest:
        json.dump({"jobs": jobs}, manifest)
    return path


def timed(work):
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def peak(jobs):
    """The largest resident memory of a batch of these jobs, in MB."""
    path = folder(jobs)
    command = [PROGRAM, "--quiet", "batch", "m.json"]
    child = subprocess.Popen(command, cwd=path, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    assert status == 0, status
    shutil.rmtree(path)
    return usage.ru_maxrss / 1024


def main():
    made = [item(at) for at in range(ITEMS)]
    jobs = [job for job, _ in made]
    one, each, parallel = folder(jobs), folder(jobs), folder(jobs)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": True}
    seconds = {}
    seconds["one batch"] = timed(lambda: subprocess.run([PROGRAM, "batch", "m.json"], cwd=one, **quiet))
    seconds["the command once an item"] = timed(
        lambda: [subprocess.run([PROGRAM, *words], cwd=each, **quiet) for _, words in made]
    )
    if shutil.which("parallel"):
        lines = "\n".join(" ".join([PROGRAM, *words]) for _, words in made)
        command = ["parallel", "--will-cite", "-j", str(CORES)]
        seconds[f"GNU parallel, {CORES} at a time"] = timed(
            lambda: subprocess.run(command, cwd=parallel, input=lines.encode(), **quiet)
        )
    batch = seconds["one batch"]
    for name, taken in seconds.items():
        print(f"{name:28} {taken:7.2f} s  {ITEMS / taken:6.2f} items/s  {taken / batch:5.2f}")
    takes = [{"id": f"t{at}", "kind": "face.rig", "take": "take.csv", "out": f"{at}.csv", "emotion": "joy", "seed": at} for at in range(10_000)]
    few, many = peak(takes[:100]), peak(takes)
    print(f"peak memory: {few:.0f} MB for 100 items, {many:.0f} MB for 10,000: {100 * (many / few - 1):+.1f} %")
    for path in (one, each, parallel):
        shutil.rmtree(path)


main()
