"""What the rules' mistakes cost, measured: one experiment per claim about training, each with its plan.

    python -m experiments forget_gate_bias   # run one and write its result
    python -m experiments --all              # run all
    python -m experiments --pages            # write the pages again from the results

A plan (`plans/`) states the hypothesis and the budget; results go to `docs/effects/` and, by `--pages`, onto the rules' pages.
Running needs PyTorch and scikit-learn (the extra `experiments`); writing the pages needs neither.
"""
