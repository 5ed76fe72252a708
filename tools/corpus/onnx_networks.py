"""Networks made by torch, as ONNX files with an input and the output that torch gives for it.

    python onnx_networks.py goldens FOLDER      tiny networks, a few KiB each
    python onnx_networks.py networks FOLDER [NAME...]     those of torchvision, a BERT and recurrent ones, random weights

Each network NAME becomes NAME.onnx and NAME.safetensors, which holds its inputs and outputs by their names in the file.
"""

import pathlib
import sys

import onnx
import torch
from stored_tensors import save_tensors
from torch import nn


def export(folder, name, network, inputs, opset=17, dynamic=None, dynamo=False, norms=False):
    """Writes NAME.onnx and what goes in and comes out; `inputs` are tensors by their names.

    Exporting joins normalisations to the convolutions before them; with `norms` they stay.
    """
    network.eval()
    values = tuple(inputs.values())
    with torch.no_grad():
        results = network(*values)
    results = list(results) if isinstance(results, (tuple, list)) else [results]
    names = [f"output{i}" if i else "output" for i in range(len(results))]
    shapes = {"dynamic_axes": dynamic or {key: {0: "batch"} for key in inputs}}
    if dynamo:
        batch = torch.export.Dim("batch", min=1, max=64)
        shapes = {"dynamic_shapes": tuple({0: batch} for _ in inputs)}
    if norms:
        shapes["training"] = torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(
        network, values, str(folder / f"{name}.onnx"), input_names=list(inputs), output_names=names,
        opset_version=opset, dynamo=dynamo, external_data=False, **shapes,
    )
    without_notes(folder / f"{name}.onnx")
    tensors = {key: value.numpy() for key, value in inputs.items()}
    tensors.update({key: value.numpy() for key, value in zip(names, results)})
    save_tensors(folder / f"{name}.safetensors", tensors)
    print(name, [tuple(result.shape) for result in results], flush=True)


def without_notes(path):
    """Stack traces of the exporter are most of a small file."""
    model = onnx.load(path)
    model.graph.ClearField("value_info")
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in [*model.graph.input, *model.graph.output, *model.graph.initializer]:
        value.ClearField("metadata_props")
    onnx.save(model, path)


def settle_norms(network, seed):
    """Statistics that are not those of an untouched network, so that each of them counts."""
    noise = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            module.running_mean.normal_(0, 0.2, generator=noise)
            module.running_var.uniform_(0.5, 1.5, generator=noise)
            module.weight.data.uniform_(0.5, 1.5, generator=noise)
            module.bias.data.normal_(0, 0.2, generator=noise)


class Squeezing(nn.Module):
    """Depthwise and grouped convolutions with a squeeze-and-excitation between them."""

    def __init__(self):
        super().__init__()
        self.widen = nn.Conv2d(3, 12, 1)
        self.depthwise = nn.Conv2d(12, 12, 5, stride=2, padding=2, groups=12, bias=False)
        self.norm = nn.BatchNorm2d(12)
        self.squeeze = nn.Conv2d(12, 4, 1)
        self.excite = nn.Conv2d(4, 12, 1)
        self.grouped = nn.Conv2d(12, 8, 3, dilation=2, groups=4)

    def forward(self, x):
        x = nn.functional.hardswish(self.norm(self.depthwise(nn.functional.relu6(self.widen(x)))))
        scale = nn.functional.relu(self.squeeze(nn.functional.adaptive_avg_pool2d(x, 1)))
        x = x * nn.functional.hardsigmoid(self.excite(scale))
        return nn.functional.silu(self.grouped(x))


class Shuffled(nn.Module):
    """Channel shuffle, joins, pools of both kinds and a border."""

    def __init__(self):
        super().__init__()
        self.left = nn.Conv2d(4, 4, 1)
        self.right = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        left, right = x.chunk(2, dim=1)
        x = torch.cat([self.left(left), self.right(right)], dim=1)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        x = nn.functional.pad(x, (1, 2, 0, 1), value=0.5)
        peaks = nn.functional.max_pool2d(x, 3, 2, 1, ceil_mode=True)
        means = nn.functional.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=True)
        inner = nn.functional.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False)
        return torch.cat([peaks, means - inner], dim=1).flatten(1)


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.rnn = kind(3, 5, batch_first=True, **options)
        self.head = nn.Linear(5 * (2 if options.get("bidirectional") else 1), 2)

    def forward(self, x):
        y, state = self.rnn(x)
        last = state[0] if isinstance(state, tuple) else state
        return self.head(y), last


