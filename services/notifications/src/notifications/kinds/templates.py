"""The language that templates are written in: Jinja without whatever could run long, grow, or reach out.

A name means what the data have, never a part of the program. What loops and made texts cost is counted and not timed,
so that what can be sent is the same on a busy machine. There are no calls, no assignments and no imports; html escapes
whatever comes from outside, and no filter switches that off.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

from jinja2 import ChainableUndefined, Environment, Template, TemplateSyntaxError, nodes, pass_eval_context
from jinja2.exceptions import TemplateRuntimeError
from jinja2.filters import do_round, sync_do_join
from jinja2.nodes import EvalContext
from jinja2.runtime import LoopContext

from common.errors import Poison
from notifications.kinds import costs
from notifications.kinds.costs import Costs, Steps, parts

DEEPEST_LOOP = 3
DEEPEST = 20
"""Blocks and expressions in each other."""
LARGEST_EXPRESSION = 50
"""Parts of one expression."""
LONGEST_ARGUMENT = 50
"""Characters of a constant that a filter is given."""
LARGEST_ARGUMENT = 1_000
"""The number that a filter is given at the most."""

LOOP = ("index", "index0", "revindex", "revindex0", "first", "last", "length", "depth")
"""What a template may ask of `loop`."""
FILTERS = frozenset(
    {"capitalize", "default", "e", "escape", "first", "float", "int", "join", "last", "length", "lower", "round",
     "string", "title", "trim", "truncate", "upper"}
)  # fmt: skip
TESTS = frozenset({"defined", "undefined", "number", "string", "eq", "ne", "lt", "gt", "le", "ge", "in"})
_NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.Filter, nodes.Test, nodes.If, nodes.For, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Add, nodes.Sub, nodes.Neg, nodes.List, nodes.Tuple,
)  # fmt: skip


class BadTemplate(Exception):
    """The source is not in the language; `line` and `problem` say where and why."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class _Language(Environment):
    """A name after a dot or in brackets is a member of the data. Null counts as not there."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        value: Any = None
        if isinstance(obj, dict):  # data are what JSON makes
            value = obj.get(argument)
        elif isinstance(obj, (list, str)) and isinstance(argument, int):
            value = obj[argument] if -len(obj) <= argument < len(obj) else None
        elif isinstance(obj, LoopContext) and argument in LOOP:
            value = getattr(obj, argument)
        return self.undefined(obj=obj, name=str(argument)) if value is None else value

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)


@pass_eval_context
def _join(context: EvalContext, items: Any, between: str = "") -> str:
    """Of a list only: joining the characters of a text again and again would let it grow without end."""
    if isinstance(items, str):
        raise TypeError
    return sync_do_join(context, items, between)


def _round(value: Any, precision: int = 0, method: Literal["common", "ceil", "floor"] = "common") -> float:
    """Of a number only: a text or a list would be repeated as often as a power of ten says."""
    if not isinstance(value, (int, float)):
        raise TypeError
    return do_round(value, precision, method)


def _environment(*, markup: bool) -> Environment:
    made = _Language(autoescape=markup, undefined=ChainableUndefined, cache_size=0, finalize=_not_none)
    made.globals.clear()
    filters: dict[str, Any] = {name: made.filters[name] for name in FILTERS}
    filters |= costs.FILTERS | {"join": _join, "round": _round}
    made.filters = filters  # pyright: ignore[reportAttributeAccessIssue]  its stubs list the built-in ones
    return made


def _not_none(value: Any) -> Any:
    return "" if value is None else value


_MARKUP, _TEXT = _environment(markup=True), _environment(markup=False)


def parse(source: str) -> nodes.Template:
    """The source as a tree, once it is known to be in the language. Raises BadTemplate."""
    try:
        tree = _TEXT.parse(source)
        _allow(tree, 0, 0)
    except TemplateSyntaxError as error:
        raise BadTemplate(error.lineno, str(error.message)) from None
    except ValueError:
        raise BadTemplate(1, "a number in it is too long") from None
    except RecursionError:
        raise BadTemplate(1, f"its parts stand in each other more than {DEEPEST} deep") from None
    return tree


def _allow(node: nodes.Node, depth: int, loops: int) -> None:
    if not isinstance(node, _NODES):
        raise BadTemplate(node.lineno or 1, f"{type(node).__name__.lower()} is not allowed in a template")
    if depth > DEEPEST:
        raise BadTemplate(node.lineno, f"its parts stand in each other more than {DEEPEST} deep")
    match node:
        case nodes.Name(name=name) | nodes.Getattr(attr=name) if name.startswith("_"):
            raise BadTemplate(node.lineno, f"the name {name} begins with an underscore")
        case nodes.Name(name="self"):
            raise BadTemplate(node.lineno, "self is the template, not the event")
        case nodes.Filter():
            _allow_filter(node)
        case nodes.Test() if node.name not in TESTS:
            raise BadTemplate(node.lineno, f"there is no test {node.name}; there are {', '.join(sorted(TESTS))}")
        case nodes.For():
            loops += 1
            if loops > DEEPEST_LOOP or node.recursive:
                raise BadTemplate(node.lineno, f"loops stand in each other at most {DEEPEST_LOOP} deep")
        case _:
            pass
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Expr) and not isinstance(node, nodes.Expr) and parts([child]) > LARGEST_EXPRESSION:
            raise BadTemplate(child.lineno, f"an expression has at most {LARGEST_EXPRESSION} parts")
        _allow(child, depth + 1, loops)


def _allow_filter(node: nodes.Filter) -> None:
    if node.name not in FILTERS:
        raise BadTemplate(node.lineno, f"there is no filter {node.name}; there are {', '.join(sorted(FILTERS))}")
    given = all(map(_is_small, node.args)) or node.name == "default"
    if not given or node.kwargs or node.dyn_args or node.dyn_kwargs:
        limits = f"{LONGEST_ARGUMENT} characters, or numbers up to {LARGEST_ARGUMENT}"
        raise BadTemplate(node.lineno, f"{node.name} takes constants of at most {limits}")


def _is_small(argument: nodes.Expr) -> bool:
    if not isinstance(argument, nodes.Const):
        return False
    value = argument.value
    return abs(value) <= LARGEST_ARGUMENT if isinstance(value, (int, float)) else len(str(value)) <= LONGEST_ARGUMENT


@lru_cache(maxsize=1_000)
def compile_template(source: str, *, markup: bool = False) -> Template:
    """The template; compiled once for each source. Raises BadTemplate."""
    tree = Costs().visit(parse(source))
    try:
        return (_MARKUP if markup else _TEXT).from_string(tree)
    except TemplateSyntaxError as error:  # some of it is only seen now
        raise BadTemplate(error.lineno, str(error.message)) from None


def render(template: Template, values: Mapping[str, Any], most: int, steps: int = costs.MOST_STEPS) -> str:
    """The text, at most `most` characters. Raises Poison when it is longer, costs too much, or cannot be made.

    What the event lacks is written as nothing.
    """
    context = template.new_context({**values, costs.STEPS: Steps(steps)}, shared=True)  # nothing else has these values
    return _joined(template.root_render_func(context), most)


def _joined(pieces: Iterable[str], most: int) -> str:
    written: list[str] = []
    length = 0
    try:
        for piece in pieces:
            written.append(piece)
            length += len(piece)
            if length > most:
                raise Poison("message_too_long", f"its words are longer than {most} characters")
    except (TypeError, ValueError, ArithmeticError, AssertionError, LookupError, TemplateRuntimeError) as error:
        raise Poison("words_fail", f"the template cannot be filled with this event: {type(error).__name__}") from None
    return "".join(written)
