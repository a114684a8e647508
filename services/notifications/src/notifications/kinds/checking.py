"""Finding what a template names that events do not have, before anybody is sent the gap.

The example event of the kind says what there is: each name in the template is followed through it, also in branches
that the example does not take.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import nodes

from notifications.kinds.templates import LOOP, BadTemplate, compile_template, parse

_UNKNOWN = object()
"""What is there, but of which the example does not say what is in it."""
_LOOP = dict.fromkeys(LOOP, _UNKNOWN)
_SAME = frozenset({"default", "first", "last"})


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a template, and in which line."""

    line: int
    problem: str


def faults(source: str, known: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a template that may name `known` and what is in it; empty when nothing is."""
    try:
        tree = parse(source)
        compile_template(source)
    except BadTemplate as bad:
        return [Fault(bad.line, bad.problem)]
    reader = _Reader()
    reader.read_all(tree.body, known)
    return reader.faults


class _Reader:
    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def read_all(self, found: list[nodes.Node], known: Mapping[str, Any]) -> None:
        for node in found:
            self.read(node, known)

    def read(self, node: nodes.Node, known: Mapping[str, Any]) -> Any:
        """What `node` is in the example; notes what it names that is not there."""
        match node:
            case nodes.For():
                self._read_loop(node, known)
            case nodes.Name():
                return known[node.name] if node.name in known else self._missing(node, node.name, ", ".join(known))
            case nodes.Getattr():
                return self._part(node, self.read(node.node, known), node.attr)
            case nodes.Getitem(arg=nodes.Slice()):
                self.read(node.arg, known)
                return self.read(node.node, known)
            case nodes.Getitem(arg=nodes.Const(value=key)):
                return self._item(node, self.read(node.node, known), key)
            case nodes.Filter() if node.node is not None and node.name in _SAME:
                self.read_all([*node.args, *(one.value for one in node.kwargs)], known)
                whole = self.read(node.node, known)
                return whole if node.name == "default" else self._item(node, whole, 0)
            case _:
                self.read_all(list(node.iter_child_nodes()), known)
        return _UNKNOWN

    def _read_loop(self, node: nodes.For, known: Mapping[str, Any]) -> None:
        item = self._item(node, self.read(node.iter, known), 0)
        if isinstance(node.target, nodes.Name):
            targets = {node.target.name: item}
        else:
            targets = {one.name: _UNKNOWN for one in node.target.find_all(nodes.Name)}
        inside = {**known, **targets, "loop": _LOOP}
        self.read_all([*node.body, *([node.test] if node.test else [])], inside)
        self.read_all(node.else_, known)

    def _part(self, node: nodes.Node, whole: Any, name: str) -> Any:
        if whole is _UNKNOWN:
            return _UNKNOWN
        if isinstance(whole, Mapping):
            return whole[name] if name in whole else self._missing(node, name, ", ".join(map(str, whole)) or "nothing")
        return self._fault(node, f"{name} is asked of a {type(whole).__name__}; in the example it has no parts")

    def _item(self, node: nodes.Node, whole: Any, key: Any) -> Any:
        if isinstance(whole, Mapping) and isinstance(key, str):
            return self._part(node, whole, key)
        if isinstance(whole, list) and not whole:
            return self._fault(node, "the example has an empty list here; put one element into it")
        return whole[0] if isinstance(whole, list) else _UNKNOWN

    def _missing(self, node: nodes.Node, name: str, there: str) -> Any:
        return self._fault(node, f"{name} is not in the example; here there is {there}")

    def _fault(self, node: nodes.Node, problem: str) -> Any:
        self.faults.append(Fault(node.lineno, problem))
        return _UNKNOWN
