"""What the plan of a video says that each stage takes, beside the most memory that the program then holds.

    python check_memory.py target/release/affetto [NAME]

In each folder of networks with random weights one is large, so that the stage it works in is where the program holds most.
Mapped files are not counted: the system takes them back when it likes. Needs torch, diffusers and transformers.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "fixtures/parity/wan"
SMALL = {"transformer": ("dit", "tiny_wan_dit"), "vae": ("vae", "tiny_wan_vae"), "text_encoder": ("umt5", "tiny_umt5")}
VAE = dict(base_dim=96, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, temperal_downsample=[False, True, True])
TEXT = dict(vocab_size=128, d_model=2048, d_kv=64, d_ff=5120, num_layers=2, num_heads=32)
DIT = dict(num_attention_heads=8, attention_head_dim=128, text_dim=32, freq_dim=256, ffn_dim=4096, num_layers=8)

# The stage, the flags that decide about it, and what is to be saved, if anything.
JOBS = [
    ("text", "--size 64x64 --frames 1", None),
    ("transformer", "--size 64x64 --frames 1", None),
    ("transformer", "--size 512x512 --frames 17", None),
    ("transformer", "--size 512x512 --frames 17 --curve curve.json", None),
    ("transformer", "--size 256x256 --frames 17", "streamed"),
    ("transformer", "--size 256x256 --frames 17", "quantized"),
    ("decoding", "--size 256x256 --frames 9", None),
    ("decoding", "--size 384x256 --frames 9", None),
    ("decoding", "--size 384x256 --frames 17", None),
    ("decoding", "--size 512x384 --frames 5", "tiles"),
]


def folder_of(where, stage):
    """The networks of the parity fixtures, and the one of this stage large."""
    import torch
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    folder = where / stage
    if folder.exists():
        return folder
    configs = json.loads((FIXTURES / "configs.json").read_text())
    for part, (network, file) in SMALL.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(configs[network]))
        shutil.copy(FIXTURES / f"{file}.safetensors", folder / part / "model.safetensors")
    (folder / "tokenizer").mkdir()
    shutil.copy(FIXTURES / "tokenizer.json", folder / "tokenizer")
    torch.manual_seed(1)
    part, network = {
        "text": ("text_encoder", lambda: UMT5EncoderModel(UMT5Config(**{**configs["umt5"], **TEXT}))),
        "transformer": ("transformer", lambda: WanTransformer3DModel(**{**configs["dit"], **DIT})),
        "decoding": ("vae", lambda: AutoencoderKLWan(**VAE)),
    }[stage]
    shutil.rmtree(folder / part)
    network().save_pretrained(folder / part)
    if stage == "text":
        # The transformer reads states as wide as the encoder gives them.
        shutil.rmtree(folder / "transformer")
        WanTransformer3DModel(**{**configs["dit"], "text_dim": TEXT["d_model"]}).save_pretrained(folder / "transformer")
    return folder


def held(process):
    """What a process holds besides mapped files, in bytes."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
        return 1024 * int(re.search(r"^RssAnon:\s+(\d+)", status, re.MULTILINE)[1])
    except (OSError, TypeError):
        return 0  # it has ended


def run(line, folder):
    """The plan, and the most that was held."""
    process = subprocess.Popen(line, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    most = 0
    while process.poll() is None:
        most = max(most, held(process.pid))
        time.sleep(0.002)
    out, err = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, line))}\n{out}{err}")
    return json.loads(out.strip().splitlines()[-1])["data"]["plan"], most


def allowed(line, folder, stage, economy):
    """The largest limit at which the plan saves memory in this way."""
    limit = run([*line, "--dry-run"], folder)[0]["memory"][stage]
    while True:
        limit = int(limit * 0.99)
        plan, _ = run([*line, "--dry-run", "--max-memory", str(limit)], folder)
        said = {"streamed": "layers_streamed", "quantized": "layers_quantized", "tiles": "tile"}[economy]
        if plan.get(said):
            return limit


def main():
    program = Path(sys.argv[1]).resolve()
    wanted = sys.argv[2:]
    print("stage         planned   held  ratio  what")
    with tempfile.TemporaryDirectory() as name:
        where = Path(name)
        keys = [{"t": 0, "valence": -0.8, "arousal": -0.5}, {"t": 1.0, "valence": 0.8, "arousal": 0.5}]
        for stage, flags, economy in JOBS:
            if wanted and stage not in wanted:
                continue
            folder = folder_of(where, stage)
            (folder / "curve.json").write_text(json.dumps({"schema": "emotion-track/1", "time": "seconds", "keys": keys}))
            line = [program, "video", "generate", "a fox", "--wan", ".", "--steps", "2", "--json", "--force", "-o", "a.mp4"]
            line += flags.split() + ([] if "--curve" in flags else ["--emotion", "sadness"])
            if economy:
                line += ["--max-memory", str(allowed(line, folder, stage, economy))]
            plan, most = run(line, folder)
            memory = plan["memory"]
            others = max(bytes for name, bytes in memory.items() if name != stage)
            note = "" if memory[stage] > others else " (another stage takes more)"
            print(
                f"{stage:12}  {memory[stage] / 1e6:7.0f}  {most / 1e6:5.0f}  {most / memory[stage]:5.2f}  "
                f"{flags} {economy or ''}{note}"
            )


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
