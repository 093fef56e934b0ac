"""Every preset can be planned from nothing, without computing anything."""

import pytest
from tests.support.workspaces import ROOT, make_workspace

pytestmark = pytest.mark.workflow

# Two tasks of the large ones show every stage too, in a part of the time.
TWO_TASKS = {
    "builtin_full.yaml": ("--config", "select={tasks: [objects, defects]}"),
    "neucrab.yaml": ("--config", "select={tasks: [caltech101, sun397]}"),
}
PRESETS = sorted(path.name for path in (ROOT / "presets").glob("*.yaml"))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("presets") / "fresh copy")


@pytest.mark.parametrize("preset", [None, *PRESETS])
def test_a_dry_run_plans_every_stage(fresh, preset):
    output = fresh.run("--dry-run", *TWO_TASKS.get(preset, ()), preset=preset)
    for rule in ("prepare_task", "extract_features", "score_nleep", "render_landing"):
        assert f"\n{rule} " in output, rule
    assert ("\nfinetune " in output) != ("\nfinetune_whole " in output)
    assert not (fresh.folder / "results").exists()


@pytest.mark.parametrize("preset", ["zoo_demo.yaml", "zoo_smoke.yaml", "model_zoo.yaml"])
def test_a_dry_run_plans_the_second_benchmark(fresh, preset):
    output = fresh.run("model_zoo", "--dry-run", "--quiet", "rules", preset=preset)
    for rule in ("prepare_task", "extract_", "tune", "score_experts_lfc", "collect_model"):
        assert f"\n{rule}" in output, rule
    assert "\nfinetune" not in output
