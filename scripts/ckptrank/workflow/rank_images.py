"""Rank checkpoints for a folder of images: the starter config, the ranking and its answer in one command."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from ckptrank.errors import PairFault
from ckptrank.files import caches, connections
from ckptrank.files.atomic import read_json
from ckptrank.text import counted, listed, roughly
from ckptrank.workflow.config import ConfigError
from ckptrank.workflow.counted_networks import count_networks
from ckptrank.workflow.estimate import estimate_ranking, find_pace
from ckptrank.workflow.local_files import list_places
from ckptrank.workflow.new import (
    add_checkpoints_argument,
    describe_step,
    locate_images,
    look,
    make_name,
    write_config,
)
from ckptrank.workflow.new_checkpoints import find_checkpoints, is_told
from ckptrank.workflow.queries import expand_queries

HELP = "rank checkpoints for a folder of images, or annotated ones"
ROOT = Path(__file__).parents[3]
"""The clone that holds the workflow."""
OVERLAY = "offline.yaml"
"""Laid over the config of a run without a network."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "images",
        metavar="FOLDER",
        help="the images: a folder (or an archive) with a subfolder per class, or of Pascal VOC's layout, or an "
        "annotation file in COCO's format",
    )
    parser.add_argument(
        "--run",
        dest="folder",
        metavar="DIR",
        type=Path,
        help="where the config, the results and the report lie; default: NAME_ranked in the current folder",
    )
    add_checkpoints_argument(parser)
    parser.add_argument("--cores", default="all", help="processor cores to use; default: all")
    parser.add_argument(
        "--plan", action="store_true", help="say what would be done, and do nothing more"
    )


def run(arguments: argparse.Namespace) -> None:
    name = make_name(arguments.images)
    folder = arguments.folder or Path(f"{name}_ranked")
    config = folder / "config.yaml"
    mine = None if arguments.checkpoints is None else find_checkpoints(arguments.checkpoints)
    if config.exists():
        print(f"Using {config} as it stands; remove it for a new one.")
        _check_images(config, arguments.images)
        _check_checkpoints(config, mine.checkpoints if mine else {})
        found = look(arguments.images)
    else:
        found = write_config(config, arguments.images, name, mine)
        print(f"Wrote {config}; change it, and the same command ranks what it then says.")
    if found.nothing_to_rank:
        raise PairFault(
            f"{arguments.images}: {found.nothing_to_rank} and nothing can be ranked; "
            f"{describe_step(found.steps[0], config)}"
        )
    checkpoints = read_candidates(config)
    missing = [name for name, given in checkpoints.items() if not is_here(given, folder, name)]
    offline = bool(missing) and not connections.is_online()
    if offline:
        checkpoints = choose_cached(checkpoints, missing)
        print(
            f"No network: {listed(missing)} must wait. Ranking what is here: {listed([*checkpoints])}."
        )
        missing = []
        write_overlay(folder / OVERLAY, checkpoints)
    cores = int(arguments.cores) if arguments.cores.isdigit() else os.cpu_count() or 1
    told = describe_plan(folder, found.ranked, checkpoints, missing, cores, further=found.measured)
    print(told, flush=True)
    if not arguments.plan:
        _rank(folder, arguments.cores, offline=offline)
        for step in found.steps[1:]:
            print(f"Next: {describe_step(step, config)}")


def read_candidates(config: Path) -> dict[str, dict]:
    """Return name -> definition of the checkpoints that a config ranks: of unions, and of what queries of timm find.

    Raises :class:`PairFault` where a query finds nothing.
    """
    said = yaml.safe_load(config.read_text(encoding="utf-8"))
    try:
        expand_queries(said, config.parent / "resources" / "queries")
    except ConfigError as error:
        raise PairFault(f"{config}: {error}") from error
    groups = said["groups"]
    parts = [
        part for name in said["select"]["groups"] for part in groups[name].get("union", [name])
    ]
    names = dict.fromkeys(name for part in parts for name in groups[part]["checkpoints"])
    return {name: said["checkpoints"][name] for name in names}


def is_here(definition: Mapping, folder: Path, name: str) -> bool:
    """Whether the weights of a checkpoint need no download: prepared by an earlier run, local or cached."""
    card = folder / "resources" / "checkpoints" / name / "card.json"
    if card.is_file() and read_json(card)["status"] == "ok":
        return True
    source = definition["source"]
    if source == "timm":
        return caches.has_repository(f"timm/{definition['model']}")
    if source == "hub":
        return caches.has_repository(definition["repository"])
    if source == "torchvision":
        return _has_torchvision(definition["model"], definition["weights"])
    places = list_places(definition)
    return not any("://" in place and not place.startswith("file://") for place in places)


def _has_torchvision(model: str, weights: str) -> bool:
    """Whether a cache holds the file of these weights; torchvision is asked for its name where one may be it."""
    folders = [caches.torch_cache(), *(caches.cache_folder() / "downloads").glob("*")]
    files = {path.name for folder in folders for path in folder.glob(f"{model}*.pth")}
    if not files:
        return False
    from torchvision import models

    try:
        url = models.get_model_weights(model)[weights].url
    except (ValueError, KeyError):  # no such network, no such weights: preparing it says so
        return False
    return Path(urlsplit(url).path).name in files


