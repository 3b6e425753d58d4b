"""Quality of stickers against the number of steps in which they are drawn, from the report of a judge, as a picture.

    affetto train sticker-judge --data tracks --out judgement
    python plot_steps.py judgement/judgement.json assets/stickers/steps.png

Needs matplotlib.
"""

import json
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402


def main(report, picture):
    found = json.loads(pathlib.Path(report).read_text(encoding="utf-8"))["two_fold"]
    rows = found["by_steps"]
    steps = [row["steps"] for row in rows]
    read = [row["read"]["eight"] for row in rows]
    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    shares = [100 * rate["share"] for rate in read]
    below = [100 * (rate["share"] - rate["interval"][0]) for rate in read]
    above = [100 * (rate["interval"][1] - rate["share"]) for rate in read]
    left.errorbar(steps, shares, yerr=[below, above], marker="o", capsize=3, color="#b4532a")
    left.axhline(100 * found["real"]["eight"]["share"], color="#888888", linestyle="--", label="real clips never seen")
    left.set_ylabel("read rightly among eight, %")
    left.set_ylim(0, 100)
    left.legend(frameon=False)
    middle.plot(steps, [row["variety"] for row in rows], marker="o", color="#2f8a4c")
    middle.set_ylabel("variety within an emotion, spreads of clips")
    middle.set_ylim(0)
    right.plot(steps, [row["apart"] for row in rows], marker="o", color="#2a5fb4")
    right.set_ylabel("apart from 64 steps, spreads of clips")
    right.set_ylim(0)
    for axes in (left, middle, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(steps, steps)
        axes.set_xlabel("steps")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    main(*sys.argv[1:3])
