"""Checks of a run's config before any work starts; every fault names its place and what to do."""

import copy
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import yaml
from jsonschema import Draft202012Validator

from ckptrank.measures.registry import METHODS
from ckptrank.measures.signatures import get_parameters
from ckptrank.model_zoo.config import check_model_zoo
from ckptrank.published.checkpoints import read_checkpoints
from ckptrank.workflow.detection_plan import check_detection

SCHEMAS = Path(__file__).with_name("schemas")


class ConfigError(Exception):
    """The config cannot be run; the message lists every fault that was found."""


def check_config(config: dict, files: list[Path]) -> None:
    """Raise :class:`ConfigError` unless ``config`` is complete, consistent and free of typing errors.

    ``files``: the YAML files that the config was read from, read again for keys that are given twice (YAML keeps the last and says nothing).
    """
    faults = [fault for file in files for fault in _find_duplicate_keys(file)]
    faults += _validate(config, SCHEMAS / "config.schema.yaml", "")
    if not faults:
        for kind in ("tasks", "checkpoints"):
            for name, definition in config[kind].items():
                faults += _check_source(kind, name, definition)
    if not faults:
        faults += _check_references(config) + _check_measures(config)
    if faults:
        raise ConfigError(
            "the config has faults:\n" + "\n".join(f"  - {fault}" for fault in faults)
        )


def complete_config(given: dict, defaults: Path, files: list[Path] | None) -> dict:
    """Return what is ``given`` laid over the workflow's own config, checked and with all tasks spelled out.

    ``defaults``: the workflow's ``config.yaml``. ``files``: the YAML files that ``given`` was read from,
    in the order in which they were laid over each other; None where it comes from another workflow that
    uses this one as a module. Raises :class:`ConfigError`.
    """
    base = _read_yaml(defaults)
    layers = [base, *([given] if files is None else map(_read_yaml, files))]
    config = _lay_over(base, given)
    _replace_entries(config, layers)
    check_config(config, [defaults, *(files or [])])
    return config


def _read_yaml(file: Path) -> dict:
    return _as_dict(yaml.safe_load(file.read_text(encoding="utf-8")))


def _lay_over(base: object, given: object) -> object:
    """Return a copy in which mappings are merged key by key and everything else is replaced."""
    if not (isinstance(base, dict) and isinstance(given, dict)):
        return copy.deepcopy(given)
    merged = {key: _lay_over(value, given.get(key, value)) for key, value in base.items()}
    return merged | {key: copy.deepcopy(given[key]) for key in given if key not in base}


def _replace_entries(config: dict, layers: list[dict]) -> None:
    """Let a task or checkpoint that a later layer defines anew replace the one of its name altogether.

    Layers are merged key by key, which would mix two definitions: what a layer before the last that
    states the entry's `source` says of it, and none after, is taken out of ``config``.
    """
    for kind in ("tasks", "checkpoints"):
        for name, definition in _as_dict(config.get(kind)).items():
            given = [_as_dict(_as_dict(_as_dict(c).get(kind)).get(name)) for c in layers]
            last = max((at for at, entry in enumerate(given) if "source" in entry), default=0)
            kept = {key for entry in given[last:] for key in entry}
            for key in {key for entry in given[:last] for key in entry} - kept:
                definition.pop(key, None)


def _as_dict(value: object) -> dict:
    """Return a part of a config that was not checked yet; what is no mapping has no entries."""
    return value if isinstance(value, dict) else {}


def _find_duplicate_keys(file: Path) -> list[str]:
    faults = []

    def visit(node: yaml.Node, place: str) -> None:
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    line = key.start_mark.line + 1
                    faults.append(f"{file.name}, line {line}: {place}{key.value} is defined twice")
                seen.add(key.value)
                visit(value, f"{place}{key.value}.")
        elif isinstance(node, yaml.SequenceNode):
            for item in node.value:
                visit(item, place)

    visit(yaml.compose(file.read_text(encoding="utf-8"), yaml.SafeLoader), "")
    return faults


@cache
def _read_schema(schema: Path) -> Draft202012Validator:
    return Draft202012Validator(yaml.safe_load(schema.read_text(encoding="utf-8")))


def _validate(value: dict, schema: Path, place: str) -> list[str]:
    validator = _read_schema(schema)
    errors = sorted(validator.iter_errors(value), key=lambda error: list(map(str, error.path)))
    return [_describe(error, place) for error in errors]


