import numpy as np
import pytest

from ckptrank.errors import NotApplicable
from ckptrank.features.store import Split, create_features
from ckptrank.files.atomic import read_json
from ckptrank.measures import leep
from ckptrank.measures.registry import METHODS
from ckptrank.scores.costs import Sizes
from ckptrank.scores.features import score_feature_pairs, score_features
from ckptrank.scores.inputs import (
    FEATURE_INPUTS,
    FeatureInputs,
    PairFiles,
    average_classes,
    softmax,
)
from ckptrank.scores.network import NETWORK_INPUTS
from ckptrank.scores.protocol import Protocol
from ckptrank.scores.run import Scoring, sort_pairs

LABELS = np.repeat([0, 1], 10)


def make_inputs(
    tmp_path,
    *,
    score_on="test",
    held_out=False,
    cap=None,
    logits=True,
    part=None,
    files=None,
    trained=True,
):
    path = tmp_path / "f.h5"
    generator = np.random.default_rng(1)
    with create_features(path, "net", "digits") as writer:
        for split, offset in (("train", 0), ("test", 1000)):
            writer.add_split(split, LABELS, np.arange(20))
            features = np.arange(20.0)[:, None] + offset
            scores = generator.normal(size=(20, 3)) if logits else None
            writer.write(split, 0, features=features, logits=scores)
        writer.set_attributes(forward_flops=20.0, seconds=8.0, samples=40)
        if trained:
            writer.set_attributes(trained_seconds=100.0)
    return FeatureInputs(
        files or PairFiles(path),
        task="digits",
        protocol=Protocol(score_on, cap),
        held_out=held_out,
        part=part,
    )


def test_scoring_on_the_test_set(tmp_path):
    inputs = make_inputs(tmp_path)
    assert len(inputs["features"]) == 20
    assert inputs["eval_features"].min() == 1000


def test_the_honest_protocol_never_reads_a_test_sample(tmp_path):
    inputs = make_inputs(tmp_path, score_on="train")
    assert inputs["eval_features"] is None
    assert inputs["eval_labels"] is None
    inputs = make_inputs(tmp_path, score_on="train", held_out=True)
    fit, held = inputs["features"].ravel(), inputs["eval_features"].ravel()
    assert max(*fit, *held) < 1000
    assert sorted([*fit, *held]) == list(range(20))
    np.testing.assert_array_equal(np.bincount(inputs["eval_labels"]), [2, 2])


def test_the_honest_protocol_keeps_the_objects_of_an_image_together(tmp_path):
    path, images = tmp_path / "objects.h5", np.tile(np.arange(5), 4)
    with create_features(path, "net", "boxes") as writer:
        writer.add_split("train", LABELS, np.arange(20))
        writer.write("train", 0, image=images[:, None], features=images[:, None])
    protocol = Protocol("train", None)
    inputs = FeatureInputs(PairFiles(path), task="boxes", protocol=protocol, held_out=True)
    fit, held = (set(inputs[name].ravel()) for name in ("features", "eval_features"))
    assert fit.isdisjoint(held)
    assert sorted(fit | held) == list(range(5))


def test_the_papers_protocol_shows_the_test_set_to_what_needs_held_out_samples(tmp_path):
    probe = make_inputs(tmp_path, score_on="paper", held_out=True)
    assert (len(probe["features"]), probe["eval_features"].min()) == (20, 1000)
    assert probe.sizes.test == 20
    nleep = make_inputs(tmp_path, score_on="paper")
    assert len(nleep["features"]) == 20
    assert nleep["eval_features"] is nleep["eval_source_probabilities"] is None
    assert nleep.sizes.test == 0


def test_the_sizes_behind_a_cost_count_test_images_only_where_they_are_seen(tmp_path):
    assert make_inputs(tmp_path).sizes == Sizes(20, 20, 10.0, 1, 2, 3)
    assert make_inputs(tmp_path, score_on="train", logits=False).sizes.source_classes == 0
    capped = make_inputs(tmp_path, score_on="train", held_out=True, cap=5)
    assert capped.sizes == Sizes(8, 0, 10.0, 1, 2, 3)


