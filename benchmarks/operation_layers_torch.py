"""How PyTorch's layers and functional norms are drawn."""

from __future__ import annotations

from collections.abc import Callable

from operation_draw import Draw
from operation_makers_torch import Made, Maker
from operation_model import Shape


def layer(text: Callable[[Draw, Shape], str], shape: Callable[[Draw], Shape]) -> Maker:
    def make(draw: Draw) -> Made:
        drawn = shape(draw)
        return f"{text(draw, drawn)}(x)", (drawn,)

    return make


def convolution_layer(spatial: int, transposed: bool, lazy: bool) -> Maker:
    name = f"{'Lazy' if lazy else ''}Conv{'Transpose' if transposed else ''}{spatial}d"

    def text(draw: Draw, shape: Shape) -> str:
        channels = shape[-spatial - 1]
        groups = draw.one(1, 1, channels)
        kernel = draw.one(1, 1, 2, 3, tuple(draw.one(1, 2, 3) for _ in range(spatial)))
        stride = draw.one(1, 1, 2, 3, tuple(draw.one(1, 2) for _ in range(spatial)))
        given = ([] if lazy else [str(channels)]) + [
            str(groups * draw.one(1, 2)),
            str(kernel),
            f"stride={stride}",
            f"groups={groups}",
        ]
        if transposed:
            given += [f"padding={draw.one(0, 0, 1)}", f"dilation={draw.one(1, 1, 2)}"]
            if stride not in (1, (1,) * spatial) and draw.one(0, 1):
                given.append(
                    "output_padding=1" if isinstance(stride, int) else f"output_padding={tuple(one - 1 for one in stride)}"
                )
        else:
            same = stride in (1, (1,) * spatial)
            sides = (0, 0, 1, "'valid'", "'same'" if same else "'valid'")
            given += [f"padding={draw.one(*sides)}", f"dilation={draw.one(1, 1, 2)}"]
            given.append(f"padding_mode={draw.one('zeros', 'zeros', 'reflect', 'replicate', 'circular')!r}")
        return f"nn.{name}({', '.join(given)})"

    def shape(draw: Draw) -> Shape:
        drawn = draw.image(spatial, side=(5, 6, 7) if spatial < 3 else (4, 5))
        return drawn if draw.one(0, 0, 0, 1) == 0 or lazy else drawn[1:]

    return layer(text, shape)


def norm_layer(name: str, spatial: int | None) -> Maker:
    """A norm in training mode, or in eval mode."""

    def shape(draw: Draw) -> Shape:
        if spatial is None:
            return draw.image(draw.one(0, 1, 2), channels=(2, 4))
        if spatial == 1:
            return (draw.one(2, 3), *draw.image(draw.one(0, 1), channels=(2, 4))[1:])
        return (draw.one(2, 3), *draw.image(spatial, channels=(2, 4))[1:])

    def text(draw: Draw, drawn: Shape) -> str:
        channels = drawn[1]
        mode = draw.one("", "", "", "m.training = False", "m.training = True", "m.train()")
        stats = draw.one(
            "", "", ", track_running_stats=False", ", track_running_stats=True", ", affine=False", ", momentum=None"
        )
        if name == "GroupNorm":
            return f"m = nn.GroupNorm({draw.one(1, 2, channels)}, {channels})\n{mode}\nm"
        if name in ("LayerNorm", "RMSNorm"):
            count = draw.chance.randint(1, len(drawn))
            given = draw.one(str(drawn[-1]), f"{list(drawn[-count:])}", f"{drawn[-count:]}")
            return f"m = nn.{name}({given})\n{mode}\nm"
        return f"m = nn.{name}({'' if name.startswith('Lazy') else channels}{stats if not name.startswith('Lazy') else stats[2:]})\n{mode}\nm"

    return layer(text, shape)


def functional_norm(name: str) -> Maker:
    def make(draw: Draw) -> Made:
        shape = draw.image(draw.one(1, 2), channels=(2, 4))
        c = shape[1]
        affine = draw.one("", f", weight=nn.Parameter(torch.rand({c})), bias=nn.Parameter(torch.rand({c}))")
        if name == "batch_norm":
            stats = f"torch.rand({c}), torch.rand({c}) + 1"
            return f"F.batch_norm(x, {stats}{affine}, training={draw.one(True, True, False)})", (shape,)
        if name == "instance_norm":
            stats = f"running_mean=torch.rand({c}), running_var=torch.rand({c}) + 1, use_input_stats={draw.one(True, False)}"
            return f"F.instance_norm(x{draw.one('', ', ' + stats)}{affine})", (shape,)
        if name == "group_norm":
            return f"F.group_norm(x, {draw.one(1, 2, c)}{affine})", (shape,)
        count = draw.one(1, 2)
        return f"F.{name}(x, {list(shape[-count:])})", (shape,)

    return make