def _describe(error, place: str) -> str:
    path = (
        ".".join([*([place] if place else []), *map(str, error.absolute_path)]) or "the top level"
    )
    if error.validator == "additionalProperties" and isinstance(error.schema, dict):
        known = list(error.schema.get("properties", {}))
        unknown = [key for key in error.instance if key not in known]
        return "; ".join(f"{path}: unknown key {key!r}{_suggest(key, known)}" for key in unknown)
    if error.validator == "uniqueItems":
        twice = sorted({str(item) for item in error.instance if error.instance.count(item) > 1})
        return f"{path}: {', '.join(twice)} listed twice"
    if error.validator == "minItems":
        return f"{path}: needs at least {error.validator_value} entries, has {len(error.instance)}"
    if error.validator == "oneOf":
        choices = [f"`{choice['required'][0]}`" for choice in error.validator_value]
        return f"{path}: give either {' or '.join(choices)}"
    return f"{path}: {error.message}"


def _suggest(name: str, known: list[str]) -> str:
    close = get_close_matches(str(name), list(map(str, known)), n=1)
    return f" (did you mean {close[0]!r}?)" if close else f"; known: {', '.join(map(str, known))}"


def _check_source(kind: str, name: str, definition: dict) -> list[str]:
    place = f"{kind}.{name}"
    known = sorted(p.name.removesuffix(".schema.yaml") for p in (SCHEMAS / kind).glob("*.yaml"))
    if definition["source"] not in known:
        return [
            f"{place}.source: unknown {definition['source']!r}{_suggest(definition['source'], known)}"
        ]
    faults = _validate(definition, SCHEMAS / kind / f"{definition['source']}.schema.yaml", place)
    if not faults and definition["source"] == "file":
        faults = _check_hashes(definition, place)
    return faults


def _check_hashes(definition: dict, place: str) -> list[str]:
    """Find a list of files of weights that does not have a hash for each, and the other way round."""
    weights, hashes = definition["weights"], definition.get("sha256")
    if hashes is None or _count(weights) == _count(hashes):
        return []
    return [
        f"{place}.sha256: give one for each of `weights`, as a list where that is one; null for one not known"
    ]


def _count(value: str | list) -> int | None:
    return len(value) if isinstance(value, list) else None


def _check_references(config: dict) -> list[str]:
    select, groups = config["select"], config["groups"]
    faults = []

    def need(place: str, names: list[str], kind: str, also: tuple[str, ...] = ()) -> None:
        known = [*config[kind], *also]
        faults.extend(
            f"{place}: no {name!r} under `{kind}`{_suggest(name, known)}"
            for name in names
            if name not in known
        )

    need("select.tasks", select["tasks"], "tasks")
    need("select.groups", select["groups"], "groups")
    need("select.measures", select["measures"], "measures", ("consensus", "ranking"))
    need("nleep_grid.groups", config["nleep_grid"]["groups"], "groups")
    need("rank.measures", config["rank"]["measures"], "measures")
    caps = [stage["samples_per_class"] for stage in config["rank"]["budget"]]
    if caps != sorted(set(caps)):
        faults.append("rank.budget: samples_per_class must grow from stage to stage")
    if config["references"]["rsa"]["recipe"] is not None:
        need("references.rsa.recipe", [config["references"]["rsa"]["recipe"]], "recipes")
    for measure, reference in config["references"].items():
        if reference["checkpoint"] is not None:
            need(f"references.{measure}.checkpoint", [reference["checkpoint"]], "checkpoints")
    for name, definition in config["checkpoints"].items():
        if "source_task" in definition:
            need(f"checkpoints.{name}.source_task", [definition["source_task"]], "tasks")
    for name, group in groups.items():
        need(f"groups.{name}.checkpoints", group.get("checkpoints", []), "checkpoints")
        need(f"groups.{name}.unranked", group.get("unranked", []), "checkpoints")
        need(f"groups.{name}.union", group.get("union", []), "groups")
        nested = [part for part in group.get("union", []) if "union" in groups.get(part, {})]
        faults += [
            f"groups.{name}.union: {part} is a union itself; list its groups" for part in nested
        ]
        scratch = [
            checkpoint
            for checkpoint in group.get("checkpoints", [])
            if config["checkpoints"].get(checkpoint, {}).get("source") == "scratch"
        ]
        faults += [
            f"groups.{name}.checkpoints: {checkpoint} has random weights and cannot be ranked; "
            "list it under `unranked`"
            for checkpoint in scratch
        ]
    faults += _check_comparable(config) + _check_grid(config)
    for name, definition in config["checkpoints"].items():
        if definition["source"] != "builtin":
            continue
        run = config["pretraining"].get(definition["run"])
        if run is None:
            need(f"checkpoints.{name}.run", [definition["run"]], "pretraining")
        elif definition["stage"] not in run["stages"]:
            stages = ", ".join(map(str, run["stages"]))
            faults.append(
                f"checkpoints.{name}.stage: run {definition['run']!r} saves no stage "
                f"{definition['stage']}, only {stages}"
            )
    faults += check_model_zoo(config, need) + check_detection(config, need)
    for place in ("rank", "model_zoo"):
        faults += [
            f"{place}.measures: {name!r} scores test images, which nothing here may see"
            for name in config[place]["measures"]
            if config["measures"].get(name, {}).get("eval") == "test"
        ]
    evaluation = config["evaluation"]
    for family, tasks in evaluation["families"].items():
        need(f"evaluation.families.{family}", tasks, "tasks")
    selected = [name for name in select["measures"] if name not in ("consensus", "ranking")]
    if "consensus" in select["measures"]:
        faults += [
            f"evaluation.consensus: {name!r} is not in select.measures"
            for name in evaluation["consensus"]
            if name not in selected
        ]
        if len(evaluation["consensus"]) < 2:
            faults.append("evaluation.consensus: needs at least two measures")
    if evaluation["recommend"] not in select["measures"]:
        faults.append(
            f"evaluation.recommend: {evaluation['recommend']!r} is not in select.measures"
        )
    return faults


