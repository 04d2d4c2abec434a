"""The list of uses is complete and was reviewed; needs no bindings."""

from __future__ import annotations

from tests.contract.reviewed import FEATURES, INTERFACES, REVIEW


def test_every_use_was_reviewed(found):
    assert not found.problems, "look at these and add them to reviewed.py:\n" + "\n".join(
        found.problems
    )


def test_the_list_has_what_everyone_uses(found):
    paths = {use.path for use in found.uses}
    assert {"Runtime", "Runtime.deserialize_cuda_engine", "Builder.create_network"} <= paths
    assert {"TensorIOMode.INPUT", "IExecutionContext.execute_async_v3"} <= paths
    assert {"BuilderFlag.TF32", "BuilderFlag.FP16", "ILogger.Severity.ERROR"} <= paths
    assert {"IBuilderConfig.progress_monitor", "DataType.name"} <= paths
    assert len(paths) > 80


def test_every_feature_that_is_asked_for_says_who_must_have_it(found):
    unknown = [f"{where}: {path}" for path, where in found.features.items() if path not in FEATURES]
    stale = [path for path in FEATURES if path not in found.features]
    assert not unknown
    assert not stale


def test_every_subclass_has_the_methods_that_tensorrt_calls(found):
    problems = []
    for one in found.subclasses:
        for name, callback in INTERFACES[one.base].items():
            count = one.methods.get(name)
            if count is None and callback.required:
                problems.append(f"{one.where}: {one.base}.{name} is not overridden")
            if count not in (None, callback.arguments):
                problems.append(f"{one.where}: {one.base}.{name} takes {count} arguments")
    assert not problems
    assert {one.base for one in found.subclasses} == set(INTERFACES)


def test_the_review_has_nothing_stale(found):
    tables = ("returns", "functions", "forwards", "accessors", "computed", "guards")
    entries: list[tuple[str, ...]] = [
        *(("names", file, name) for file, names in REVIEW.names.items() for name in names),
        *((table, name) for table in tables for name in getattr(REVIEW, table)),
    ]
    assert not [entry for entry in entries if entry not in found.consulted]