def choose_cached(checkpoints: Mapping[str, dict], missing: Sequence[str]) -> dict[str, dict]:
    """Return what can be ranked without a network: those that are not ``missing``, and what else the caches hold.

    Raises :class:`PairFault` where there is nothing, with what to do.
    """
    kept = {name: given for name, given in checkpoints.items() if name not in missing}
    known = [given.get("model", given.get("repository")) for given in kept.values()]
    for repository in caches.list_repositories():
        given = define(repository)
        if given.get("model", given.get("repository")) not in known:
            kept[make_name(repository)] = given
    if not kept:
        raise PairFault(
            f"no network, and no weights in {caches.hub_cache()}; run it where there is a network, copy its "
            "cache here, or name weights of your own in the config (docs/own_data.md)"
        )
    return kept


def define(repository: str) -> dict:
    """Return the definition of a checkpoint from a repository of the hub."""
    owner, _, name = repository.partition("/")
    if owner == "timm":
        return {"source": "timm", "title": name, "model": name}
    return {"source": "hub", "title": repository, "repository": repository}


def write_overlay(path: Path, checkpoints: Mapping[str, dict]) -> None:
    """Write what a run without a network ranks instead of what its config says."""
    said = {
        "select": {"groups": ["cached"]},
        "groups": {"cached": {"title": "What needs no network", "checkpoints": [*checkpoints]}},
        "checkpoints": dict(checkpoints),
    }
    path.write_text(yaml.safe_dump(said, sort_keys=False, allow_unicode=True), encoding="utf-8")


def describe_plan(
    folder: Path,
    images: int,
    checkpoints: Mapping[str, dict],
    missing: Sequence[str],
    cores: int,
    *,
    further: int,
) -> str:
    """Return what is to be fetched, and how long the run is likely to take.

    ``further``: passes of each checkpoint beside those of the images.
    """
    gpu = shutil.which("nvidia-smi") is not None
    sizes = count_networks(folder, checkpoints)
    pace = 1.0 if gpu else find_pace()
    seconds, megabytes = estimate_ranking(
        folder, checkpoints, images + further, sizes=sizes, gpu=gpu, cores=cores, pace=pace
    )
    total = sum(megabytes[name] for name in missing)
    size = f"about {total / 1e3:.1f} GB" if total >= 1000 else f"about {total:.0f} MB"
    if missing:
        fetched = f"To fetch: the weights of {counted(len(missing), 'checkpoint')}, {size}."
        if len(missing) < len(checkpoints):
            fetched += f" {len(checkpoints) - len(missing)} are here already."
    else:
        fetched = "Nothing to fetch: all weights are here."
    device = "a GPU" if gpu else counted(cores, "core")
    return (
        f"{fetched}\nTo do: {counted(len(checkpoints), 'checkpoint')} over {counted(images, 'training image')}, about "
        f"{roughly(max(seconds, 30))} on {device}{', fetching not counted' if missing else ''}. A broken run goes on where it was."
    )


def _check_images(config: Path, given: str) -> None:
    said = yaml.safe_load(config.read_text(encoding="utf-8"))
    places = [task.get("path") for task in said["tasks"].values()]
    if locate_images(given) not in places:
        raise PairFault(
            f"{config}: is of other images ({', '.join(map(str, places))}); give another --run"
        )


def _check_checkpoints(config: Path, mine: Mapping[str, dict]) -> None:
    said = yaml.safe_load(config.read_text(encoding="utf-8"))["checkpoints"]
    absent = [name for name, given in mine.items() if is_told(given) and name not in said]
    if absent:
        raise PairFault(
            f"{config}: has no {listed(absent)}; add what is absent, or give another --run"
        )


def _rank(folder: Path, cores: str, *, offline: bool) -> None:
    """Run the workflow in ``folder``, write its report, print the answer; a fault where nothing was ranked."""
    if not (ROOT / "Snakefile").is_file():
        raise PairFault(
            f"{ROOT}: holds no Snakefile; install ckptrank from a clone (pip install -e .)"
        )
    command = [
        *(
            sys.executable,
            "-m",
            "snakemake",
            "rank",
            "-s",
            str(ROOT / "Snakefile"),
            "-d",
            str(folder),
        ),
        *("--cores", cores, "--workflow-profile", str(ROOT / "profiles" / "default")),
        *(("--configfile", str((folder / OVERLAY).resolve())) if offline else ()),
        *("--logger", "progress"),
    ]
    environment = os.environ | ({"HF_HUB_OFFLINE": "1"} if offline else {})
    done = subprocess.run(command, env=environment)
    if done.returncode:
        raise PairFault(
            f"the run failed; the logs are below {folder / 'logs'}, run it again to go on"
        )
    report = folder / "reports" / "rank.html"
    report.parent.mkdir(exist_ok=True)
    style = ROOT / "reports" / "report.css"
    subprocess.run(
        [*command, "--report-stylesheet", str(style), "--report", str(report.resolve())],
        env=environment,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    print_answers(folder)
    print(f"\nThe report is in {report.resolve()}")


def print_answers(folder: Path) -> None:
    """Print the ranking of each task of a finished run; raise :class:`PairFault` where one ranked nothing."""
    from ckptrank.evaluation.columns import RANK
    from ckptrank.evaluation.tables import read_table
    from ckptrank.rank.terminal import format_ranking

    empty = []
    for path in sorted((folder / "results" / "rank").glob("*/ranking.csv")):
        ranking = read_table(path, RANK["ranking"], "ranking")
        print(f"\n{format_ranking(ranking, read_json(path.with_name('facts.json')))}")
        if ranking["rank"].isna().all():
            empty.append(path.parent.name)
    if empty:
        raise PairFault(f"{listed(empty)}: no checkpoint could be ranked")
