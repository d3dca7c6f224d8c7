"""`biaslint migrate`: checkpoints of a model with dead biases become checkpoints of the model without them."""
