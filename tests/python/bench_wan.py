"""The transformer and the autoencoder of Wan 2.1, small and with random weights, beside diffusers on the same processor
cores: time and memory of each, and their ratios.

    cargo bench -p affetto-video --bench beside --no-run
    python bench_wan.py target/release/deps/beside-HASH [RUNS]

diffusers runs in a process of its own too, `python bench_wan.py --reference PART FOLDER RUNS`.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DIT = dict(
    patch_size=(1, 2, 2),
    num_attention_heads=6,
    attention_head_dim=128,
    in_channels=16,
    out_channels=16,
    text_dim=512,
    freq_dim=256,
    ffn_dim=4480,
    num_layers=6,
)
VAE = dict(base_dim=48, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, temperal_downsample=[False, True, True])
LATENT = (1, 16, 5, 32, 32)


def make(folder):
    import torch
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from safetensors.torch import save_file

    torch.manual_seed(1)
    WanTransformer3DModel(**DIT).save_pretrained(folder / "transformer")
    AutoencoderKLWan(**VAE).save_pretrained(folder / "vae")
    inputs = {"latent": torch.randn(LATENT), "context": torch.randn(1, 512, DIT["text_dim"])}
    save_file(inputs, folder / "inputs.safetensors")


def reference(part, folder, runs):
    import torch
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from safetensors.torch import load_file

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    inputs = load_file(folder / "inputs.safetensors")
    seconds = []
    # What the libraries themselves take stands before the first network.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    with torch.no_grad():
        if part == "transformer":
            model = WanTransformer3DModel.from_pretrained(folder / part).eval()
            work = lambda: model(inputs["latent"], torch.tensor([500.0]), inputs["context"])
        else:
            model = AutoencoderKLWan.from_pretrained(folder / part).eval()
            work = lambda: model.decode(inputs["latent"])
        for _ in range(runs):
            begun = time.perf_counter()
            work()
            seconds.append(time.perf_counter() - begun)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "bytes": peak, "libraries": before}))


def main():
    program, runs = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder)
        for part in ["transformer", "vae"]:
            results = {"ours": [], "diffusers": []}
            for _ in range(2):  # in turns, so that both see the machine as it is
                for who in results:
                    line = [program] if who == "ours" else [sys.executable, __file__, "--reference"]
                    out = subprocess.run([*line, part, name, str(runs)], check=True, capture_output=True, text=True)
                    results[who].append(json.loads(out.stdout.strip().splitlines()[-1]))
            least = {who: min(min(run["seconds"]) for run in all_) for who, all_ in results.items()}
            memory = {who: min(run["bytes"] for run in all_) for who, all_ in results.items()}
            libraries = min(run["libraries"] for run in results["diffusers"])
            print(
                f"{part}: {least['ours']:.3f} s beside {least['diffusers']:.3f} s, ratio "
                f"{least['ours'] / least['diffusers']:.2f}; {memory['ours'] / 1e6:.0f} MB beside "
                f"{memory['diffusers'] / 1e6:.0f} MB (of them {libraries / 1e6:.0f} MB before any network), ratio "
                f"{memory['ours'] / memory['diffusers']:.2f}, without those "
                f"{memory['ours'] / max(1, memory['diffusers'] - libraries):.2f}"
            )


if __name__ == "__main__":
    if sys.argv[1] == "--reference":
        reference(sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]))
    else:
        main()
