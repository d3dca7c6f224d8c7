"""Makers of probes for PyTorch: each draws the configuration of an operation and writes the code that calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from operation_draw import Draw
from operation_model import Shape

Made = tuple[str, tuple[Shape, ...]]

Maker = Callable[["Draw"], Made]


def method(arguments: Callable[[Draw, Shape], str], low: int = 1, high: int = 5, tail: str = "") -> Callable[[str], Maker]:
    """x.name(...), or torch.name(x, ...)."""

    def named(name: str) -> Maker:
        def make(draw: Draw) -> Made:
            shape = draw.shape(low, high)
            given = arguments(draw, shape)
            return f"x.{name}({given}){tail}", (shape,)

        return make

    return named


def function(arguments: Callable[[Draw, Shape], str], spatial: int, where: str = "F", **sides: Any) -> Callable[[str], Maker]:
    """F.name(x, ...) on (N, C, ...)."""

    def named(name: str) -> Maker:
        def make(draw: Draw) -> Made:
            shape = draw.image(spatial, **sides)
            return f"{where}.{name}(x, {arguments(draw, shape)})", (shape,)

        return make

    return named


def nothing(draw: Draw, shape: Shape) -> str:
    return ""


def binary(name: str) -> Maker:
    """Sums, differences, products, quotients of two tensors, a tensor and a number, a tensor and a parameter."""

    def make(draw: Draw) -> Made:
        shape = draw.shape()
        extra = f", alpha={draw.one(2, 0.5)}" if name.rstrip("_") in ("add", "sub") and draw.one(0, 0, 1) else ""
        if draw.one(0, 0, 1):
            return f"x.{name}({draw.one(2.0, -1, 0.5)})", (shape,)
        if draw.one(0, 0, 1):
            sizes = ", ".join(map(str, draw.other(shape)))
            return f"x.{name}(nn.Parameter(torch.rand({sizes}) + 1){extra})", (shape,)
        other = shape if name == "dot" else draw.other(shape)
        if not name.endswith("_") and not name.startswith("__") and draw.one(0, 1):
            return f"torch.{name}(x, y{extra})", (shape, other)
        if draw.one(0, 1) and name.endswith("_"):
            return f"x.{name}(y{extra})\nx", (shape, other)
        return f"x.{name}(y{extra if not name.startswith('__') else ''})", (shape, other)

    return make


def operator(symbol: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.shape()
        style = draw.one("xy", "yx", "number", "rnumber", "parameter", "inplace", "self")
        other = draw.other(shape)
        if style == "number":
            return f"x {symbol} {draw.one(2.0, 3, 0.5)}", (shape,)
        if style == "rnumber":
            return f"{draw.one(2.0, 3, 0.5)} {symbol} x", (shape,)
        if style == "parameter":
            return f"x {symbol} nn.Parameter(torch.rand({', '.join(map(str, other))}) + 1)", (shape,)
        if style == "inplace":
            return f"x {symbol}= y\nx", (shape, other)
        if style == "self":
            return f"(x {symbol} y) {draw.one('+', '-')} x", (shape, other)
        return ("x {} y" if style == "xy" else "y {} x").format(symbol), (shape, other)

    return make


def matrix(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        n, k, m = (draw.one(2, 3, 4) for _ in range(3))
        head = draw.shape(1, 1) if name in ("bmm", "baddbmm") else () if name in ("mm", "addmm") else draw.shape(0, 2)
        head2 = head if name in ("bmm", "baddbmm") else draw.other(head) if head else head
        if name in ("baddbmm", "addmm"):
            return f"torch.{name}(x, y, z)", ((*head, n, m), (*head, n, k), (*head, k, m))
        if name in ("matmul", "__matmul__") and draw.one(0, 0, 1):
            return f"{draw.one('x @ y', 'torch.matmul(x, y)')}", ((*head, n, k), (k,))
        if draw.one(0, 0, 1) and name not in ("baddbmm", "addmm", "bmm"):
            return f"x @ nn.Parameter(torch.randn({k}, {m}))", ((*head, n, k),)
        if draw.one(0, 0, 1) and name not in ("baddbmm", "addmm", "bmm"):
            return f"nn.Parameter(torch.randn({m}, {n})) @ x", ((*head, n, k),)
        call = "x @ y" if name == "__matmul__" else draw.one(f"x.{name}(y)", f"torch.{name}(x, y)")
        return call, ((*head, n, k), (*head2, k, m))

    return make


EQUATIONS = ("bij,bjk->bik", "bchw,bcij->bhwij", "nctv,vw->nctw", "bhld,bhmd->bhlm", "bij->bji", "bij->bi", "...ij,...jk->...ik", "bi,bj->bij",
             "bcl,c->bl", "ij,jk->ik", "bcd,bcd->b", "bnc,nm->bmc")  # fmt: skip


def einsum(draw: Draw) -> Made:
    equation = draw.one(*EQUATIONS)
    sizes = {letter: draw.one(2, 3, 4) for letter in "abcdefghijklmnopqrstuvw"}
    terms = equation.partition("->")[0].split(",")
    head = draw.shape(0, 2)
    shapes = tuple((*(head if "..." in term else ()), *(sizes[one] for one in term.replace("...", ""))) for term in terms)
    names = ", ".join("xy"[: len(terms)])
    return f"torch.einsum({equation!r}, {names})", shapes


def concatenation(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.shape()
        axis = draw.axis(shape)
        if name == "stack":
            return f"torch.stack([x, y], {draw.one(axis, axis - 1 if axis < 0 else axis + 1)})", (shape, shape)
        other = tuple(draw.one(1, 2, 3) if at == axis % len(shape) else size for at, size in enumerate(shape))
        return f"torch.{name}({draw.one('[x, y]', '(x, y, x)')}, dim={axis})", (shape, other)

    return make


def pooling(spatial: int, average: bool) -> Callable[[Draw, Shape], str]:
    def arguments(draw: Draw, shape: Shape) -> str:
        kernel = draw.one(2, 3)
        given = [str(kernel), f"stride={draw.one(1, 2)}", f"padding={draw.one(0, 1)}"]
        if average:
            given.append(f"ceil_mode={draw.one(True, False)}")
            given.append(f"count_include_pad={draw.one(True, False)}")
            if spatial > 1 and draw.one(0, 0, 1):
                given.append(f"divisor_override={draw.one(2, 3)}")
        else:
            given.append(f"dilation={draw.one(1, 1, 2)}")
            given.append(f"ceil_mode={draw.one(True, False)}")
        return ", ".join(given)

    return arguments


def adaptive(spatial: int) -> Callable[[Draw, Shape], str]:
    def arguments(draw: Draw, shape: Shape) -> str:
        if draw.one(0, 1):
            return str(draw.one(1, 2, 3))
        return str(tuple(draw.one(1, 2, 3) for _ in range(spatial)))

    return arguments


def resizing(draw: Draw, shape: Shape) -> str:
    spatial = len(shape) - 2
    modes = {
        1: ("nearest", "linear"),
        2: ("nearest", "bilinear", "bicubic", "area", "nearest-exact"),
        3: ("nearest", "trilinear"),
    }
    mode = draw.one(*modes[spatial])
    aligned = f", align_corners={draw.one(True, False)}" if mode.endswith(("linear", "cubic")) else ""
    if draw.one(0, 1):
        return f"scale_factor={draw.one(2, 0.5, 1.5)}, mode={mode!r}{aligned}"
    return f"size={tuple(draw.one(2, 3, 7) for _ in range(spatial))}, mode={mode!r}{aligned}"


def padding(draw: Draw, shape: Shape) -> str:
    count = draw.one(1, 2) if len(shape) > 3 else 1
    mode = draw.one("constant", "constant", "reflect", "replicate", "circular")
    if mode != "constant":
        count = len(shape) - 2
    widths = [draw.one(0, 1, 1, 2) for _ in range(2 * count)]
    if mode == "constant" and draw.one(0, 0, 1):
        return f"{widths}, value={draw.one(0.0, 1.0, -2.0)}"
    return f"{tuple(widths)}, mode={mode!r}"


def weights(draw: Draw, shape: Shape, spatial: int, transposed: bool) -> str:
    groups = draw.one(1, 1, shape[1])
    kernel = [draw.one(1, 1, 2, 3) for _ in range(spatial)]
    out = draw.one(1, 2) * groups
    first = (shape[1], out // groups) if transposed else (out, shape[1] // groups)
    sizes = ", ".join(map(str, (*first, *kernel)))
    given = [f"nn.Parameter(torch.randn({sizes}))", f"nn.Parameter(torch.randn({out}))" if draw.one(0, 1) else "None"]
    stride = draw.one(1, 1, 2, 3)
    given += [f"stride={stride}", f"padding={draw.one(0, 0, 1)}", f"groups={groups}"]
    if transposed and stride > 1 and draw.one(0, 1):
        given.append("output_padding=1")
    return ", ".join(given)


def convolution(spatial: int, transposed: bool) -> Maker:
    name = f"conv_transpose{spatial}d" if transposed else f"conv{spatial}d"
    return function(lambda draw, shape: weights(draw, shape, spatial, transposed), spatial)(name)


def do_linear(draw: Draw) -> Made:
    shape = draw.shape(1, 4)
    bias = draw.one("", ", nn.Parameter(torch.randn(3))")
    return f"F.linear(x, nn.Parameter(torch.randn(3, {shape[-1]})){bias})", (shape,)


def indexing(draw: Draw) -> Made:
    shape = draw.shape(1, 4)
    parts = []
    for size in shape[: draw.chance.randint(1, len(shape))]:
        parts.append(draw.one(":", f"{draw.chance.randrange(size)}", ":1", "::2", "1:" if size > 1 else ":", f"-{size}:", "None, :",
                              f"[{draw.chance.randrange(size)}]", f"torch.arange({size})"))  # fmt: skip
    if draw.one(0, 0, 1):
        parts = ["...", *parts[-1:]]
    return f"x[{', '.join(parts)}]", (shape,)


def storing(draw: Draw) -> Made:
    """x[...] = ..."""
    shape = draw.shape(1, 4)
    part = ", ".join([":"] * draw.chance.randint(0, len(shape) - 1) + [draw.one("0", ":1", "0:1")])
    style = draw.one("number", "tensor", "own", "view", "operator")
    if style == "number":
        return f"x[{part}] = {draw.one(0.0, 1.0)}\nx", (shape,)
    if style == "tensor":
        return f"x[{part}] = y[{part}]\nx", (shape, shape)
    if style == "own":
        return f"y[{part}] = x[{part}]\ny", (shape, shape)
    if style == "view":
        return f"v = x[{part}]\nv.{draw.one('zero_()', 'mul_(2)', 'fill_(1.0)', 'add_(v)')}\nx", (shape,)
    return f"x[{part}] *= {draw.one('2.0', 'x[' + part + ']')}\nx", (shape,)


def in_place(draw: Draw) -> Made:
    """A statement in place whose result is the tensor itself, or something that looks at it."""
    shape = draw.shape(1, 4)
    statement = draw.one("x.mul_(y)", "x.add_(y)", "x.sub_(y)", "x.zero_()", "x.fill_(0.0)", "x.copy_(y)", "x.relu_()", "x.clamp_(0)", "x.sigmoid_()",
                         "torch.add(x, y, out=x)", "torch.mul(x, y, out=x)", "torch.relu_(x)", "F.relu(x, inplace=True)", "x.div_(y)",
                         "nn.ReLU(inplace=True)(x)", "nn.ReLU(True)(x)", "x.exp_()", "x.neg_()", "x.lerp_(y, 0.5)", "x.addcmul_(y, y)",
                         "torch.sigmoid(y, out=x)", "x.data = y", "x.set_(y)", "x.tril_()", "x.abs_()", "x.sin_()",
                         "x.masked_fill_(y > 0, 0.0)")  # fmt: skip
    view = draw.one("x", "x", "x", "v")
    if view == "v":
        how = draw.one(
            "x[:1]",
            "x.view(-1)",
            "x.detach()",
            "x.unsqueeze(0)",
            "x.transpose(0, -1)",
            "x[..., :1]",
            "x.reshape(x.shape)",
            "x.flatten()",
        )
        return f"v = {how}\n{draw.one('v.zero_()', 'v.mul_(v)', 'v.relu_()', 'v += 1', 'v.exp_()')}\nx", (shape,)
    after = draw.one("x", "x + 0", "y")
    if "tril" in statement and len(shape) < 2:
        shape = (*shape, 2)
    return f"{statement}\n{after}", (shape, shape)


def masks(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.shape(1, 4)
        value = draw.one("0.0", "-5000.0", "float('-inf')", "-1e9", "torch.finfo(x.dtype).min", "1.0", "torch.tensor(0.0)", "v")
        mask = draw.one("torch.rand({}) > 0.5", "(torch.arange({}) > 0)").format(draw.one(shape[-1], 1))
        after = draw.one("{}", "{}", "{}.softmax(-1)", "F.softmax({}, dim=0)")
        lines = f"mask = {mask}\nv = {draw.one(0.0, -3e4)}\n"
        if name == "where":
            other = draw.one(value, value, "y", "torch.zeros(())", "torch.zeros_like(x)")
            body = draw.one(
                f"torch.where(mask, x, {other})",
                f"torch.where(mask, {other}, x)",
                f"x.where(mask, {other})",
                f"torch.where(x > 0, x, {other})",
            )
            return lines + after.format(body), (shape, shape)
        end = "\nx" if name.endswith("_") and draw.one(0, 1) else ""
        call = f"x.{name}(mask, {value})"
        return (f"{lines}{call}{end}" if end else lines + after.format(call)), (shape,)

    return make


def attention(draw: Draw) -> Made:
    head = draw.shape(0, 2)
    length, size = draw.one(2, 3), draw.one(2, 4)
    q = (*head, length, size)
    extra = draw.one("", "", ", is_causal=True", ", dropout_p=0.0", f", attn_mask=torch.rand({length}, {length})")
    return f"F.scaled_dot_product_attention(x, y, z{extra})", (q, q, (*head, length, draw.one(2, 3)))


def gumbel(draw: Draw) -> Made:
    """Its noise is the same for both executions of a probe."""
    shape = draw.shape()
    given = draw.one("", f", dim={draw.axis(shape)}", f", 0.5, False, 1e-10, {draw.axis(shape)}")
    return f"torch.manual_seed(0)\nF.gumbel_softmax(x{given})", (shape,)


def softmaxes(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.shape()
        axis = draw.axis(shape)
        return draw.one(f"x.{name}({axis})", f"F.{name}(x, dim={axis})", f"torch.{name}(x, {axis})"), (shape,)

    return make


def same_shape(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.shape()
        if name == "expand_as":
            return f"x.{name}(y)", (draw.other(shape), shape)
        goal = draw.target(shape)
        missing = -int(np.prod(shape)) // int(np.prod(goal)) if -1 in goal else 1
        return f"x.{name}(y)", (shape, tuple(missing if one == -1 else one for one in goal))

    return make


def expanding(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = tuple(draw.one(1, 1, 2, 3) for _ in range(draw.chance.randint(1, 4)))
        more = [draw.one(1, 2)] if draw.one(0, 1) else []
        if name in ("repeat", "tile"):
            counts = [*more, *(draw.one(1, 1, 2) for _ in shape)]
            return f"x.{name}({draw.one('{}', '*{}').format(counts)})", (shape,)
        goal = [*more, *(draw.one(2, 3) if size == 1 and draw.one(0, 1) else draw.one(size, -1) for size in shape)]
        if name == "broadcast_to":
            goal = [size if one == -1 else one for one, size in zip(goal, (*more, *shape), strict=True)]
            return f"torch.broadcast_to(x, {goal})", (shape,)
        return f"x.expand({draw.one('{}', '*{}').format(goal)})", (shape,)

    return make


def spreading(name: str) -> Maker:
    """x.var(0, keepdim=True), torch.std_mean(x, (0, 1))[1]: without a correction, since an axis may have one entry."""

    def make(draw: Draw) -> Made:
        shape = draw.shape()
        keep = draw.one("", ", keepdim=True", ", keepdim=False")
        axis, axes = draw.axis(shape), draw.axes(shape)
        if name.endswith("_mean"):
            which = draw.one(0, 1)
            return f"torch.{name}(x, {draw.one(axis, axes, f'dim={axes}')}, correction=0{keep})[{which}]", (shape,)
        return draw.one(
            f"x.{name}({axis}, correction=0{keep})",
            f"torch.{name}(x, dim={tuple(axes)}, correction=0{keep})",
            f"x.{name}({axes}, False, {draw.one(True, False)})",
            f"x.{name}(correction=0)",
        ), (shape,)

    return make


def reducing(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.shape()
        keep = draw.one("", ", keepdim=True", ", keepdim=False")
        axis = draw.axis(shape)
        if name in ("max", "min"):
            return draw.one(
                f"x.{name}({axis}{keep})[0]", f"x.{name}(dim={axis}{keep}).values", f"torch.{name}(x, {axis})", f"x.{name}()"
            ), (shape,)
        axes = draw.axes(shape)
        return draw.one(
            f"x.{name}({axis}{keep})",
            f"x.{name}({axes}{keep})",
            f"torch.{name}(x, dim={tuple(axes)}{keep})",
            *([f"x.{name}()"] if name in ("sum", "mean") else []),
        ), (shape,)

    return make


def choosing(name: str) -> Maker:
    """Entries along an axis, by their order: sort, topk, median, quantile, and where they stand."""

    def make(draw: Draw) -> Made:
        shape = draw.shape()
        axis = draw.axis(shape)
        keep = draw.one("", ", keepdim=True")
        first = {"topk": "1, ", "kthvalue": "1, ", "quantile": "0.5, ", "nanquantile": "0.25, "}.get(name, "")
        if name in ("quantile", "nanquantile", "logsumexp"):
            return draw.one(f"x.{name}({first}{axis}{keep})", f"torch.{name}(x, {first}dim={axis}{keep})"), (shape,)
        if name in ("argmax", "argmin"):
            return f"x.{name}({axis}{keep}).double()", (shape,)
        if name in ("sort", "topk", "cummax", "cummin"):
            keep = ""
        return draw.one(
            f"x.{name}({first}{axis}{keep})[0]",
            f"torch.{name}(x, {first}dim={axis}{keep}).values",
            f"x.{name}({first}dim={axis})[1].double()",
        ), (shape,)

    return make


def differing(draw: Draw) -> Made:
    shape = draw.shape()
    return draw.one(f"x.diff(dim={draw.axis(shape)})", f"torch.diff(x, 1, {draw.axis(shape)})", "x.diff()"), (shape,)


def splitting(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.shape()
        axis = draw.axis(shape)
        size = shape[axis]
        if name in ("chunk", "tensor_split"):
            counts = (1, 2, 3) if name == "tensor_split" else [one for one in (1, 2, 3, 4) if size % one == 0]
            given = draw.one(str(draw.one(*counts)), *(["[1]"] if name == "tensor_split" else []))
        else:
            given = draw.one(str(draw.one(1, 2)), f"[{size - size // 2}, {size // 2}]")
        if name == "unbind":
            return draw.one(f"x.unbind({axis})", f"torch.unbind(x, {axis})[0]"), (shape,)
        return draw.one(
            f"x.{name}({given}, {axis})", f"torch.{name}(x, {given}, dim={axis})", f"x.{name}({given}, dim={axis})[0]"
        ), (shape,)

    return make


def einops_like(draw: Draw) -> Made:
    patterns = {"b c h w -> b (c h w)": 4, "b c h w -> b (h w) c": 4, "b (k c) h w -> b k c h w": 4, "b n (h d) -> b h n d": 3, "b c l -> b l c": 3,
                "(b t) c -> b t c": 2, "b c (h p) w -> b (c p) h w": 4, "b ... c -> b c ...": 4}  # fmt: skip
    pattern = draw.one(*patterns)
    shape = tuple(draw.one(2, 4) for _ in range(patterns[pattern]))
    extra = {"(k": ", k=2", "(h d)": ", h=2", "(b t)": ", b=2", "(h p)": ", p=2"}
    given = "".join(text for key, text in extra.items() if key in pattern.partition("->")[0])
    return f"einops.rearrange(x, {pattern!r}{given})", (shape,)


def lines(draw: Draw, shape: Shape) -> str:
    return f"{draw.one(0, 1)}"
