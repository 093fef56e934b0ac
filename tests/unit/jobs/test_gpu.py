"""What must hold on a GPU. Run there with: pytest -m gpu tests/unit/jobs/test_gpu.py"""

import numpy as np
import pytest
import torch
from tests.support.networks import make_images, make_network
from tests.support.scenes import HEAD, prepare_scenes, prepare_scratch

from ckptrank.checkpoints import load_network
from ckptrank.detection.data import load_split
from ckptrank.detection.train import train_detector
from ckptrank.features.extract import extract_features
from ckptrank.features.store import open_features
from ckptrank.finetune import resume
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.train import finetune
from ckptrank.jobs.device import acquire_device, describe
from ckptrank.measures._lgc import lgc
from ckptrank.networks.preprocessing import Preprocessing
from ckptrank.networks.resizing import Resizer
from ckptrank.tasks.store import open_task

pytestmark = pytest.mark.gpu

TRAIN, TEST = make_images(48), make_images(60, seed=1)


@pytest.fixture
def gpu():
    with acquire_device("auto", threads=1) as device:
        assert device.type == "cuda"
        yield device


def test_the_job_says_which_gpu_it_used(gpu):
    assert "NVIDIA" in describe(gpu)


def tune(device):
    return finetune(
        make_network(),
        TRAIN,
        TEST,
        classes=3,
        recipe=Recipe(0.1, 8, [10, 30]),
        seed=3,
        device=device,
    )


def test_fine_tuning_repeats_exactly_and_agrees_with_the_processor(gpu):
    first = tune(gpu)
    assert tune(gpu) == first
    assert first[30] == pytest.approx(tune(torch.device("cpu"))[30], abs=0.1)


def test_a_stopped_run_with_dropout_resumes_to_the_same_losses(gpu, tmp_path, monkeypatch):
    """Dropout draws from the GPU's own generator, whose state is part of the run's."""
    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", -1)

    def train(**options):
        network, losses = make_network(), []
        network.backbone.append(torch.nn.Dropout(0.5))
        recipe = Recipe(0.1, 8, [4, 10])
        options = {"classes": 3, "recipe": recipe, "seed": 3, "losses": losses, **options}
        return finetune(network, TRAIN, TEST, device=gpu, **options), losses

    def stop(step):
        if step == 7:
            raise KeyboardInterrupt

    path, steps = tmp_path / "state.pt", []
    with pytest.raises(KeyboardInterrupt):
        train(resume_path=path, watch=stop)
    assert train(resume_path=path, watch=steps.append) == train()
    assert steps == [7, 8, 9, 10]


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_images_are_resized_to_the_bytes_of_the_processor(gpu, interpolation):
    preprocessing = Preprocessing(21, (0.5,) * 3, (0.5,) * 3, interpolation, 0.875)
    found = Resizer(preprocessing, 8, 8, gpu)(torch.from_numpy(TRAIN.images).to(gpu))
    assert np.array_equal(found.cpu().numpy(), preprocessing.fit(TRAIN.images))


def test_features_agree_with_the_processors(gpu, tmp_path):
    features = {}
    for name, device in (("gpu", gpu), ("cpu", torch.device("cpu"))):
        path = tmp_path / f"{name}.h5"
        extract_features(
            make_network(head_classes=5),
            {"train": TRAIN, "test": TEST},
            path,
            checkpoint="net",
            task="colours",
            attributes={},
            batch_size=16,
            device=device,
        )
        features[name] = open_features(path)
    for dataset in ("features", "logits"):
        a, b = (features[name].test.read(dataset) for name in ("gpu", "cpu"))
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3)


def test_lgc_agrees_with_the_processors(gpu):
    network = make_network(head_classes=5)
    expected = lgc(network, TRAIN, device=torch.device("cpu"))
    assert lgc(network, TRAIN, device=gpu) == pytest.approx(expected, rel=1e-3)


def test_a_detector_of_equal_seeds_has_equal_losses_near_the_processors(gpu, tmp_path):
    task = open_task(prepare_scenes(tmp_path / "scenes"))
    checkpoint = prepare_scratch(tmp_path / "net")

    def train(device):
        losses = []
        found = train_detector(
            load_network(checkpoint, 0),
            *(load_split(task, split, HEAD.shapes) for split in ("train", "test")),
            classes=task.classes,
            head=HEAD,
            recipe=Recipe(0.01, 4, [4]),
            seed=3,
            device=device,
            losses=losses,
        )
        assert all(0 <= value <= 1 for value in found[4]["metrics"].values())
        return losses

    first = train(gpu)
    assert len(first) == 4
    assert np.isfinite(first).all()
    assert train(gpu) == pytest.approx(first, rel=1e-3)
    # Before any step the weights are the same; mixed precision is all that differs.
    assert first[0] == pytest.approx(train(torch.device("cpu"))[0], rel=0.05)
