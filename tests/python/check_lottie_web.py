"""Whether lottie-web, in Chromium, shows the Lottie of stickers as they were drawn.

    python check_lottie_web.py --affetto PROGRAM --lottie-web lottie.min.js [--characters LIST] [--emotions LIST]

Needs Pillow, Chromium (CHROMIUM, or one on the path) and lottie-web (`npm pack lottie-web@5.12.2`, in it
package/build/player/lottie.min.js); without a Chromium it says that it is skipped. Since it needs a browser it is no
part of the usual tests.

Each sticker is made with the seed 5 as APNG, 30 frames a second, and as Lottie. A page shows some frames of the Lottie
beside each other and is photographed; the mean absolute difference of each to the same frame of the APNG must be below
2 % of full scale.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from PIL import Image, ImageChops, ImageStat

SIZE = 256
COLUMNS, ROWS = 4, 3
BACKGROUND = (120, 190, 90)
MOST = 0.02
EMOTIONS = "amusement,awe,contentment,excitement,anger,disgust,fear,sadness"
CHARACTERS = "peach,cat,dog,bear,bunny,frog,ghost,robot,heart,star,cloud,moon,flame,drop"

PAGE = """<!doctype html><meta charset="utf-8">
<style>*{margin:0}body{background:rgb(%s);width:%dpx}div{float:left;width:%dpx;height:%dpx;overflow:hidden}
svg{display:block}</style>
<body><script>%s</script><script>
const data = JSON.stringify(%s);
for (const frame of %s) {
  const box = document.body.appendChild(document.createElement("div"));
  const player = lottie.loadAnimation({container: box, renderer: "svg", loop: false, autoplay: false,
    animationData: JSON.parse(data)});
  player.goToAndStop(frame, true);
}
document.title = "done";
</script>"""


def chromium():
    names = [os.environ.get("CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "chrome"]
    found = (shutil.which(name) for name in names if name)
    return next((path for path in found if path), None)


def photograph(browser, page, picture, profile):
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-background-networking --disable-component-update "
        "--no-first-run --hide-scrollbars --force-device-scale-factor=1 --force-color-profile=srgb "
        "--virtual-time-budget=4000"
    )
    size = f"--window-size={COLUMNS * SIZE},{ROWS * SIZE}"
    places = [f"--user-data-dir={profile}", f"--screenshot={picture}", page.as_uri()]
    run = subprocess.run([browser, *flags.split(), size, *places], capture_output=True, text=True, timeout=120)
    if not picture.exists():
        sys.exit(f"Chromium made no picture\n{run.stderr[-2000:]}")
    return Image.open(picture).convert("RGB")


def drawn_frames(path):
    frames = []
    picture = Image.open(path)
    for index in range(picture.n_frames):
        picture.seek(index)
        ground = Image.new("RGBA", picture.size, (*BACKGROUND, 255))
        ground.alpha_composite(picture.convert("RGBA"))
        frames.append(ground.convert("RGB"))
    return frames


def differences(one, other):
    """Mean absolute difference over the picture, and where the sticker is, in parts of full scale."""
    difference = ImageChops.difference(one, other)
    ground = Image.new("RGB", one.size, BACKGROUND)
    seen = ImageChops.difference(one, ground).convert("L").point(lambda value: 255 if value else 0)
    mean = sum(ImageStat.Stat(difference).mean) / 3 / 255
    inside = sum(ImageStat.Stat(difference, seen).mean) / 3 / 255
    return mean, inside


def check(browser, options, character, emotion, folder):
    animation, picture = folder / "sticker.json", folder / "sticker.png"
    size = f"{SIZE}x{SIZE}"
    made = subprocess.run(
        [options.affetto, "video", "generate", character, "--emotion", emotion, "--seed", "5", "--fps", "30"]
        + ["--size", size, "--force", "-q", "-o", str(animation), "-o", str(picture)],
        capture_output=True,
        text=True,
    )
    if made.returncode:
        sys.exit(made.stderr)
    drawn = drawn_frames(picture)
    lottie = json.loads(animation.read_text())
    expected = lottie["op"] / lottie["fr"] * 30
    if abs(expected - len(drawn)) > 1:
        sys.exit(f"{character} {emotion}: {len(drawn)} frames, and the Lottie lasts {expected:.1f}")
    shown = [index * len(drawn) // (COLUMNS * ROWS) for index in range(COLUMNS * ROWS)]
    frames = [index / 30 * lottie["fr"] for index in shown]
    page = folder / "page.html"
    background = ",".join(map(str, BACKGROUND))
    script = pathlib.Path(options.lottie_web).read_text().replace("</script", "<\\/script")
    width = COLUMNS * SIZE
    page.write_text(PAGE % (background, width, SIZE, SIZE, script, json.dumps(lottie), json.dumps(frames)))
    photo = photograph(browser, page, folder / "photo.png", folder / "profile")
    results = []
    for place, index in enumerate(shown):
        x, y = place % COLUMNS * SIZE, place // COLUMNS * SIZE
        results.append(differences(drawn[index], photo.crop((x, y, x + SIZE, y + SIZE))))
    (folder / "photo.png").unlink()
    means, insides = zip(*results)
    mean, inside = sum(means) / len(means), sum(insides) / len(insides)
    holds = mean < MOST and len(photo.crop((0, 0, SIZE, SIZE)).getcolors(SIZE * SIZE)) > 50
    verdict = "ok  " if holds else "FAIL"
    print(f"{verdict} {character} {emotion}: mean {mean:.4f}, worst frame {max(means):.4f}, inside {inside:.4f}", flush=True)
    return holds, mean, max(means), inside


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--affetto", required=True)
    parser.add_argument("--lottie-web", required=True)
    parser.add_argument("--characters", default=CHARACTERS)
    parser.add_argument("--emotions", default=EMOTIONS)
    options = parser.parse_args()
    browser = chromium()
    if browser is None:
        print("skipped: no Chromium on the path, and CHROMIUM names none")
        return
    with tempfile.TemporaryDirectory() as name:
        pairs = [(c, e) for c in options.characters.split(",") for e in options.emotions.split(",")]
        results = [check(browser, options, *pair, pathlib.Path(name)) for pair in pairs]
    holds, means, worst, insides = zip(*results)
    count = len(results)
    print(
        f"{count} stickers, {COLUMNS * ROWS} frames each: mean {sum(means) / count:.4f}, largest mean {max(means):.4f}, "
        f"worst frame {max(worst):.4f}, inside {sum(insides) / count:.4f}"
    )
    if not all(holds):
        sys.exit(f"{count - sum(holds)} of {count} failed")


main()
