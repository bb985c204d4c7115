"""What text becomes which tree."""

from __future__ import annotations

import pytest

from fanin.diagnostics import Diagnostic
from fanin.source import Source
from fanin.syntax import parser, tree
from fanin.syntax.builder import BUILD
from fanin.syntax.driver import Automaton
from fanin.syntax.grammar import Grammar, load_grammar
from fanin.syntax.lexer import Lexer
from fanin.syntax.parser import parse
from tests.examples import EXAMPLES, SPECS


def read(text: str) -> tree.File:
    file, found = parse(Source("test.arch", text))
    assert found == [], [d.headline for d in found]
    return file


def value(text: str) -> tree.Expr:
    (declaration,) = read(f"const A = {text}").declarations
    assert isinstance(declaration, tree.Const)
    return declaration.value


def body(text: str) -> tuple[tree.Statement, ...]:
    (declaration,) = read(f"system S()(x: [N]) {{ {text} }}").declarations
    assert isinstance(declaration, tree.System)
    return declaration.body.statements


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.arch")) or [None], ids=lambda p: p.stem if p else "missing")
def test_the_examples_parse(path: object) -> None:
    if path is None:
        pytest.skip(f"the examples are not beside this checkout: {EXAMPLES} is missing")
    read(path.read_text(encoding="utf-8"))  # type: ignore[attr-defined]


SOFT = (  # noqa: SIM905  (words read better in a row)
    "fn block model extern system prune of inverse update loss metric train on stage list by unit scope remove each "
    "rounds at once to rate except floor rewind compare retrain seeds measure until"
).split()


@pytest.mark.parametrize("word", SOFT)
def test_a_soft_keyword_is_a_name(word: str) -> None:
    statements = body(f"{word} = {word}(x, {word}={word}.{word}) -> {word}: {word} as {word} {word} += {word}[{word}]")
    assert [type(s).__name__ for s in statements] == ["Bind", "Augment"]
    assert isinstance(read(f"model {word}({word}: int)(x: [{word}]) {{ return {word} }}").declarations[0], tree.Block)


def test_a_statement_of_a_soft_keyword_is_no_binding() -> None:
    kinds = [type(s).__name__ for s in body("loss a = 1 loss = 2 metric b = 1 update t = 3 train train on on with on")]
    assert kinds == ["Measure", "Bind", "Measure", "Update", "Train"]


def test_a_pipe_is_flat() -> None:
    pipe = value("x -> f -> g: h(1) as y -> z")
    assert isinstance(pipe, tree.Pipe) and len(pipe.stages) == 4
    assert pipe.stages[2].name == tree.Ident(pipe.span, "y")


def test_a_chain_is_flat_and_a_power_leans_right() -> None:
    chain = value("a - b + c")
    assert isinstance(chain, tree.Chain) and [s.op for s in chain.steps] == ["-", "+"]
    power = value("a ** b ** -c")
    assert isinstance(power, tree.Chain) and isinstance(power.steps[0].operand, tree.Chain)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1_000", 1000),
        ("2e-4", 2e-4),
        ("0.5", 0.5),
        ("26M", 26_000_000),
        ("4.2G", 4_200_000_000),
        ("6GB", 6_000_000_000),
        ("6GiB", 6 * 2**30),
        ("0.5K", 500),
    ],
)
def test_a_number_is_exact(text: str, number: float) -> None:
    found = value(text)
    assert isinstance(found, tree.Number)
    assert found.value == number and type(found.value) is type(number) and found.text == text


def test_a_range_needs_no_space() -> None:
    assert isinstance(value("0..n"), tree.Chain)


def test_a_percent_is_a_remainder_outside_of_a_prune() -> None:
    assert value("20%3") == value("20 % 3")
    assert value("1.5%n") == value("1.5 % n")


def test_numbers_of_a_path_are_no_floats() -> None:
    (train,) = body("train net.0.1.weight, net.*.norm on a with sgd(lr=0.1), every(2)")
    assert isinstance(train, tree.Train)
    assert train.nets[0].parts == ("net", "0", "1", "weight") and train.nets[1].parts == ("net", "*", "norm")


def test_a_string_has_two_escapes() -> None:
    found = value(r'"a \"b\" \\ c"')
    assert isinstance(found, tree.String) and found.value == 'a "b" \\ c'


def test_a_documentation_stands_directly_above() -> None:
    file = read("## One.\n## Two.\n@init(auto)\nblock B()(x: [N]) { return x }\n## Not this.\n\nconst A = 1\n")
    assert [d.doc for d in file.declarations] == ["One.\nTwo.", ""]


def test_spans_are_what_was_read() -> None:
    (declaration,) = read("  @init(auto) const A = f(x)[0].b -> [g, h]  # end").declarations
    assert declaration.span.text == "const A = f(x)[0].b -> [g, h]"
    assert isinstance(declaration, tree.Const) and declaration.value.span.text == "f(x)[0].b -> [g, h]"


def test_a_byte_order_mark_and_windows_lines_are_space() -> None:
    assert read("\ufeffconst A = 1\r\nconst B = 2 # c\r\n") == read("const A = 1\nconst B = 2")


def test_a_record_made_quickly_is_frozen() -> None:
    with pytest.raises(AttributeError):
        value("f(x)").callee = None  # type: ignore[attr-defined]


def diagnostics(text: str) -> list[Diagnostic]:
    return parse(Source("test.arch", text))[1]


@pytest.mark.parametrize("text", ["(" * 20_000, "-" * 20_000 + "1", "x" + ".a" * 20_000, "[" * 300 + "]" * 300])
def test_what_nests_too_deep_is_refused(text: str) -> None:
    assert "SYN125" in [d.code.id for d in diagnostics(f"const A = {text}\nconst B = 1")]


@pytest.mark.parametrize(
    "text", ["\0\1\2", "\ud800", "é" * 99, '"' * 9, "'" * 9, "a" * 1_000_000, "a " * 100_000, "}" * 1000, "@", "1e9999"]
)
def test_any_text_gives_a_tree(text: str) -> None:
    file, found = parse(Source("test.arch", text))
    assert isinstance(file, tree.File) and found and len(found) <= 200


@pytest.mark.parametrize("turn", [1, 2, 7, -1])
def test_how_states_are_numbered_means_nothing(monkeypatch: pytest.MonkeyPatch, turn: int) -> None:
    """Lark numbers them as the rules come: any of them can be the first."""
    grammar = load_grammar()
    count = len(grammar.states)

    def moved(state: int) -> int:
        return (state + turn) % count

    rows = [{s: a if a < 0 else moved(a) for s, a in row.items()} for row in grammar.states]
    turned = Grammar(
        [rows[(at - turn) % count] for at in range(count)],
        grammar.rules,
        moved(grammar.start),
        moved(grammar.accept),
        grammar.literals,
        grammar.patterns,
    )
    sources = [Source(path.name, path.read_text(encoding="utf-8")) for path in sorted(SPECS.glob("*.arch"))[:10]]
    wanted = [parse(source) for source in sources]
    monkeypatch.setattr(parser, "_front", lambda: (Lexer(grammar.literals, grammar.patterns), Automaton(turned, BUILD)))
    assert [parse(source) for source in sources] == wanted
