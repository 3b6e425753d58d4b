"""The transformer and the autoencoder of Wan 2.1, small and with random weights, beside diffusers on the same processor
cores: time and memory of each, and their ratios.

    cargo bench -p affetto-video --bench beside --no-run
    python bench_wan.py target/release/deps/beside-HASH [RUNS]

diffusers runs in a process of its own too, `python bench_wan.py --reference PART FOLDER RUNS`.

The transformer of 1.3 billion numbers, random ones in a GGUF file, beside stable-diffusion.cpp:

    python bench_wan.py target/release/deps/beside-HASH --sd SD_CLI [RUNS]

SD_CLI is the program that the CMake project inside the source package of `stable-diffusion-cpp-python` builds as its target
`sd-cli`. It is stopped when its last pass has ended, before it decodes.
"""

import json
import os
import re
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
# stable-diffusion.cpp takes a transformer of 30 or 40 layers alone, in the extents of Wan 2.1.
LAYERS, WIDTH, INNER, TEXT, TIME = 30, 1536, 8960, 4096, 256
# What it attends to where it has no text encoder: so many rows of zeros.
TEXT_ROWS = 256


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


def make_gguf(folder):
    """The transformer: layers in the blocks in 8 bits, the others in 16, as such files are published."""
    import gguf
    import numpy as np

    random = np.random.default_rng(1)
    writer = gguf.GGUFWriter(folder / "model.gguf", "wan")

    def put(name, *shape, kind=np.float32, mean=0.0):
        numbers = random.standard_normal(shape, np.float32) * 0.02 + np.float32(mean)
        writer.add_tensor(name, numbers.astype(kind))

    def linear(name, out, width):
        put(f"{name}.weight", out, width, kind=np.float16)
        put(f"{name}.bias", out)

    def blocks(name, out, width):
        # A block is a 16-bit scale and 32 signed bytes; such bytes deviate by 73.9 from their mean.
        block = np.dtype([("scale", np.float16), ("numbers", np.int8, 32)])
        rows = np.empty((out, width // 32), block)
        rows["scale"] = width**-0.5 / 73.9
        rows["numbers"] = random.integers(-128, 128, (*rows.shape, 32), np.int8)
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(f"{name}.weight", rows.view(np.uint8), raw_dtype=kind)
        put(f"{name}.bias", out)

    # At most four extents fit, so the five are said beside.
    writer.add_array("comfy.gguf.orig_shape.patch_embedding.weight", [WIDTH, 16, 1, 2, 2])
    put("patch_embedding.weight", WIDTH * 16, 1, 2, 2, kind=np.float16)
    put("patch_embedding.bias", WIDTH)
    linear("text_embedding.0", WIDTH, TEXT)
    linear("text_embedding.2", WIDTH, WIDTH)
    linear("time_embedding.0", WIDTH, TIME)
    linear("time_embedding.2", WIDTH, WIDTH)
    linear("time_projection.1", 6 * WIDTH, WIDTH)
    for layer in range(LAYERS):
        part = f"blocks.{layer}"
        put(f"{part}.modulation", 1, 6, WIDTH)
        for attention in ["self_attn", "cross_attn"]:
            for name in "qkvo":
                blocks(f"{part}.{attention}.{name}", WIDTH, WIDTH)
            for name in ["norm_q", "norm_k"]:
                put(f"{part}.{attention}.{name}.weight", WIDTH, mean=1.0)
        put(f"{part}.norm3.weight", WIDTH, mean=1.0)
        put(f"{part}.norm3.bias", WIDTH)
        blocks(f"{part}.ffn.0", INNER, WIDTH)
        blocks(f"{part}.ffn.2", WIDTH, INNER)
    put("head.modulation", 1, 2, WIDTH)
    linear("head.head", 16 * 4, WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_autoencoder(folder):
    """The tiny autoencoder, without which stable-diffusion.cpp does not begin."""
    import torch
    from safetensors.torch import save_file

    tensors = {}

    def conv(name, out, width, size=3, bias=True):
        tensors[f"{name}.weight"] = torch.randn(out, width, size, size).half() * 0.02
        if bias:
            tensors[f"{name}.bias"] = torch.zeros(out)

    def blocks(part, first, width):
        for block in range(first, first + 3):
            conv(f"{part}.{block}.conv.0", width, 2 * width)
            conv(f"{part}.{block}.conv.2", width, width)
            conv(f"{part}.{block}.conv.4", width, width)

    widths = [256, 128, 64, 64]
    conv("encoder.0", 64, 3)
    conv("decoder.1", widths[0], 16)
    for at, first in enumerate([2, 7, 12]):
        conv(f"encoder.{first}.conv", 64, 64 * (2 if at < 2 else 1), size=1, bias=False)
        conv(f"encoder.{first + 1}", 64, 64, bias=False)
        blocks("encoder", first + 2, 64)
    for at, first in enumerate([3, 9, 15]):
        width = widths[at]
        blocks("decoder", first, width)
        conv(f"decoder.{first + 4}.conv", width * (2 if at > 0 else 1), width, size=1, bias=False)
        conv(f"decoder.{first + 5}", widths[at + 1], width, bias=False)
    conv("encoder.17", 16, 64)
    conv("decoder.22", 3, widths[-1])
    save_file(tensors, folder / "autoencoder.safetensors")


def held(process):
    """The most that a process has held besides mapped files, in bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    kilobytes = lambda name: int(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1])
    return 1024 * (kilobytes("VmHWM") - kilobytes("RssFile"))


def stable_diffusion(program, folder, runs, options=()):
    """One pass more is made than is counted, since a pass is from the end of one to the end of the next."""
    _, _, frames, rows, columns = LATENT
    line = [program, "--mode", "vid_gen", "--prompt", "a face", "--cfg-scale", "1", "--sampling-method", "euler", *options]
    line += ["--diffusion-model", folder / "model.gguf", "--tae", folder / "autoencoder.safetensors"]
    line += ["--width", 8 * columns, "--height", 8 * rows, "--video-frames", 4 * frames - 3, "--flow-shift", 3]
    line += ["--steps", runs + 1, "--threads", len(os.sched_getaffinity(0)), "--output", folder / "video.avi"]
    process = subprocess.Popen([str(word) for word in line], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    ends, said = [], b""
    with process:
        while len(ends) <= runs:
            piece = os.read(process.stdout.fileno(), 1 << 16)
            if not piece:
                sys.exit(f"stable-diffusion.cpp ended early:\n{said.decode(errors='replace')}")
            said += piece
            passes = len(re.findall(rb"\d+/%d - [\d.]+(?:s/it|it/s)" % (runs + 1), said))
            ends += [time.perf_counter()] * (passes - len(ends))
        peak = held(process.pid)
        process.kill()
    return {"seconds": [end - begun for begun, end in zip(ends, ends[1:])], "bytes": peak}


def measured(line, part, folder, runs):
    out = subprocess.run([*line, part, folder, str(runs)], check=True, capture_output=True, text=True)
    return json.loads(out.stdout.strip().splitlines()[-1])


def beside_stable_diffusion(program, sd_cli, runs):
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_gguf(folder)
        make_autoencoder(folder)
        inputs = {"latent": torch.randn(LATENT), "context": torch.zeros(1, TEXT_ROWS, TEXT)}
        save_file(inputs, folder / "inputs.safetensors")
        results = {"ours": [], "streamed": [], "plain": [], "flash": []}
        for _ in range(2):  # in turns, so that all see the machine as it is
            results["ours"].append(measured([program], "gguf", name, runs))
            results["streamed"].append(measured([program], "gguf-streamed", name, runs))
            results["plain"].append(stable_diffusion(sd_cli, folder, runs))
            results["flash"].append(stable_diffusion(sd_cli, folder, runs, ["--diffusion-fa"]))
    least = {who: min(min(run["seconds"]) for run in all_) for who, all_ in results.items()}
    memory = {who: min(run["bytes"] for run in all_) for who, all_ in results.items()}
    for us, said in [("ours", "layers held"), ("streamed", "layers read anew")]:
        for who, named in [("plain", "stable-diffusion.cpp"), ("flash", "stable-diffusion.cpp with flash attention")]:
            print(
                f"{said}, beside {named}: {least[us]:.2f} s beside {least[who]:.2f} s, ratio "
                f"{least[us] / least[who]:.2f}; {memory[us] / 1e6:.0f} MB beside "
                f"{memory[who] / 1e6:.0f} MB, ratio {memory[us] / memory[who]:.2f}"
            )


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
                    results[who].append(measured(line, part, name, runs))
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
    elif sys.argv[2:3] == ["--sd"]:
        beside_stable_diffusion(sys.argv[1], sys.argv[3], int(sys.argv[4]) if len(sys.argv) > 4 else 3)
    else:
        main()
