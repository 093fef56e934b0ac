import copy
import importlib

import numpy as np
import pytest
import torch
from tests.support.networks import PREPROCESSING, make_images, make_network
from torch import nn

from ckptrank.checkpoints.network import Network
from ckptrank.errors import NotApplicable
from ckptrank.measures._lgc import lgc
from ckptrank.measures._shared import gradient_gram
from ckptrank.measures.accounting import recording
from ckptrank.tasks.images import LabelledImages

CPU = torch.device("cpu")
TRAIN = make_images(18)


class InDouble(Network):
    """A network computed in float64, so that comparisons are not limited by rounding."""

    def forward(self, images):
        features = self.backbone(self.preprocessing.normalise(images).double())
        return features, None if self.head is None else self.head(features)


def double(network):
    return InDouble(
        network.backbone.double(),
        network.dimension,
        None if network.head is None else network.head.double(),
        network.preprocessing,
    ).eval()


class Residual(nn.Module):
    def __init__(self, groups=1):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, 2, 1)
        self.conv = nn.Conv2d(6, 6, 3, padding=1, bias=False, groups=groups)
        self.norm = nn.BatchNorm2d(6)

    def forward(self, x):
        x = self.stem(x)
        return torch.relu(self.norm(self.conv(torch.relu(x))) + x).mean((2, 3))


