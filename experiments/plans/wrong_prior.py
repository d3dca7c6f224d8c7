"""A prior with the wrong sign, or a probability in its logit's place (BL403)."""

from experiments.changes import output_bias
from experiments.plan import Experiment, Variant
from experiments.plans.output_prior import table

VARIANTS = (
    Variant("the prior's sign turned round", change=output_bias("log-odds", -1.0)),
    Variant("output bias at the prior", change=output_bias("log-odds")),
    Variant("the probability itself", change=output_bias("share")),
)
EXPERIMENT = Experiment(
    name="wrong_prior",
    title="A prior written wrongly",
    rules=("BL403",),
    hypothesis="With the wrong sign the loss starts above that of zero and takes longest to come down; the probability itself behaves as "
    "zero does; at the end of the budget no difference.",
    tasks=tuple(table(name, VARIANTS) for name in ("abalone9-18", "page-blocks0", "yeast4")),
)