def _check_grid(config: dict) -> list[str]:
    """Find groups of N-LEEP's grid that hold what no selected group has, of which there is no ground truth."""

    def members(group: str) -> set[str]:
        parts = config["groups"].get(group, {}).get("union", [group])
        return {
            name for part in parts for name in config["groups"].get(part, {}).get("checkpoints", [])
        }

    selected = set().union(*map(members, config["select"]["groups"]))
    return [
        f"nleep_grid.groups: {group} has {absent[0]!r}, which no group of `select.groups` has; "
        f"select {group}, or leave it out here"
        for group in config["nleep_grid"]["groups"]
        if (absent := sorted(members(group) - selected))
    ]


def _check_comparable(config: dict) -> list[str]:
    """Find what a group says of the paper's checkpoints without having such a member, or the paper such a one."""
    paper, faults = config["evaluation"]["published"], []
    for name, group in config["groups"].items():
        said = group.get("comparable", {})
        place = f"groups.{name}.comparable"
        if said and paper is None:
            faults.append(f"{place}: with which paper's? Say so under evaluation.published")
            continue
        members = [*group.get("checkpoints", []), *group.get("unranked", [])]
        faults += [
            f"{place}: {member!r} is not of this group{_suggest(member, members)}"
            for member in said
            if member not in members
        ]
        printed = read_checkpoints(paper, name) if said else []
        faults += [
            f"{place}.{member}: the paper's group {name} has no {original!r}"
            f"{_suggest(original, printed)}"
            for member, original in said.items()
            if original not in printed
        ]
        twice = {original for original in said.values() if [*said.values()].count(original) > 1}
        faults += [f"{place}: {original!r} stands for two members" for original in sorted(twice)]
    return faults


def _check_measures(config: dict) -> list[str]:
    faults = []
    for name, measure in config["measures"].items():
        method = measure["method"]
        if method not in METHODS:
            faults.append(
                f"measures.{name}.method: unknown {method!r}{_suggest(method, list(METHODS))}"
            )
            continue
        if "eval" in measure and not METHODS[method].can_evaluate:
            faults.append(f"measures.{name}.eval: {method} scores the samples that it is fitted on")
        parameters = get_parameters(method)
        for key, value in measure.get("params", {}).items():
            place = f"measures.{name}.params.{key}"
            if key not in parameters:
                faults.append(
                    f"{place}: {method} has no such parameter{_suggest(key, list(parameters))}"
                )
            elif not parameters[key].accepts(value):
                faults.append(f"{place}: {value!r} is not {parameters[key].annotation}")
    return faults
