"""The networks of bench/networks in PyTorch: the same layers, first weights, batches, losses and optimizers.

Each entry of NETWORKS gives (batch, inputs, make); make() gives (module, loss(module, *inputs), optimizer(module)).
"""
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from numbers_of_vanda import integers, uniform

FIRST_WEIGHT_SALT = 1000
ROUND = 4


class Weights:
    """First weights in the order in which the engine's graph makes its variables, in its layouts."""

    def __init__(self):
        self.index = 0

    def take(self, shape, kind="weight"):
        salt = FIRST_WEIGHT_SALT + self.index
        self.index += 1
        if kind == "scale":
            low, high = 0.9, 1.1
        elif len(shape) < 2:
            low, high = -0.1, 0.1
        elif kind == "table":
            low, high = -0.5, 0.5
        else:
            high = float(np.sqrt(3 / np.prod(shape[:-1], dtype=np.int64)))
            low = -high
        return torch.from_numpy(uniform(salt, shape, low, high))


def fill(module, weights):
    """Gives every parameter of the module its first value; children in the order of their definition."""
    with torch.no_grad():
        if isinstance(module, nn.Linear):
            inputs, outputs = module.in_features, module.out_features
            module.weight.copy_(weights.take((inputs, outputs)).T)
            if module.bias is not None:
                module.bias.copy_(weights.take((outputs,)))
        elif isinstance(module, nn.Conv2d):
            high, wide = module.kernel_size
            shape = (high, wide, module.in_channels // module.groups, module.out_channels)
            module.weight.copy_(weights.take(shape).permute(3, 2, 0, 1))
            if module.bias is not None:
                module.bias.copy_(weights.take((module.out_channels,)))
        elif isinstance(module, (nn.BatchNorm2d, nn.LayerNorm)):
            module.weight.copy_(weights.take(tuple(module.weight.shape), "scale"))
            module.bias.copy_(weights.take(tuple(module.bias.shape)))
        elif isinstance(module, nn.Embedding):
            module.weight.copy_(weights.take(tuple(module.weight.shape), "table"))
        elif isinstance(module, nn.LSTM):
            for layer in range(module.num_layers):
                inputs = module.input_size if layer == 0 else module.hidden_size
                columns = 4 * module.hidden_size
                getattr(module, f"weight_ih_l{layer}").copy_(weights.take((inputs, columns)).T)
                getattr(module, f"weight_hh_l{layer}").copy_(weights.take((module.hidden_size, columns)).T)
                getattr(module, f"bias_ih_l{layer}").copy_(weights.take((columns,)))
                # The engine's layer has one bias; a second one that learns would make its step twice as long.
                getattr(module, f"bias_hh_l{layer}").zero_().requires_grad_(False)
        elif isinstance(module, nn.MultiheadAttention):
            width = module.embed_dim
            fill(module.out_proj, weights)
            module.in_proj_weight.copy_(weights.take((width, 3 * width)).T)
            module.in_proj_bias.copy_(weights.take((3 * width,)))
        elif isinstance(module, nn.TransformerEncoderLayer):
            for part in (module.self_attn, module.norm1, module.linear1, module.linear2, module.norm2):
                fill(part, weights)
        elif isinstance(module, Places):
            module.places.copy_(weights.take(tuple(module.places.shape)))
        else:
            for child in module.children():
                fill(child, weights)
    return module


def adam(module):
    return torch.optim.Adam(module.parameters(), 1e-3)


def sgd_momentum(rate):
    return lambda module: torch.optim.SGD(module.parameters(), rate, momentum=0.9)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 32, 3)
        self.second = nn.Conv2d(32, 64, 3)
        self.dense = nn.Linear(1600, 128)
        self.out = nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.first(x)), 2)
        x = F.max_pool2d(F.relu(self.second(x)), 2)
        # The engine's pictures are [N, H, W, C]; so are the inputs of the dense layer.
        return self.out(F.relu(self.dense(x.permute(0, 2, 3, 1).flatten(1))))


class Residual(nn.Module):
    def __init__(self, channels, filters, stride):
        super().__init__()
        self.a = nn.Conv2d(channels, filters, 3, stride, 1, bias=False)
        self.norm_a = nn.BatchNorm2d(filters)
        self.b = nn.Conv2d(filters, filters, 3, 1, 1, bias=False)
        self.norm_b = nn.BatchNorm2d(filters)
        plain = stride == 1 and channels == filters
        self.projection = None if plain else nn.Sequential(
            nn.Conv2d(channels, filters, 1, stride, bias=False), nn.BatchNorm2d(filters))

    def forward(self, x):
        h = F.relu(self.norm_a(self.a(x)))
        h = self.norm_b(self.b(h))
        return F.relu(h + (x if self.projection is None else self.projection(x)))


def resnet20():
    layers = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    channels = 16
    for filters, stride in ((16, 1), (32, 2), (64, 2)):
        for index in range(3):
            layers.append(Residual(channels, filters, stride if index == 0 else 1))
            channels = filters
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