class Words(nn.Module):
    """A small encoder as BERT has it: words and places, attention with a mask, a pooled first word."""

    def __init__(self, words=40, width=16, heads=2, layers=1, steps=8, inner=32):
        super().__init__()
        self.word = nn.Embedding(words, width)
        self.place = nn.Embedding(steps, width)
        self.register_buffer("places", torch.arange(steps).unsqueeze(0))
        self.norm = nn.LayerNorm(width)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, inner) for _ in range(layers))
        self.pool = nn.Linear(width, width)

    def forward(self, words, mask):
        steps = words.shape[1]
        x = self.norm(self.word(words) + self.place(self.places[:, :steps]))
        hidden = (1.0 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(torch.float32).min
        for layer in self.layers:
            x = layer(x, hidden)
        return x, torch.tanh(self.pool(x[:, 0]))


class EncoderLayer(nn.Module):
    def __init__(self, width, heads, inner):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x, mask):
        n, t, d = x.shape
        q, k, v = (f(x).view(n, t, self.heads, d // self.heads).transpose(1, 2)
                   for f in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2) / (d // self.heads) ** 0.5 + mask
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d)
        x = self.first(x + self.out(y))
        return self.second(x + self.down(nn.functional.gelu(self.up(x))))


class Patches(nn.Module):
    """A small vision transformer: patches, a class token, torch's own attention."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, 16))
        self.place = nn.Parameter(torch.randn(1, 10, 16) * 0.1)
        self.block = nn.TransformerEncoderLayer(16, 2, 24, activation="gelu", batch_first=True, norm_first=True)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1) + self.place
        return self.head(self.block(x)[:, 0])


class Scaled(nn.Module):
    """Up and down again: transposed convolution, both kinds of resizing, group and instance normalisation."""

    def __init__(self):
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 8, 3, stride=2, padding=1, output_padding=1)
        self.group = nn.GroupNorm(4, 8)
        self.instance = nn.InstanceNorm2d(8, affine=True)
        self.slope = nn.PReLU(8)
        self.down = nn.Conv2d(8, 4, 3, stride=2)

    def forward(self, x):
        x = self.instance(self.slope(self.group(self.up(x))))
        x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        x = nn.functional.interpolate(x, size=(14, 12), mode="bilinear", align_corners=False)
        return nn.functional.log_softmax(self.down(x), dim=1)


def goldens(folder):
    torch.manual_seed(7)
    picture = {"input": torch.randn(2, 3, 12, 12)}
    cnn = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 6, 3), nn.LeakyReLU(0.1), nn.Flatten(), nn.Linear(6 * 4 * 4, 5), nn.Softmax(dim=1),
    )
    sequence = {"input": torch.randn(2, 6, 3)}
    sentence = {"words": torch.randint(0, 40, (2, 8)), "mask": torch.tensor([[1] * 8, [1] * 5 + [0] * 3])}
    list_of = [
        ("cnn", cnn, picture, {"norms": True}),
        ("cnn_opset11", cnn, picture, {"opset": 11}),
        ("squeezing", Squeezing(), picture, {"norms": True}),
        ("shuffled", Shuffled(), {"input": torch.randn(2, 8, 9, 7)}, {}),
        ("scaled", Scaled(), {"input": torch.randn(2, 3, 5, 4)}, {}),
        ("lstm", Recurrent(nn.LSTM), sequence, {}),
        ("lstm_both", Recurrent(nn.LSTM, bidirectional=True), sequence, {}),
        ("gru", Recurrent(nn.GRU), sequence, {}),
        ("words", Words(), sentence, {}),
        ("patches", Patches(), picture, {}),
        ("patches_dynamo", Patches(), picture, {"opset": 18, "dynamo": True}),
        ("words_dynamo", Words(), sentence, {"opset": 18, "dynamo": True}),
        ("lstm_dynamo", Recurrent(nn.LSTM), sequence, {"opset": 18, "dynamo": True}),
    ]
    for name, network, inputs, options in list_of:
        settle_norms(network, 3)
        export(folder, name, network, inputs, **options)


def fit_norms(network, inputs):
    """Statistics of the network's own results, so that random weights neither vanish nor explode."""
    norms = [m for m in network.modules() if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d))]
    if not norms:
        return
    for norm in norms:
        norm.momentum = 0.9
    network.train()
    with torch.no_grad():
        for _ in range(2):
            network(*inputs.values())


class TextConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.word = nn.Embedding(500, 32)
        self.windows = nn.ModuleList(nn.Conv1d(32, 24, size, padding=size // 2) for size in (3, 4, 5))
        self.norm = nn.BatchNorm1d(72)
        self.head = nn.Linear(72, 4)

    def forward(self, words):
        x = self.word(words).transpose(1, 2)
        peaks = [nn.functional.relu(f(x)).amax(dim=2) for f in self.windows]
        return self.head(self.norm(torch.cat(peaks, dim=1)))


class UpAndDown(nn.Module):
    """A small U-net: what segments pictures."""

    def __init__(self):
        super().__init__()
        def block(a, b):
            return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())
        self.down = nn.ModuleList([block(3, 16), block(16, 32), block(32, 64)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)])
        self.joined = nn.ModuleList([block(64, 32), block(32, 16)])
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x):
        kept = []
        for i, down in enumerate(self.down):
            x = down(x if i == 0 else nn.functional.max_pool2d(x, 2))
            kept.append(x)
        for i, (up, joined) in enumerate(zip(self.up, self.joined)):
            x = joined(torch.cat([up(x), kept[1 - i]], dim=1))
        return self.head(x)


TORCHVISION = {
    "resnet18": 96, "resnet50": 96, "resnext50_32x4d": 96, "wide_resnet50_2": 64, "mobilenet_v2": 96,
    "mobilenet_v3_small": 96, "mobilenet_v3_large": 96, "efficientnet_b0": 96, "efficientnet_v2_s": 96,
    "inception_v3": 299, "densenet121": 96, "squeezenet1_0": 96, "squeezenet1_1": 96,
    "shufflenet_v2_x1_0": 96, "googlenet": 96, "alexnet": 224, "vgg11_bn": 224, "mnasnet1_0": 96,
    "regnet_y_400mf": 96, "convnext_tiny": 96, "vit_b_16": 224, "swin_t": 224, "maxvit_t": 224,
}


def networks(folder):
    import torchvision

    only = set(sys.argv[3:])
    torch.manual_seed(11)
    made = {}
    for name, side in TORCHVISION.items():
        options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        def make(name=name, options=options):
            network = getattr(torchvision.models, name)(weights=None, **options)
            # It begins with a head of zeros, with which every network would agree.
            if name == "vit_b_16":
                nn.init.normal_(network.heads.head.weight, std=0.02)
            return network
        made[name] = (make, {"input": torch.randn(4, 3, side, side)}, {})
    words = {"words": torch.randint(0, 1000, (2, 64)), "mask": torch.ones(2, 64, dtype=torch.int64)}
    words["mask"][1, 40:] = 0
    bert = lambda: Words(1000, 128, 4, 4, 64, 512)
    sequence = {"input": torch.randn(3, 50, 3)}
    made["bert"] = (bert, words, {})
    made["bert_dynamo"] = (bert, words, {"opset": 20, "dynamo": True})
    made["lstm2"] = (lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), sequence, {})
    made["gru2"] = (lambda: Recurrent(nn.GRU, num_layers=2, bidirectional=True), sequence, {})
    made["text_convolution"] = (TextConvolution, {"words": torch.randint(0, 500, (4, 30))}, {})
    made["up_and_down"] = (UpAndDown, {"input": torch.randn(2, 3, 48, 64)}, {})
    made["transformer"] = (
        lambda: nn.TransformerEncoder(
            nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2, enable_nested_tensor=False),
        {"input": torch.randn(2, 20, 64)}, {"opset": 21, "dynamo": True},
    )
    made["resnet18_opset11"] = (made["resnet18"][0], made["resnet18"][1], {"opset": 11})
    made["mobilenet_v2_dynamo"] = (made["mobilenet_v2"][0], made["mobilenet_v2"][1], {"opset": 18, "dynamo": True})
    for name, (make, inputs, options) in made.items():
        if only and name not in only:
            continue
        network = make()
        fit_norms(network, inputs)
        export(folder, name, network, {key: value[:2] for key, value in inputs.items()}, **options)


def main():
    what, target = sys.argv[1], pathlib.Path(sys.argv[2])
    target.mkdir(parents=True, exist_ok=True)
    {"goldens": goldens, "networks": networks}[what](target)


if __name__ == "__main__":
    main()
