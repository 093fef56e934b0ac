import io
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.support.networks import allow_at_once, make_images, make_network

from ckptrank.errors import PairFault
from ckptrank.finetune import resume
from ckptrank.finetune import train as module
from ckptrank.finetune.batches import SampleOrder
from ckptrank.finetune.recipe import Recipe, make_recipe
from ckptrank.finetune.resume import RunState
from ckptrank.finetune.step import TrainingStep
from ckptrank.finetune.sweep import name_state
from ckptrank.finetune.train import Classifier, finetune
from ckptrank.jobs.precision import Precision
from ckptrank.measures._early_stopped_finetune import early_stopped_finetune
from ckptrank.measures.accounting import recording
from ckptrank.networks.optimisers import SGD
from ckptrank.tasks.images import LabelledImages

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
SWEEP = {
    "steps": [40, 100],
    "batch_size": 32,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "scratch_weight_decay": 0.01,
    "warmup": 5,
}
TRAIN, TEST = make_images(24), make_images(30, seed=1)


def run(network=None, train=TRAIN, test=TEST, budgets=(5, 20), **options):
    options = {"classes": 3, "recipe": Recipe(0.1, 8, budgets), "seed": 3, "device": CPU, **options}
    return finetune(network or make_network(), train, test, **options)


def test_it_learns_and_reports_every_budget():
    accuracies = run()
    assert list(accuracies) == [5, 20]
    assert accuracies[20] > 0.9


def test_validation_images_are_tested_beside_and_change_nothing(tmp_path, monkeypatch):
    validated, other = {}, make_images(9, seed=2)
    accuracies = run(validation=other, validated=validated)
    assert accuracies == run()
    assert validated == run(test=other)
    path = tmp_path / "state.pt"
    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", 0)

    def stop(step):
        if step == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(validation=other, resume_path=path, watch=stop)
    resumed = {}
    run(validation=other, validated=resumed, resume_path=path)
    assert resumed == validated


def test_a_budget_read_on_the_way_equals_a_run_of_that_length():
    assert run()[5] == run(budgets=[5])[5]


def test_equal_seeds_give_equal_results_and_other_seeds_other_weights():
    def weights(seed):
        network = make_network()
        run(network, seed=seed)
        return next(network.parameters()).detach().clone()

    assert torch.equal(weights(3), weights(3))
    assert not torch.equal(weights(3), weights(4))


