"""The bias of an attention's keys (BL102), which softmax cancels."""

from experiments import data, networks
from experiments.plan import Experiment, Task, Variant

EXPERIMENT = Experiment(
    name="key_bias",
    title="A bias on the keys of an attention",
    rules=("BL102",),
    hypothesis="No difference in any measure: the bias adds the same number to all scores of a query.",
    tasks=(
        Task(
            name="digits as eight rows, one head of attention",
            data=data.digit_rows,
            start=networks.attention_start(),
            forward=networks.attention,
            variants=(Variant("keys with a bias"), Variant("keys without", frozen=("key.bias",))),
            steps=300,
            level=0.5,
        ),
    ),
)
