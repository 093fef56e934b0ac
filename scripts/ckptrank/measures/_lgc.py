"""Label-gradient correlation: one forward and one short backward pass through a checkpoint."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ckptrank.errors import NotApplicable
from ckptrank.measures._shared.gradient_gram import Trace, gradient_gram
from ckptrank.measures.accounting import add_flops, note
from ckptrank.networks.flops import Counter
from ckptrank.sampling import cap_per_class

if TYPE_CHECKING:
    from ckptrank.tasks.images import LabelledImages

BATCH = 64


def lgc(
    network: nn.Module,
    train: "LabelledImages",
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
    ``layer``, the bias left out: by default the last convolution that runs, or linear layer that runs
    on tokens, as those of transformers do.

    The paper writes a scalar output. For K outputs ``ntk`` (default) is the tangent kernel, the sum
    of the outputs' kernels; ``sum`` takes the gradient of the summed outputs, ``max`` that of each
    sample's largest. Outputs are the head's logits, or the features of a checkpoint without a head.
    Where each feature depends on one channel of the layer (normalisation, ReLU, residual sum and
    pooling after the layer, which is checked on the first batch) the kernels of all outputs cost one
    backward pass: they differ by a factor per channel, whose squares add up. Elsewhere there is one
    backward pass, from the layer on, per output, or per feature where those are fewer. Tokens that reach
    no output are left out, and tokens that are averaged before anything else count as one (checked
    likewise): a transformer that reads its class token has one position, not one per patch.

    The paper projects gradients to 10,000 random dimensions. Here Theta is exact, from blocks of
    channels or, where the layer has few positions, from inner products of its inputs and of its
    outputs' gradients, unless ``projection`` gives a number of dimensions (Gaussian, drawn from ``seed``).

    Shape: ``network(images)`` maps uint8 (N, H, W, 3) to features and logits or None; ``train`` has
    ``images``, ``labels`` (N,) and ``batch(rows, device)``. At most ``samples_per_class`` samples of
    each class are used, chosen by ``seed``. Range -1..1, no unit. Memory grows with N^2 and with N
    times the layer's inputs and outputs, the latter once per backward pass.

    Operations are counted as a forward pass of ``forward_flops`` for each sample, a backward pass as dear as
    the forward pass from the layer to the outputs, as often as there are backward passes, and the products
    that make Theta.

    Raises ``ValueError`` for an unknown layer, a single class, or gradients that are all equal or
    not finite; :class:`NotApplicable` for a multi-label task.

    Example:
        A network with a convolution and a head, on images of which one class is brighter:

        >>> import numpy as np, torch
        >>> from ckptrank.checkpoints.network import Network
        >>> from ckptrank.measures import lgc
        >>> from ckptrank.networks.preprocessing import Preprocessing
        >>> from ckptrank.tasks.images import LabelledImages
        >>> generator = torch.manual_seed(0)
        >>> layers = [torch.nn.Conv2d(3, 6, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1)]
        >>> backbone = torch.nn.Sequential(*layers, torch.nn.Flatten())
        >>> preprocessing = Preprocessing(size=8, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
        >>> network = Network(backbone, 6, None, preprocessing)
        >>> labels = np.arange(24) % 2
        >>> images = np.random.default_rng(0).integers(0, 120, (24, 8, 8, 3), dtype=np.uint8)
        >>> images[labels == 1] += 100
        >>> images = LabelledImages(images, labels)
        >>> round(lgc(network, images, device=torch.device("cpu")), 1)
        0.7
    """
    return _correlate(
        *gradient_kernel(
            network,
            train,
            device=device,
            forward_flops=forward_flops,
            output=output,
            layer=layer,
            samples_per_class=samples_per_class,
            projection=projection,
            seed=seed,
        )
    )


