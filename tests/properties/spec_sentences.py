"""Random specs, written by the grammar itself: every rule can occur, with comments and blank lines anywhere."""

from __future__ import annotations

from random import Random

from fanin.syntax.grammar import Grammar, Rule

_SAMPLES = {
    "NAME": ["x", "h", "relu", "Conv2d", "N", "_"],
    "PERCENT": ["20%", "2.5%"],
    "SIZE": ["26M", "4.2G", "6GiB"],
    "FLOAT": ["0.5", "2e-4"],
    "INT": ["0", "12", "1_000"],
    "STRING": ['"same"', '"a \\"b\\" # \\\\"', '""'],
    "ATTR": ["@allow", "@init", "@law", "@tag"],
    "AUG": ["+=", "-=", "*=", "/="],
    "CMP": ["==", "!=", "<", "<=", ">", ">="],
}
_COMMENTS = ["# note", "## doc", "#", "# f(x) -> { \" '"]


class Sentences:
    """Derives sentences of the grammar, short ones more often than long ones."""

    def __init__(self, grammar: Grammar) -> None:
        self._rules: dict[str, list[Rule]] = {}
        for rule in grammar.rules:
            self._rules.setdefault(rule.origin, []).append(rule)
        self._texts = {kind: [text] for text, kind in grammar.literals.items()} | _SAMPLES
        self._depth = self._depths()

    def _depths(self) -> dict[str, int]:
        """How deep the smallest derivation of each rule is."""
        depth = dict.fromkeys(self._texts, 0)
        while True:
            before = dict(depth)
            for origin, rules in self._rules.items():
                known = [
                    max((depth[s] for s in r.symbols), default=0) for r in rules if all(s in depth for s in r.symbols)
                ]
                if known:
                    depth[origin] = min(known) + 1
            if depth == before:
                return depth

    def tokens(self, random: Random, budget: int) -> list[str]:
        """The tokens of one file; ``budget`` is about how many choices are free before the short way is taken."""
        out: list[str] = []
        stack = ["file"]
        left = budget
        while stack:
            symbol = stack.pop()
            if symbol in self._texts:
                out.append(random.choice(self._texts[symbol]))
                continue
            rules = self._rules[symbol]
            if left > 0:
                rule = random.choice(rules)
                # A soft keyword as a name is as likely as all the plain names together.
                if symbol == "_type_name" and random.random() < 0.8:
                    rule = next(r for r in rules if r.symbols == ("NAME",))
            else:
                rule = min(rules, key=lambda r: max((self._depth[s] for s in r.symbols), default=0))
            left -= 1
            stack.extend(reversed(rule.symbols))
        return out


def spaced(tokens: list[str], random: Random) -> str:
    """The tokens with spaces, and here and there a line break, a blank line or a comment."""
    text = ""
    for token in tokens:
        chance = random.random()
        if chance < 0.04:
            text += f"  {random.choice(_COMMENTS)}\n"
        elif chance < 0.07:
            text += f"\n{random.choice(_COMMENTS)}\n"
        elif chance < 0.12:
            text += "\n" * random.randint(1, 4)
        text += f" {token}"
    return text + random.choice(["", "\n", " # end", "\n\n# end\n"])
