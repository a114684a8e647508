"""The language that templates are written in: Jinja without whatever could run long, grow, or reach out.

Loops go over what the event has, at most `MOST_STEPS` steps in all, and a text ends at its limit: both are counted, not
timed, so that what can be sent is the same on a busy machine. There are no calls, no assignments and no imports; html
escapes whatever comes from outside, and no filter switches that off.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import ChainableUndefined, Template, TemplateSyntaxError, nodes, pass_context
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from common.errors import Poison

MOST_STEPS = 20_000
"""Steps of all loops of a text together."""
DEEPEST_LOOP = 3
LONGEST_ARGUMENT = 50
"""Characters of a constant that a filter is given."""

FILTERS = frozenset(
    {"capitalize", "default", "e", "escape", "first", "float", "int", "join", "last", "length", "lower", "round",
     "string", "title", "trim", "truncate", "upper"}
)  # fmt: skip
TESTS = frozenset({"defined", "undefined", "none", "number", "string", "eq", "ne", "lt", "gt", "le", "ge", "in"})
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.List, nodes.Tuple,
)  # fmt: skip
_STEPS = "_steps"


class BadTemplate(Exception):
    """The source is not in the language; `line` and `problem` say where and why."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class _Steps:
    def __init__(self) -> None:
        self.left = MOST_STEPS


@pass_context
def _counted(context: Context, items: Any) -> Iterator[Any]:
    """What a loop goes over, one step taken from the text's budget each time."""
    steps: _Steps = context[_STEPS]
    for item in items or ():
        steps.left -= 1
        if steps.left < 0:
            raise Poison("message_too_long", f"its loops take more than {MOST_STEPS} steps")
        yield item


def _environment(*, markup: bool) -> ImmutableSandboxedEnvironment:
    made = ImmutableSandboxedEnvironment(autoescape=markup, undefined=ChainableUndefined, cache_size=0)
    made.globals.clear()
    filters: dict[str, Any] = {name: made.filters[name] for name in FILTERS} | {"_counted": _counted}
    made.filters = filters  # pyright: ignore[reportAttributeAccessIssue]  its stubs list the built-in ones
    return made


_MARKUP, _TEXT = _environment(markup=True), _environment(markup=False)


def parse(source: str) -> nodes.Template:
    """The source as a tree, once it is known to be in the language. Raises BadTemplate."""
    try:
        tree = _TEXT.parse(source)
    except TemplateSyntaxError as error:
        raise BadTemplate(error.lineno, str(error.message)) from None
    _allow(tree, 0)
    return tree


def _allow(node: nodes.Node, depth: int) -> None:
    if not isinstance(node, _NODES):
        raise BadTemplate(node.lineno, f"{type(node).__name__.lower()} is not allowed in a template")
    if isinstance(node, nodes.Name) and node.name.startswith("_"):
        raise BadTemplate(node.lineno, f"the name {node.name} begins with an underscore")
    if isinstance(node, nodes.Getattr) and node.attr.startswith("_"):
        raise BadTemplate(node.lineno, f"the name {node.attr} begins with an underscore")
    if isinstance(node, nodes.Filter):
        _allow_filter(node)
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise BadTemplate(node.lineno, f"there is no test {node.name}; there are {', '.join(sorted(TESTS))}")
    if isinstance(node, nodes.For):
        depth += 1
        if depth > DEEPEST_LOOP or node.recursive:
            raise BadTemplate(node.lineno, f"loops stand in each other at most {DEEPEST_LOOP} deep")
    for child in node.iter_child_nodes():
        _allow(child, depth)


def _allow_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS:
        raise BadTemplate(node.lineno, f"there is no filter {node.name}; there are {', '.join(sorted(FILTERS))}")
    arguments = [*node.args, *(one.value for one in node.kwargs)]
    for one in arguments if node.name != "default" else []:
        if not isinstance(one, nodes.Const) or len(str(one.value)) > LONGEST_ARGUMENT:
            raise BadTemplate(node.lineno, f"{node.name} takes constants of at most {LONGEST_ARGUMENT} characters")


@lru_cache(maxsize=1_000)
def compile_template(source: str, *, markup: bool = False) -> Template:
    """The template; compiled once for each source. Raises BadTemplate."""
    tree = parse(source)
    for loop in tree.find_all(nodes.For):
        loop.iter = nodes.Filter(loop.iter, "_counted", [], [], None, None, lineno=loop.lineno)
    return (_MARKUP if markup else _TEXT).from_string(tree)


def render(template: Template, values: Mapping[str, Any], most: int) -> str:
    """The text, at most `most` characters. Raises Poison when it is longer, loops too much, or cannot be made.

    What the event lacks is written as nothing.
    """
    return _joined(template.generate({**values, _STEPS: _Steps()}), most)


def _joined(pieces: Iterable[str], most: int) -> str:
    written: list[str] = []
    length = 0
    try:
        for piece in pieces:
            written.append(piece)
            length += len(piece)
            if length > most:
                raise Poison("message_too_long", f"its words are longer than {most} characters")
    except (TypeError, ValueError, ArithmeticError, UndefinedError, SecurityError) as error:
        raise Poison("words_fail", f"the template cannot be filled with this event: {type(error).__name__}") from None
    return "".join(written)
