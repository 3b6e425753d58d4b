"""The piano network token by token in PyTorch, with the weights of a model folder: how long a token takes, beside
`cargo bench -p affetto-music --bench piano`, and what it expects next.

    python bench_piano.py models/piano-small [--threads N]

Needs torch, safetensors and numpy.
"""

import argparse
import json
import pathlib
import statistics
import time

import torch
from safetensors.torch import load_file
from torch.nn import functional

NORM_EPSILON = 1e-5
EPSILON = 1e-6
# How many tokens were read before, and how many are timed from there.
BEFORE = (100, 1000, 4000)
TIMED = 200


class Piano:
    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = load_file(str(folder / "model.safetensors"))
        self.weights = {name: tensor.float() for name, tensor in weights.items()}
        columns = [self.config["tokens"], *self.config["features"]]
        ends = torch.tensor(columns).cumsum(0)
        self.offsets = ends - torch.tensor(columns)
        half_lives = self.config["half_lives"]
        decays = [1.0 if half is None else 2.0 ** (-1.0 / half) for half in half_lives]
        self.decays = torch.tensor(decays).view(-1, 1)
        self.norms = {}

    def ask(self, levels):
        """What each normalisation becomes where these levels are asked of the attributes, 0 for none."""
        steps = []
        for level in levels:
            for least in range(2, self.config["levels"] + 1):
                steps.append(0.0 if level == 0 else 1.0 if level >= least else -1.0)
        asked = functional.gelu(self.linear("attributes.steps", torch.tensor(steps)), approximate="tanh")
        names = [f"blocks.{layer}.{part}" for layer in range(self.config["layers"]) for part in ("attention_norm", "feed_forward_norm")]
        for name in [*names, "norm"]:
            scale, shift = self.linear(f"{name}_modulation", asked).chunk(2)
            weight = self.weights[f"{name}.weight"] * (1.0 + scale)
            self.norms[name] = (weight, self.weights[f"{name}.bias"] + shift)

    def linear(self, name, x):
        return functional.linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, name, x):
        return functional.layer_norm(x, x.shape, *self.norms[name], NORM_EPSILON)

    def start(self):
        heads, width = self.config["heads"], self.config["width"]
        wide = width // heads
        layers = range(self.config["layers"])
        return [(torch.zeros(heads, wide, wide), torch.zeros(heads, wide)) for _ in layers]

    def step(self, memories, ids):
        """Reads one token with its columns, and gives the score of each next one."""
        heads = self.config["heads"]
        x = self.weights["embedding.weight"].index_select(0, ids + self.offsets).sum(0)
        for layer, (products, keys) in enumerate(memories):
            name = f"blocks.{layer}"
            packed = self.linear(f"{name}.attention.packed", self.norm(f"{name}.attention_norm", x))
            query, key, value = packed.view(3, heads, -1)
            query, key = functional.elu(query) + 1.0, functional.elu(key) + 1.0
            keys.mul_(self.decays).add_(key)
            products.mul_(self.decays.unsqueeze(2)).add_(key.unsqueeze(2) * value.unsqueeze(1))
            total = (query * keys).sum(1, keepdim=True) + EPSILON
            out = torch.bmm(query.unsqueeze(1), products).squeeze(1) / total
            x = x + self.linear(f"{name}.attention.out", out.reshape(-1))
            inner = self.linear(f"{name}.feed_forward.up", self.norm(f"{name}.feed_forward_norm", x))
            x = x + self.linear(f"{name}.feed_forward.down", functional.gelu(inner, approximate="tanh"))
        return functional.linear(self.norm("norm", x), self.weights["out.weight"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with torch.inference_mode():
        piano = Piano(arguments.folder)
        piano.ask([0] * piano.config["attributes"])
        memories = piano.start()
        features = [1] * (len(piano.offsets) - 1)
        times = []
        for index in range(max(BEFORE) + TIMED):
            ids = torch.tensor([4 + index % 400, *features])
            begun = time.perf_counter()
            scores = piano.step(memories, ids)
            times.append(time.perf_counter() - begun)
            if index == 9:
                best = torch.topk(torch.log_softmax(scores, 0), 3)
                expected = ", ".join(f"{at} {score:.5f}" for score, at in zip(best.values.tolist(), best.indices.tolist()))
                print(f"after ten tokens: {expected}")
        for before in BEFORE:
            median = statistics.median(times[before : before + TIMED])
            print(f"{before:5d} tokens before: {1000 * median:.3f} ms a token")


if __name__ == "__main__":
    main()