def gradient_kernel(
    network: nn.Module,
    train: "LabelledImages",
    *,
    device: torch.device,
    forward_flops: float,
    output: Literal["ntk", "sum", "max"],
    layer: str | None,
    samples_per_class: int | None,
    projection: int | None,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return Theta (N, N), float64, of the samples that :func:`lgc` uses, and their labels (N,).

    Raises as :func:`lgc` does, but for equal gradients.
    """
    labels = np.asarray(train.labels)
    if labels.ndim != 1:
        raise NotApplicable("the kernel of gradients is defined for one label per sample")
    if len(np.unique(labels)) < 2:
        raise ValueError("labels: fewer than two classes")
    rows = np.arange(len(labels))
    if samples_per_class is not None:
        rows = cap_per_class(labels, samples_per_class, seed)
    network = network.to(device).eval()
    images = train.batch(rows[:BATCH], device)[0]
    name, module = _find_layer(network, layer, images[:2])
    tail = _look_at_tail(network, module, images[:8], seed)
    traces = [
        _trace(network, module, train.batch(rows[start : start + BATCH], device)[0], output, tail)
        for start in range(0, len(rows), BATCH)
    ]
    theta = gradient_gram(traces, projection, seed)
    passes = len(traces[0].sensitivities)
    note(layer=name, samples=len(rows), backward_passes_per_batch=passes)
    through_head = network.head is not None and not (output == "ntk" and tail.by_channel)
    backward_flops = _count_tail(network, module, images[:1], through_head)
    add_flops(len(rows) * (forward_flops + passes * backward_flops))
    if not np.isfinite(theta).all():
        raise ValueError("network: its gradients hold NaN or infinity")
    return theta, labels[rows]


def _find_layer(network: nn.Module, wanted: str | None, images: Tensor) -> tuple[str, nn.Module]:
    """Return the layer asked for, or the last convolution, or linear layer on tokens, to run."""
    modules = {
        name: module
        for name, module in network.backbone.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear)
    }
    if wanted is not None:
        if wanted not in modules:
            raise ValueError(
                f"layer: {wanted!r} is no convolution or linear layer; the last are {', '.join([*modules][-3:])}"
            )
        return wanted, modules[wanted]
    ran: list[str] = []

    def record(name: str) -> Callable[..., None]:
        # a linear layer on pooled features, as VGG's, shares its weights over no positions
        return lambda _, arguments, __: ran.append(name) if arguments[0].dim() > 2 else None

    hooks = [module.register_forward_hook(record(name)) for name, module in modules.items()]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not ran:
        raise ValueError("layer: no convolution runs, nor a linear layer on tokens; name a layer")
    return ran[-1], modules[ran[-1]]


class _Tap:
    """Runs the network so that gradients start at the output of one layer, and keeps both its ends."""

    def __init__(self, network: nn.Module, module: nn.Module, images: Tensor):
        def cut(_: nn.Module, arguments: tuple[Any, ...], result: Tensor) -> Tensor:
            if hasattr(self, "output"):
                raise ValueError(
                    "layer: it runs more than once in a forward pass; name another one"
                )
            self.input = arguments[0].detach()
            self.output = result.detach().requires_grad_()
            torch.set_grad_enabled(True)  # from here on; the end of no_grad below undoes it
            return self.output.clone()  # an activation in place may follow

        hook = module.register_forward_hook(cut)
        try:
            with torch.no_grad():
                self.features, self.logits = network(images)
        finally:
            hook.remove()

    def gradient(self, scalar: Tensor, keep: bool = False) -> Tensor:
        return torch.autograd.grad(scalar, self.output, retain_graph=keep)[0]


class _Tail(NamedTuple):
    """How the layer's outputs reach the features."""

    by_channel: bool  # every channel reaches one feature only
    tokens: Tensor | None  # which reach any feature, (P,); None: all, or no linear layer
    averaged: bool  # all tokens are added up before anything else


def _look_at_tail(network: nn.Module, module: nn.Module, images: Tensor, seed: int) -> _Tail:
    """Try the layer's way to the features on a few images, with random signs."""
    tap = _Tap(network, module, images)
    generator = torch.Generator().manual_seed(seed)
    signs = (
        torch.randint(0, 2, tap.features.shape[1:], generator=generator).to(tap.features) * 2 - 1
    )
    plain = tap.gradient(tap.features.sum(), keep=True).abs()
    signed = tap.gradient((tap.features * signs).sum())
    by_channel = ((plain - signed.abs()).abs() <= 1e-4 * plain + 1e-6 * plain.max()).all()
    if not isinstance(module, nn.Linear):
        return _Tail(bool(by_channel), None, False)
    tokens = signed.reshape(len(signed), -1, signed.shape[-1])
    reached = (tokens != 0).any(2).any(0)
    spread = (tokens - tokens[:, :1]).abs().max()
    averaged = bool(spread <= 1e-6 * tokens.abs().max())
    return _Tail(bool(by_channel), None if reached.all() else reached, averaged)


def _count_tail(network: nn.Module, module: nn.Module, image: Tensor, through_head: bool) -> float:
    """Return the operations of a forward pass from the layer's output to the features, or the logits."""
    reached = {}

    def record(name: str) -> Callable[..., None]:
        return lambda *_: reached.update({name: counter.flops})

    hooks = [
        module.register_forward_hook(record("layer")),
        network.backbone.register_forward_hook(record("features")),
    ]
    try:
        with torch.no_grad(), Counter() as counter:
            network(image)
    finally:
        for hook in hooks:
            hook.remove()
    return (counter.flops if through_head else reached["features"]) - reached["layer"]


def _trace(
    network: nn.Module, module: nn.Module, images: Tensor, output: str, tail: _Tail
) -> Trace:
    tap = _Tap(network, module, images)
    if output == "ntk" and tail.by_channel:
        scale = torch.ones_like(tap.features[0])
        if network.head is not None:
            scale = _output_matrix(network.head, tap.features).norm(dim=0)
        scalars = [(tap.features * scale).sum()]
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
    if isinstance(module, nn.Linear):
        inputs = _tokens(tap.input, tail)
        if tail.averaged:
            inputs = inputs.sum(1, keepdim=True)
        gradients = [_tokens(tap.gradient(each, keep=True), tail) for each in scalars]
        sensitivities = torch.stack([g[:, :1] if tail.averaged else g for g in gradients])
        return Trace(inputs.transpose(1, 2)[:, None], sensitivities.transpose(2, 3)[:, :, None])
    gradients = torch.stack([tap.gradient(each, keep=True) for each in scalars])
    return Trace(*_unfold(module, tap.input, gradients))


def _tokens(values: Tensor, tail: _Tail) -> Tensor:
    """Bring a linear layer's inputs or outputs to (N, P, channels), with the tokens that count."""
    values = values.reshape(len(values), -1, values.shape[-1])
    return values if tail.tokens is None else values[:, tail.tokens]


def _output_matrix(head: nn.Module, features: Tensor) -> Tensor:
    """Return the (K, D) matrix of a linear head."""
    if isinstance(head, nn.Linear):
        return head.weight.detach()
    return torch.autograd.functional.jacobian(lambda f: head(f[None])[0], features[0].detach())


def _smallest_root(matrix: Tensor) -> Tensor:
    """Return an R of at most as many rows as columns with R'R = A'A: as outputs, R f and A f are alike."""
    return torch.linalg.qr(matrix, mode="r").R if len(matrix) > matrix.shape[1] else matrix


def _unfold(module: nn.Conv2d, inputs: Tensor, gradients: Tensor) -> tuple[Tensor, Tensor]:
    """Bring a layer's input and its outputs' gradients (K, N, ...) to the shapes of :class:`Trace`."""
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