def test_a_score_is_recorded_with_the_passes_that_it_takes(tmp_path):
    make_inputs(tmp_path)
    method = METHODS["leep"]
    scoring = Scoring("leep", method.inputs, False, {"leep": {}}, Protocol("test", None))
    pairs = {"digits": {"net": PairFiles(str(tmp_path / "f.h5"))}}
    score_feature_pairs(scoring, pairs, [tmp_path / "scores.json"])
    record = read_json(tmp_path / "scores.json")["pairs"][0]["scores"]["leep"]
    # 20 test images a 10 multiply-adds; 40 through the head, 1.5 x 3
    assert record["gmacs"] == pytest.approx((200 + 180) / 1e9)
    # 60 additions to the table, 120 operations on the test samples, 12 on the table (2, 3), two a multiply-add
    assert record["gmacs_with_fitting"] == pytest.approx((380 + 96) / 1e9)


def test_what_passes_a_score_took_is_told(tmp_path):
    made = make_inputs(tmp_path, score_on="train", cap=5)  # 40 images in 8 s
    passes = made.time_passes(["features", "labels"])
    assert passes == {"pass_seconds": 2.0, "reference": "", "reference_seconds": None}
    assert make_inputs(tmp_path).time_passes(["features", "eval_features"])["pass_seconds"] == 8.0
    own = PairFiles(*[tmp_path / "f.h5"] * 3)
    inputs = make_inputs(tmp_path, score_on="train", cap=5, files=own)
    of_reference = inputs.time_passes(["features", "reference_features"])
    assert of_reference["reference"] == "net on digits"
    assert of_reference["reference_seconds"] == 100 + 2
    of_source = make_inputs(tmp_path, score_on="train", cap=5, files=own, trained=False)
    assert of_source.time_passes(["source_class_means"])["reference_seconds"] == 4.0


def test_a_measure_with_a_protocol_of_its_own_is_scored_and_counted_by_it(tmp_path):
    make_inputs(tmp_path)
    method, files = METHODS["leep"], PairFiles(str(tmp_path / "f.h5"))
    measures, protocol = {"leep": {}, "leep_test": {}}, Protocol("paper", None)
    scoring = Scoring("leep", method.inputs, False, measures, protocol, {"leep_test": "test"})
    score_features(scoring, files, tmp_path / "own.json", task="digits", checkpoint="net")
    records = read_json(tmp_path / "own.json")["scores"]
    assert list(records) == ["leep", "leep_test"]
    # 20 training images through the head of 1.5 x 3; the test images' pass besides, and their head
    assert records["leep"]["gmacs"] == records["leep"]["gmacs_head"] == pytest.approx(90 / 1e9)
    assert records["leep"]["gmacs_test_pass"] == 0
    assert records["leep_test"]["gmacs"] == pytest.approx((200 + 180) / 1e9)
    assert records["leep_test"]["gmacs_test_pass"] == pytest.approx(200 / 1e9)
    inputs = make_inputs(tmp_path)
    given = inputs["source_probabilities"], inputs["labels"]
    held_out = {name: inputs[name] for name in method.inputs[2:]}
    assert records["leep"]["score"] == leep(*given)
    assert records["leep_test"]["score"] == leep(*given, **held_out) != leep(*given)


def test_halves_of_measures_with_protocols_of_their_own_are_joined(tmp_path):
    make_inputs(tmp_path)
    method = METHODS["linear_probe"]
    measures, evals = {"a": {"epochs": 1}, "b": {"epochs": 1}}, {"b": "train"}
    scoring = Scoring("linear_probe", method.inputs, True, measures, Protocol("test", None), evals)
    place = tmp_path / "halves.json"
    files = PairFiles(str(tmp_path / "f.h5"))
    score_features(scoring, files, place, task="digits", checkpoint="net", resamples=2)
    halves = read_json(place)["halves"]
    assert [set(half) for half in halves] == [{"a", "b"}] * 2


def test_the_cap_comes_before_the_holding_out(tmp_path):
    inputs = make_inputs(tmp_path, score_on="train", held_out=True, cap=5)
    assert (len(inputs["features"]), len(inputs["eval_features"])) == (8, 2)
    assert len(make_inputs(tmp_path, cap=5)["eval_features"]) == 20


