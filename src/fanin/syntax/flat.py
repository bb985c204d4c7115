"""Any node as text on one line, in the one layout; comments are somebody else's."""

from __future__ import annotations

from collections.abc import Iterable

from fanin.syntax.tree import (
    Alias,
    Arg,
    Assert,
    Attribute,
    Augment,
    Bind,
    Block,
    BlockAlias,
    Bool,
    Call,
    Chain,
    Clause,
    Conditional,
    Const,
    Dots,
    Expect,
    Expr,
    Extern,
    Field,
    Fn,
    For,
    Ident,
    If,
    Import,
    Index,
    Inverse,
    ListExpr,
    ListType,
    Mark,
    Measure,
    Member,
    NameType,
    NoneValue,
    Number,
    Param,
    Paren,
    Path,
    Pipe,
    Prune,
    PruneClause,
    Return,
    ShapeType,
    Share,
    Slice,
    Stage,
    StarDim,
    State,
    String,
    System,
    Train,
    TrainingStage,
    Tree,
    TupleExpr,
    TupleType,
    TypedBind,
    Unary,
    UnionType,
    Update,
)


def listed(nodes: Iterable[Tree]) -> str:
    return ", ".join([flat(node) for node in nodes])


def flat(node: Tree) -> str:
    """An expression, type, parameter, recipe or clause; a statement or declaration without its braces."""
    match node:
        case Ident():
            return node.name
        case Number():
            return node.text
        case String():
            return quoted(node.value)
        case Call():
            return f"{flat(node.callee)}({listed(node.args)})"
        case Arg():
            return f"{node.name.name}={flat(node.value)}" if node.name else flat(node.value)
        case Pipe():
            return " -> ".join([flat(stage) for stage in node.stages])
        case Stage():
            label = f"{flat(node.label)}: " if node.label else ""
            return label + flat(node.value) + (f" as {node.name.name}" if node.name else "")
        case Chain():
            return flat(node.first) + "".join([spaced(step.op) + flat(step.operand) for step in node.steps])
        case Unary():
            return ("-" if node.op == "-" else "not ") + flat(node.operand)
        case Paren():
            return f"({flat(node.value)})"
        case TupleExpr():
            return f"({listed(node.items)}{',' if len(node.items) == 1 else ''})"
        case ListExpr():
            return f"[{listed(node.items)}]"
        case Conditional():
            return f"{flat(node.then)} if {flat(node.test)} else {flat(node.otherwise)}"
        case Member():
            return f"{flat(node.value)}.{node.name.name}"
        case Index():
            return f"{flat(node.value)}[{listed(node.items)}]"
        case Slice():
            start, stop, step = (flat(bound) if bound else "" for bound in (node.start, node.stop, node.step))
            return f"{start}:{stop}" + (f":{step}" if step else "")
        case Bool():
            return "true" if node.value else "false"
        case NoneValue():
            return "none"
        case Dots():
            return "..."
    return _type(node) or _recipe(node) or _statement(node) or _declaration(node)


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def spaced(op: str) -> str:
    return op if op == ".." else f" {op} "


def _type(node: Tree) -> str:
    match node:
        case ShapeType():
            dtype = node.dtype.name if node.dtype else ""
            text = f"{dtype}[{listed(node.dims)}]"
        case StarDim():
            return "*" + (node.name.name if node.name else "")
        case NameType():
            text = node.name.name
        case ListType():
            text = f"list[{flat(node.element)}]"
        case TupleType():
            text = f"({listed(node.fields)})"
        case UnionType():
            return " | ".join([flat(option) for option in node.options])
        case Field():
            return (f"{node.name.name}: " if node.name else "") + flat(node.type)
        case Param():
            text = node.name.name
            if node.type:
                text += f": {flat(node.type)}"
            if node.default:
                text += (" = " if node.type else "=") + flat(node.default)
            return text
        case Attribute():
            return f"@{node.name}({listed(node.marks)})"
        case Mark():
            if node.value is None:
                return node.name or ""
            return (f"{node.name}=" if node.name else "") + flat(node.value)
        case _:
            return ""
    return text + ("?" if node.optional else "")


