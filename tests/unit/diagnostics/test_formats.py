"""The formats that machines read."""

from __future__ import annotations

import json
import os

import pytest

from fanin.diagnostics import Diagnostic
from fanin.diagnostics.github import github
from fanin.diagnostics.render import render
from fanin.source import Source, Span

from .samples import MISMATCH, RESNET, at, mismatch, samples


def test_json_has_what_the_diagnostic_has() -> None:
    document = json.loads(render([mismatch(), samples()["fix"]], "json"))
    assert document["version"] == 1 and document["ok"] is False
    assert document["counts"] == {"error": 1, "warning": 1, "advice": 0}
    first, second = document["diagnostics"]
    assert (first["code"], first["name"], first["severity"]) == ("SHP301", "axis-mismatch", "error")
    start = RESNET.text.index("h + x")
    assert first["span"] == {
        "file": "specs/resnet.arch",
        "line": 5,
        "column": 15,
        "end_line": 5,
        "end_column": 20,
        "start": start,
        "end": start + 5,
    }
    assert first["fix"] is None
    assert first["chain"][0]["what"] == "Basic(width=64)"
    assert second["fix"]["safe"] is True
    assert second["fix"]["edits"][0]["text"] == ", bias=false"


def test_json_without_errors_is_ok() -> None:
    assert json.loads(render([], "json"))["ok"] is True
    assert json.loads(render([samples()["fix"]], "json"))["ok"] is True


def test_github_escapes_what_would_end_a_property() -> None:
    source = Source("a,b:c%.arch", "x\n")
    line = github(Diagnostic(MISMATCH, "50% of\r\nthis: a, b", Span(source, 0, 1)))
    assert line == (
        "::error file=a%2Cb%3Ac%25.arch,line=1,col=1,endLine=1,endColumn=1,title=SHP301 axis-mismatch"
        "::50%25 of%0D%0Athis: a, b\n"
    )


def test_github_gives_no_columns_for_several_lines() -> None:
    command = github(samples()["several-lines"]).split("::")[1]
    assert command.startswith("notice ") and "col=" not in command and "endLine=17" in command


def test_sarif_refers_to_its_rules_and_files() -> None:
    log = json.loads(render([mismatch(), samples()["fix"], mismatch()], "sarif"))
    assert log["version"] == "2.1.0"
    run = log["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["SHP301", "STR101"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    assert run["columnKind"] == "unicodeCodePoints"
    region = run["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert region == {"startLine": 5, "startColumn": 15, "endLine": 5, "endColumn": 20}
    (replacement,) = run["results"][1]["fixes"][0]["artifactChanges"][0]["replacements"]
    assert replacement["deletedRegion"]["startColumn"] == replacement["deletedRegion"]["endColumn"]


@pytest.mark.skipif(os.name == "nt", reason="absolute paths of POSIX")
def test_sarif_writes_paths_as_uris() -> None:
    found = []
    for name in ("my specs/é.arch", "/tmp/a#b.arch", "<string>"):
        source = Source(name, "x")
        log = json.loads(render([Diagnostic(MISMATCH, "x", at(source, "x"))], "sarif"))
        location = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
        found.append(location["artifactLocation"]["uri"])
    assert found == ["my%20specs/%C3%A9.arch", "file:///tmp/a%23b.arch", "%3Cstring%3E"]
