"""Writes the report as one HTML file, which needs no network.

The page is `templates/report.html.j2` with its styles and scripts inside. Its
content security policy lets it load nothing and run only these scripts.
"""

import base64
import hashlib
import json
import math
import numbers
import pathlib
import re
from typing import Any

import jinja2
import markupsafe

from attn_agents.interpretability.drawing import overlays
from attn_agents.interpretability.report import encoding, report_data
from attn_agents.utils import whole_files

_TEMPLATES = pathlib.Path(__file__).parent / 'templates'
_STYLES = ('page', 'player')
# CSS pixels for each pixel of a figure.
_PAGE_PIXELS = 0.76
_NUMBER = re.compile(r'[-+<> ]*[\d.]+( ± [\d.]+)? ?%?|-')
# In order: each needs those before it.
_SCRIPTS = ('data', 'paint', 'points', 'timeline', 'player', 'main')


def write(data: report_data.ReportData, path: pathlib.Path | str) -> None:
  """Writes a report atomically.

  Args:
    data: the content.
    path: the HTML file.

  Raises:
    ValueError: the data are inconsistent, see `encoding.encode`.
  """
  path = pathlib.Path(path)
  page = render(data).encode()
  with whole_files.replacing(path) as partial:
    partial.write_bytes(page)


def render(data: report_data.ReportData) -> str:
  """Returns the page's HTML.

  Raises:
    ValueError: see `write`.
  """
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_TEMPLATES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.filters['image'] = encoding.text
  environment.filters['shown_width'] = _shown_width
  environment.filters['cell'] = _cell
  environment.tests['numeric'] = _is_numeric
  style = '\n'.join(_read(f'{name}.css') for name in _STYLES)
  script = _script()
  attention = data.attention
  content = encoding.encode(data)
  return environment.get_template('report.html.j2').render(
    data=data,
    heads=0 if attention is None else attention.shape[1],
    colour=overlays.head_colour,
    style=markupsafe.Markup(style),
    style_hash=_hash(style),
    script=markupsafe.Markup(script),
    script_hash=_hash(script),
    opacity=round(100 * overlays.OPACITY),
    rows=len(content['frames']),
    signed=(overlays.WHAT_COLOUR, overlays.WHERE_COLOUR),
    content=embedded_json(content),
  )


def embedded_json(content: Any) -> markupsafe.Markup:
  """JSON that is safe inside a script element: nothing in it can end that."""
  text = json.dumps(content, separators=(',', ':'), allow_nan=False)
  for character in '<>&\u2028\u2029':
    text = text.replace(character, f'\\u{ord(character):04x}')
  return markupsafe.Markup(text)


def _script() -> str:
  """All scripts in one function, which keeps their names private."""
  parts = '\n'.join(_read(f'{name}.js') for name in _SCRIPTS)
  return f"(() => {{\n'use strict';\n{parts}}})();\n"


def _read(name: str) -> str:
  return (_TEMPLATES / name).read_text(encoding='utf-8')


def _hash(content: str) -> str:
  """The source expression of a script or style in a content security policy."""
  digest = hashlib.sha256(content.encode()).digest()
  return f'sha256-{base64.b64encode(digest).decode()}'


def _shown_width(image: bytes) -> int:
  """The width of a PNG on a wide page: text has one size in all of them."""
  # The PNG's header: width is the first field of the first chunk.
  return round(_PAGE_PIXELS * int.from_bytes(image[16:20], 'big'))


def _is_numeric(value: str | float) -> bool:
  """Whether a cell is a number, or the text of one such as '12.3 ± 4.5 %'."""
  if isinstance(value, str):
    return _NUMBER.fullmatch(value) is not None
  return isinstance(value, numbers.Real)


def _cell(value: str | float) -> str:
  if isinstance(value, (str, numbers.Integral)):
    return str(value)
  return 'n/a' if math.isnan(value) else f'{value:.4g}'