def _recipe(node: Tree) -> str:
    match node:
        case Path():
            return ".".join(node.parts)
        case Clause():
            return node.name.name + ("" if node.args is None else f"({listed(node.args)})")
        case Share():
            return f"{flat(node.path)}: {flat(node.rate)}"
        case Alias():
            return node.name.name + (f" as {node.alias.name}" if node.alias else "")
        case PruneClause():
            return _clause(node)
    return ""


def _clause(node: PruneClause) -> str:
    values = [flat(value) if isinstance(value, Tree) else value for value in node.values]
    match node.kind, values:
        case "remove", [rate, "each", count]:
            return f"remove {rate} each of {count} rounds"
        case "remove", [rate, "once"]:
            return f"remove {rate} at once"
        case "remove", [rate, "in", count]:
            return f"remove to {rate} in {count} rounds"
        case "remove", [rate, "gradually", count]:
            return f"remove gradually to {rate} in {count} rounds"
        case "rewind", [where]:
            return f"rewind {where}"
        case "rewind", [point, count]:
            return f"rewind to {point}" + (f" {count}" if count else "")
        case "retrain", [count, unit, *recipes]:
            how = f" for {count} {unit}" if count else ""
            return f"retrain{how}" + (f" with {', '.join(map(str, recipes))}" if recipes else "")
    return f"{node.kind} {', '.join(map(str, values))}"


def _statement(node: Tree) -> str:
    match node:
        case Bind():
            return f"{listed(node.names)} = {flat(node.value)}"
        case Augment():
            return f"{node.name.name} {node.op}= {flat(node.value)}"
        case TypedBind():
            return f"{node.name.name}: {flat(node.type)} = {flat(node.value)}"
        case State():
            return f"{node.kind} {node.name.name}: {flat(node.type)} = {flat(node.value)}"
        case Update():
            return f"update {node.name.name} = {flat(node.value)}"
        case Measure():
            return f"{node.kind} {node.name.name} = {flat(node.value)}"
        case Assert():
            return f"assert {flat(node.test)}" + (f", {flat(node.message)}" if node.message else "")
        case Expect():
            return f"expect {flat(node.test)}"
        case Return():
            return f"return {listed(node.values)}"
        case Train():
            recipes = listed((node.optimiser, *node.options))
            return f"train {listed(node.nets)} on {flat(node.loss)} with {recipes}"
        case TrainingStage():
            args = "" if node.args is None else f"({listed(node.args)})"
            until = "" if node.until is None else f" until {flat(node.until)}"
            return f"stage {node.name.name}{args} for {flat(node.count)} {node.unit.name}{until}"
        case For():
            return f"for {listed(node.names)} in {flat(node.iterable)}"
        case If():
            return f"if {flat(node.branches[0][0])}"
    return ""


def _declaration(node: Tree) -> str:
    match node:
        case Import():
            origin = quoted(node.origin) if node.is_file else node.origin
            return f"from {origin} import {listed(node.names)}"
        case Const():
            return f"const {node.name.name} = {flat(node.value)}"
        case BlockAlias():
            return f"{opening(node)} = {flat(node.value)}"
        case Prune():
            return f"prune {node.name.name} of {flat(node.of)}"
        case Fn() | Block() | Extern() | System() | Inverse():
            lists = [node.params] if isinstance(node, Fn | Inverse) else [node.hypers, node.inputs]
            text = opening(node) + "".join(f"({listed(params)})" for params in lists)
            result = None if isinstance(node, System) else node.result
            text += f" -> {flat(result)}" if result else ""
            return text + (f" = {flat(node.target)}" if isinstance(node, Extern) else "")
    raise AssertionError(f"no layout for {type(node).__name__}")


def opening(node: Fn | Block | BlockAlias | Extern | System | Inverse) -> str:
    """What stands before a signature's first bracket."""
    match node:
        case Fn():
            return f"fn {node.name.name}"
        case Block():
            return f"{'model' if node.is_model else 'block'} {node.name.name}"
        case BlockAlias():
            hypers = "" if node.hypers is None else f"({listed(node.hypers)})"
            return f"{'model' if node.is_model else 'block'} {node.name.name}{hypers}"
        case Extern():
            return f"extern block {node.name.name}"
        case System():
            return f"system {node.name.name}"
        case Inverse():
            return "inverse "


def simple(node: Expr) -> bool:
    """A value so short that many of them may share a line."""
    return isinstance(node, Number | Ident | String | Bool | NoneValue) or (
        isinstance(node, Unary) and simple(node.operand)
    )