class WideDeep(nn.Module):
    FIELDS, BUCKETS = 26, 10_000

    def __init__(self, sparse=False):
        super().__init__()
        self.deep = nn.ModuleList(nn.Embedding(self.BUCKETS, 16, sparse=sparse) for _ in range(self.FIELDS))
        self.wide = nn.ModuleList(nn.Embedding(self.BUCKETS, 1, sparse=sparse) for _ in range(self.FIELDS))
        self.tower = nn.Sequential(nn.Linear(13 + self.FIELDS * 16, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(),
                                   nn.Linear(64, 1))
        self.linear = nn.Linear(13, 1)

    def forward(self, x, c):
        deep = torch.cat([x] + [table(c[:, i]) for i, table in enumerate(self.deep)], 1)
        wide = self.linear(x) + sum(table(c[:, i]) for i, table in enumerate(self.wide))
        return (self.tower(deep) + wide).squeeze(1)


class CharLstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(96, 64)
        self.lstm = nn.LSTM(64, 128, 2, batch_first=True)
        self.out = nn.Linear(128, 96)

    def forward(self, x):
        return self.out(self.lstm(self.embedding(x))[0]).flatten(0, 1)


class Places(nn.Module):
    def __init__(self, steps, width):
        super().__init__()
        self.places = nn.Parameter(torch.zeros(steps, width))

    def forward(self, x):
        return x + self.places


class Textformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5000, 128)
        self.places = Places(64, 128)
        layer = nn.TransformerEncoderLayer(128, 4, 512, 0.0, batch_first=True, activation="gelu")
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(128, 2)

    def forward(self, x):
        return self.out(self.encoder(self.places(self.embedding(x))).mean(1))


class Gan(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 784), nn.Tanh())
        self.discriminator = nn.Sequential(nn.Linear(784, 128), nn.LeakyReLU(0.01), nn.Linear(128, 1))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.centre = nn.Embedding(500, 100)
        self.context = nn.Embedding(500, 100)

    def forward(self, centre, candidates):
        return (self.centre(centre)[:, None, :] * self.context(candidates)).sum(2)


def told(logits, target):
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, target))


def classes(module, x, y):
    return F.cross_entropy(module(x), y)


def words_loss(module, centre, candidates):
    scores = module(centre, candidates)
    targets = torch.zeros_like(scores)
    targets[:, 0] = 1
    return F.binary_cross_entropy_with_logits(scores, targets)


def gan_losses(module, noise, real):
    fake = module.generator(noise)
    judge = module.discriminator
    return told(judge(real), 1.0) + told(judge(fake.detach()), 0.0), told(judge(fake), 1.0)


def mlp(*sizes, last=None):
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1], *([last] if last else []))


PICTURE = {"x": ((784,), None), "y": ((), 10)}

# An input: (shape, exclusive bound of whole numbers or None or (low, high) of floats).
NETWORKS = {
    "mlp-b32": (32, PICTURE, lambda: mlp(784, 128, 10), classes, adam),
    "mlp-b128-wide": (128, PICTURE, lambda: mlp(784, 512, 512, 10), classes, adam),
    "linreg-b32": (32, {"x": ((13,), None), "y": ((1,), None)}, lambda: nn.Linear(13, 1),
                   lambda module, x, y: F.mse_loss(module(x), y), sgd_momentum(0.01)),
    "autoencoder-b32": (32, {"x": ((784,), (0, 1))}, lambda: mlp(784, 128, 32, 128, 784, last=nn.Sigmoid()),
                        lambda module, x: F.mse_loss(module(x), x), adam),
    "mnist-cnn-b128": (128, {"x": ((28, 28, 1), None), "y": ((), 10)}, Cnn, classes, adam),
    "resnet20-b128": (128, {"x": ((32, 32, 3), None), "y": ((), 10)}, resnet20, classes, sgd_momentum(0.001)),
    "wide-deep-b256": (256, {"x": ((13,), None), "c": ((26,), 10_000), "y": ((), 2)}, WideDeep,
                       lambda module, x, c, y: F.binary_cross_entropy_with_logits(module(x, c), y.float()),
                       lambda module: torch.optim.Adagrad(module.parameters(), 0.05)),
    "charlstm-b32-t64": (32, {"x": ((64,), 96), "y": ((64,), 96)}, CharLstm,
                         lambda module, x, y: F.cross_entropy(module(x), y.flatten()), adam),
    "textformer-b32-t64": (32, {"x": ((64,), 5000), "y": ((), 2)}, Textformer, classes, adam),
    "gan-b32": (32, {"noise": ((32,), None), "real": ((784,), None)}, Gan, gan_losses, adam),
    "word2vec-b64": (64, {"centre": ((), 500), "candidates": ((6,), 500)}, Words, words_loss,
                     lambda module: torch.optim.SGD(module.parameters(), 0.5)),
}


def batches(name, batch):
    """The batches of one round. Pictures [N, H, W, C] become [N, C, H, W], as PyTorch wants them."""
    inputs = NETWORKS[name][1]
    rows = batch * ROUND
    columns = []
    for salt, (shape, bound) in enumerate(inputs.values()):
        if isinstance(bound, int):
            column = torch.from_numpy(integers(salt, (rows, *shape), bound))
        else:
            low, high = bound or (-1, 1)
            column = torch.from_numpy(uniform(salt, (rows, *shape), low, high))
        columns.append(column.permute(0, 3, 1, 2).contiguous() if len(shape) == 3 else column)
    return [tuple(column[i * batch:(i + 1) * batch] for column in columns) for i in range(ROUND)]


def prepare(name, **options):
    """The module with its first weights, its loss function and its optimizer."""
    _, _, make, loss, optimizer = NETWORKS[name]
    module = fill(make(**options), Weights())
    return module, loss, optimizer


def gan_step(module, optimizer, noise, real):
    """Both players move at the same time, each by its own loss."""
    judged, fooled = gan_losses(module, noise, real)
    mine = list(module.discriminator.parameters())
    others = list(module.generator.parameters())
    grads = torch.autograd.grad(judged, mine, retain_graph=True) + torch.autograd.grad(fooled, others)
    for parameter, grad in zip(mine + others, grads):
        parameter.grad = grad
    optimizer.step()
    return judged + fooled
