"""What is known of a model's open dimensions, and what follows from it."""

from __future__ import annotations

from contextlib import suppress
from enum import Enum
from itertools import product
from math import gcd, prod

from fanin.ir import examples
from fanin.ir.conditions import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    change,
    nonnegative_form,
    parse_condition,
    peeled,
    render_condition,
    simplified,
)
from fanin.ir.knowledge import Knowledge, primitive
from fanin.ir.poly import Dim, Extremum, Floor, Poly, Symbol, ordered, symbols_of
from fanin.ir.residues import EXACT, decidable, zeros
from fanin.ir.substitution import evaluate, rewritten, substitute

__all__ = [
    "AllOf",
    "AnyOf",
    "Compare",
    "Condition",
    "Facts",
    "Verdict",
    "parse_condition",
    "render_condition",
    "simplified",
]


class Verdict(Enum):
    """What can be said of a condition.

    ``PROVED``: it holds at all positive sizes that meet the facts. ``OPEN``: it can be a condition of the
    model, as a residue class or an inequality. ``REFUTED``: some sizes break it, and it holds nowhere, or by
    accident only, as ``H == 32`` does for an open ``H``.
    """

    PROVED = "proved"
    REFUTED = "refuted"
    OPEN = "open"


class _Zero(Enum):
    """How an equality fares; ``NEVER`` is a proof, ``ACCIDENT`` is not."""

    ALWAYS = 0
    NEVER = 1
    OPEN = 2
    ACCIDENT = 3


_DEPTH = 2
_PROBES = 400
_CHOICES = 5


