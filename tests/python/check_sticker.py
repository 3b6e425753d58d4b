"""Whether others show a sticker as it was drawn: rlottie the Lottie JSON, Pillow the WebP, PNG and GIF, zipfile the
dotLottie.

    python check_sticker.py FOLDER...

A folder holds the frames as drawn (frame-0000.png and so on, 24 a second), every second frame of the Lottie as drawn
(lottie-0000.png and so on, 30 a second) and sticker.json, sticker.lottie, sticker.webp, sticker.png and sticker.gif. They
are written by

    AFFETTO_SAMPLES_DIR=DIR cargo test -p affetto-media --test suite sticker_files -- --ignored
"""

import json
import pathlib
import sys
import zipfile

from PIL import Image, ImageChops, ImageStat
from rlottie_python import LottieAnimation

BACKGROUND = (120, 190, 90, 255)
failures = []


def on_colour(picture):
    ground = Image.new("RGBA", picture.size, BACKGROUND)
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("RGB")


def error(one, other):
    """Mean absolute difference, in parts of full scale."""
    difference = ImageChops.difference(on_colour(one), on_colour(other))
    return sum(ImageStat.Stat(difference).mean) / 3 / 255


def covered(picture):
    alpha = picture.convert("RGBA").getchannel("A")
    return sum(1 for value in alpha.tobytes() if value) / (picture.width * picture.height)


def expect(what, holds, found):
    print(f"{'ok  ' if holds else 'FAIL'} {what}: {found}")
    if not holds:
        failures.append(what)


def check_lottie(folder):
    text = (folder / "sticker.json").read_text()
    drawn = [Image.open(path).convert("RGBA") for path in sorted(folder.glob("lottie-*.png"))]
    animation = LottieAnimation.from_data(text)
    frames = animation.lottie_animation_get_totalframe()
    # rlottie counts to the last frame that it shows.
    expect(f"{folder.name} lottie frames", abs(frames - 2 * len(drawn)) <= 1, f"{frames} for {len(drawn)} drawn")
    errors, parts = [], []
    for index, picture in enumerate(drawn):
        shown = animation.render_pillow_frame(frame_num=2 * index, width=picture.width, height=picture.height)
        # rlottie's colours are multiplied by their alpha.
        shown = Image.frombytes("RGBa", shown.size, shown.tobytes()).convert("RGBA")
        errors.append(error(picture, shown))
        parts.append(errors[-1] / max(covered(picture), 1e-3))
    mean, worst = sum(errors) / len(errors), max(errors)
    expect(f"{folder.name} lottie mean error", mean < 0.02, f"{mean:.4f}, worst frame {worst:.4f}")
    inside = sum(parts) / len(parts)
    expect(f"{folder.name} lottie error where it covers", inside < 0.03, f"{inside:.4f}, {len(text)} bytes")
    with zipfile.ZipFile(folder / "sticker.lottie") as archive:
        manifest = json.loads(archive.read("manifest.json"))
        same = archive.read(f"animations/{manifest['animations'][0]['id']}.json").decode() == text
    expect(f"{folder.name} dotLottie", same, f"{(folder / 'sticker.lottie').stat().st_size} bytes")


def frames_of(path):
    picture = Image.open(path)
    for index in range(picture.n_frames):
        picture.seek(index)
        yield picture.convert("RGBA"), picture.info.get("duration", 0)


def check_pictures(folder):
    drawn = [Image.open(path).convert("RGBA") for path in sorted(folder.glob("frame-*.png"))]
    for name, most in (("sticker.webp", 0.0005), ("sticker.png", 0.0005), ("sticker.gif", 0.02)):
        path = folder / name
        shown = list(frames_of(path))
        what = f"{folder.name} {path.suffix[1:]}"
        expect(f"{what} frames", len(shown) == len(drawn), f"{len(shown)} for {len(drawn)} drawn")
        sizes = {picture.size for picture, _ in shown}
        expect(f"{what} size", sizes == {drawn[0].size}, sizes)
        errors = [error(one, other) for one, (other, _) in zip(drawn, shown)]
        mean = sum(errors) / len(errors)
        expect(f"{what} mean error", mean < most, f"{mean:.5f}, worst {max(errors):.5f}, {path.stat().st_size} bytes")
        corners = {picture.getpixel((0, 0))[3] for picture, _ in shown}
        middle = {picture.getpixel((picture.width // 2, picture.height // 2))[3] for picture, _ in shown}
        expect(f"{what} alpha", corners == {0} and middle == {255}, f"corner {corners}, middle {middle}")
        if name != "sticker.gif":
            alphas = [
                max(abs(a - b) for a, b in zip(one.getchannel("A").tobytes(), other.getchannel("A").tobytes()))
                for one, (other, _) in zip(drawn[::7], shown[::7])
            ]
            expect(f"{what} alpha difference", max(alphas) <= 1, max(alphas))
        total = sum(duration for _, duration in shown)
        asked = 1000 * len(drawn) / 24
        expect(f"{what} duration", abs(total - asked) <= 15, f"{total} ms for {asked:.0f}")


for name in sys.argv[1:]:
    check_lottie(pathlib.Path(name))
    check_pictures(pathlib.Path(name))
if failures:
    sys.exit(f"{len(failures)} checks failed")