def test_halves_read_each_dataset_once_and_differ(tmp_path, monkeypatch):
    inputs = make_inputs(tmp_path, score_on="train", held_out=True)
    alone = [
        make_inputs(tmp_path, score_on="train", held_out=True, part=part)["features"]
        for part in range(3)
    ]
    read, load = [], Split._load
    monkeypatch.setattr(
        Split, "_load", lambda split, name: read.append((split.name, name)) or load(split, name)
    )
    halves = [(half["features"], half["eval_features"]) for half in inputs.halves(3)]
    assert sorted(read) == [("train", "features"), ("train", "labels")]
    for (features, held), expected in zip(halves, alone, strict=True):
        np.testing.assert_array_equal(features, expected)
        assert len(features) + len(held) == 10
    assert len({features.tobytes() for features, _ in halves}) == 3


def test_a_head_gives_probabilities_and_hard_labels(tmp_path):
    inputs = make_inputs(tmp_path)
    probabilities = inputs["source_probabilities"]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(inputs["source_labels"], probabilities.argmax(axis=1))
    assert inputs["eval_source_probabilities"].shape == (20, 3)


def test_without_a_head_the_pair_is_not_applicable(tmp_path):
    with pytest.raises(NotApplicable, match="no classification head"):
        make_inputs(tmp_path, logits=False)["source_probabilities"]


def test_softmax_survives_huge_logits():
    np.testing.assert_allclose(softmax(np.array([[1e4, 1e4, -1e4]])), [[0.5, 0.5, 0]])


def test_class_means_of_labels_and_of_label_matrices():
    features = np.array([[0.0, 2], [2, 4], [10, 0]])
    means, counts = average_classes(features, np.array([0, 0, 2]))
    np.testing.assert_array_equal(means, [[1, 3], [0, 0], [10, 0]])
    np.testing.assert_array_equal(counts, [2, 0, 1])
    means, counts = average_classes(features, np.array([[1, 1], [0, 1], [0, 0]], np.uint8))
    np.testing.assert_array_equal(means, [[0, 2], [1, 3]])
    np.testing.assert_array_equal(counts, [1, 2])


def test_reference_and_class_means_see_the_samples_that_the_protocol_allows(tmp_path):
    files = PairFiles(*[tmp_path / "f.h5"] * 3)
    inputs = make_inputs(tmp_path, score_on="train", cap=4, files=files)
    np.testing.assert_array_equal(inputs["reference_features"], inputs["features"])
    np.testing.assert_array_equal(
        inputs["target_class_counts"], [10, 10]
    )  # as they are in the task
    np.testing.assert_allclose(
        inputs["target_class_means"].ravel(), inputs["features"].reshape(2, 4).mean(axis=1)
    )
    np.testing.assert_array_equal(inputs["source_class_counts"], [10, 10])
    np.testing.assert_array_equal(inputs["source_class_means"].ravel(), [4.5, 14.5])


def test_without_source_data_domain_similarity_is_not_applicable(tmp_path):
    with pytest.raises(NotApplicable, match="source_task"):
        make_inputs(tmp_path)["source_class_means"]


@pytest.mark.parametrize("method", METHODS)
def test_what_the_registry_asks_for_is_in_the_vocabulary_of_one_kind_of_inputs(method):
    inputs = METHODS[method].inputs
    known = NETWORK_INPUTS if "network" in inputs else FEATURE_INPUTS
    assert set(inputs) <= known.keys()


@pytest.mark.parametrize("known", [FEATURE_INPUTS, NETWORK_INPUTS])
def test_every_name_says_what_it_stands_for_and_some_method_asks_for_it(known):
    assert all(function.__doc__ for function in known.values())
    asked = {name for method in METHODS.values() for name in method.inputs}
    assert known.keys() <= asked


def test_the_files_of_pairs_are_found_by_their_numbers():
    pairs = [
        {"task": "t", "checkpoint": "a", "files": {"features": 1, "reference": 0}},
        {"task": "u", "checkpoint": "a", "files": {"source": 2}},
        {"task": "t", "checkpoint": "b", "files": {"features": 3, "reference": 0}},
    ]
    found = sort_pairs(pairs, ["ref", "ta", "u", "tb"], PairFiles)
    assert found == {
        "t": {"a": PairFiles("ta", reference="ref"), "b": PairFiles("tb", reference="ref")},
        "u": {"a": PairFiles(source="u")},
    }
