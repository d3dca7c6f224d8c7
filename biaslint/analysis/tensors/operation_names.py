"""What functions and methods of tensors do to their first tensor, by name; a name that stands nowhere is seen as opaque.

Operations that need more than their name have a row in `methods.HANDLERS`.
"""

from __future__ import annotations

# A shift varies along the same axes afterwards, as by the same or the opposite amount.
KEEP = {
    "contiguous", "clone", "detach", "detach_", "to", "type", "float", "half", "double", "bfloat16", "cuda", "cpu", "type_as",
    "requires_grad_", "neg", "negative", "positive", "roll", "flip", "fliplr", "flipud", "data", "pin_memory", "xpu", "npu", "mps",
    "channel_shuffle", "as_subclass", "neg_", "negative_",
}  # fmt: skip
ADD = {"add", "add_", "sub", "sub_", "subtract", "subtract_", "__add__", "__sub__"}
MUL = {"mul", "mul_", "multiply", "multiply_"}
DIV = {"div", "div_", "divide", "divide_", "true_divide", "true_divide_"}
NONLINEAR = {
    "relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "gelu", "silu", "mish", "sigmoid", "tanh", "softplus", "softsign",
    "softmin", "hardtanh", "hardswish", "hardsigmoid", "hardshrink", "softshrink", "tanhshrink", "logsigmoid", "glu", "threshold", "relu_", "sigmoid_", "tanh_", "exp", "log", "sqrt", "square", "abs", "pow", "normalize",
    "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "asinh", "acosh", "atanh", "erf", "erfc", "erfinv", "exp2", "expm1", "log2",
    "log10", "log1p", "rsqrt", "reciprocal", "sign", "sgn", "floor", "ceil", "round", "trunc", "frac", "sinc", "lgamma", "digamma", "nan_to_num",
    "isnan", "isinf", "isfinite", "logical_not",
}  # fmt: skip