class Facts:
    """What is known of the roots. Grows by ``assume`` while a model is elaborated."""

    def __init__(self) -> None:
        self._known = Knowledge()
        self._forget()

    def _forget(self) -> None:
        self._equal: dict[Dim, bool] = {}
        self._verdicts: dict[Condition, Verdict] = {}

    def copy(self) -> Facts:
        """The same facts, to go on from separately."""
        other = Facts()
        other._known = self._known.copy()
        return other

    def assume(self, c: Condition) -> None:
        """Takes ``c`` as true from here on. Two assumptions that contradict each other are not noticed."""
        self._known.learn(c)
        self._forget()

    def normal(self, d: Dim) -> Dim:
        """``d`` with the facts put in. It may speak of symbols made here, so it is not for readers."""
        return self._known.normal(d)

    def equal(self, a: Dim, b: Dim) -> bool:
        """Whether they are proven equal."""
        if a is b:
            return True
        if type(a) is int and type(b) is int:
            return a == b
        if a == b:
            return True
        d = self._known.normal(a) - self._known.normal(b)
        if type(d) is int:
            return d == 0
        found = self._equal.get(d)
        if found is None:
            found = self._equal[d] = self._zero(d) is _Zero.ALWAYS
        return found

    def bounds(self, d: Dim) -> tuple[int | None, int | None]:
        """A proven interval of ``d``; None where nothing was found."""
        inner = self._known.normal(d)
        high = self._low(-inner)
        return self._low(inner), None if high is None else -high

    def verdict(self, c: Condition) -> Verdict:
        """What the facts say of ``c``."""
        found = self._verdicts.get(c)
        if found is None:
            found = self._verdicts[c] = self._judge(c)
        return found

    def example(self, c: Condition, holds: bool) -> dict[Symbol, int] | None:
        """Sizes of roots that meet ``c`` (or break it) and meet the facts.

        The roots are those in ``c`` and those that the facts tie to them. None where none was found, which
        proves nothing.
        """
        return examples.example(self._known, c, holds)

    # -------------------------------------------------------------------------------------------- verdicts

    def _judge(self, c: Condition) -> Verdict:
        if isinstance(c, AllOf):
            return self._judge_all(c)
        if isinstance(c, AnyOf):
            return self._judge_any(c)
        if c.op in ("==", "!="):
            fate = self._zero(self._known.normal(c.left) - self._known.normal(c.right))
            if c.op == "!=":
                known = {_Zero.ALWAYS: Verdict.REFUTED, _Zero.NEVER: Verdict.PROVED}
                return known.get(fate, Verdict.OPEN)
            if fate is _Zero.OPEN and self._is_out_of_reach(c):
                return Verdict.REFUTED
            known = {_Zero.ALWAYS: Verdict.PROVED, _Zero.OPEN: Verdict.OPEN}
            return known.get(fate, Verdict.REFUTED)
        d = self._known.normal(nonnegative_form(c))
        if self._nonnegative(d):
            return Verdict.PROVED
        if self._nonnegative(-d - 1):
            return Verdict.REFUTED
        every = self._everywhere(d)
        if every is not None and (min(every) >= 0 or max(every) < 0):
            return Verdict.PROVED if min(every) >= 0 else Verdict.REFUTED
        if examples.example(self._known, c, True, _PROBES) is not None:
            return Verdict.OPEN
        # Perhaps it never holds, without a proof of that found. REFUTED needs a size that breaks it.
        broken = examples.example(self._known, c, False, _PROBES)
        return Verdict.OPEN if broken is None else Verdict.REFUTED

    def _judge_all(self, c: AllOf) -> Verdict:
        """Each part on top of those before it, so that parts that exclude each other are noticed."""
        facts, result = self, Verdict.PROVED
        for part in c.parts:
            verdict = facts.verdict(part)
            if verdict is Verdict.REFUTED:
                return verdict
            if verdict is Verdict.OPEN:
                result = Verdict.OPEN
                facts = facts.copy()
                facts.assume(part)
        return result

    def _judge_any(self, c: AnyOf) -> Verdict:
        verdicts = [self.verdict(x) for x in c.options]
        if Verdict.PROVED in verdicts or self._is_choice(c):
            return Verdict.PROVED
        if len(c.options) <= 4:
            # Where all the others fail, this one holds.
            for i, last in enumerate(c.options):
                facts = self.copy()
                for j, other in enumerate(c.options):
                    if i != j:
                        facts.assume(other.negated())
                if len(c.options) > 1 and facts.verdict(last) is Verdict.PROVED:
                    return Verdict.PROVED
        return Verdict.OPEN if Verdict.OPEN in verdicts else Verdict.REFUTED

    def _is_choice(self, c: AnyOf) -> bool:
        if not self._known.choices:
            return False
        options = {_plain(change(x, self._known.normal)) for x in c.options}
        return any({_plain(x) for x in choice.options} <= options for choice in self._known.choices)

    def _is_out_of_reach(self, c: Compare) -> bool:
        """Whether upper limits leave no room for an equality that holds in some residue class."""
        symbols = symbols_of(self._known.normal(c.left) - self._known.normal(c.right))
        if all(self._known.ranges.get(s, (1, None))[1] is None for s in symbols):
            return False
        return examples.example(self._known, c, True) is None

    # ---------------------------------------------------------------------------------------------- proofs

    def _low(self, d: Dim) -> int | None:
        if type(d) is int:
            return d
        found = self._known.bounds.low(d)
        for fact in self._inequalities(d):
            better = self._known.bounds.low(d - fact)
            if better is not None and (found is None or better > found):
                found = better
        return found

    def _inequalities(self, d: Dim) -> list[Poly]:
        """What is known to be at least 0, of the symbols of ``d``."""
        known = self._known
        if not known.nonnegative and not known.zero:
            return []
        facts = [*known.nonnegative, *known.zero, *(-z for z in known.zero)]
        symbols = symbols_of(d)
        return [f for f in facts if not f.symbols().isdisjoint(symbols)]

    def _nonnegative(self, d: Dim, depth: int = _DEPTH) -> bool:
        """Whether ``d >= 0`` is proven: by bounds, or by what is known to be at least 0."""
        low = self._low(d)
        if low is not None and low >= 0:
            return True
        if type(d) is int:
            return False
        simpler = peeled(d)
        if simpler != [d]:
            return all(self._nonnegative(p, depth) for p in simpler)
        if depth and isinstance(d, Poly):
            for fact in self._inequalities(d):
                for left in _less(d, fact):
                    if self._nonnegative(left, depth - 1):
                        return True
        return False

    def _zero(self, d: Dim) -> _Zero:
        """Where ``d``, in free symbols, is 0."""
        if type(d) is int:
            return _Zero.NEVER if d else _Zero.ALWAYS
        assert isinstance(d, Poly)
        reduced = primitive(d)
        assert isinstance(reduced, Poly)
        d = reduced
        if d in self._known.zero:
            return _Zero.ALWAYS
        if d in self._known.nonzero or _content(d) > 1:
            return _Zero.NEVER
        if self._nonnegative(d - 1) or self._nonnegative(-d - 1):
            return _Zero.NEVER
        every = self._everywhere(d)
        if every is not None and (0 not in every or not any(every)):
            return _Zero.NEVER if any(every) else _Zero.ALWAYS
        fate = self._by_cases(d)
        if fate in (_Zero.OPEN, _Zero.ACCIDENT) and self._nonnegative(d) and self._nonnegative(-d):
            return _Zero.ALWAYS
        return fate

    def _by_cases(self, d: Poly) -> _Zero:
        extrema = [a for a in d.atoms() if type(a) is Extremum]
        if len(extrema) > _CHOICES:
            return _Zero.OPEN  # nothing proved; the condition is checked where sizes are known
        if extrema:
            return self._by_choice(d, extrema[0])
        if not decidable(d):
            return self._by_divisors(d)
        found = zeros(d, self._given(d))
        if found.always:
            return _Zero.ALWAYS
        if found.never:
            return _Zero.NEVER
        return _Zero.OPEN if found.classes else _Zero.ACCIDENT

    def _given(self, d: Poly) -> list[Poly]:
        symbols = d.symbols()
        return [z for z in self._known.zero if decidable(z) and not z.symbols().isdisjoint(symbols)]

    def _by_choice(self, d: Poly, atom: Extremum) -> _Zero:
        """Each argument of a min or a max may be the one; those that can't are left out."""
        fates = []
        for arg in atom.args:
            others = [atom.sign * (b - arg) for b in atom.args if b != arg]
            if any(self._nonnegative(-b - 1) for b in others):
                continue
            facts = self.copy()
            for b in others:
                facts.assume(Compare(">=", b, 0))
            with suppress(ZeroDivisionError):  # an argument that is divided by is not 0
                fates.append(facts._zero(facts.normal(rewritten(d, {atom: arg}))))
        if not fates or all(f is _Zero.ALWAYS for f in fates):
            return _Zero.ALWAYS if fates else _Zero.ACCIDENT
        if all(f is _Zero.NEVER for f in fates):
            return _Zero.NEVER
        return _Zero.OPEN if _Zero.ALWAYS in fates or _Zero.OPEN in fates else _Zero.ACCIDENT

    def _by_divisors(self, d: Poly) -> _Zero:
        """With an open divisor: a residue class if it is one for most of a few sizes of that divisor."""
        dens = [a.den for a in d.atoms() if type(a) is Floor]
        symbols = ordered(frozenset().union(*(symbols_of(x) for x in dens)))
        fates = []
        for start in range(3):
            sizes = {}
            for i, symbol in enumerate(symbols):
                lo, hi = self._known.ranges.get(symbol, (1, None))
                size = (2, 3, 5, 4)[(start + i) % 4]
                size = max(size, (lo or 1) + size - 2)
                sizes[symbol] = size if hi is None else min(size, hi)
            try:
                fates.append(self._zero(substitute(d, sizes)))
            except ZeroDivisionError:
                continue
        good = sum(f in (_Zero.ALWAYS, _Zero.OPEN) for f in fates)
        return _Zero.OPEN if 2 * good > len(fates) else _Zero.ACCIDENT

    def _everywhere(self, d: Dim) -> list[int] | None:
        """The value at every size, where there are few sizes."""
        symbols = ordered(symbols_of(d))
        ranges = [self._known.ranges.get(s, (1, None)) for s in symbols]
        if not symbols or any(lo is None or hi is None for lo, hi in ranges):
            return None
        if prod(hi - lo + 1 for lo, hi in ranges if lo is not None and hi is not None) > EXACT:
            return None
        boxes = [range(lo, hi + 1) for lo, hi in ranges if lo is not None and hi is not None]
        try:
            values = [evaluate(d, dict(zip(symbols, sizes, strict=True))) for sizes in product(*boxes)]
        except ZeroDivisionError:
            return None
        return values or None  # none at all where facts contradict each other


def _plain(c: Condition) -> Condition:
    """A comparison with 0, in one form whichever way it was written."""
    if not isinstance(c, Compare):
        return c
    if c.op in ("==", "!="):
        return Compare(c.op, primitive(c.left - c.right), 0)
    return Compare(">=", nonnegative_form(c), 0)


def _content(d: Poly) -> int:
    """What divides every term but the constant: more than 1 where that can't come to 0, otherwise 1."""
    common = gcd(*[c for m, c in d.terms.items() if m])
    return common if d.constant() % common else 1


def _less(d: Poly, fact: Poly) -> list[Dim]:
    """What is left of a multiple of ``d`` when a multiple of ``fact`` takes one of its terms away."""
    found: dict[Dim, None] = {}
    for m, c in fact.terms.items():
        own = d.terms.get(m, 0)
        if m and own * c > 0:
            common = gcd(own, c)
            found[d * (abs(c) // common) - fact * (abs(own) // common)] = None
    return list(found)
