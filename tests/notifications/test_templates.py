"""The language of templates: what it refuses, what it costs, and that nothing from outside gets further (A6)."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from common.errors import Poison
from notifications.kinds.checking import Fault, faults
from notifications.kinds.domain import MOST_HTML, MOST_TEXT, Templates
from notifications.kinds.templates import FILTERS, TESTS, BadTemplate, compile_template, render

LINES = [{"name": "Kettle", "quantity": 2}] * 1_000
KNOWN: dict[str, Any] = {
    "data": {"number": "7", "count": 3, "nothing": None, "empty": [], "inner": {"deep": "d"}, "lines": LINES,
             "items": ["a", "b"]},
    "partner": {"id": "prt", "name": "Kettle Ltd"},
    "recipient": {"name": "Ann", "address": "ann@kettle.example"},
    "intro": "",
}  # fmt: skip


def rendered(source: str, data: Mapping[str, Any], *, markup: bool = False, most: int = MOST_TEXT) -> str:
    return render(compile_template(source, markup=markup), {**KNOWN, "data": data}, most)


def rendered_if_it_can(source: str, data: Mapping[str, Any]) -> str:
    """Nothing where it is refused, or fails in the way that is told."""
    try:
        return rendered(source, data)
    except BadTemplate:
        return ""
    except Poison as poison:
        return "" if poison.reason in ("words_fail", "message_too_long") else poison.reason


def problems(source: str) -> list[str]:
    return [one.problem for one in faults(source, KNOWN)]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("{{ data.numbr }}", "numbr is not in the example"),
        ("{{ order }}", "order is not in the example"),
        ("{{ data.number.x }}", "x is asked of a str"),
        ("{% if false %}{{ data.numbr }}{% endif %}", "numbr is not in the example"),
        ("{% for one in data.lines %}{{ one.colour }}{% endfor %}", "colour is not in the example"),
        ("{% for one in data.lines %}{% endfor %}{{ one }}", "one is not in the example"),
        ("{% for one in data.empty %}{{ one.x }}{% endfor %}", "put one element into it"),
        ("{% for one in data.lines %}{% else %}{{ one }}{% endfor %}", "one is not in the example"),
        ("{{ loop.index }}", "loop is not in the example"),
        ("{{ data['numbr'] }}", "numbr is not in the example"),
        ("{{ data.numbr | default('') }}", "numbr is not in the example"),
        ("{{ data.number", "unexpected end of template"),
        ("{% if data.number %}", "Unexpected end of template"),
        ("{% fro x in data.lines %}", "unknown tag"),
        ("{{ data.number | shout }}", "there is no filter shout"),
        ("{{ 1 if data.number is shouted }}", "there is no test shouted"),
        ("{{ data.lines() }}", "call is not allowed"),
        ("{% set x = 1 %}", "assign is not allowed"),
        ("{% set x %}1{% endset %}", "assignblock is not allowed"),
        ("{% include 'x' %}", "include is not allowed"),
        ("{% import 'x' as x %}", "import is not allowed"),
        ("{% from 'x' import y %}", "fromimport is not allowed"),
        ("{% extends 'x' %}", "extends is not allowed"),
        ("{% block x %}{% endblock %}", "block is not allowed"),
        ("{% macro x() %}{% endmacro %}", "macro is not allowed"),
        ("{% call x() %}{% endcall %}", "callblock is not allowed"),
        ("{% filter upper %}x{% endfilter %}", "filterblock is not allowed"),
        ("{% with x = 1 %}{% endwith %}", "with is not allowed"),
        ("{% autoescape false %}{% endautoescape %}", "not allowed"),
        ("{% for loop in data.lines %}{% endfor %}", "loop"),
        ("{% for x in data.lines recursive %}{% endfor %}", "loops stand in each other"),
        ("{% for a in data.lines %}" * 4 + "{% endfor %}" * 4, "loops stand in each other at most 3 deep"),
        ("{% if data.number %}" * 200 + "{% endif %}" * 200, "more than 20 deep"),
        ("{{ " + "not " * 3_000 + "data }}", "more than 20 deep"),
        ("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", "more than 20 deep"),
        ("{{ data" + ".inner" * 5_000 + " }}", "more than 20 deep"),
        ("{{ " + " ~ ".join(["data.number"] * 60) + " }}", "at most 50 parts"),
        ("{{ " + "1" * 5_000 + " }}", "a number in it is too long"),
    ],
)
def test_what_is_not_in_the_language_is_refused_with_line_and_problem(source: str, problem: str) -> None:
    """A6: unknown names, also in branches that the example does not take; whatever is no plain template."""
    [fault] = faults("first line\n" + source, KNOWN)
    assert problem in fault.problem
    assert fault.line in (1, 2)


def test_the_line_of_a_fault_is_its_own() -> None:
    """A6: several are told at once."""
    found = faults("{{ data.a }}\n{{ data.number }}\n\n{{ data.b }}", KNOWN)
    assert [(one.line, one.problem.split()[0]) for one in found] == [(1, "a"), (4, "b")]
    assert faults("x\n\n{{ data.number() }}", KNOWN) == [Fault(3, "call is not allowed in a template")]


ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ data.__class__ }}",
    "{{ data['__class__'] }}",
    "{{ data['__cla' ~ 'ss__'] }}",
    "{{ data | attr('__class__') }}",
    "{{ data | map(attribute='__class__') | join }}",
    "{{ data.lines | join(',', attribute='__class__') }}",
    "{{ data.lines | join(',', '__class__') }}",
    "{{ data.items.__self__ }}",
    "{{ data.update }}",
    "{{ data['update'] }}",
    "{{ data.lines.append }}",
    "{{ data.number.format }}",
    "{{ data.number['format_map'] }}",
    "{{ '{0.__class__}' | format(data) }}",
    "{{ '%s' % data }}",
    "{{ '{0.__class__}'.format(data) }}",
    "{{ self }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__ }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ namespace() }}",
    "{{ joiner }}",
    "{{ config }}",
    "{{ request.application.__globals__ }}",
    "{{ get_flashed_messages.__globals__ }}",
    "{{ environment }}",
    "{{ context }}",
    "{{ range(10) }}",
    "{{ dict(a=1) }}",
    "{{ _steps }}",
    "{{ data | _weighed }}",
    "{% for _counted in data.lines %}{% endfor %}",
    "{% for x in data.lines %}{{ loop.__class__ }}{% endfor %}",
    "{% for x in data.lines %}{{ loop.cycle }}{% endfor %}",
    "{% for x in data.lines %}{{ loop._iterator }}{% endfor %}",
    "{% for x in data.lines %}{{ loop['_iterator'] }}{% endfor %}",
    "{% for x in data.lines %}{{ loop.nextitem }}{% endfor %}",
    "{{ data.number | safe }}",
    "{{ data | tojson }}",
    "{{ data | pprint }}",
    "{{ data.lines | groupby('name') }}",
    "{{ data.lines | map('upper') | list }}",
    "{{ data.lines | selectattr('name') }}",
    "{{ data.lines | sum }}",
    "{{ data | xmlattr }}",
    "{{ data.number | urlize }}",
    "{{ data.number is sameas none }}",
    "{{ data.number is callable }}",
    "{{ data.number is filter }}",
]


@pytest.mark.parametrize("source", ESCAPES)
def test_the_known_ways_out_of_a_sandbox_lead_nowhere(source: str) -> None:
    """A6: most are refused; what only the event decides is written as nothing."""
    assert rendered_if_it_can(source, KNOWN["data"]) == ""


@pytest.mark.parametrize(
    "name", ["items", "values", "keys", "get", "copy", "update", "pop", "clear", "format", "index"]
)
def test_a_member_is_never_a_method_of_the_same_name(name: str) -> None:
    """A6: events may call their members as they like, and may lack them."""
    source = f"{{% for one in data.{name} %}}{{{{ one }}}}{{% endfor %}}"
    assert rendered(source, {name: ["a", "b"]}) == "ab"
    assert rendered(source, {}) == ""
    assert rendered("{{ data." + name + " }}|{{ data['" + name + "'] }}", {}) == "|"


@pytest.mark.parametrize(
    "of", ["data.nothing", "data.nothing.x.y", "data.lacking", "data.lacking.x[0].y", "data.lines[5]"]
)
def test_null_and_what_is_lacking_are_written_as_nothing(of: str) -> None:
    """A6: nobody reads "None"."""
    data = {"nothing": None, "lines": [None]}
    assert rendered("[{{ " + of + " }}]", data) == "[]"
    assert rendered("[{{ " + of + " | default('-') }}]", data) == "[-]"
    assert rendered("{% for x in " + of + " %}x{% else %}none{% endfor %}", data) == "none"
    assert rendered("{% for x in data.lines %}[{{ x }}]{% endfor %}", data) == "[]"


GROWING = [
    "{{ 'x' * 1000000000 }}",
    "{{ data.number * data.count }}",
    "{{ '%1000000000s' % 'x' }}",
    "{{ 9 ** 9999999 }}",
    "{{ 7 // 2 }}",
    "{{ 7 / 2 }}",
    "{{ range(1000000000) }}",
    "{{ lipsum(1000) }}",
    "{{ 'x' | format }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ 'x' | center(1000000000) }}",
    "{{ 'x' | indent(1000000000) }}",
    "{{ 'x' | replace('x', 'xxxxxxxx') }}",
    "{{ 'x' | wordwrap(1) }}",
    "{{ data.lines | batch(1000000000, 'x') }}",
    "{{ data.lines | slice(1000000000) }}",
    "{{ data.count | round(999999999, 'floor') }}",
    "{{ data.count | round(*data.lines) }}",
    "{{ data.count | round(**data.inner) }}",
    "{{ data.count | round(precision=999999999, method='floor') }}",
    "{{ data.number | truncate(3, false, '" + "x" * 51 + "') }}",
    "{{ data.lines | join('" + "x" * 51 + "') }}",
    "{{ data.lines | join(data.number) }}",
]


@pytest.mark.parametrize("source", GROWING)
def test_what_could_grow_or_run_long_is_refused(source: str) -> None:
    """A6."""
    assert problems(source)


def test_joining_again_and_again_does_not_grow() -> None:
    """A6: each joining of the characters of a text would make it fifty times longer."""
    joins = " | join('" + "x" * 50 + "')"
    with pytest.raises(Poison, match="words_fail"):
        rendered("{{ data.number | string" + joins * 8 + " }}", {"number": "12345678"})
    assert rendered("{{ data.items | join(', ') }}", {"items": ["a", "b"]}) == "a, b"


BIG = "x" * 1_900_000
LIST = [0.5] * 400_000
COSTLY = {
    "loops in each other": "{% for a in data.lines %}{% for b in data.lines %}{% for c in data.lines %}"
    ".{% endfor %}{% endfor %}{% endfor %}",
    "loops that write nothing": "{% for a in data.lines %}{% for b in data.lines %}{% endfor %}{% endfor %}",
    "a long body that writes nothing": "{% for a in data.lines %}" + "{{ a.x }}" * 900 + "{% endfor %}",
    "a large text made in a loop": "{% for a in data.lines %}{{ data.big | upper | length }}{% endfor %}",
    "large texts compared": "{% for a in data.lines %}{% for b in data.lines %}{% if data.big == data.other %}"
    "{% endif %}{% endfor %}{% endfor %}",
    "a large text searched": "{% for a in data.lines %}{% if 'y' in data.big %}{% endif %}{% endfor %}",
    "a test that compares": "{% for a in data.lines %}{% if data.big is eq(data.other) %}{% endif %}{% endfor %}",
    "texts put together": "{{ " + " ~ ".join(["data.big"] * 20) + " }}",
    "texts added up": "{% if " + " + ".join(["data.big"] * 10) + " %}{% endif %}",
    "texts that grow from loop to loop": "{% for x in [data.big ~ data.big] %}{% for y in [x ~ x ~ x ~ x] %}"
    "{% for z in [y ~ y ~ y ~ y] %}{% endfor %}{% endfor %}{% endfor %}",
    "lists that grow from loop to loop": "{% for x in [data.lines + data.lines] %}{% for y in [x + x + x + x] %}"
    "{% for z in y %}{% if y + y + y + y + y + y + y %}{% endif %}{% endfor %}{% endfor %}{% endfor %}",
    "parts of a list": "{% for a in data.lines %}{% if data.list[1:] %}{% endif %}{% endfor %}",
    "large lists compared": "{% for a in data.lines %}{% if data.list == data.twin %}{% endif %}{% endfor %}",
    "what is in lists compared": "{% for a in data.lines %}{% if [data.twin] is eq([data.list]) %}{% endif %}"
    "{% endfor %}",
    "a list as text": "{% for a in data.lines %}{{ data.lines | string | length }}{% endfor %}",
}  # fmt: skip


@pytest.mark.parametrize("source", COSTLY.values(), ids=COSTLY)
def test_what_costs_too_much_ends_as_too_long(source: str) -> None:
    """A6, F6: counted, so that it ends soon and alike on any machine."""
    compile_template(source)
    began = time.thread_time()
    with pytest.raises(Poison, match="message_too_long"):
        rendered(source, {"lines": LINES, "big": BIG, "other": BIG[:-1] + "y", "list": LIST, "twin": list(LIST)})
    assert time.thread_time() - began < 2


@pytest.mark.parametrize("of", ["data.number", "data.lines", "'7'", "[7]"])
def test_a_text_is_not_rounded(of: str) -> None:
    """A6: it would be repeated as often as a power of ten says, which no memory holds."""
    with pytest.raises(Poison, match="words_fail"):
        rendered("{{ " + of + " | round(17, 'ceil') }}", KNOWN["data"])
    assert rendered("{{ data.count | round(2) }} {{ 2.345 | round(1, 'floor') }}", {"count": 3}) == "3 2.3"


def test_a_budget_is_for_one_text() -> None:
    """A6: what one message costs is not taken from the next."""
    source = "{% for a in data.lines %}{{ a.name | upper }}{% endfor %}"
    for _ in range(30):
        assert rendered(source, {"lines": LINES}) == "KETTLE" * 1_000


def test_a_thousand_lines_in_a_rich_table_cost_little_enough() -> None:
    """A6."""
    cell = "<td>{% if one.quantity > 1 %}{{ one.name | title }}{% else %}{{ one.name }}{% endif %}</td>"
    html = rendered(
        "{% for one in data.lines %}<tr>" + cell * 10 + "</tr>{% endfor %}", {"lines": LINES}, most=MOST_HTML
    )
    assert html.count("<tr>") == 1_000


def test_a_text_ends_at_its_limit() -> None:
    """A6."""
    assert len(rendered("{{ data.x }}", {"x": "x" * 10}, most=10)) == 10
    with pytest.raises(Poison, match="message_too_long"):
        rendered("{{ data.x }}", {"x": "x" * 11}, most=10)


@pytest.mark.parametrize(
    "source",
    ["{{ data.number - 1 }}", "{{ data.number + 1 }}", "{% if data.lacking > 1 %}{% endif %}", "{{ data.lacking - 1 }}",
     "{{ data.number | truncate(1) }}", "{{ data.count | round(1, 'up') }}", "{{ data[data.lines] }}",
     "{{ data.number[data.number:] }}", "{% for a, b in data.count %}{% endfor %}"],
)  # fmt: skip
def test_what_cannot_be_filled_is_poison_of_that_name(source: str) -> None:
    """F6: and no other error, which would be tried again."""
    with pytest.raises(Poison, match="words_fail"):
        rendered(source, KNOWN["data"])


HOSTILE = st.text() | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "\r\nBcc: x@y.example",
        "{{ 7 }}",
        "\" onload='x'",
        "\x85\u2028\u2029\x0b",
        "&lt;",
        "",
    ]
)
VALUES = st.fixed_dictionaries({"number": HOSTILE, "partner": HOSTILE, "recipient": HOSTILE, "intro": HOSTILE})


@given(VALUES)
def test_a_subject_is_one_line_and_html_is_escaped_whatever_comes_from_outside(values: dict[str, str]) -> None:
    """A6: event, name of the partner, name of the recipient."""
    source = "{{ data.number }}|{{ partner.name }}|{{ recipient.name }}"
    templates = Templates(subject=source + "|{{ intro }}", text=source, html=source + "|{{ intro }}", intro=source)
    content = templates.email(
        {
            "data": {"number": values["number"]},
            "partner": {"name": values["partner"]},
            "recipient": {"name": values["recipient"]},
        }
    )
    assert len(content.subject.splitlines()) == 1
    plain = "|".join(values[name] for name in ("number", "partner", "recipient"))
    assert content.text == plain
    assert content.html == escape(f"{plain}|{plain}")


NAME = st.sampled_from(["data.html", "data.list", "data.list[0]", "data.lacking", "intro", "'<b>'", "data.html[1:]"])
ANY_FILTER = st.sampled_from(["", *(f" | {name}" for name in sorted(FILTERS - {"default", "join"}))])
FILTERED = st.tuples(NAME, ANY_FILTER, ANY_FILTER, ANY_FILTER).map("".join)
TWO = st.tuples(NAME, st.sampled_from([" ~ ", " + "]), NAME).map("".join)
EXPRESSION = FILTERED | TWO


@given(EXPRESSION, EXPRESSION, st.sampled_from(["<script>", "&<\"'>", "a<b>c"]))
def test_no_filter_or_operator_lets_markup_through(one: str, other: str, value: str) -> None:
    """A6: however they are put together."""
    data = {"html": value, "list": [value, value]}
    source = "{{ " + one + " }}{{ (" + one + ") ~ (" + other + ") }}{{ [" + one + ", " + other + "] | join(' ') }}"
    try:
        html = render(compile_template(source, markup=True), {"data": data, "intro": value}, MOST_HTML)
    except Poison:
        return
    assert "<" not in html
    assert ">" not in html


WORDS = [
    *("{{", "}}", "{%", "%}", "for", "in", "if", "endfor", "endif", "else", "data", ".lines", ".x", "[", "]", "(", ")"),
    *("|", "join", "round", "'", '"', "~", "+", "-", "*", "**", "1", "99999999", ":", ",", "is", "eq", "not", "loop"),
    *("__class__", "self", "set", "=", "{#", "#}"),
]
PIECES = st.lists(st.sampled_from([*WORDS, *sorted(FILTERS | TESTS)]), max_size=25).map(" ".join)


@given(PIECES | st.text())
def test_whatever_is_written_is_refused_or_can_be_rendered(source: str) -> None:
    """A6: no other error than the two that are told."""
    if not faults(source, KNOWN):
        compile_template(source, markup=True)
    assert isinstance(rendered_if_it_can(source, KNOWN["data"]), str)
