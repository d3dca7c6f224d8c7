"""Facts that hold in every execution that makes a layer."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.theory.program import Place, Program, Site


def sites_of_every_run(program: Program, kind: str, framework: str) -> Iterator[Site]:
    """The calls of which a fact of this kind is known in every execution in which they make layers."""
    sites = [site for site in program.sites(kind) if site.first.framework == framework]
    made: dict[Place, set[int]] = {site.place: set() for site in sites}
    for use in program.uses if sites else ():
        for place in made.keys() & set(use.chain):
            made[place].add(use.run)
    return (site for site in sites if made[site.place] <= {use.run for use in site.uses})
