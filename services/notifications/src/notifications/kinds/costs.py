"""What a text costs: its loops, and the texts that are made on the way. Counted, not timed."""

from collections.abc import Iterable, Iterator
from typing import Any

from jinja2 import nodes, pass_context
from jinja2.runtime import Context
from jinja2.visitor import NodeTransformer

from common.errors import Poison

MOST_STEPS = 20_000
"""What all loops and made texts of a text may cost together."""
MOST_OWN_STEPS = 2_000
"""The same of what a partner wrote: it is made for each recipient of each of his events, among those of all others."""
PARTS_A_STEP = 10
"""A turn of a loop costs one step, and one more for each so many parts (names, constants, operations) in it."""
CHARACTERS_A_STEP = 100
"""A text or a list that a filter, an operator or a slice makes costs a step for each so many characters or elements;
what is compared, for each so many in all of it."""

STEPS = "_steps"
"""The name of the budget among the values of a text; no template can say it."""


class Steps:
    """The budget of one text."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, steps: int) -> None:
        """Raises Poison when the text has cost more than it may."""
        self._left -= steps
        if self._left < 0:
            raise Poison("message_too_long", f"its loops and texts cost more than {self._most} steps")


@pass_context
def _counted(context: Context, items: Any, cost: int) -> Iterator[Any]:
    """What a loop goes over, each turn taken from the budget."""
    steps: Steps = context[STEPS]
    for item in items or ():
        steps.take(cost)
        yield item


@pass_context
def _weighed(context: Context, value: Any) -> Any:
    """A value that was made, its length taken from the budget."""
    if isinstance(value, (str, list, tuple)):
        context[STEPS].take(len(value) // CHARACTERS_A_STEP)  # pyright: ignore[reportUnknownArgumentType]
    return value


@pass_context
def _compared(context: Context, value: Any) -> Any:
    """A value that another is compared with, all that is in it taken from the budget."""
    context[STEPS].take(_size(value) // CHARACTERS_A_STEP)
    return value


def _size(value: Any) -> int:
    """Characters and elements, inner ones too; what lies beyond every budget is not counted."""
    size, inside = 0, [value]
    while inside and size <= MOST_STEPS * CHARACTERS_A_STEP:
        one = inside.pop()
        if isinstance(one, (str, list, tuple, dict)):
            size += len(one)  # pyright: ignore[reportUnknownArgumentType]
        if isinstance(one, (list, tuple, dict)):
            inside.extend(one.values() if isinstance(one, dict) else one)  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    return size


FILTERS = {"_counted": _counted, "_weighed": _weighed, "_compared": _compared}
"""What `Costs` puts into a tree; no template can say these names either."""


def parts(of: Iterable[nodes.Node]) -> int:
    """Names, constants, operations: everything that a tree is made of."""
    return sum(1 + parts(node.iter_child_nodes()) for node in of)


class Costs(NodeTransformer):
    """Puts the price of everything that costs into a tree."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  the visitor's name for it
        cost = 1 + parts(node.body) // PARTS_A_STEP
        self.generic_visit(node)
        node.iter = _through("_counted", node.iter, nodes.Const(cost))
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("_weighed", node)

    visit_Concat = visit_Add = visit_Filter  # noqa: N815

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _through("_weighed", node) if isinstance(node.arg, nodes.Slice) else node

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        for one in node.ops:  # comparing costs no more than the shorter side has, searching what the right one has
            one.expr = _through("_compared", one.expr)
        return node

    def visit_Test(self, node: nodes.Test) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.args = [_through("_compared", one) for one in node.args]
        return node


def _through(name: str, value: Any, *args: nodes.Expr) -> nodes.Filter:
    return nodes.Filter(value, name, list(args), [], None, None, lineno=value.lineno)
