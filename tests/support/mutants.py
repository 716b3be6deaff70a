"""A mistake made on purpose inside one function, and the tests that must notice it."""

import ast
import textwrap
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mutant:
    """`original` occurs exactly once in the source of the function that `place` names, `mistake` takes its place.

    `place` is a file below qqqbot/ and a function, a Class.method or a constant in it: "strategy/rule.py::level". Both
    texts are written as if the function began at the left margin.
    """

    name: str
    place: str
    original: str
    mistake: str
    tests: tuple[str, ...] = ()
    """files or node ids below tests/; without any, the unit tests of the module"""
    seed: int | None = None
    """the first of ten runs of the whole loop, at least one of which must notice the mistake as well"""

    @property
    def file(self) -> str:
        return self.place.partition("::")[0]

    @property
    def noticed_by(self) -> tuple[str, ...]:
        if self.tests:
            return self.tests
        path = Path("unit") / self.file
        return (path.with_name(f"test_{path.name}").as_posix(),)

    def apply(self, package: Path) -> None:
        path = package / self.file
        path.write_text(self.applied(path.read_text(encoding="utf-8")), encoding="utf-8")

    def applied(self, source: str) -> str:
        """`source`, which is the whole file, with the mistake in it. Raises LookupError if it cannot be made there."""
        lines = source.splitlines(keepends=True)
        first, last = _span(ast.parse(source), self.place.partition("::")[2])
        part = "".join(lines[first:last])
        body = textwrap.dedent(part)
        if (count := body.count(self.original)) != 1:
            raise LookupError(f"{self.name}: {self.place} contains {count} times: {self.original}")
        indent = " " * (len(part) - len(part.lstrip(" ")))
        changed = textwrap.indent(body.replace(self.original, self.mistake), indent)
        ast.parse(result := "".join([*lines[:first], changed, *lines[last:]]))
        return result


def _span(tree: ast.AST, name: str) -> tuple[int, int]:
    """The lines of a function, `Class.method` or constant, from the first to behind the last."""
    outer, _, inner = name.partition(".")
    for node in ast.iter_child_nodes(tree):
        if outer in _names(node):
            return _span(node, inner) if inner else _lines(node)
    raise LookupError(f"there is no {name}")


def _names(node: ast.AST) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.AnnAssign(target=ast.Name(id=name)):
            return {name}
    return set()


def _lines(node: ast.AST) -> tuple[int, int]:
    assert isinstance(node, ast.stmt)
    return node.lineno - 1, node.end_lineno or node.lineno
