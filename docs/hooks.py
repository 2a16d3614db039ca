"""Hooks of the documentation site."""

import posixpath
import re
from typing import Any

_LINK = re.compile(r'\[([^\]]+)\]\(([^)\s]+)\)')


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
  """Links to files outside docs/ become their paths.

  In the repository such links lead to the file; on the site it is not there.
  """
  del config

  def replace(link: re.Match[str]) -> str:
    text, target = link.groups()
    if '://' in target or target.startswith(('#', 'mailto:')):
      return link[0]
    path = posixpath.normpath(
      posixpath.join('docs', posixpath.dirname(page.file.src_uri), target)
    )
    if path.startswith('docs/'):
      return link[0]
    if path.endswith(text):
      return f'`{path}`'
    return text if '`' in text else f'{text} (`{path}`)'

  return _LINK.sub(replace, markdown)
