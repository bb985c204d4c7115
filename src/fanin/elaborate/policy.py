"""What a block sets for all that is inside it: ``@init(…)``, and options handed down such as ``frozen=true``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fanin.ir.laws import AUTO, DEFAULT, ZEROS, Law
from fanin.ops.contract import ParamSpec
from fanin.record import record
from fanin.syntax import tree

if TYPE_CHECKING:
    from fanin.elaborate.body import Body
    from fanin.elaborate.files import Unit


@record
class Policy:
    """The laws in force by family; the nearest ``@init`` that names a family counts."""

    laws: tuple[tuple[str, Law], ...] = ()
    frozen: bool | float = False

    @property
    def key(self) -> tuple[Any, ...]:
        return self.laws, self.frozen

    def law(self, family: str) -> Law | None:
        return next((law for name, law in self.laws if name == family), None)

    def with_laws(self, laws: dict[str, Law]) -> Policy:
        if not laws:
            return self
        merged = {**dict(self.laws), **laws}
        return Policy(tuple(sorted(merged.items(), key=lambda item: item[0])), self.frozen)

    def with_options(self, options: dict[str, Any]) -> Policy:
        """``init=``, ``bias_init=`` and ``frozen=`` of a block reach all inside it."""
        laws: dict[str, Law] = {}
        if "init" in options:
            laws.update(dict.fromkeys(("linear", "conv", "embedding", "recurrent"), options["init"]))
            laws["bias"] = options.get("bias_init", ZEROS)
        elif "bias_init" in options:
            laws["bias"] = options["bias_init"]
        made = self.with_laws(laws)
        return Policy(made.laws, options["frozen"]) if "frozen" in options else made


NO_POLICY = Policy()


def policy_of(
    body: Body, decl: tree.Block | tree.Extern, unit: Unit, options: dict[str, Any], around: Policy
) -> Policy:
    """The policy inside a block: what is around it, its own ``@init``, and the options of this instance."""
    laws: dict[str, Law] = {}
    for attribute in decl.attributes:
        if attribute.name == "init":
            laws.update(init_laws(body, unit, attribute))
    return around.with_laws(laws).with_options(options)


def init_laws(body: Body, unit: Unit, attribute: tree.Attribute) -> dict[str, Law]:
    from fanin.diagnostics.codes import TYP405
    from fanin.diagnostics.suggest import nearest
    from fanin.elaborate.body import Body as Reader
    from fanin.elaborate.context import refuse
    from fanin.elaborate.initial import FAMILIES, as_law

    laws: dict[str, Law] = {}
    inner = Reader(body.ctx, unit, body.builder, pure=True)
    for mark in attribute.marks:
        if mark.name == "auto" and mark.value is None:
            laws |= {"linear": AUTO, "conv": AUTO, "bias": ZEROS}
            continue
        if mark.name not in FAMILIES or mark.value is None:
            near = nearest(mark.name or "", list(FAMILIES))
            raise refuse(
                TYP405,
                f"`@init` sets laws for {', '.join(FAMILIES)}, not `{mark.name}`",
                mark.span,
                "not one of them",
                helps=[f"did you mean `{near}=…`?"] if near else ["for example `@init(linear=he_normal, bias=zeros)`"],
            )
        laws[mark.name] = as_law(inner.evaluate(mark.value), mark.value.span)
    return laws


def law_for(spec: ParamSpec, options: dict[str, Any], policy: Policy) -> Law:
    """The law of one parameter: its module's own ``init=``, else the nearest ``@init``, else PyTorch's."""
    if spec.kind == "buffer":
        return spec.fallback
    chosen: Law | None = None
    if spec.family == "bias":
        chosen = options.get("bias_init", ZEROS if "init" in options else None)
    elif ("init" in options and spec.name.startswith("weight")) or (
        "init" in options and spec.family in ("linear", "conv", "embedding", "recurrent")
    ):
        chosen = options["init"]
    if chosen is None and spec.family:
        chosen = policy.law(spec.family)
    return spec.fallback if chosen is None or chosen == DEFAULT else chosen
