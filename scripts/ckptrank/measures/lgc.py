"""Label-gradient correlation: one forward and one short backward pass through a checkpoint."""

from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from ckptrank.errors import NotApplicable
from ckptrank.measures.accounting import add_flops, note
from ckptrank.measures.gradient_gram import Trace, gradient_gram
from ckptrank.sampling import cap_per_class

BATCH = 64


def lgc(
    network: nn.Module,
    train,
    *,
    device: torch.device,
    forward_flops: float = 0.0,
    output: Literal["ntk", "sum", "max"] = "ntk",
    layer: str | None = None,
    samples_per_class: int | None = 25,
    projection: int | None = None,
    seed: int = 0,
) -> float:
    """Return the label-gradient correlation: do samples of one class pull the weights alike?

    Deshpande et al. 2021, "A Linearized Framework and a New Benchmark for Model Selection for
    Fine-Tuning", equations 7 and 8: the Pearson correlation between the N^2 entries of Theta and
    those of the label matrix K (1 where two samples share their class, -1 elsewhere). Theta is the
    Gram matrix of the per-sample gradients of the network's output with respect to the weights of
    ``layer``: by default the last convolution that runs, or the last linear layer of a network with
    attention, the bias left out.

    The paper writes a scalar output. For K outputs ``ntk`` (default) is the tangent kernel, the sum
    of the outputs' kernels; ``sum`` takes the gradient of the summed outputs, ``max`` that of each
    sample's largest. Outputs are the head's logits, or the features of a checkpoint without a head.
    Where each feature depends on one channel of the layer (normalisation, ReLU, residual sum and
    pooling after the layer, which is checked on the first batch) the kernels of all outputs cost one
    backward pass: they differ by a factor per channel, whose squares add up. Elsewhere there is one
    backward pass, from the layer on, per output, or per feature where those are fewer.

    The paper projects gradients to 10,000 random dimensions. Here Theta is exact, from blocks of
    channels or, where the layer has few positions, from inner products of its inputs and of its
    outputs' gradients, unless ``projection`` gives a number of dimensions (Gaussian, drawn from ``seed``).

    Shape: ``network(images)`` maps uint8 (N, H, W, 3) to features and logits or None; ``train`` has
    ``images``, ``labels`` (N,) and ``batch(rows, device)``. At most ``samples_per_class`` samples of
    each class are used, chosen by ``seed``. Range -1..1, no unit. Memory grows with N^2 and with N
    times the layer's inputs and outputs.

    Raises ``ValueError`` for an unknown layer, a single class, or gradients that are all equal or
    not finite; :class:`NotApplicable` for a multi-label task.
    """
    labels = np.asarray(train.labels)
    if labels.ndim != 1:
        raise NotApplicable("LGC is defined for one label per sample")
    if len(np.unique(labels)) < 2:
        raise ValueError("labels: fewer than two classes")
    rows = np.arange(len(labels))
    if samples_per_class is not None:
        rows = cap_per_class(labels, samples_per_class, seed)
    network = network.to(device).eval()
    images = train.batch(rows[:BATCH], device)[0]
    name, module = _find_layer(network, layer, images[:2])
    pooled = output == "ntk" and _acts_by_channel(network, module, images[:8], seed)
    traces = [
        _trace(network, module, train.batch(rows[start : start + BATCH], device)[0], output, pooled)
        for start in range(0, len(rows), BATCH)
    ]
    theta = gradient_gram(traces, projection, seed)
    note(layer=name, samples=len(rows), backward_passes_per_batch=len(traces[0].sensitivities))
    add_flops(len(rows) * forward_flops)
    return _correlate(theta, labels[rows])


def _find_layer(network: nn.Module, wanted: str | None, images: Tensor) -> tuple[str, nn.Module]:
    """Return the layer asked for, or the last convolution (or linear layer, beside attention) to run."""
    modules = dict(network.backbone.named_modules())
    if wanted is not None:
        if not isinstance(modules.get(wanted), nn.Conv2d | nn.Linear):
            known = [k for k, m in modules.items() if isinstance(m, nn.Conv2d | nn.Linear)]
            raise ValueError(
                f"layer: {wanted!r} is no convolution or linear layer; the last are {', '.join(known[-3:])}"
            )
        return wanted, modules[wanted]
    attention = any("attention" in type(module).__name__.lower() for module in modules.values())
    kind = nn.Linear if attention else nn.Conv2d
    ran: list[str] = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in modules.items()
        if isinstance(module, kind)
    ]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ValueError(f"layer: the network runs no {kind.__name__}; name a layer")
    return ran[-1], modules[ran[-1]]


