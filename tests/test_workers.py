"""Work on models recurses deeply; the frames that it takes must not cost anything."""

import pytest

from biaslint.analysis.incremental import parallel as workers

resource = pytest.importorskip("resource")


def pages_taken_by_deep_calls() -> int:
    def descend(depth: int) -> None:
        if depth:
            descend(depth - 1)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(2000):
        descend(200)
    return int(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


def test_deep_calls_one_after_the_other_use_the_same_memory() -> None:
    assert workers.with_deep_stack(pages_taken_by_deep_calls) < 1000
