"""``fanin zoo``: the specs that ship."""

from __future__ import annotations

import click

from fanin.cli import exits, files, options
from fanin.cli.output import err, out, write_json
from fanin.diagnostics.suggest import nearest


@click.command("zoo", short_help="List the specs that ship, or print one.")
@click.argument("name", required=False)
@click.option("-o", "--output", metavar="FILE", help="Write the spec to a file of your own.")
@options.as_json
def command(name: str | None, output: str | None, as_json: bool) -> None:
    """List the networks that ship with fanin, or print the spec NAME to start from."""
    from fanin import zoo

    specs = zoo.specs()
    if name is None:
        if output is not None:
            raise exits.Failure("which spec is to be written?", "fanin zoo resnet -o my.arch")
        if as_json:
            listed = [{"name": s.name, "title": s.title, "models": list(s.models)} for s in specs.values()]
            write_json({"specs": listed})
            return
        width = max(len(s.name) for s in specs.values())
        out("".join(f"{s.name:<{width}}  {s.title}\n{'':<{width}}    {', '.join(s.models)}\n" for s in specs.values()))
        return
    spec = specs.get(name.removesuffix(".arch"))
    if spec is None:
        near = nearest(name, list(specs))
        raise exits.Failure(f"the zoo has no spec {name}", f"fanin zoo {near}" if near else "fanin zoo")
    if output is not None:
        files.write_text(output, spec.text)
        err(f"wrote {output}\n")
    elif as_json:
        write_json({"name": spec.name, "title": spec.title, "models": list(spec.models), "text": spec.text})
    else:
        out(spec.text)
