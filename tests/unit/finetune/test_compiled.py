"""Training by torch.compile. The compiler's files go to a folder of the test's own."""

import logging

import pytest
import torch
from tests.support.networks import make_images, make_network

from ckptrank.finetune import resume
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.train import finetune

pytestmark = pytest.mark.usefixtures("one_thread")
TRAIN, TEST = make_images(24), make_images(30, seed=1)


@pytest.fixture(autouse=True)
def fresh_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    torch._dynamo.reset()
    yield tmp_path / "compiled"
    torch._dynamo.reset()


def run(budgets=(5, 20), **options):
    losses = []
    options = {
        "classes": 3,
        "recipe": Recipe(0.1, 8, budgets),
        "seed": 3,
        "losses": losses,
    } | options
    device = torch.device("cpu")
    return finetune(make_network(), TRAIN, TEST, device=device, **options), losses


def test_it_ends_where_the_usual_training_does(fresh_compiler):
    usual, losses = run()
    found, others = run(compiled=True)
    assert others == pytest.approx(losses, rel=1e-3)
    assert found == pytest.approx(usual, abs=0.05)
    assert list(fresh_compiler.rglob("*.so"))


def test_what_cannot_be_compiled_runs_as_it_is(monkeypatch, caplog):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("no-such-compiler",))
    with caplog.at_level(logging.WARNING):
        found = run(compiled=True)
    assert found == run()
    assert "no-such-compiler" in caplog.text or "InvalidCxxCompiler" in caplog.text


def test_a_state_of_the_other_kind_is_not_gone_on_with(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", 0)
    monkeypatch.setattr(torch, "compile", lambda model: model)
    steps = []

    def stop(step):
        if step == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(resume_path=path, watch=stop)
    run(resume_path=path, watch=steps.append, compiled=True)
    assert steps[0] == 1
