"""BL104: two biases on one affine step."""

from __future__ import annotations

from collections.abc import Iterator

from biaslint.checks import Report
from biaslint.checks.support.common import set_argument, sets_unguarded
from biaslint.findings.finding import Fix, Related, Safety
from biaslint.theory.conditions import BIASED_KINDS
from biaslint.theory.program import LayerUse, Program, Site


def check(program: Program) -> Iterator[Report]:
    """Report vectors that are added to a layer with a bias, and layers whose bias the next one takes up."""
    known = {(use.run, use.ident): use for use in program.uses}
    for site in program.sites():
        used = [use for use in site.uses if use.fate.kind != "uncalled"]
        if not used:
            continue
        use = used[0]
        if use.kind == "affine" and all(one.doubles is not None and one.bias.trainable is not False for one in used):
            layer = known.get((use.run, use.doubles or 0))
            yield Report(
                site.place,
                f"`{use.name}` is added to the result of "
                + (f"`{layer.name}`, which" if layer else "a layer that")
                + " has its own bias",
                layer=use.name,
                related=(Related(layer.place, "the layer"),) if layer else (),
                advice="keep only one of them",
            )
        elif use.kind in BIASED_KINDS and all(one.bias.present and one.absorbed_by is not None for one in used):
            heirs = [known[one.run, one.absorbed_by or 0] for one in used if (one.run, one.absorbed_by or 0) in known]
            if len(heirs) == len(used) and heirs[0].place != site.place:
                yield _taken_up(site, use, heirs[0])


def _taken_up(site: Site, use: LayerUse, heir: LayerUse) -> Report:
    fix = None
    if use.bias.argument and "**" not in use.texts and use.bias.argument_text in ("", "True") and not sets_unguarded(use):
        text = f"`{use.bias.argument}=False` (removes the parameter `{use.name}.bias` from checkpoints)"
        fix = Fix(Safety.UNSAFE, text, (set_argument(use, use.bias.argument, "False"),))
    return Report(
        site.place,
        f"`{use.name}` adds a bias that `{heir.name}`'s bias already covers: only linear operations lie between",
        layer=use.name,
        related=(Related(heir.place, "this layer's bias has the same effect"),),
        fix=fix,
        advice="remove the first bias, or add the missing nonlinearity between the layers",
    )
