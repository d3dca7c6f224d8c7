"""What the table of rules says beside their experiments, or instead of one."""

NOTES: dict[str, str] = {
    "BL203": "PyTorch and Flax raise an error, which needs no experiment; measured is Keras, which accepts the call",
    "BL404": "A bias that is reset starts like one that was never set: the experiments of BL401 and BL301",
    "BL604": "Measured is a scale of zero; weights that were loaded and are lost are those of any untrained model",
    "BL606": "A layer that is left out keeps PyTorch's default: the experiment of BL603 has all layers at it",
    "BL406": "`BCELoss` raises an error, which needs no experiment",
}
