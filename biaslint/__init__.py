"""biaslint reads deep-learning model code and says which bias set-ups are questionable, why, and what to write instead."""

__version__ = "0.1.0"
