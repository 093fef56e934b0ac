"""The mixture with full covariances on a GPU: batched Cholesky factors in float64."""

import numpy as np
import torch

from ckptrank.measures.accounting import add_flops
from ckptrank.measures.mixture import MASS_FLOOR, Mixture

_BATCH_BYTES = 2**30


class TorchMixture(Mixture):
    """As :class:`full_mixture.FullMixture`, every density computed outright on ``device``.

    Device memory: N d for the samples, K d^2 for the factors, and blocks of at most 1 GiB.
    """

    device = "cuda"

    def _fit_components(self, samples: np.ndarray, chosen: np.ndarray) -> None:
        dimensions = samples.shape[1]
        if len(chosen) == self.components:
            self.samples = self._send(samples)
            self.means = self._send(np.zeros((self.components, dimensions)))
            self.choleskys = self._send(np.zeros((self.components, dimensions, dimensions)))
        for k in chosen:
            rows, weights = (self._send(array) for array in self.members.of(k))
            members = self.samples[rows]
            mass = weights.sum() + MASS_FLOOR
            self.means[k] = weights @ members / mass
            members -= self.means[k]
            members *= torch.sqrt(weights / mass)[:, None]
            covariance = members.T @ members
            # Where features are so large that rounding exceeds reg_covar, rounding takes its place.
            rounding = dimensions * np.finfo(np.float64).eps * covariance.diagonal().max()
            covariance.diagonal().add_(torch.clamp(rounding, min=self.reg_covar))
            self.choleskys[k] = covariance
            add_flops(2 * len(rows) * dimensions**2)
        batch = max(1, _BATCH_BYTES // (8 * dimensions**2))
        for start in range(0, len(chosen), batch):
            part = self._send(chosen[start : start + batch])
            self.choleskys[part] = torch.linalg.cholesky(self.choleskys[part])
            add_flops(len(part) * dimensions**3 / 3)

    def _log_joint(self, block: np.ndarray, floor: float) -> np.ndarray:
        points = self._send(block).T
        dimensions, count = points.shape
        log_joint = torch.empty((self.components, count), dtype=torch.float64, device=self.device)
        batch = max(1, _BATCH_BYTES // (8 * points.numel()))
        for start in range(0, self.components, batch):
            part = slice(start, start + batch)
            factors = self.choleskys[part]
            whitened = points - self.means[part, :, None]
            whitened = torch.linalg.solve_triangular(factors, whitened, upper=False)
            scales = torch.diagonal(factors, dim1=1, dim2=2).log().sum(dim=1)
            log_joint[part] = -0.5 * whitened.square().sum(dim=1) - scales[:, None]
        log_joint -= 0.5 * dimensions * np.log(2 * np.pi)
        add_flops(self.components * count * dimensions**2)
        return log_joint.cpu().numpy() + self.log_weights[:, None]

    def _send(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def torch_mixture_on(device: str) -> type[TorchMixture]:
    """Return the mixture bound to a device, such as ``cuda`` or ``cuda:1``."""
    return type("DeviceMixture", (TorchMixture,), {"device": device})
