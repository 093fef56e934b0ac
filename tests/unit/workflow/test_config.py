import copy

import pytest
import yaml
from tests.support.configs import DEFAULTS, ROOT, faults_of, load, merge, put

from ckptrank.workflow.config import ConfigError, _replace_entries, check_config, complete_config


@pytest.fixture
def config():
    return load("config.yaml")


def test_the_default_config_is_sound(config):
    check_config(config, [ROOT / "config.yaml"])


@pytest.mark.parametrize("preset", sorted((ROOT / "presets").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_preset_is_sound(config, preset):
    complete = complete_config(load(preset), DEFAULTS, [preset])
    assert complete.keys() == config.keys()


def test_what_another_workflow_leaves_out_is_as_in_the_config_of_this_one(config):
    given = {"select": {"tasks": ["greek"]}, "tasks": {"digits": {"source": "folder", "path": "x"}}}
    before = copy.deepcopy(given)
    complete = complete_config(given, DEFAULTS, None)
    assert given == before
    assert complete["tasks"].pop("digits") == {"source": "folder", "path": "x"}
    assert complete["select"].pop("tasks") == ["greek"]
    del config["tasks"]["digits"], config["select"]["tasks"]
    assert complete == config


def test_a_fault_in_what_another_workflow_gives_is_named():
    with pytest.raises(ConfigError, match="'tasx'"):
        complete_config({"select": {"tasx": []}}, DEFAULTS, None)


def test_schema_and_default_config_name_the_same_keys(config):
    def walk(schema, values, place=""):
        if "properties" not in schema:
            return
        assert set(schema["required"]) == set(values), place
        for key, part in schema["properties"].items():
            walk(part, values[key], f"{place}.{key}")

    walk(load("scripts/ckptrank/workflow/schemas/config.schema.yaml"), config)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (put("protocl", {}), ["the top level", "'protocl'", "did you mean 'protocol'"]),
        (put("finetune/epochs", 3), ["finetune", "unknown key 'epochs'"]),
        (put("finetune/repeats", -1), ["finetune.repeats", "-1"]),
        (put("finetune/schedule", "cosine"), ["finetune.schedule", "'cosine'"]),
        (put("finetune/decay_at", [0.3, 60]), ["finetune.decay_at", "60"]),
        (put("select/tasks", ["digits", "digits"]), ["select.tasks", "digits listed twice"]),
        (put("select/tasks", ["digit"]), ["select.tasks", "'digit'", "did you mean 'digits'"]),
        (put("select/measures", ["nlep"]), ["select.measures", "'nlep'", "did you mean 'nleep'"]),
        (put("select/groups", ["V"]), ["select.groups", "'V'"]),
        (put("groups/I/checkpoints", ["missing"]), ["groups.I.checkpoints", "'missing'"]),
        (put("groups/I/checkpoints", []), ["groups.I.checkpoints", "at least 1 entries"]),
        (put("groups/I/checkpoints", ["from-scratch"]), ["groups.I.checkpoints", "unranked"]),
        (put("groups/I", {"title": "x"}), ["groups.I", "either `checkpoints` or `union`"]),
        (put("groups/I+II+III/union", ["I", "IX"]), ["groups.I+II+III.union", "'IX'"]),
        (
            put("groups/I/comparable", {"rotation": "Rotation"}),
            ["groups.I.comparable", "published"],
        ),
        (put("checkpoints/gan/run", "gann"), ["checkpoints.gan.run", "did you mean 'gan'"]),
        (put("checkpoints/gan/stage", 0.3), ["checkpoints.gan.stage", "0.3", "only 1.0"]),
        (put("checkpoints/gan/source", "tim"), ["checkpoints.gan.source", "'tim'"]),
        (put("checkpoints/gan/layer", "x"), ["checkpoints.gan", "unknown key 'layer'"]),
        (put("checkpoints/a b", {"source": "builtin"}), ["checkpoints", "'a b' does not match"]),
        (put("tasks/digits/name", "mnist"), ["tasks.digits.name", "'mnist'"]),
        (put("measures/nleep/method", "nlep"), ["measures.nleep.method", "did you mean 'nleep'"]),
        (put("measures/nleep/params", {"energy": 1}), ["measures.nleep.params.energy", "no such"]),
        (
            put("measures/nleep/params", {"pca_energy": "high"}),
            ["measures.nleep.params.pca_energy", "'high' is not float"],
        ),
        (
            put("measures/linear_1_epoch/params", {"epochs": "many"}),
            ["measures.linear_1_epoch.params.epochs", "'many'"],
        ),
        (put("evaluation/consensus", ["nleep", "sfda"]), ["evaluation.consensus", "'sfda'"]),
        (put("evaluation/families/letters", ["gresk"]), ["evaluation.families.letters", "'gresk'"]),
        (put("evaluation/consensus", ["nleep"]), ["evaluation.consensus", "at least two"]),
        (put("measures/lfc/eval", "test"), ["measures.lfc.eval", "fitted on"]),
        (put("measures/nleep/eval", "both"), ["measures.nleep.eval", "'both'"]),
        (put("rank/measures", ["nleep_test"]), ["rank.measures", "'nleep_test'", "test images"]),
        (put("model_zoo/measures", ["leep_test"]), ["model_zoo.measures", "'leep_test'"]),
        (put("rank/measures", ["consensus"]), ["rank.measures", "'consensus'"]),
        (
            put("rank/budget", [{"samples_per_class": n, "keep": 0.5} for n in (10, 5)]),
            ["rank.budget", "must grow"],
        ),
        (put("references/rsa/checkpoint", "resnet"), ["references.rsa.checkpoint", "'resnet'"]),
        (put("references/rsa/recipe", "zoo"), ["references.rsa.recipe", "'zoo'"]),
        (put("evaluation/recommend", "rsa"), ["evaluation.recommend", "'rsa'"]),
    ],
)
def test_a_fault_is_named_with_its_place(config, change, words):
    change(config)
    message = faults_of(config)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("selected", "grid", "sound"),
    [
        (["I", "II"], ["I", "II"], True),
        (["I+II+III"], ["II"], True),  # a union has all of its parts
        (["I", "II"], ["I+II+III"], False),
        (["II"], ["I"], False),
    ],
)
def test_the_grid_of_n_leep_takes_checkpoints_that_are_tuned(config, selected, grid, sound):
    put("select/groups", selected)(config)
    put("nleep_grid/groups", grid)(config)
    if sound:
        check_config(config, [ROOT / "config.yaml"])
    else:
        told = f"nleep_grid.groups: {grid[0]} has "
        assert told in faults_of(config)
        assert f"select {grid[0]}, or leave it out here" in faults_of(config)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"weights": ["a.pth", "b.pth"]}, None),
        ({"weights": ["a.pth", "b.pth"], "sha256": ["0" * 64, None]}, None),
        ({"weights": ["a.pth", "b.pth"], "sha256": "0" * 64}, "mine.sha256: give one for each of"),
        ({"weights": ["a.pth", "b.pth"], "sha256": ["0" * 64]}, "mine.sha256: give one for each"),
        ({"weights": "a.pth", "sha256": ["0" * 64]}, "mine.sha256: give one for each of"),
        ({"weights": ["a.pth", "b.pth"], "sha256": ["0" * 64, "1"]}, "mine.sha256.1: '1' does not"),
        ({"weights": ["a.pth", "a.pth"]}, "mine.weights: a.pth listed twice"),
        ({"weights": []}, "mine.weights: needs at least 1 entries"),
        ({"weights": ["a", "b"], "library": "transformers"}, "mine.weights: ['a', 'b'] is not of"),
    ],
)
def test_weights_are_a_file_or_a_list_of_files_with_a_hash_each(config, fields, fault):
    given = {"source": "file", "library": "timm", "architecture": "resnet18", "kind": "supervised"}
    put("checkpoints/mine", {**given, **fields})(config)
    if fault is None:
        check_config(config, [])
    else:
        assert fault in faults_of(config)


