"""`snakemake rank`: an order for each task, in stages, without fine-tuning all or reading test labels."""

import json

import pandas as pd
import pytest

pytestmark = pytest.mark.workflow


def read_ranking(workspace, task="smoke-digits"):
    return pd.read_csv(workspace.folder / f"results/rank/{task}/ranking.csv")


def test_every_checkpoint_has_a_place_with_an_interval(ranked):
    for task in ("smoke-digits", "smoke-tissue"):
        table = read_ranking(ranked, task)
        assert len(table) == 4
        assert set(table["status"]) == {"ok"}
        assert (table["rank_low"] <= table["rank"]).all()
        assert (table["rank"] <= table["rank_high"]).all()
        assert table["with_first"].iloc[0]
        assert (table[["parameters", "images_per_second", "finetune_seconds"]] > 0).all(axis=None)
        assert table["tuned_accuracy"].isna().all()


def test_a_stage_drops_what_it_ranked_last(ranked):
    table = read_ranking(ranked)
    kept = json.loads((ranked.folder / "results/rank/smoke-digits/kept_after_5.json").read_text())
    assert set(table.loc[table["stage"] == "all", "checkpoint"]) == set(kept)
    assert len(kept) < 4
    assert dict(zip(table["stage"], table["samples"], strict=True)) == {"all": 100, "5": 50}
    scored = list((ranked.folder / "results/rank/scores/all/lfc/smoke-digits").glob("*.json"))
    assert {path.stem for path in scored} == set(kept)


def test_a_second_ranking_does_nothing(ranked):
    assert "Nothing to be done" in ranked.run("rank")


def test_the_first_can_be_fine_tuned(finished, tmp_path):
    workspace = finished.copy(tmp_path / "a copy")
    workspace.run("results/rank/smoke-digits/ranking.csv")
    table = read_ranking(workspace)
    assert table["tuned_accuracy"].notna().tolist() == [True, False, False, False]
    path = f"results/ground_truth/smoke-digits/{table['checkpoint'].iloc[0]}.json"
    truth = json.loads((workspace.folder / path).read_text())
    assert table["tuned_accuracy"].iloc[0] == truth["accuracy"]
