"""Rules on the structure of a network: what is computed from what. Each file is one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fanin.analyses.reading import reached
from fanin.diagnostics.model import Diagnostic
from fanin.ir.graph import Graph, Program
from fanin.lints.flow import Flow


def check_structure(program: Program, seen: set[Graph]) -> Iterator[Diagnostic]:
    """What the rules say of a program; a graph that was looked at before is left out."""
    from fanin.lints.structure import (
        activation_twice,
        attention_without_position,
        batch_norm_in_recurrence,
        batch_of_one,
        dead_branch,
        dense_on_grid,
        dropout_before_norm,
        field,
        head_size,
        hidden_width,
        label_of_head,
        lookahead,
        loss_against_law,
        loss_of_another_law,
        missing_entry,
        next_token,
        skipped_inputs,
        softmax_before_loss,
        spectral_edges,
        statistics_of_two_views,
        table_without_compute,
        unreachable_parameters,
        vocabulary_size,
        written_scores,
    )

    rules: tuple[Callable[[Flow], Iterator[Diagnostic]], ...] = (
        activation_twice.check,
        batch_norm_in_recurrence.check,
        batch_of_one.check,
        dead_branch.check,
        dense_on_grid.check,
        dropout_before_norm.check,
        head_size.check,
        hidden_width.check,
        label_of_head.check,
        loss_of_another_law.check,
        skipped_inputs.check,
        softmax_before_loss.check,
        written_scores.check,
    )
    every = reached(program.graph)
    graphs = [g for g in every if g not in seen]
    for graph in graphs:
        seen.add(graph)
        flow = Flow(graph, program.facts)
        if flow.ops:
            for rule in rules:
                yield from rule(flow)
            yield from next_token.check(graph)
        yield from statistics_of_two_views.check(flow)
    yield from loss_against_law.check(program)
    yield from missing_entry.check(program)
    yield from spectral_edges.check(program.graph, every)
    yield from lookahead.check(program, every)
    yield from field.check(program)
    for whole in (attention_without_position, table_without_compute, unreachable_parameters, vocabulary_size):
        yield from whole.check(program)