def test_all_faults_are_listed_at_once(config):
    put("select/tasks", ["x"])(config)
    put("measures/nleep/method", "y")(config)
    assert faults_of(config).count("\n  - ") >= 2


def test_a_key_given_twice_in_the_file_is_a_fault(config, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("groups:\n  I:\n    title: a\n  I:\n    title: b\n")
    assert "mine.yaml, line 4: groups.I is defined twice" in faults_of(config, [file])


def test_checking_changes_nothing(config):
    before = copy.deepcopy(config)
    check_config(config, [])
    assert config == before


def test_an_entry_that_a_later_file_defines_anew_replaces_the_earlier_one():
    texts = (
        "tasks: {digits: {source: builtin, name: digits, train: 9}, tissue: {source: builtin, name: tissue}}",
        "tasks: {digits: {source: folder, path: x}, tissue: {train: 5}}\ngroups: [broken]",
        "tasks: {digits: {seed: 1}}\ncheckpoints: [broken]",
    )
    config = {}
    for text in texts:
        merge(config, yaml.safe_load(text))
    config["tasks"]["digits"]["shots"] = 5  # from the command line
    _replace_entries(config, [yaml.safe_load(text) for text in texts])
    assert config["tasks"] == {
        "digits": {"source": "folder", "path": "x", "seed": 1, "shots": 5},
        "tissue": {"source": "builtin", "name": "tissue", "train": 5},
    }


@pytest.mark.parametrize(
    ("comparable", "words"),
    [
        ({"clip2": "VAE"}, ["groups.I.comparable", "'clip2' is not of this group", "'clip'"]),
        ({"clip": "VEA"}, ["groups.I.comparable.clip", "group I has no 'VEA'", "'VAE'"]),
        ({"clip": "Img-90k"}, ["groups.I.comparable.clip", "group I has no 'Img-90k'"]),
        ({"clip": "VAE", "dino": "VAE"}, ["groups.I.comparable", "'VAE' stands for two members"]),
    ],
)
def test_what_is_comparable_is_a_member_here_and_in_the_paper(comparable, words):
    config = complete_config(load("presets/neucrab.yaml"), DEFAULTS, None)
    config["groups"]["I"]["comparable"] = comparable
    with pytest.raises(ConfigError) as caught:
        check_config(config, [])
    assert all(word in str(caught.value) for word in words), caught.value
