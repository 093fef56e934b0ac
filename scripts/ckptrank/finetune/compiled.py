"""The forward and backward pass of training, compiled by PyTorch (``finetune.compile``)."""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

logger = logging.getLogger("ckptrank")


def compile_forward(model: nn.Module) -> Callable[[Tensor], Tensor]:
    """Return what computes ``model(images)``, compiled with its backward pass at its first call.

    It shares the model's weights. What cannot be compiled (code of one's own that PyTorch does not follow, a machine
    without a C++ compiler) runs as it is, and PyTorch logs a warning. Compiling takes half a minute to some minutes.
    """
    # Only here: importing the compiler takes a second.
    from torch import _dynamo
    from torch._inductor import config

    _dynamo.config.suppress_errors = True
    # In this process, within the threads of the job: workers would be further processes of half a gigabyte each.
    config.compile_threads = 1
    logger.info("compiling the network, which takes a while")
    return torch.compile(model)
