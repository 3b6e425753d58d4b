"""Whether diffusers reads a LoRA file as what was trained: its own pipeline loads the file, and its transformer must give
the same output.

    python check_lora.py TRANSFORMER IO.safetensors LORA.safetensors...

TRANSFORMER is a folder with config.json and model.safetensors as diffusers has it; IO has `latent`, `time`, `context` and
one `output of NAME` for each LoRA, NAME being that of its file. These are written by

    AFFETTO_PYTHON=python cargo test -p affetto-video --lib diffusers_gives

which runs this script. Without diffusers and peft it ends with 77.
"""

import argparse
import json
import pathlib
import sys

try:
    import torch
    from diffusers import UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel
    from safetensors.torch import load_file
    import peft  # noqa: F401  (diffusers loads LoRA files through it)
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

TOLERANCE = 1e-4


def output(transformer, io):
    with torch.no_grad():
        return transformer(io["latent"], io["time"], io["context"], return_dict=False)[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("transformer", type=pathlib.Path)
    parser.add_argument("io", type=pathlib.Path)
    parser.add_argument("loras", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    config = json.loads((args.transformer / "config.json").read_text())
    io = load_file(args.io)
    failed = False
    for path in args.loras:
        transformer = WanTransformer3DModel(**config).eval()
        transformer.load_state_dict(load_file(args.transformer / "model.safetensors"))
        plain = output(transformer, io)
        pipeline = WanPipeline(
            tokenizer=None,
            text_encoder=None,
            vae=None,
            scheduler=UniPCMultistepScheduler(),
            transformer=transformer,
        )
        pipeline.load_lora_weights(str(path))
        adapted = output(pipeline.transformer, io)
        expected = io[f"output of {path.name}"]
        far = (adapted - expected).abs().max().item()
        changed = (adapted - plain).abs().max().item()
        print(f"{path.name}: differs by {far:.3g}, the LoRA changes {changed:.3g}")
        failed |= not (far < TOLERANCE and changed > 100 * TOLERANCE)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
