"""presets/neucrab.yaml in miniature, from an archive of TensorFlow's checkpoints to the pages of the report.

It is the preset with three networks of its group III, whose variables are seeded here, images of 32 pixels, a small
drawn task and a few steps. All else is the preset's: every measure, what is compared with the paper, where each
member lies in the archive.
"""

import copy
import shutil
from zipfile import ZipFile

import pandas as pd
import pytest
import yaml
from tests.support.bundles import write_bundle
from tests.support.page_text import Text
from tests.support.slim import make_variables, settle
from tests.support.workspaces import ROOT, make_workspace

from ckptrank.published.neucrab import AUTHORS_FORM, read_accuracies, read_ranking
from ckptrank.report.benchmark import ranking
from ckptrank.report.kit.output import Origin
from ckptrank.workflow.config import complete_config
from ckptrank.workflow.plan import Plan

pytestmark = pytest.mark.workflow
PRESET = ROOT / "presets/neucrab.yaml"
WHOLE = yaml.safe_load(PRESET.read_text(encoding="utf-8"))
# The members of group III, and the classes of their heads.
MEMBERS = {"mobilenet-v1-025": 1001, "mobilenet-v2-035": 7, "mobilenet-v3-small": 7}
MEASURES = [name for name in WHOLE["select"]["measures"] if name != "consensus"]


def write_archive(folder):
    """Write the archive of the release, as far as the miniature needs it."""
    for name, classes in MEMBERS.items():
        definition = WHOLE["checkpoints"][name]
        network = definition["architecture"]
        variables = settle(network, make_variables(network, classes))
        write_bundle(folder / definition["weights"], variables)
    archive = folder / "rank_ckpt.zip"
    with ZipFile(archive, "w") as content:
        for path in sorted((folder / "rank_ckpt").rglob("model*")):
            content.write(path, path.relative_to(folder))
    shutil.rmtree(folder / "rank_ckpt")
    return str(archive)


def shrink(archive):
    """Return the preset in miniature."""
    config = copy.deepcopy(WHOLE)
    config["select"] |= {"tasks": ["camelyon"], "groups": ["III"], "baselines": ["random"]}
    drawn = {"source": "builtin", "title": "Camelyon", "name": "tissue", "train": 60, "test": 60}
    config["tasks"] = {"camelyon": drawn}
    for name in MEMBERS:
        definition = config["checkpoints"][name]
        definition["archive"] = archive
        definition["preprocessing"] = definition["preprocessing"] | {"size": 32}
    group = config["groups"]["III"]
    group["checkpoints"] = list(MEMBERS)
    group["comparable"] = {name: group["comparable"][name] for name in MEMBERS}
    for name in MEASURES:
        if "authors" in name:
            config["measures"][name] = {"params": {"steps": 20}}
    grid = {"groups": ["III"], "pca_energy": [0.8], "components_per_class": [1, 2]}
    config["nleep_grid"] = grid
    config["finetune"] |= {"learning_rates": [0.01], "steps": [10], "batch_size": 16, "repeats": 0}
    config["evaluation"]["bootstrap"] = 20
    config["compute"] |= {"device": "auto", "worker_memory_mb": 1500}
    return config


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    workspace = make_workspace(tmp_path_factory.mktemp("neucrab") / "a run")
    config = shrink(write_archive(workspace.folder))
    (workspace.folder / "presets/neucrab.yaml").write_text(yaml.safe_dump(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CKPTRANK_CACHE", str(workspace.folder / "cache"))
        workspace.run(preset="neucrab.yaml")
    return workspace.folder


def read(ran, table):
    return pd.read_csv(ran / f"results/{table}.csv")


def read_page(path):
    return Text(path.read_text(encoding="utf-8")).text


def test_every_measure_scores_every_checkpoint(ran):
    scores = read(ran, "evaluation/scores")
    scores = scores[scores["measure"] != "random"]
    assert set(scores["measure"]) == {*MEASURES, "consensus"}
    assert len(scores) == len(MEMBERS) * (len(MEASURES) + 1)
    assert (scores["status"] == "ok").all(), scores[scores["status"] != "ok"]["reason"].tolist()


def test_every_checkpoint_is_fine_tuned(ran):
    truth = read(ran, "evaluation/ground_truth")
    assert set(truth["checkpoint"]) == {*MEMBERS}
    assert (truth["status"] == "ok").all(), truth["reason"].tolist()
    assert truth["accuracy"].nunique() > 1


def test_the_archive_is_unpacked_once_for_all(ran):
    (unpacked,) = (path for path in (ran / "cache/unpacked").iterdir() if path.is_dir())
    assert len(list(unpacked.rglob("*.index"))) == len(MEMBERS)


def test_every_page_of_the_report_is_made(ran):
    assert "Which checkpoints are worth fine-tuning?" in read_page(
        ran / "results/report/landing.html"
    )
    made = {path.stem for path in (ran / "results/report/measures").glob("*.html")}
    assert made >= {*MEASURES, "consensus"}


def test_the_report_has_the_papers_accuracies_beside_ours(ran):
    assert "Camelyon, paper" in read_page(ran / "results/report/accuracy/III.html")
    table = read(ran, "report/accuracy/III").set_index("checkpoint")
    printed = read_accuracies().set_index(["group", "checkpoint", "task"])["accuracy_percent"]
    assert len(table) == len(MEMBERS)
    for title, row in table.iterrows():
        assert row["published_camelyon"] == printed["III", title, "Camelyon"]
        assert 0 < row["accuracy_camelyon"] <= 100


def test_a_group_of_three_of_the_papers_thirteen_is_not_compared(ran):
    page = read_page(ran / "results/report/ranking/III.html")
    assert "do not stand beside these: 3 of the 3 checkpoints here" in page
    assert "as one of their 13." in page


def test_the_whole_group_is_compared_with_the_papers_table(ran, tmp_path):
    """The page that the preset's own group III has, on the miniature's numbers: every measure of Table 3."""
    plan = Plan(complete_config(WHOLE, ROOT / "config.yaml", [PRESET]))
    given = {
        name: ran / f"results/evaluation/{name}.csv"
        for name in ("summary", "measures", "checkpoints", "tasks", "families")
    }
    made = {name: tmp_path / name for name in ("csv", "markdown", "latex", "page")}
    params = {"group": "III", "title": "", "members": {}, "published": plan.published_beside("III")}
    ranking.write(given, made, params, Origin("", "", ""))
    page = read_page(made["page"])
    for words in ("Kendall, paper", "Kendall, difference", "Ours are the same weights, published"):
        assert words in page
    table = pd.read_csv(made["csv"]).set_index("measure")
    printed = read_ranking().loc["III"].drop(columns="gflops")
    titles = {title.removesuffix(AUTHORS_FORM): title for title in table.index}
    assert set(printed.index) <= set(titles)
    for measure, numbers in printed.iterrows():
        row = table.loc[titles[measure]]
        for metric, number in numbers.items():
            assert row[f"published_{metric}"] == number, (measure, metric)
            if pd.notna(row[metric]):
                assert row[f"difference_{metric}"] == pytest.approx(row[metric] - number)
        assert f" {numbers['pearson']:.1f} ".replace("-", "−") in page, measure
    assert table["difference_rel_at_1"].notna().sum() == len(printed)
