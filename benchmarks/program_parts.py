"""The parts that generated PyTorch programs are put together from: data for `program_grammar.py`.

Each part is a handful of lines for the module's top, the constructor, the class body and the forward pass; `{c}` is the layer, `{n}` the
norm, `{i}` a number for names.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Part:
    """Some lines of a program, and what kind they are."""

    kind: str
    top: str = ""
    init: str = ""
    body: str = ""
    forward: str = ""
    value: str = ""  # an expression for what is made here; {v} is what went in
    after: str = ""  # the end of the constructor
    result: str = ""  # one more result of the forward pass


# -- how a layer is made: all of them take (N, 4, H, W) and give (N, 4, h, w) -------------------------------------------------------

LAYERS = [
    Part("conv", init="self.{c} = nn.Conv2d(4, 4, 3)"),
    Part("conv", init="self.{c} = nn.Conv2d(4, 4, 3)"),
    Part("conv", init="self.{c} = nn.Conv2d(4, 4, 3, padding=1)"),
    Part("conv", init="self.{c} = nn.Conv2d(4, 4, kernel_size=1, bias=True)"),
    Part("grouped conv", init="self.{c} = nn.Conv2d(4, 4, 3, 1, 1, groups=4)"),
    Part("transposed conv", init="self.{c} = nn.ConvTranspose2d(4, 4, 2, 2)"),
    Part("transposed conv of kernel 1", init="self.{c} = nn.ConvTranspose2d(4, 4, 1, 2, output_padding=1)"),
    Part("made by a function", top="def conv{i}():\n    return nn.Conv2d(4, 4, 3)", init="self.{c} = conv{i}()"),
    Part("made by a partial", top="conv{i} = functools.partial(nn.Conv2d, kernel_size=3)", init="self.{c} = conv{i}(4, 4)"),
    Part("of a list", init="self.list{i} = nn.ModuleList([nn.Conv2d(4, 4, 3)])\nself.{c} = self.list{i}[0]"),
    Part("add_module", init="self.add_module('{c}', nn.Conv2d(4, 4, 3))"),
    Part("setattr", init="setattr(self, '{c}', nn.Conv2d(4, 4, 3))"),
    Part("deep copy", init="self.{c} = copy.deepcopy(nn.Conv2d(4, 4, 3))"),
    Part(
        "apply",
        top="def init{i}(m):\n    if isinstance(m, nn.Conv2d):\n        nn.init.zeros_(m.bias)",
        init="self.{c} = nn.Conv2d(4, 4, 3)",
        after="self.apply(init{i})",
    ),
    Part("subclass", top="class Conv{i}(nn.Conv2d):\n    pass", init="self.{c} = Conv{i}(4, 4, 3)"),
    Part(
        "subclass with a constructor",
        top="class Conv{i}(nn.Conv2d):\n    def __init__(self, n):\n        super().__init__(n, n, 3)",
        init="self.{c} = Conv{i}(4)",
    ),
    Part(
        "subclass with a forward pass",
        top="class Conv{i}(nn.Conv2d):\n    def forward(self, x):\n        return super().forward(x)",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
    Part(
        "subclass with a ReLU",
        top="class Conv{i}(nn.Conv2d):\n    def forward(self, x):\n        return super().forward(x).relu()",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
    Part(
        "overridden _conv_forward",
        top="class Conv{i}(nn.Conv2d):\n    def _conv_forward(self, x, weight, bias):\n        return super()._conv_forward(x, weight, bias).tanh()",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
    Part(
        "overridden _conv_forward that scales",
        top="class Conv{i}(nn.Conv2d):\n    def _conv_forward(self, x, weight, bias):\n        return super()._conv_forward(x, weight * 2, bias)",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
    Part(
        "standardised weight",
        top="class Conv{i}(nn.Conv2d):\n    def forward(self, x):\n        w = self.weight - self.weight.mean((1, 2, 3), keepdim=True)\n        return F.conv2d(x, w, self.bias)",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
    Part("weight norm", init="self.{c} = nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3))"),
    Part(
        "parametrised weight",
        top="class Twice{i}(nn.Module):\n    def forward(self, w):\n        return 2 * w",
        init="self.{c} = nn.Conv2d(4, 4, 3)\nnn.utils.parametrize.register_parametrization(self.{c}, 'weight', Twice{i}())",
    ),
    Part(
        "weight made of the bias", init="self.{c} = nn.Conv2d(4, 4, 3)\nself.{c}.weight.data += self.{c}.bias.view(-1, 1, 1, 1)"
    ),
    Part(
        "patched forward",
        init="self.{c} = nn.Conv2d(4, 4, 3)\nplain{i} = self.{c}.forward\nself.{c}.forward = lambda x: plain{i}(x).relu()",
    ),
    Part(
        "decorated class",
        top="def activated{i}(cls):\n    plain = cls.forward\n    cls.forward = lambda self, x: plain(self, x).relu()\n    return cls\n\n\n@activated{i}\nclass Conv{i}(nn.Conv2d):\n    pass",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
    Part(
        "decorated class that stays",
        top="def named{i}(cls):\n    cls.kind = 'conv'\n    return cls\n\n\n@named{i}\nclass Conv{i}(nn.Conv2d):\n    pass",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
    Part(
        "replaced class",
        top="def swapped{i}(cls):\n    return Other{i}\n\n\nclass Other{i}(nn.Conv2d):\n    def forward(self, x):\n        return super().forward(x).sigmoid()\n\n\n@swapped{i}\nclass Conv{i}(nn.Conv2d):\n    pass",
        init="self.{c} = Conv{i}(4, 4, 3)",
    ),
]

# -- how it is called ---------------------------------------------------------------------------------------------------------------

CALLS = [
    Part("called", value="self.{c}({v})"),
    Part("called", value="self.{c}({v})"),
    Part("called", value="self.{c}({v})"),
    Part("called", value="self.{c}({v})"),
    Part("forward", value="self.{c}.forward({v})"),
    Part(
        "functional",
        value="F.conv2d({v}, self.{c}.weight, self.{c}.bias, padding=1) if isinstance(self.{c}, nn.Conv2d) and self.{c}.groups == 1 else self.{c}({v})",
    ),
    Part("getattr", value="getattr(self, '{c}')({v})"),
    Part("_modules", value="self._modules['{c}']({v})"),
    Part("get_submodule", value="self.get_submodule('{c}')({v})"),
    Part(
        "named children",
        value="dict(self.named_children())['{c}']({v}) if '{c}' in dict(self.named_children()) else self.{c}({v})",
    ),
    Part("method", body="def use{i}(self, v):\n    return self.{c}(v)", value="self.use{i}({v})"),
    Part(
        "decorated method that stays",
        top="def plain{i}(f):\n    @functools.wraps(f)\n    def g(*args):\n        return f(*args)\n    return g",
        body="@plain{i}\ndef use{i}(self, v):\n    return self.{c}(v)",
        value="self.use{i}({v})",
    ),
    Part(
        "decorated method with a ReLU",
        top="def bent{i}(f):\n    @functools.wraps(f)\n    def g(*args):\n        return f(*args).relu()\n    return g",
        body="@bent{i}\ndef use{i}(self, v):\n    return self.{c}(v)",
        value="self.use{i}({v})",
    ),
    Part(
        "decorated method with arguments",
        top="def scaled{i}(by, kind='none'):\n    def wrap(f):\n        def g(self, v):\n            out = f(self, v)\n            return out.tanh() if kind == 'tanh' else out * by\n        return g\n    return wrap",
        body="@scaled{i}(2.0, kind='tanh')\ndef use{i}(self, v):\n    return self.{c}(v)",
        value="self.use{i}({v})",
    ),
    Part(
        "decorated method with arguments that stays",
        top="def scaled{i}(by, kind='none'):\n    def wrap(f):\n        def g(self, v):\n            out = f(self, v)\n            return out.tanh() if kind == 'tanh' else out * by\n        return g\n    return wrap",
        body="@scaled{i}(2.0)\ndef use{i}(self, v):\n    return self.{c}(v)",
        value="self.use{i}({v})",
    ),
    Part(
        "decorator class",
        top="class Bend{i}:\n    def __init__(self, f):\n        self.f = f\n    def __get__(self, obj, cls):\n        return lambda v: self.f(obj, v).tanh()",
        body="@Bend{i}\ndef use{i}(self, v):\n    return self.{c}(v)",
        value="self.use{i}({v})",
    ),
    Part(
        "no_grad decorator",
        body="@torch.autocast('cpu', enabled=False)\ndef use{i}(self, v):\n    return self.{c}(v)",
        value="self.use{i}({v})",
    ),
    Part(
        "decorated function",
        top="def bent{i}(f):\n    return lambda m, v: f(m, v).relu()\n\n\n@bent{i}\ndef use{i}(m, v):\n    return m(v)",
        value="use{i}(self.{c}, {v})",
    ),
    Part("function", top="def use{i}(m, v):\n    return m(v)", value="use{i}(self.{c}, {v})"),
    Part("lambda", value="(lambda m, v: m(v))(self.{c}, {v})"),
    Part("partial", value="functools.partial(self.{c})({v})"),
    Part("checkpoint", value="torch.utils.checkpoint.checkpoint(self.{c}, {v}, use_reentrant=False)"),
    Part("sequential", init="self.seq{i} = nn.Sequential(self.{c}, nn.Identity())", value="self.seq{i}({v})"),
    Part("sequential with ReLU", init="self.seq{i} = nn.Sequential(self.{c}, nn.ReLU())", value="self.seq{i}({v})"),
    Part(
        "block",
        top="class Block{i}(nn.Module):\n    def __init__(self, inner):\n        super().__init__()\n        self.inner = inner\n    def forward(self, x):\n        return self.inner(x)",
        init="self.block{i} = Block{i}(self.{c})",
        value="self.block{i}({v})",
    ),
    Part("for loop", forward="t{i} = {v}\nfor m in [self.{c}]:\n    t{i} = m(t{i})", value="t{i}"),
    Part("property", body="@property\ndef prop{i}(self):\n    return self.{c}", value="self.prop{i}({v})"),
    Part("in a dict", forward="d{i} = {{'a': self.{c}({v})}}", value="d{i}['a']"),
    Part("on an attribute", forward="self.state{i} = self.{c}({v})", value="self.state{i}"),
]

# -- hooks and other changes to the layer ---------------------------------------------------------------------------------------------

HOOKS = [
    Part("forward hook that replaces", init="self.{c}.register_forward_hook(lambda m, i, o: o.relu())"),
    Part("forward hook that stays", init="self.{c}.register_forward_hook(lambda m, i, o: None)"),
    Part("forward hook that scales", init="self.{c}.register_forward_hook(lambda m, i, o: 2 * o)"),
    Part(
        "forward hook that keeps",
        init="self.{c}.register_forward_hook(self.keep{i})",
        body="def keep{i}(self, m, i, o):\n    self.kept{i} = o",
        result="self.kept{i}",
    ),
    Part(
        "forward hook that keeps in a list",
        init="kept{i} = []\nself.kept{i} = kept{i}\nself.{c}.register_forward_hook(lambda m, i, o: kept{i}.append(o))",
        result="self.kept{i}[-1]",
    ),
    Part("forward hook in place", init="self.{c}.register_forward_hook(lambda m, i, o: o.relu_())"),
    Part("pre-hook", init="self.{c}.register_forward_pre_hook(lambda m, i: (i[0] * 2,))"),
    Part("pre-hook that changes the bias", init="self.{c}.register_forward_pre_hook(lambda m, i: (i[0] + m.bias.sum(),))"),
    Part("pre-hook with a ReLU", init="self.{c}.register_forward_pre_hook(lambda m, i: (i[0].relu(),))"),
    Part(
        "hook with keyword arguments", init="self.{c}.register_forward_hook(lambda m, i, k, o: o.sigmoid(), with_kwargs=True)"
    ),
    Part("hook removed", init="self.{c}.register_forward_hook(lambda m, i, o: o.relu()).remove()"),
    Part("hook on the norm", init="self.{n}.register_forward_hook(lambda m, i, o: o + i[0])"),
    Part("hook on the norm that stays", init="self.{n}.register_forward_hook(lambda m, i, o: o.relu())"),
    Part("pre-hook on the norm", init="self.{n}.register_forward_pre_hook(lambda m, i: (i[0].relu(),))"),
    Part("backward hook", init="self.{c}.register_full_backward_hook(lambda m, gi, go: None)"),
    Part(
        "hook by a loop",
        after="for m in self.modules():\n    if isinstance(m, nn.Conv2d):\n        m.register_forward_hook(lambda m, i, o: o.relu())",
    ),
    Part("bias frozen", init="self.{c}.bias.requires_grad = False"),
    Part("bias doubled", init="self.{c}.bias.data.mul_(2)"),
    Part(
        "bias parametrised",
        top="class Soft{i}(nn.Module):\n    def forward(self, b):\n        return b.tanh()",
        init="nn.utils.parametrize.register_parametrization(self.{c}, 'bias', Soft{i}())",
    ),
    Part("bias dropped", init="self.{c}.bias = None"),
    Part("bias deleted and registered", init="self.{c}.register_parameter('bias', None)"),
    Part(
        "weight tied",
        init="self.tied{i} = nn.Conv2d(4, 4, 3)\nself.tied{i}.weight = self.{c}.weight",
        result="self.tied{i}(x).relu()",
    ),
    Part(
        "bias tied to a live layer",
        init="self.tied{i} = nn.Conv2d(4, 4, 3)\nself.tied{i}.bias = self.{c}.bias",
        result="self.tied{i}(x).relu()",
    ),
    Part(
        "bias of a live layer",
        init="self.tied{i} = nn.Conv2d(4, 4, 3)\nself.{c}.bias = self.tied{i}.bias",
        result="self.tied{i}(x).relu()",
    ),
    Part("set_submodule", init="self.set_submodule('{n}', nn.Identity())"),
    Part("norm replaced in _modules", init="self._modules['{n}'] = nn.Identity()"),
    Part("norm replaced by setattr", init="setattr(self, '{n}', nn.Identity())"),
    Part(
        "norm replaced in a loop",
        after="for name, m in list(self.named_children()):\n    if isinstance(m, nn.BatchNorm2d):\n        setattr(self, name, nn.Identity())",
    ),
    Part("norm deleted and added", init="del self.{n}\nself.{n} = nn.BatchNorm2d(4)"),
    Part("object.__setattr__", init="object.__setattr__(self, 'spare{i}', self.{c})"),
]

# -- what stands between ----------------------------------------------------------------------------------------------------------------

BETWEEN = [
    *[Part(f"value {text}", value=text) for text in (
        "{v}.relu()", "F.relu({v})", "{v}.tanh()", "F.max_pool2d({v}, 2)", "F.max_pool2d({v}, 2, padding=1)", "F.avg_pool2d({v}, 2)", "F.avg_pool2d({v}, 2, padding=1)",
        "F.avg_pool2d({v}, 2, 2, 1, False, False)", "F.interpolate({v}, scale_factor=2)", "F.interpolate({v}, size=(5, 5), mode='bilinear')", "F.pad({v}, (1, 1, 1, 1))",
        "F.pad({v}, (1, 1, 1, 1), mode='reflect')", "F.pad({v}, [0, 0, 0, 0])", "F.dropout({v}, 0.5)", "F.dropout({v}, 0.5, training=False)", "{v}[:, :, 1:]", "{v}[..., ::2]",
        "{v}.flip(2)", "{v}.flip(1)", "{v}.roll(1, 3)", "{v}.rot90(1, (2, 3))", "{v}.rot90(1, (1, 2)) if {v}.size(1) == {v}.size(2) else {v}", "{v} * 2", "-{v}", "{v} / 3", "{v} + 1", "1 - {v}",
        "{v} ** 2", "{v} * {v}", "{v} + x.mean()", "{v} * x.mean()", "{v} - {v}.mean((2, 3), keepdim=True)", "{v} - {v}.mean(1, keepdim=True)", "{v}.clamp(min=0)", "{v}.abs()", "{v}.tril()", "{v}.triu(1)",
        "{v}.transpose(2, 3)", "{v}.permute(0, 1, 3, 2)", "{v}.contiguous()", "{v}.clone()", "{v}.detach()", "{v}.to(x.dtype)", "{v}.double()", "{v}.view({v}.size(0), 4, -1, 1)",
        "{v}.flatten(2).unsqueeze(-1)", "{v}.reshape({v}.size(0), -1, 1, 1)[:, :4]", "torch.cat([{v}, {v}], 0)", "torch.cat([{v}, {v}], 2)", "torch.cat([{v}, torch.zeros_like({v})], 3)",
        "torch.cat([{v}[:, :2], {v}[:, 2:]], 1)", "torch.cat({v}.chunk(2, 1), 1)", "torch.stack([{v}, {v}], 0).sum(0)", "sum([{v}, {v}])", "torch.where({v} > 0, {v}, torch.zeros(()))",
        "torch.where(torch.arange({v}.size(-1)) > 1, {v}, torch.zeros(()))", "{v}.masked_fill(torch.arange({v}.size(-1)) > 1, 0.0)", "{v}.masked_fill(torch.arange({v}.size(-1)) > 1, -5000.0)",
        "{v}.masked_fill(torch.zeros_like({v}, dtype=torch.bool), 0.0)", "torch.where(torch.tensor(True), {v}, {v})", "torch.lerp({v}, {v}, 0.5)", "{v} @ torch.eye({v}.size(-1))", "torch.einsum('bchw->bcwh', {v})",
        "F.softmax({v}, 1)", "F.softmax({v}, -1)", "F.pixel_unshuffle(F.pixel_shuffle({v}, 2), 2)", "F.channel_shuffle({v}, 2)", "nn.Identity()({v})", "nn.ReLU()({v})", "nn.AvgPool2d(3, 1, 1)({v})",
        "nn.ReflectionPad2d(1)({v})", "nn.ZeroPad2d(1)({v})", "nn.Upsample(scale_factor=2, mode='nearest')({v})", "F.layer_norm({v}, {v}.shape[1:])", "F.instance_norm({v})", "F.group_norm({v}, 2)",
        "F.conv2d({v}, torch.ones(4, 1, 1, 1), groups=4)", "F.conv2d({v}, torch.ones(4, 4, 1, 1), padding=1)", "F.conv_transpose2d({v}, torch.ones(4, 4, 1, 1), stride=2)", "{v}.sum(1, keepdim=True).expand(-1, 4, -1, -1)",
        "{v}.mean((2, 3), keepdim=True).expand_as({v})", "{v}.amax((2, 3), keepdim=True)", "{v}.cumsum(2)", "{v}.sort(2)[0]", "{v}.nan_to_num()", "{v}.unfold(2, 2, 1).mean(-1)",
        "{v}.addcmul({v}, {v})", "{v}.index_select(1, torch.tensor([1, 0, 2, 3]))", "{v}[:, [3, 2, 1, 0]]", "{v}[torch.arange({v}.size(0))]", "{v}.unsqueeze(2).squeeze(2)", "{v}.repeat(1, 1, 2, 1)",
        "{v}.view_as({v})", "{v} if {v}.mean() > -99 else {v}.relu()", "({v}.relu() if self.training else {v})", "({v} if self.training else {v}.relu())", "{v}.mul(2)", "{v}.sub({v}.mean())", "{v}.add({v}, alpha=2)",
        "self.scale{i} * {v}", "self.gain{i} * {v}", "self.place{i} * torch.ones(()) + {v}", "{v} * self.hidden{i}")],
    *[Part(f"statement {text}", forward="t{i} = {v}\n" + text, value="t{i}") for text in (
        "t{i}.relu_()", "F.relu(t{i}, inplace=True)", "torch.relu_(t{i})", "nn.ReLU(inplace=True)(t{i})", "t{i}.mul_(2)", "t{i}.mul_(t{i}.sigmoid())", "t{i}.mul_(x.mean())", "t{i}.add_(1)", "t{i}.add_(x.mean())", "t{i} += x.mean()",
        "t{i} *= 2", "t{i} *= torch.rand_like(t{i})", "t{i} -= t{i}.mean((2, 3), keepdim=True)", "t{i}.zero_()", "t{i}.clamp_(0)", "t{i}.copy_(t{i}.tanh())", "torch.tanh(t{i}, out=t{i}) if not t{i}.requires_grad else t{i}.tanh_()",
        "t{i}[:, :, 0] = 0", "t{i}[:, 0] = 0", "t{i}[...] = t{i}.relu()", "t{i}[:, :, :1] *= 2", "t{i}.data.mul_(2)", "t{i}.data = t{i}.data.relu()", "t{i}.view(-1)[:3] = 0", "u{i} = t{i}.view(-1)\nu{i}.relu_()", "u{i} = t{i}[:, :, 0]\nu{i}.zero_()",
        "u{i} = t{i}.transpose(2, 3)\nu{i}.mul_(u{i})", "u{i} = t{i}.detach()\nu{i}.relu_()", "u{i} = t{i}.clone()\nu{i}.relu_()", "u{i} = t{i}.chunk(2, 1)[0]\nu{i}.relu_()", "u{i} = t{i}.chunk(2, 1)[0]\nu{i}.mul_(2)", "t{i}.masked_fill_(t{i} > 0, 0.0)",
        "t{i}.masked_fill_(torch.arange(t{i}.size(-1)) > 1, 0.0)", "t{i}.exp_()", "t{i}.sub_(t{i})", "t{i}.transpose_(2, 3)", "t{i}.unsqueeze_(0).squeeze_(0)", "t{i}.neg_()", "t{i}.div_(2)", "t{i}.fill_diagonal_(0.0) if t{i}.dim() == 2 else t{i}",
        "for k in range(2):\n    t{i} = t{i} * 2", "for k in range(2):\n    t{i} = t{i}.relu()", "while t{i}.dim() > 4:\n    t{i} = t{i}[0]", "with torch.no_grad():\n    t{i}.data.clamp_(0)", "with torch.enable_grad():\n    t{i} = t{i} * 2",
        "if t{i}.mean() > -99:\n    t{i} = t{i}.relu()", "if self.training:\n    t{i} = t{i}.relu()", "if not self.training:\n    t{i} = t{i}.relu()", "try:\n    t{i} = t{i} * 2\nfinally:\n    pass", "try:\n    t{i} = t{i}[:, :9].view(1, 1)\nexcept Exception:\n    t{i} = t{i}.relu()",
        "with contextlib.suppress(Exception):\n    t{i} = t{i}.relu()\n    t{i} = t{i}.view(1, 1)", "try:\n    t{i} = t{i}.relu()\n    raise ValueError\nexcept ValueError:\n    pass", "assert t{i}.dim() == 4", "global seen\nseen = t{i}.mean()",
        "t{i} = bend{i}(t{i})", "t{i} = keep{i}(t{i})", "spoil{i}(t{i})", "self.spoil{i}(t{i})", "t{i}, _ = (t{i}, 0)", "(t{i} := t{i} * 2)", "del x", "out{i} = torch.empty_like(t{i})\nwith torch.no_grad():\n    torch.mul(t{i}, 1, out=out{i})\nt{i} = t{i} + 0 * out{i}",
        "a{i} = b{i} = t{i}\nb{i} *= 2", "a{i} = [t{i}]\na{i}[0].relu_()", "a{i} = {{'k': t{i}}}\na{i}['k'] += x.mean()", "a{i} = t{i}\na{i}.relu_()")],
]  # fmt: skip

SUPPORT = {
    "self.scale{i}": Part("", init="self.scale{i} = nn.Parameter(torch.ones(1, 4, 1, 1))"),
    "self.gain{i}": Part("", init="self.gain{i} = nn.Parameter(torch.ones(1))"),
    "self.place{i}": Part("", init="self.place{i} = nn.Parameter(torch.randn(1, 1, 1, 1))"),
    "self.hidden{i}": Part("", init="self.register_buffer('hidden{i}', torch.rand(1, 1, 1, 1))"),
    "= bend{i}(": Part("", top="def bend{i}(v):\n    return v.tanh()"),
    "= keep{i}(": Part("", top="def keep{i}(v):\n    return v"),
    "spoil{i}(t{i})": Part("", top="def spoil{i}(v):\n    v.relu_()", body="def spoil{i}(self, v):\n    v *= v"),
}

# -- the norm ----------------------------------------------------------------------------------------------------------------------------

NORMS = [
    *[Part(f"norm {text}", init="self.{n} = " + text, value="self.{n}({v})") for text in (
        "nn.BatchNorm2d(4)", "nn.BatchNorm2d(4)", "nn.BatchNorm2d(4)", "nn.BatchNorm2d(4, affine=False)", "nn.BatchNorm2d(4, track_running_stats=False)", "nn.BatchNorm2d(4, momentum=None)", "nn.SyncBatchNorm(4) if False else nn.BatchNorm2d(4)",
        "nn.LazyBatchNorm2d()", "nn.InstanceNorm2d(4)", "nn.InstanceNorm2d(4, track_running_stats=True)", "nn.InstanceNorm2d(4, affine=True)", "nn.GroupNorm(2, 4)", "nn.GroupNorm(4, 4)", "nn.GroupNorm(1, 4)", "nn.BatchNorm2d(4).eval()",
        "nn.BatchNorm2d(4).train(False)", "nn.BatchNorm2d(4).requires_grad_(False)", "nn.Sequential(nn.BatchNorm2d(4), nn.ReLU())", "nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4))", "nn.Identity()", "nn.Sequential(nn.Identity(), nn.BatchNorm2d(4))")],
    Part("norm subclass", top="class Norm{i}(nn.BatchNorm2d):\n    pass", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("norm subclass with train", top="class Norm{i}(nn.BatchNorm2d):\n    def train(self, mode=True):\n        return super().train(False)", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("norm subclass with train that stays", top="class Norm{i}(nn.BatchNorm2d):\n    def train(self, mode=True):\n        return super().train(mode)", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("norm subclass with forward", top="class Norm{i}(nn.BatchNorm2d):\n    def forward(self, x):\n        return super().forward(x) + x", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("norm subclass with eval statistics", top="class Norm{i}(nn.BatchNorm2d):\n    def forward(self, x):\n        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False)", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("functional", init="self.{n} = nn.BatchNorm2d(4)", value="F.batch_norm({v}, self.{n}.running_mean, self.{n}.running_var, self.{n}.weight, self.{n}.bias, True)"),
    Part("functional in eval", init="self.{n} = nn.BatchNorm2d(4)", value="F.batch_norm({v}, self.{n}.running_mean, self.{n}.running_var, self.{n}.weight, self.{n}.bias)"),
    Part("functional by mode", init="self.{n} = nn.BatchNorm2d(4)", value="F.batch_norm({v}, self.{n}.running_mean, self.{n}.running_var, training=self.training)"),
    Part("functional by the other mode", init="self.{n} = nn.BatchNorm2d(4)", value="F.batch_norm({v}, self.{n}.running_mean, self.{n}.running_var, training=not self.training)"),
    Part("F.instance_norm", init="self.{n} = nn.BatchNorm2d(4)", value="F.instance_norm({v})"),
    Part("F.instance_norm without input statistics", init="self.{n} = nn.BatchNorm2d(4)", value="F.instance_norm({v}, self.{n}.running_mean, self.{n}.running_var, use_input_stats=False)"),
    Part("own mean", init="self.{n} = nn.Identity()", value="({v} - {v}.mean((0, 2, 3), keepdim=True)) / 2"),
    Part("patched class", top="nn.BatchNorm2d = lambda n: nn.Identity()", init="self.{n} = nn.BatchNorm2d(4)", value="self.{n}({v})"),
    Part("patched forward of the class", top="nn.BatchNorm2d.forward = lambda self, x: x * 2", init="self.{n} = nn.BatchNorm2d(4)", value="self.{n}({v})"),
    Part("alias", top="Norm{i} = nn.BatchNorm2d", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("patched alias", top="Norm{i} = nn.BatchNorm2d\nNorm{i} = nn.Identity", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("import that fails", top="try:\n    from apex_not_there import FusedNorm as Norm{i}\nexcept ImportError:\n    Norm{i} = nn.Identity", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("import that fails, norm behind it", top="try:\n    from apex_not_there import FusedNorm as Norm{i}\nexcept ImportError:\n    Norm{i} = nn.BatchNorm2d", init="self.{n} = Norm{i}(4)", value="self.{n}({v})"),
    Part("import that fails, flag", top="try:\n    import apex_not_there\n    FUSED{i} = True\nexcept ImportError:\n    FUSED{i} = False", init="self.{n} = nn.BatchNorm2d(4) if FUSED{i} else nn.Identity()", value="self.{n}({v})"),
    Part("import that succeeds, flag", top="try:\n    import math\n    FOUND{i} = True\nexcept ImportError:\n    FOUND{i} = False", init="self.{n} = nn.BatchNorm2d(4) if FOUND{i} else nn.Identity()", value="self.{n}({v})"),
    Part("flag", init="self.{n} = nn.BatchNorm2d(4) if flag else nn.Identity()", value="self.{n}({v})"),
    Part("flag in forward", init="self.{n} = nn.BatchNorm2d(4)\nself.flag{i} = flag", value="(self.{n}({v}) if self.flag{i} else {v})"),
    Part("number", init="self.{n} = nn.BatchNorm2d(4) if count > 0 else nn.Identity()", value="self.{n}({v})"),
    Part("if training", init="self.{n} = nn.BatchNorm2d(4)", value="(self.{n}({v}) if self.training else {v})"),
    Part("if not training", init="self.{n} = nn.BatchNorm2d(4)", value="(self.{n}({v}) if not self.training else {v})"),
    Part("if data", init="self.{n} = nn.BatchNorm2d(4)", value="(self.{n}({v}) if x.mean() > 99 else {v}.relu())"),
    Part("try, norm raises", init="self.{n} = nn.BatchNorm2d(4)", forward="s{i} = {v}\ntry:\n    r{i} = self.{n}(s{i}[:, :3])\nexcept Exception:\n    r{i} = s{i}", value="r{i}"),
    Part("try, norm works", init="self.{n} = nn.BatchNorm2d(4)", forward="s{i} = {v}\ntry:\n    r{i} = self.{n}(s{i})\nexcept Exception:\n    r{i} = s{i}", value="r{i}"),
    Part("suppress, norm raises", init="self.{n} = nn.BatchNorm2d(4)", forward="r{i} = {v}\nwith contextlib.suppress(ValueError, RuntimeError):\n    r{i} = self.{n}(r{i}[0])", value="r{i}"),
    Part("suppress, norm works", init="self.{n} = nn.BatchNorm2d(4)", forward="r{i} = {v}\nwith contextlib.suppress(ValueError, RuntimeError):\n    r{i} = self.{n}(r{i})", value="r{i}"),
    Part("try, attribute missing", init="self.{n} = nn.BatchNorm2d(4)", forward="s{i} = {v}\ntry:\n    r{i} = self.{n}.missing(s{i})\nexcept AttributeError:\n    r{i} = s{i}", value="r{i}"),
    Part("decorator that skips", top="def skip{i}(f):\n    return lambda self, v: v", init="self.{n} = nn.BatchNorm2d(4)", body="@skip{i}\ndef norm{i}(self, v):\n    return self.{n}(v)", value="self.norm{i}({v})"),
    Part("decorator that sets the mode", top="def frozen{i}(f):\n    def g(self, v):\n        self.{n}.eval()\n        return f(self, v)\n    return g", init="self.{n} = nn.BatchNorm2d(4)", body="@frozen{i}\ndef norm{i}(self, v):\n    return self.{n}(v)", value="self.norm{i}({v})"),
    Part("transposed for layer norm", init="self.{n} = nn.LayerNorm(4)", value="self.{n}({v}.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)"),
    Part("layer norm over space", init="self.{n} = nn.Identity()", value="F.layer_norm({v}, {v}.shape[2:])"),
    Part("BatchNorm1d of the flattened", init="self.{n} = nn.BatchNorm1d(4)", value="self.{n}({v}.flatten(2)).unsqueeze(-1)"),
    Part("BatchNorm1d over another axis", init="self.{n} = nn.LazyBatchNorm1d()", value="self.{n}({v}.flatten(2).transpose(1, 2)).transpose(1, 2).unsqueeze(-1)"),
    Part("norm of a part", init="self.{n} = nn.BatchNorm2d(2)", forward="p{i}, q{i} = {v}.chunk(2, 1)", value="torch.cat([self.{n}(p{i}), q{i}], 1)"),
    Part("norm of both parts", init="self.{n} = nn.BatchNorm2d(2)", forward="p{i}, q{i} = {v}.split(2, 1)", value="torch.cat([self.{n}(p{i}), self.{n}(q{i})], 1)"),
]  # fmt: skip

# -- the mode, and what else the program does ----------------------------------------------------------------------------------------------

MODES = [
    Part("eval in forward", forward="self.{n}.eval()"),
    Part("train(False) in forward", forward="self.{n}.train(False)"),
    Part("training = False in forward", forward="self.{n}.training = False"),
    Part("training = self.training in forward", forward="self.{n}.training = self.training"),
    Part("train(self.training)", forward="self.{n}.train(self.training)"),
    Part("eval then train", forward="self.{n}.eval()\nself.{n}.train()"),
    Part("training = False in the constructor", init="self.{n}.training = False"),
    Part("eval in the constructor", init="self.{n}.eval()"),
    Part(
        "train override that freezes",
        body="def train(self, mode=True):\n    super().train(mode)\n    self.{n}.eval()\n    return self",
    ),
    Part(
        "train override by a loop",
        body="def train(self, mode=True):\n    super().train(mode)\n    for m in self.modules():\n        if isinstance(m, nn.BatchNorm2d):\n            m.eval()\n    return self",
    ),
    Part("train override that stays", body="def train(self, mode=True):\n    return super().train(mode)"),
    Part(
        "train override by flag",
        init="self.freeze{i} = flag",
        body="def train(self, mode=True):\n    super().train(mode)\n    if mode and self.freeze{i}:\n        self.{n}.eval()\n    return self",
    ),
    Part("running statistics dropped", forward="self.{n}.running_mean = None\nself.{n}.running_var = None"),
    Part(
        "running statistics reset",
        forward="self.{n}.reset_running_stats() if hasattr(self.{n}, 'reset_running_stats') else None",
    ),
    Part("track_running_stats off", init="self.{n}.track_running_stats = False"),
    Part("momentum", init="self.{n}.momentum = 0.5"),
]

# -- who else reads ------------------------------------------------------------------------------------------------------------------------

READERS = [
    *[Part(f"reads {text}", result=text) for text in (
        "{c_out}.relu()", "{c_out}", "{c_out}.mean()", "{c_out}.detach()", "{c_out}.shape[0] * torch.ones(1)", "{c_out}.size(1)", "self.{c}.bias.sum()", "self.{c}.bias.numel() * torch.ones(1)", "self.{c}.weight.sum()", "sum(p.sum() for p in self.{c}.parameters())",
        "sum(p.pow(2).sum() for p in self.parameters())", "sum(p.sum() for n, p in self.named_parameters() if 'bias' in n)", "sum(p.sum() for n, p in self.named_parameters() if n.endswith('weight'))", "torch.cat([p.flatten() for p in self.parameters()])",
        "list(self.{c}.parameters())[-1].sum()", "self.{c}._parameters['bias'].sum()", "self.state_dict()['{c}.bias'].sum() if '{c}.bias' in self.state_dict() else x.sum()", "self.get_parameter('{c}.bias').sum() if '{c}.bias' in dict(self.named_parameters()) else x.sum()",
        "getattr(self.{c}, 'bias').sum()", "self.{n}.running_mean.sum() if hasattr(self.{n}, 'running_mean') and self.{n}.running_mean is not None else x.sum()", "sum(b.double().sum() for b in self.buffers())", "self.{n}.running_var.sum() if hasattr(self.{n}, 'running_var') and self.{n}.running_var is not None else x.sum()",
        "self.{n}.weight.sum() if hasattr(self.{n}, 'weight') and self.{n}.weight is not None else x.sum()", "self.{n}({c_out})", "self.{c}(x).relu()", "self.{c}(x).mean((2, 3))", "F.instance_norm({c_out})", "{c_out}.var((0, 2, 3))", "{c_out} - {c_out}.mean((0, 2, 3), keepdim=True)",
        "({c_out} - {c_out}.mean()).abs()", "F.mse_loss({c_out}, torch.zeros_like({c_out}))", "{c_out}.argmax(1)", "{c_out}.softmax(-1)", "{c_out}.softmax(1)", "[{c_out}]", "{{'a': {c_out}}}", "torch.no_grad() and x", "x", "float({c_out}.mean()) * x", "{c_out}.sum().item() * x",
        "str({c_out}.shape)", "len({c_out}) * x", "nn.functional.conv2d(x, self.{c}.weight[:, :1], self.{c}.bias) if False else x", "nn.utils.parameters_to_vector(self.{c}.parameters()).sum()", "copy.deepcopy(self.{c})(x).relu()")],
    Part("kept on self", forward="self.out{i} = {c_out}", result="self.out{i}.relu()"),
    Part("kept and not read", forward="self.out{i} = {c_out}"),
    Part("kept in a list", forward="self.outs{i} = [{c_out}]", result="self.outs{i}[0].sum()"),
    Part("loss on self", forward="self.loss{i} = {c_out}.pow(2).mean()", result="self.loss{i}"),
    Part("assert on data", forward="assert not torch.isnan({c_out}).any()"),
    Part("printed", forward="str({c_out}.mean())"),
    Part("branch on it", result="(x if {c_out}.mean() > 0 else -x)"),
    Part("global", forward="global SEEN\nSEEN = {c_out}", result="SEEN.sum()"),
]  # fmt: skip

LAST = [
    Part("relu", value="{v}.relu()"),
    Part("relu", value="F.relu({v})"),
    Part("as it is", value="{v}"),
    Part("tanh", value="torch.tanh({v})"),
    Part("head", init="self.head{i} = nn.Conv2d(4, 2, 1, bias=False)", value="self.head{i}({v}.relu())"),
]
