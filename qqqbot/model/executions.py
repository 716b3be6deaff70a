"""Which executions are revisions of the same one, and how a dictionary keeps only its newest entries.

A broker corrects an execution by reporting it again: the correction has the same exec_id up to the last dot, and a
higher number after it. https://interactivebrokers.github.io/tws-api/executions_commissions.html
"""

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar


class Execution(Protocol):
    """Whatever carries an exec_id: the broker's report or our Fill."""

    @property
    def exec_id(self) -> str: ...


E = TypeVar("E", bound=Execution)
STATUS_SUFFIX = ".status.01"


def newest_revisions(executions: Iterable[E]) -> tuple[E, ...]:
    """The newest revision of each execution, in the order of their first appearance."""
    newest: dict[str, E] = {}
    for execution in executions:
        known = newest.get(stem(execution.exec_id))
        if known is None or revision(execution.exec_id) >= revision(known.exec_id):
            newest[stem(execution.exec_id)] = execution
    return tuple(newest.values())


def stem(exec_id: str) -> str:
    """The part of `exec_id` that all revisions of one execution share."""
    return exec_id.rpartition(".")[0] or exec_id


def revision(exec_id: str) -> int:
    """The number of the revision; 0 if there is none."""
    last = exec_id.rpartition(".")[2]
    return int(last) if last.isdigit() else 0


def status_exec_id(order_ref: str) -> str:
    """The id that stands for an execution known only from the order's status."""
    return f"{order_ref}{STATUS_SUFFIX}"


def is_from_status(exec_id: str) -> bool:
    return exec_id.endswith(STATUS_SUFFIX)


def forget_oldest(newest_last: dict[Any, Any], count: int) -> None:
    """Remove all but the `count` entries that were added last."""
    while len(newest_last) > count:
        del newest_last[next(iter(newest_last))]