class _Tap:
    """Runs the network so that gradients start at the output of one layer, and keeps both its ends."""

    def __init__(self, network: nn.Module, module: nn.Module, images: Tensor):
        def cut(_, arguments, result):
            if hasattr(self, "output"):
                raise ValueError(
                    "layer: it runs more than once in a forward pass; name another one"
                )
            self.input = arguments[0].detach()
            self.output = result.detach().requires_grad_()
            torch.set_grad_enabled(True)  # from here on; the end of no_grad below undoes it
            return self.output

        hook = module.register_forward_hook(cut)
        try:
            with torch.no_grad():
                self.features, self.logits = network(images)
        finally:
            hook.remove()

    def gradient(self, scalar: Tensor, keep: bool = False) -> Tensor:
        return torch.autograd.grad(scalar, self.output, retain_graph=keep)[0]


def _acts_by_channel(network: nn.Module, module: nn.Module, images: Tensor, seed: int) -> bool:
    """Whether every channel of the layer reaches one feature only, tried with random signs."""
    tap = _Tap(network, module, images)
    generator = torch.Generator().manual_seed(seed)
    signs = (
        torch.randint(0, 2, tap.features.shape[1:], generator=generator).to(tap.features) * 2 - 1
    )
    plain = tap.gradient(tap.features.sum(), keep=True).abs()
    signed = tap.gradient((tap.features * signs).sum()).abs()
    return bool(((plain - signed).abs() <= 1e-4 * plain + 1e-6 * plain.max()).all())


def _trace(
    network: nn.Module, module: nn.Module, images: Tensor, output: str, pooled: bool
) -> Trace:
    tap = _Tap(network, module, images)
    if pooled:
        scale = torch.ones_like(tap.features[0])
        if network.head is not None:
            scale = _output_matrix(network.head, tap.features).norm(dim=0)
        gradients = [tap.gradient((tap.features * scale).sum())]
    else:
        outputs = tap.features if tap.logits is None else tap.logits
        if output == "ntk" and isinstance(network.head, nn.Linear):
            outputs = tap.features @ _smallest_root(network.head.weight.detach()).T
        if output == "sum":
            scalars = [outputs.sum()]
        elif output == "max":
            scalars = [outputs.max(dim=1).values.sum()]
        else:
            scalars = [column.sum() for column in outputs.unbind(dim=1)]
        gradients = [tap.gradient(scalar, keep=True) for scalar in scalars]
    inputs, sensitivities = _unfold(module, tap.input, torch.stack(gradients))
    return Trace(inputs, sensitivities)


def _output_matrix(head: nn.Module, features: Tensor) -> Tensor:
    """Return the (K, D) matrix of a linear head."""
    if isinstance(head, nn.Linear):
        return head.weight.detach()
    return torch.autograd.functional.jacobian(lambda f: head(f[None])[0], features[0].detach())


def _smallest_root(matrix: Tensor) -> Tensor:
    """Return an R of at most as many rows as columns with R'R = A'A: as outputs, R f and A f are alike."""
    return torch.linalg.qr(matrix, mode="r").R if len(matrix) > matrix.shape[1] else matrix


def _unfold(module: nn.Module, inputs: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
    """Bring a layer's input and its outputs' gradients (K, N, ...) to the shapes of :class:`Trace`."""
    if isinstance(module, nn.Linear):
        samples = len(inputs)
        inputs = inputs.reshape(samples, -1, inputs.shape[-1]).transpose(1, 2)[:, None]
        gradients = gradients.reshape(len(gradients), samples, -1, gradients.shape[-1])
        return inputs, gradients.transpose(2, 3)[:, :, None]
    if module.padding_mode != "zeros" or isinstance(module.padding, str):
        raise ValueError(
            "layer: only convolutions with numeric zero padding are supported; name another"
        )
    patches = nn.functional.unfold(
        inputs, module.kernel_size, module.dilation, module.padding, module.stride
    )
    samples, _, positions = patches.shape
    patches = patches.reshape(samples, module.groups, -1, positions)
    return patches, gradients.reshape(len(gradients), samples, module.groups, -1, positions)


def _correlate(theta: np.ndarray, labels: np.ndarray) -> float:
    """Return the Pearson correlation of Theta's entries with those of the label matrix."""
    if not np.isfinite(theta).all():
        raise ValueError("network: its gradients hold NaN or infinity")
    kernel = np.where(labels[:, None] == labels, 1.0, -1.0)
    size = np.linalg.norm(theta)
    theta = theta - theta.mean()
    kernel -= kernel.mean()
    norm = np.linalg.norm(theta)
    if norm <= 1e-9 * size:  # what is left is rounding
        raise ValueError(
            "network: the gradients of all samples are equal, no correlation is defined"
        )
    return float((theta * kernel).sum() / norm / np.linalg.norm(kernel))
