"""Every table that a run leaves is as ``ckptrank.evaluation.columns`` states it, and none is missing."""

import fnmatch

import pytest
from tests.support.stated_tables import list_faults

from ckptrank.evaluation.columns import BENCHMARK, EXPERIMENTS, FINDINGS, MODEL_ZOO, RANK

pytestmark = pytest.mark.workflow


@pytest.mark.parametrize(
    ("run", "folders", "expected"),
    [
        ("finished", ["evaluation", "collected", "nleep_grid"], [BENCHMARK, FINDINGS]),
        ("ranked", ["rank"], [RANK]),
        ("zoo", ["model_zoo"], [MODEL_ZOO, EXPERIMENTS]),
    ],
)
def test_the_tables_of_a_run_are_those_that_are_stated(run, folders, expected, request):
    root = request.getfixturevalue(run).folder
    files = {
        path.relative_to(root).as_posix(): path
        for folder in folders
        for path in sorted((root / "results" / folder).rglob("*.csv"))
    }
    assert [fault for file, path in files.items() for fault in list_faults(path, file)] == []
    stated = {file for tables in expected for table in tables.values() for file in table.files}
    stated = {file for file in stated if file.startswith("results/")}
    assert {file for file in stated if not fnmatch.filter(files, file)} == set()
