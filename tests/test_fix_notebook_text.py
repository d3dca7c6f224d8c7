"""New source into a notebook's cells: everything else stays as it was, byte for byte."""

from __future__ import annotations

import json

import pytest

from biaslint.fix import CannotFix, cell_text, replace_cells

JUPYTER = """{
 "cells": [
  {
   "cell_type": "markdown",
   "metadata": {},
   "source": [
    "# Tïtle\\n",
    "text"
   ]
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "b1",
   "metadata": {"collapsed" : true},
   "outputs": [{"data": {"text/plain": ["1.0e5 \\u00e9"]}, "n": 1.50, "source": "not this one"}],
   "source": [
    "import torch\\n",
    "c = conv(1)\\n",
    "d = '\\u00e9\\/'"
   ]
  }
 ],
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 5
}
"""


def test_a_cells_text_is_its_lines_together():
    assert cell_text(JUPYTER, 2) == "import torch\nc = conv(1)\nd = 'é/'"


def test_only_the_changed_line_is_rewritten():
    new = cell_text(JUPYTER, 2).replace("conv(1)", "conv(1, bias=False)")
    assert replace_cells(JUPYTER, {2: new}) == JUPYTER.replace("conv(1)", "conv(1, bias=False)")


def test_a_line_more_and_a_line_less_keep_the_layout():
    more = replace_cells(JUPYTER, {2: "import torch\nc = conv(1)\nc.x = 1\nd = 'é/'"})
    assert more == JUPYTER.replace('    "c = conv(1)\\n",\n', '    "c = conv(1)\\n",\n    "c.x = 1\\n",\n')
    assert replace_cells(JUPYTER, {2: "import torch\nd = 'é/'"}) == JUPYTER.replace('    "c = conv(1)\\n",\n', "")


def test_a_line_after_the_last_one_keeps_the_layout():
    new = replace_cells(JUPYTER, {2: cell_text(JUPYTER, 2) + "\ne = 2"})
    assert new == JUPYTER.replace("""\\/'"\n""", """\\/'\\n",\n    "e = 2"\n""")


def test_an_emptied_cell_is_an_empty_list():
    assert json.loads(replace_cells(JUPYTER, {2: ""}))["cells"][1]["source"] == []


def test_other_alphabets_are_written_as_the_notebook_writes_them():
    assert "\"c = 'ü'\\n\"" in replace_cells(JUPYTER, {2: "c = 'ü'\n"})
    escaped = '{"cells": [{"cell_type": "code", "source": ["a = \'\\u00e9\'\\n", "b"]}]}'
    assert replace_cells(escaped, {1: "a = 'é'\nc = 'ü🧠'"}) == escaped.replace('"b"', "\"c = '\\u00fc\\ud83e\\udde0'\"")
    plain = '{"cells": [{"cell_type": "code", "source": ["b"]}]}'
    assert replace_cells(plain, {1: "ü"}) == plain.replace('"b"', '"ü"')


@pytest.mark.parametrize(
    "change", [("conv(1)", "conv(1, bias=False)"), ("\nc = conv(1)", ""), ("\nd", "\nx = '\"'\nd"), ("🧠", "🫀")]
)
def test_a_source_that_is_one_string_keeps_the_escapes_it_has(change):
    raw = (
        '{"cells":[{"source":"a = \'\\ud83e\\udde0🧠\\u00e9\\/\'\\nc = conv(1)\\nd = \'\\u0041\'","cell_type":"code"}],"x":1.0}'
    )
    new = replace_cells(raw, {1: cell_text(raw, 1).replace(*change)})
    assert cell_text(new, 1) == cell_text(raw, 1).replace(*change)
    assert ("\\u00e9\\/" in new, "\\u0041" in new, new.endswith(',"cell_type":"code"}],"x":1.0}')) == (True, True, True)


def test_a_list_on_one_line_stays_on_one_line():
    raw = '{"cells": [{"cell_type": "code", "source": ["a\\n","b"]}]}\r\n'
    assert replace_cells(raw, {1: "a\nc\nb"}) == '{"cells": [{"cell_type": "code", "source": ["a\\n","c\\n","b"]}]}\r\n'


def test_one_line_becomes_two_in_the_layout_of_the_first():
    raw = '{"cells": [{"cell_type": "code", "source": [\n    "a"\n   ]}]}'
    assert replace_cells(raw, {1: "a\nb"}) == '{"cells": [{"cell_type": "code", "source": [\n    "a\\n",\n    "b"\n   ]}]}'


def test_several_cells_change_at_once():
    raw = json.dumps({"cells": [{"cell_type": "code", "source": [f"a{n}\n", "b"]} for n in range(4)]})
    new = replace_cells(raw, {1: "x\nb", 4: "y", 2: "a1\nb\nc"})
    assert [cell_text(new, number) for number in range(1, 5)] == ["x\nb", "a1\nb\nc", "a2\nb", "y"]


def test_a_byte_order_mark_and_odd_spaces_stay():
    raw = '\ufeff\n{ "cells" :\t[ { "source" : [ "a" ] , "cell_type" : "code" } ] }'
    assert replace_cells(raw, {1: "b"}) == raw.replace('"a"', '"b"')


@pytest.mark.parametrize(
    "raw", ["", "{", "[]", '{"cells": 3}', '{"cells": [3]}', '{"cells": [{"source": [1]}', '{"a" 1}', "{1}", '{"a":[1 2]}']
)
def test_a_damaged_notebook_is_refused(raw):
    with pytest.raises(CannotFix):
        cell_text(raw, 1)


def test_cells_without_code_and_cells_that_are_not_there_are_refused():
    for number in (0, 1, 3):
        with pytest.raises(CannotFix):
            cell_text(JUPYTER, number)