class Branches(nn.Module):
    """The last convolution feeds only some of the features, as in Inception."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x):
        return torch.relu(torch.cat([self.a(x), self.b(x)], 1)).mean((2, 3))


class SelfAttention(nn.Module):
    def __init__(self, dimension):
        super().__init__()
        self.query, self.value = nn.Linear(dimension, dimension), nn.Linear(dimension, dimension)

    def forward(self, x):
        return torch.softmax(self.query(x) @ x.transpose(1, 2), -1) @ self.value(x)


class Patches(nn.Sequential):
    """One position, so that inner products of inputs and of sensitivities are the shorter way."""

    def __init__(self, *last):
        pool = nn.AdaptiveAvgPool2d(1)
        super().__init__(nn.Conv2d(3, 12, 8, 8, groups=3), nn.ReLU(), pool, nn.Flatten(), *last)


class Transformer(nn.Module):
    """Its normalisation mixes channels, so every output needs a backward pass of its own."""

    def __init__(self):
        super().__init__()
        self.patches, self.attention = nn.Conv2d(3, 4, 4, 4), SelfAttention(4)
        self.mlp, self.norm = nn.Linear(4, 4), nn.LayerNorm(4)

    def forward(self, x):
        x = self.attention(self.patches(x).flatten(2).transpose(1, 2))
        return self.norm(x + self.mlp(x)).mean(1)


class ReadsOneToken(Transformer):
    def forward(self, x):
        x = self.attention(self.patches(x).flatten(2).transpose(1, 2))
        return self.norm(x + self.mlp(x))[:, 0]


class AveragesFirst(Transformer):
    def forward(self, x):
        x = self.attention(self.patches(x).flatten(2).transpose(1, 2))
        return self.norm((x + self.mlp(x)).mean(1))


def make(kind, head_classes=None):
    torch.manual_seed(1)
    backbone, dimension, layer = {
        "plain": (make_network().backbone, 6, "0"),
        "residual": (Residual(), 6, "conv"),
        "grouped": (Residual(groups=2), 6, "conv"),
        "branches": (Branches(), 6, "b"),
        "transformer": (Transformer(), 4, "mlp"),
        "class token": (ReadsOneToken(), 4, "mlp"),
        "averaged tokens": (AveragesFirst(), 4, "mlp"),
        "patches": (Patches(), 12, "0"),
        "normalised patches": (Patches(nn.LayerNorm(12)), 12, "0"),
    }[kind]
    head = nn.Linear(dimension, head_classes) if head_classes else None
    network = double(Network(backbone, dimension, head, PREPROCESSING))
    return network, network.backbone.get_submodule(layer).weight


def transcribe(network, weight, train, output="ntk"):
    """Equations 7 and 8 written out: a gradient per sample and output, then the N x N matrices."""
    gradients = []
    for row in range(len(train)):
        features, logits = network(torch.from_numpy(train.images[row : row + 1]))
        values = (features if logits is None else logits)[0]
        scalars = {"ntk": values, "sum": values.sum()[None], "max": values.max()[None]}[output]
        gradients.append(
            torch.cat(
                [torch.autograd.grad(s, weight, retain_graph=True)[0].flatten() for s in scalars]
            ).numpy()
        )
    theta = np.array([[a @ b for b in gradients] for a in gradients])
    kernel = np.array([[1.0 if a == b else -1.0 for b in train.labels] for a in train.labels])
    return np.corrcoef(theta.ravel(), kernel.ravel())[0, 1]


@pytest.mark.parametrize("output", ["ntk", "sum", "max"])
@pytest.mark.parametrize("head", [None, 5])
@pytest.mark.parametrize(
    "kind",
    [
        *("plain", "residual", "grouped", "branches", "transformer"),
        *("class token", "averaged tokens", "patches", "normalised patches"),
    ],
)
def test_it_equals_the_equation_written_out(kind, head, output):
    network, weight = make(kind, head)
    expected = transcribe(network, weight, TRAIN, output)
    score = lgc(network, TRAIN, device=CPU, output=output, samples_per_class=None)
    assert score == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    ("kind", "head", "passes"),
    [
        *(("residual", 5, 1), ("branches", 5, 1)),
        # no more passes than features, of which the transformer has four
        *(("transformer", 3, 3), ("transformer", 5, 4)),
    ],
)
def test_one_backward_pass_serves_all_outputs_where_channels_stay_apart(kind, head, passes):
    with recording() as record:
        lgc(make(kind, head)[0], TRAIN, device=CPU)
    assert record.notes["backward_passes_per_batch"] == passes
    assert record.flops > 0


@pytest.mark.parametrize(
    ("kind", "positions"), [("transformer", 4), ("class token", 1), ("averaged tokens", 1)]
)
def test_tokens_that_cannot_differ_are_not_told_apart(kind, positions, monkeypatch):
    seen = []
    lgc_module = importlib.import_module("ckptrank.measures._lgc")
    monkeypatch.setattr(
        lgc_module,
        "gradient_gram",
        lambda traces, *rest: (
            seen.append(traces[0].inputs.shape[-1]) or gradient_gram.gradient_gram(traces, *rest)
        ),
    )
    lgc(make(kind, 5)[0], TRAIN, device=CPU)
    assert seen == [positions]


def test_the_layer_of_a_network_is_the_last_that_runs_on_positions():
    def name_layer(kind):
        with recording() as record:
            lgc(make(kind)[0], TRAIN, device=CPU)
        return record.notes["layer"]

    assert name_layer("residual") == "conv"
    assert name_layer("branches") == "b"
    assert name_layer("transformer") == "mlp"
    # a linear layer on pooled features is no such layer
    network, _ = make("patches")
    network.backbone.append(nn.Linear(12, 12).double())
    with recording() as record:
        lgc(network, TRAIN, device=CPU)
    assert record.notes["layer"] == "0"


@pytest.mark.parametrize("kind", ["residual", "patches"])
def test_blocks_do_not_change_the_score(kind, monkeypatch):
    network, _ = make(kind, 5)
    whole = lgc(network, TRAIN, device=CPU)
    monkeypatch.setattr(importlib.import_module("ckptrank.measures._lgc"), "BATCH", 5)
    monkeypatch.setattr(gradient_gram, "_BLOCK_BYTES", 1)
    assert lgc(network, TRAIN, device=CPU) == pytest.approx(whole, rel=1e-10)


def test_the_random_projection_comes_near_the_exact_score():
    network, _ = make("residual", 5)
    exact = lgc(network, TRAIN, device=CPU)
    near = lgc(network, TRAIN, device=CPU, projection=10_000)
    assert near == pytest.approx(exact, abs=0.02)
    assert near != exact


def test_the_cap_takes_that_many_samples_of_each_class():
    with recording() as record:
        lgc(make("plain")[0], make_images(30), device=CPU, samples_per_class=4)
    assert record.notes["samples"] == 12


def test_another_layer_can_be_named():
    network, _ = make("residual")
    other = network.backbone.stem.weight
    score = lgc(network, TRAIN, device=CPU, layer="stem", samples_per_class=None)
    assert score == pytest.approx(transcribe(network, other, TRAIN), rel=1e-8)
    with pytest.raises(ValueError, match="'norm' is no convolution or linear layer; the last are"):
        lgc(network, TRAIN, device=CPU, layer="norm")


def test_the_network_is_left_as_it_was():
    network, _ = make("residual", 5)
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    lgc(network, TRAIN, device=CPU)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_it_cannot_score_is_refused():
    network, _ = make("plain")
    with pytest.raises(ValueError, match="fewer than two classes"):
        lgc(network, LabelledImages(TRAIN.images, np.zeros(18, int)), device=CPU)
    with pytest.raises(NotApplicable):
        lgc(network, LabelledImages(TRAIN.images, np.eye(18, 3, dtype=int)), device=CPU)
    same = LabelledImages(np.repeat(TRAIN.images[:1], 18, axis=0), TRAIN.labels)
    with pytest.raises(ValueError, match="all samples are equal"):
        lgc(network, same, device=CPU)
    with torch.no_grad():
        network.backbone[1].weight[0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinity"):
        lgc(network, TRAIN, device=CPU)


@pytest.mark.parametrize(
    ("layer", "head", "output", "backward"),
    [
        # the convolution after the stem, 6 x 4 x 4 outputs of 6 x 3 x 3 products, for each of 6 features
        ("stem", None, "ntk", 6 * 2 * 96 * 54),
        # nothing after the last convolution multiplies; then the head, 6 x 5
        ("conv", 5, "ntk", 0),
        ("conv", 5, "max", 2 * 30),
    ],
)
def test_operations_hold_the_backward_passes_after_the_layer(
    layer, head, output, backward, monkeypatch
):
    module = importlib.import_module("ckptrank.measures._lgc")
    theta = np.random.default_rng(0).normal(size=(18, 18))
    monkeypatch.setattr(module, "gradient_gram", lambda *_: theta)  # counts its own
    network = make("residual", head)[0]
    with recording() as record:
        lgc(network, TRAIN, device=CPU, forward_flops=1e6, layer=layer, output=output)
    assert record.flops == 18 * (1e6 + backward)


def test_an_activation_in_place_after_the_layer_changes_nothing():
    """As MobileNet v3 ends: a convolution of the pooled map, then hard-swish."""
    scores = []
    for in_place in (False, True):
        torch.manual_seed(0)
        pool = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 5, 1), nn.Hardswish(inplace=in_place)]
        backbone = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.ReLU(), *pool, nn.Flatten())
        scores.append(lgc(Network(backbone, 5, None, PREPROCESSING).eval(), TRAIN, device=CPU))
    assert scores[0] == scores[1]