def test_one_step_equals_the_recipe_written_out():
    """Two steps of SGD with momentum and weight decay, against torch.optim.SGD from scratch."""
    recipe = Recipe(0.1, 8, [2], 0.9, 0.01, warmup=2)
    network = make_network(seed=5)
    run(network, recipe=recipe)
    reference = make_network(seed=5).train()
    output = torch.nn.Linear(6, 3)
    torch.nn.init.zeros_(output.weight)
    torch.nn.init.zeros_(output.bias)
    parameters = [*reference.backbone.parameters(), *output.parameters()]
    optimiser = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, weight_decay=0.01)
    for step, rate in ((0, 0.05), (1, 0.1)):
        optimiser.param_groups[0]["lr"] = rate
        images, labels = TRAIN.batch(SampleOrder(24, 8, 3).rows(step), CPU)
        loss = torch.nn.functional.cross_entropy(output(reference(images)[0]), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for ours, theirs in zip(
        network.backbone.parameters(), reference.backbone.parameters(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_every_epoch_sees_every_sample_once():
    order = SampleOrder(10, 4, 7)
    rows = np.concatenate([order.rows(step) for step in range(5)])
    assert sorted(rows[:10]) == sorted(rows[10:]) == list(range(10))
    assert list(rows[:10]) != list(rows[10:])


def test_a_batch_larger_than_the_data_chains_epochs():
    rows = SampleOrder(3, 8, 0).rows(0)
    assert len(rows) == 8
    assert sorted(rows[:3]) == [0, 1, 2]


def test_a_killed_run_resumes_to_the_same_result(tmp_path, monkeypatch):
    undisturbed = make_network()
    expected = run(undisturbed)

    path = tmp_path / "state.pt"
    real, evaluated = module._accuracy, []

    def die_late(*arguments):
        evaluated.append(real(*arguments))
        if len(evaluated) == 2:
            raise KeyboardInterrupt
        return evaluated[-1]

    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", 0)
    monkeypatch.setattr(module, "_accuracy", die_late)
    with pytest.raises(KeyboardInterrupt):
        run(resume_path=path)
    monkeypatch.setattr(module, "_accuracy", real)
    assert path.exists()

    steps = []
    take = TrainingStep.take
    monkeypatch.setattr(TrainingStep, "take", lambda *a: steps.append(a[1]) or take(*a))
    network = make_network()
    assert run(network, resume_path=path) == expected
    assert steps == [19], "only the step that was lost is done again"
    assert not path.exists()
    for ours, theirs in zip(network.parameters(), undisturbed.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_the_losses_of_every_step_are_told_resumed_or_not(tmp_path, monkeypatch):
    undisturbed, resumed, taken = [], [], []
    run(losses=undisturbed)
    assert len(undisturbed) == 20
    assert undisturbed[0] == pytest.approx(np.log(3))  # the new output layer is zero
    take = TrainingStep.take

    def die_late(*arguments):
        taken.append(arguments[1])
        if len(taken) == 12:
            raise KeyboardInterrupt
        return take(*arguments)

    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", 0)
    monkeypatch.setattr(TrainingStep, "take", die_late)
    with pytest.raises(KeyboardInterrupt):
        run(resume_path=tmp_path / "state.pt")
    run(resume_path=tmp_path / "state.pt", losses=resumed)
    assert len(taken) < 12 + 20
    assert resumed == undisturbed


def test_the_state_of_another_run_is_not_resumed(tmp_path, monkeypatch):
    path = tmp_path / "state.pt"
    monkeypatch.setattr(resume.RunState, "forget", lambda self: None)
    monkeypatch.setattr(resume, "SAVE_EVERY_SECONDS", 0)
    run(resume_path=path, recipe=Recipe(0.2, 8, (5, 20)))
    assert run(resume_path=path) == run()


def stop_at(step):
    """Return what ends a run after a step, as a signal would."""

    def watch(done):
        if done == step:
            raise KeyboardInterrupt

    return watch


def run_until(step, path, network=None, **options):
    """Make a run that is stopped after a step and leaves the state of the one before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resume, "SAVE_EVERY_SECONDS", -1)
        with pytest.raises(KeyboardInterrupt):
            run(network, resume_path=path, watch=stop_at(step), **options)


def outcome(network=None, **options):
    """All that a run leaves: accuracies, losses and the network's tensors."""
    network, losses = network or make_network(), []
    accuracies = run(network, losses=losses, **options)
    return accuracies, losses, [tensor.tolist() for tensor in network.state_dict().values()]


def make_dropping():
    """A network that draws random numbers in every step."""
    network = make_network()
    network.backbone.append(torch.nn.Dropout(0.5))
    return network


@pytest.mark.parametrize("make", [make_network, make_dropping])
def test_a_run_stopped_after_any_step_resumes_to_the_same_result(tmp_path, make):
    budgets, path = (3, 8), tmp_path / "state.pt"
    expected = outcome(make(), budgets=budgets)
    for step in range(1, 9):
        run_until(step, path, make(), budgets=budgets)
        assert path.exists() == (step > 1)
        steps = []
        found = outcome(make(), budgets=budgets, resume_path=path, watch=steps.append)
        assert steps == list(range(step, 9))
        assert found == expected


KILLED = """
import sys
from pathlib import Path
import torch
from tests.support.networks import make_images, make_network
from ckptrank.finetune import resume
from ckptrank.finetune.recipe import Recipe
from ckptrank.finetune.train import finetune
torch.set_num_threads(1)
resume.SAVE_EVERY_SECONDS = -1
finetune(
    make_network(), make_images(24), make_images(30, seed=1), classes=3,
    recipe=Recipe(0.1, 8, (5, 300)), seed=3, device=torch.device("cpu"),
    resume_path=Path(sys.argv[1]), watch=lambda step: print(step, flush=True),
)
"""


def test_a_process_that_is_killed_leaves_a_state_to_go_on_with(tmp_path):
    path, steps = tmp_path / "state.pt", []
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, path],
        cwd=Path(__file__).parents[3],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        for line in process.stdout:
            if int(line) == 40:
                process.kill()
                break
    assert process.returncode == -signal.SIGKILL
    found = outcome(budgets=(5, 300), resume_path=path, watch=steps.append)
    assert 40 <= steps[0] < 300
    assert found == outcome(budgets=(5, 300))


def test_a_state_of_other_weights_is_not_resumed(tmp_path):
    path = tmp_path / "state.pt"
    run_until(10, path, make_network(seed=1), identity={"sha256": "a"})
    expected = outcome(make_network(seed=2))
    found = outcome(make_network(seed=2), resume_path=path, identity={"sha256": "b"})
    assert found == expected


def test_a_gpus_random_state_is_kept_and_restored(tmp_path, monkeypatch):
    """As far as that can be seen without one: what is asked of PyTorch, and where it is put."""
    gpu, drawn = torch.device("cuda", 0), []
    monkeypatch.setattr(torch.cuda, "get_rng_state", lambda device: torch.tensor([7, device.index]))
    monkeypatch.setattr(
        torch.cuda, "set_rng_state", lambda state, device: drawn.append((state.tolist(), device))
    )
    path, state = tmp_path / "state.pt", None
    for _ in range(2):
        model = Classifier(make_network(), 3)
        training = TrainingStep(model, SGD(model.parameters()), None, Precision("float32", CPU))
        training.precision = Precision("float32", gpu)
        state = RunState(training, path, "a run")
        state.restore()
        state.save()
    assert drawn == [([7, 0], gpu)]


@pytest.fixture
def undisturbed(one_thread):
    return outcome()


@pytest.fixture
def left(one_thread, tmp_path):
    """The bytes of a state that is right."""
    path = tmp_path / "left.pt"
    run_until(12, path)
    return path.read_bytes()


def rewrite(change):
    """Return what saves a state anew with one change, its checksums those of its content."""

    def damage(content):
        state = torch.load(io.BytesIO(content), weights_only=True)
        changed = io.BytesIO()
        torch.save(change(state) or state, changed)
        return changed.getvalue()

    return damage


def flip(share, bit=0x40):
    """Return what flips one bit at a share of a file."""

    def damage(content):
        damaged = bytearray(content)
        damaged[int(share * len(damaged))] ^= bit
        return bytes(damaged)

    return damage


def flip_a_weight(content):
    """Flip a bit of the exponents of a convolution's weights: PyTorch reads the file without a word."""
    weights = torch.load(io.BytesIO(content), weights_only=True)["training"]["model"]
    stored = weights["network.backbone.0.weight"].permute(0, 2, 3, 1).contiguous().numpy().tobytes()
    assert content.count(stored) == 1
    damaged = bytearray(content)
    damaged[content.index(stored) + 3] ^= 0x04
    torch.load(io.BytesIO(bytes(damaged)), weights_only=True)
    return bytes(damaged)


def take_other_network(state):
    """Half of its tensors fit, and were copied before the others did not."""
    other = Classifier(make_network(seed=9), 5).state_dict()
    state["training"]["model"] = other


DAMAGES = {
    "empty": lambda content: b"",
    "garbage": lambda content: b"not a checkpoint",
    "random bytes": lambda content: np.random.default_rng(0).bytes(len(content)),
    "a broken pickle": lambda content: b"\x80\x02cnumpy\nndarray\nR.",
    **{f"cut at {share}": lambda c, s=share: c[: int(s * len(c))] for share in (0.01, 0.5, 0.9)},
    "cut by a byte": lambda content: content[:-1],
    **{f"a bit at {share}": flip(share) for share in (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)},
    "a bit of a weight": flip_a_weight,
    "a list": rewrite(lambda state: [1, 2]),
    "a text": rewrite(lambda state: "state"),
    **{
        f"no {key}": rewrite(lambda state, key=key: {k: v for k, v in state.items() if k != key})
        for key in ("fingerprint", "training", "step", "random", "accuracies")
    },
    "no losses": rewrite(lambda state: state["training"].pop("losses") and None),
    "fewer velocities": rewrite(
        lambda state: state["training"]["velocities"].pop() is None or None
    ),
    "no random state": rewrite(lambda state: state["random"].update(cpu=torch.zeros(3))),
    "another architecture": rewrite(take_other_network),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_corrupt_state_costs_time_and_nothing_else(tmp_path, caplog, left, undisturbed, damage):
    path = tmp_path / "state.pt"
    path.write_bytes(damage(left))
    steps = []
    found = outcome(resume_path=path, watch=steps.append)
    assert found == undisturbed
    if steps[0] == 1:
        assert "state.pt is unreadable" in caplog.text
    else:  # the bit was one that nobody reads
        assert steps[0] == 12


def test_no_flipped_bit_of_a_state_is_taken_for_a_weight(tmp_path, left):
    """Each is found, or is one of the padding and names that no tensor comes from."""
    path = tmp_path / "state.pt"
    whole = torch.load(io.BytesIO(left), weights_only=True)
    passed = 0
    for at in range(0, len(left), 41):
        path.write_bytes(flip(at / len(left))(left))
        try:
            resume._check(path)
            found = torch.load(path, weights_only=True)
        except Exception:
            continue
        passed += 1
        assert str(found) == str(whole)
    assert passed < len(left) / 41 / 2


@pytest.mark.parametrize("error", [ValueError, UnicodeDecodeError, IndexError, AttributeError])
def test_a_reader_may_raise_about_anything(tmp_path, monkeypatch, left, undisturbed, error):
    def fail(*_arguments, **_options):
        raise (
            error("utf-8", b"", 0, 1, "") if error is UnicodeDecodeError else error("of the reader")
        )

    path = tmp_path / "state.pt"
    path.write_bytes(left)
    monkeypatch.setattr(torch, "load", fail)
    assert outcome(resume_path=path) == undisturbed


def test_a_state_that_fits_by_half_leaves_everything_as_it_was(tmp_path, left):
    path = tmp_path / "state.pt"
    path.write_bytes(left)
    fingerprint = torch.load(path, weights_only=True)["fingerprint"]
    for change in (
        take_other_network,
        lambda state: state["training"].pop("losses") and None,
        lambda state: state["random"].update(cpu=torch.zeros(3)),
    ):
        path.write_bytes(rewrite(change)(left))
        torch.manual_seed(11)
        model = Classifier(make_network(seed=4), 3)
        training = TrainingStep(model, SGD(model.parameters()), None, Precision("float32", CPU))
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        random = torch.get_rng_state()
        state = RunState(training, path, fingerprint)
        state.restore()
        assert all(torch.equal(before[name], now) for name, now in model.state_dict().items())
        assert training.optimiser.velocities == [None] * len(training.optimiser.parameters)
        assert (training.losses, state.step, state.accuracies) == ([], 0, {})
        assert torch.equal(torch.get_rng_state(), random)


def test_the_parts_of_a_state_have_checksums(tmp_path):
    path = tmp_path / "state.pt"
    torch.save({"weights": torch.arange(1000.0)}, path)
    resume._check(path)
    content = path.read_bytes()
    at = content.index(torch.arange(1000.0).numpy().tobytes()) + 400
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert not torch.equal(torch.load(path)["weights"], torch.arange(1000.0)), "PyTorch reads it"
    with pytest.raises(zipfile.BadZipFile, match=r"the checksum of .* differs"):
        resume._check(path)


def test_a_diverged_run_ends_with_the_accuracy_it_has():
    accuracies = run(recipe=Recipe(1e30, 8, (5, 20)))
    assert all(0 <= accuracy <= 0.5 for accuracy in accuracies.values())


def test_multi_label_tasks_are_trained_and_scored_by_average_precision():
    matrix = np.eye(3, dtype=np.uint8)
    train = LabelledImages(TRAIN.images, matrix[TRAIN.labels])
    test = LabelledImages(TEST.images, matrix[TEST.labels])
    assert run(train=train, test=test, budgets=[40])[40] > 0.9


def test_decoupled_weight_decay_by_hand():
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimiser = SGD([weight], momentum=0.9, weight_decay=0.01, decoupled=True)
    weight.grad = torch.tensor([0.5])
    optimiser.step(0.1)
    # 2 - 0.1 * 0.01 * 2 - 0.1 * 0.5
    assert weight.item() == pytest.approx(1.948, rel=1e-6)
    weight.grad = torch.tensor([0.5])
    optimiser.step(0.05)
    # The velocity is 0.9 * 0.5 + 0.5, without decay: 1.948 - 0.05 * 0.01 * 1.948 - 0.05 * 0.95
    assert weight.item() == pytest.approx(1.899526, rel=1e-6)


def test_a_run_from_scratch_takes_a_hundredth_of_the_rate_off_every_weight():
    settings = {**SWEEP, "steps": [1], "batch_size": 8, "warmup": 0}
    start, decayed, plain = (make_network(seed=5) for _ in range(3))
    for network, scratch in ((decayed, True), (plain, False)):
        run(network, recipe=make_recipe(settings, 0.3, scratch=scratch, samples=24))
    for before, ours, without in zip(
        start.parameters(), decayed.parameters(), plain.parameters(), strict=True
    ):
        torch.testing.assert_close(ours, without - 0.3 * 0.01 * before, rtol=1e-5, atol=1e-7)


def test_the_rate_of_a_budget_decays_after_30_60_and_90_percent_of_it():
    settings = {**SWEEP, "steps": [1000], "warmup": 80, "decay_at": [0.3, 0.6, 0.9], "decay": 0.1}
    recipe = make_recipe(settings, 0.5, scratch=False, samples=10)
    rates = [
        recipe.learning_rate_at(step) for step in (0, 39, 79, 299, 300, 599, 600, 899, 900, 999)
    ]
    expected = [0.5 / 80, 0.25, 0.5, 0.5, 0.05, 0.05, 0.005, 0.005, 0.0005, 0.0005]
    np.testing.assert_allclose(rates, expected, rtol=1e-9)


def test_a_repeat_of_a_shorter_budget_decays_within_it():
    settings = {**SWEEP, "steps": [100, 20], "decay_at": [0.5], "decay": 0.1, "warmup": 0}
    recipe = replace(make_recipe(settings, 0.5, scratch=False, samples=10), budgets=[20])
    assert [recipe.learning_rate_at(step) for step in (9, 10)] == pytest.approx([0.5, 0.05])


def test_without_decays_the_rate_is_constant_after_the_warm_up():
    recipe = make_recipe(SWEEP, 0.5, scratch=False, samples=10)
    assert {recipe.learning_rate_at(step) for step in range(4, 100)} == {0.5}


def test_runs_of_one_rate_and_two_budgets_keep_their_states_apart(tmp_path):
    states = {name_state(tmp_path / f"0.05-{steps}.json", 0.05, 3) for steps in (5, 10)}
    assert len(states) == 2
    assert {state.parent for state in states} == {tmp_path}


def test_early_stopping_is_a_short_run_and_counts_its_operations():
    with recording() as record:
        accuracy = early_stopped_finetune(
            make_network(),
            TRAIN,
            TEST,
            classes=3,
            forward_flops=100.0,
            seed=3,
            device=CPU,
            epochs=2,
            learning_rate=0.1,
            batch_size=8,
        )
    assert accuracy == run(budgets=[6])[6]
    assert record.flops == 100 * (3 * 6 * 8 - 24 + 30)
    assert record.notes == {"steps": 6}


def test_parameters_that_get_no_gradient_are_left_alone():
    """Public networks have some: a mask token that only pre-training used, a second head."""
    network, plain = make_network(), make_network()
    network.backbone.unused = torch.nn.Linear(2, 2)
    network.backbone.forward = lambda images: plain_forward(network.backbone, images)
    before = network.backbone.unused.weight.detach().clone()
    assert run(network) == run(plain)
    assert torch.equal(network.backbone.unused.weight, before)


def plain_forward(layers, images):
    for layer in list(layers)[:5]:
        images = layer(images)
    return images


# The recipe of "A Linearized Framework and a New Benchmark for Model Selection for Fine-Tuning"

MODEL_ZOO = {
    "learning_rates": [0.01, 0.005, 0.001],
    "epochs": 30,
    "decay_epochs": [15, 25],
    "decay": 0.1,
    "batch_size": 32,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 1e-4,
}


@pytest.mark.parametrize("samples", [320, 1008, 5994])
def test_the_rate_decays_after_15_and_25_of_30_epochs(samples):
    recipe = make_recipe(MODEL_ZOO, 0.01, scratch=True, samples=samples)
    assert recipe.weight_decay == 1e-4
    (steps,) = recipe.budgets
    assert steps == -(-30 * samples // 32)
    rates = np.array([recipe.learning_rate_at(step) for step in range(steps)])
    epochs = np.arange(steps) * 30 / steps
    expected = np.select([epochs < 15, epochs < 25], [0.01, 0.001], 0.0001)
    np.testing.assert_allclose(rates, expected, rtol=1e-9)


def test_a_batch_holds_no_sample_twice_where_there_are_few():
    recipe = make_recipe(MODEL_ZOO, 0.01, scratch=False, samples=10)
    assert recipe.batch_size == 10
    assert recipe.budgets == [30]
    sweep = make_recipe(SWEEP, 0.01, scratch=False, samples=10)
    assert (sweep.batch_size, sweep.budgets) == (32, [40, 100])


def test_a_whole_run_equals_the_recipe_written_out():
    """Nesterov momentum, weight decay and a step decay, against torch.optim.SGD and MultiStepLR."""
    settings = {**MODEL_ZOO, "epochs": 6, "decay_epochs": [3, 5], "batch_size": 8}
    recipe = make_recipe(settings, 0.05, scratch=False, samples=len(TRAIN))
    network = make_network(seed=5)
    steps_watched = []
    run(network, recipe=recipe, watch=steps_watched.append)
    assert steps_watched == list(range(1, 19))
    reference = make_network(seed=5).train()
    output = torch.nn.Linear(6, 3)
    torch.nn.init.zeros_(output.weight)
    torch.nn.init.zeros_(output.bias)
    optimiser = torch.optim.SGD(
        [*reference.backbone.parameters(), *output.parameters()],
        lr=0.05,
        momentum=0.9,
        weight_decay=1e-4,
        nesterov=True,
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimiser, [9, 15])
    for step in range(18):
        images, labels = TRAIN.batch(SampleOrder(24, 8, 3).rows(step), CPU)
        loss = torch.nn.functional.cross_entropy(output(reference(images)[0]), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for ours, theirs in zip(
        network.backbone.parameters(), reference.backbone.parameters(), strict=True
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.01}, {"nesterov": True}])
def test_on_a_processor_a_run_is_a_plain_loop_bit_by_bit(options):
    """With PyTorch's own optimiser in the form that ours takes (fused), images channels-last as ours are."""
    network, losses = make_network(seed=5), []
    run(network, recipe=Recipe(0.1, 8, [20], **options), losses=losses)
    reference = make_network(seed=5).train().to(memory_format=torch.channels_last)
    output = torch.nn.Linear(6, 3)
    torch.nn.init.zeros_(output.weight)
    torch.nn.init.zeros_(output.bias)
    parameters = [*reference.backbone.parameters(), *output.parameters()]
    optimiser = torch.optim.SGD(parameters, lr=0.1, momentum=0.9, fused=True, **options)
    expected, order = [], SampleOrder(24, 8, 3)
    for step in range(20):
        images, labels = TRAIN.batch(order.rows(step), CPU)
        loss = torch.nn.functional.cross_entropy(output(reference(images)[0]), labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        expected.append(loss.item())
    assert losses == expected
    for name, tensor in reference.backbone.state_dict().items():
        assert torch.equal(network.backbone.state_dict()[name], tensor)


def test_a_test_batch_too_large_for_the_gpu_is_computed_in_parts(monkeypatch):
    expected = run(make_network())
    network = make_network()
    allow_at_once(monkeypatch, network, 8)  # the mini-batch of training
    assert run(network) == expected


def test_a_network_too_large_for_the_gpu_is_a_fault(monkeypatch):
    network = make_network()

    def fill(_images):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB. GPU 0 has ...")

    monkeypatch.setattr(network.backbone, "forward", fill)
    with pytest.raises(PairFault, match=r"\(CUDA out of memory\); lower the batch size"):
        run(network)


def test_large_images_are_judged_few_at_once_and_the_result_is_the_same(monkeypatch):
    expected, network, sizes = run(), make_network(), []
    pixels = network.preprocessing.size**2
    forward = network.backbone.forward

    def watch(images):
        if not network.backbone.training:
            sizes.append(len(images))
        return forward(images)

    monkeypatch.setattr(network.backbone, "forward", watch)
    monkeypatch.setattr(module, "EVALUATION_PIXELS", 12 * pixels)
    assert run(network) == expected
    assert sizes == [12, 12, 6] * 2
