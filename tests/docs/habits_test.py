"""Lists that are kept in two places say the same."""

import pathlib
import re

from attn_agents.algorithms import registry
from attn_agents.interpretability import registry as analyses
from configs import agents

_ROOT = pathlib.Path(__file__).parents[2]
_ROW = re.compile(r'^\| (`[^|]+?) \|', re.MULTILINE)


def _makefile() -> str:
  return (_ROOT / 'Makefile').read_text()


def _recipe(target: str) -> list[str]:
  """A target's commands, as the shell gets them."""
  text = _makefile()
  sources = re.search(r'^SOURCES := (.+)$', text, re.MULTILINE)[1]
  body = re.search(rf'^{target}:.*\n((?:\t.*\n)+)', text, re.MULTILINE)[1]
  return [
    line.strip()
    .replace('$(PYTHON)', '.venv/bin/python')
    .replace('$(SOURCES)', sources)
    for line in body.splitlines()
  ]


def test_hooks_run_what_lint_runs():
  config = (_ROOT / '.pre-commit-config.yaml').read_text()
  hooks = re.findall(r'^ +entry: (.+)$', config, re.MULTILINE)
  assert len(hooks) > 2
  assert hooks == _recipe('lint')


def test_hooks_download_nothing():
  config = (_ROOT / '.pre-commit-config.yaml').read_text()
  assert set(re.findall(r'repo: (\S+)', config)) == {'local'}
  assert set(re.findall(r'language: (\S+)', config)) == {'system'}


def test_every_public_target_has_a_line_in_help():
  text = _makefile().replace('\\\n', ' ')
  phony = re.search(r'^\.PHONY: (.+)$', text, re.MULTILINE)[1].split()
  for target in phony:
    assert re.search(rf'^{target}:.*## ', text, re.MULTILINE), target


def test_the_site_is_built_strictly():
  (build,) = _recipe('docs')
  assert '--strict' in build
  # It keeps warnings from being counted.
  assert '--quiet' not in build and '-q' not in build.split()


def _names(document: str) -> set[str]:
  """Names in code in the first cells of a document's tables."""
  text = (_ROOT / document).read_text()
  return {
    name
    for cell in _ROW.findall(text)
    for name in re.findall(r'`([^`]+)`', cell)
  }


def test_the_documents_name_every_agent():
  # Other tests may have registered agents of their own.
  ours = {
    name
    for name, presets in agents.AGENTS.items()
    if presets['paper'].__module__.startswith('configs.')
  }
  assert len(ours) > 10
  for document in ('README.md', 'docs/agents.md'):
    assert ours <= _names(document), document


def test_the_documents_name_every_algorithm():
  ours = {
    name
    for name, found in registry.ALGORITHMS.items()
    if type(found).__module__.startswith('attn_agents.')
  }
  assert len(ours) > 4
  for document in ('README.md', 'docs/agents.md'):
    assert ours <= _names(document), document


def test_the_page_on_pictures_names_every_analysis():
  ours = {
    name
    for name, analysis in analyses.ANALYSES.items()
    if analysis.section.startswith('.')
  }
  assert len(ours) > 8
  assert ours <= _names('docs/pictures.md')


def test_sections_of_the_report_have_the_names_that_the_page_gives():
  text = (_ROOT / 'docs/pictures.md').read_text()
  named = re.findall(r'Section\s+\*([^*]+)\*', text)
  assert len(named) == 3
  assert set(named) <= {each.title for each in analyses.ANALYSES.values()}


def test_every_column_of_metrics_is_explained():
  from attn_agents.learning import metrics

  columns = metrics.columns(('<game>', '<game>'))
  assert set(metrics.columns()) < set(columns)
  assert _names('docs/metrics.md') == set(columns)


def test_readme_is_short_and_moves():
  text = (_ROOT / 'README.md').read_text()
  assert len(text.splitlines()) <= 200
  pictures = re.findall(r'!\[[^\]]+\]\(([^)]+\.gif)\)', text)
  assert len(pictures) == 1
  assert (_ROOT / pictures[0]).stat().st_size < 3e6
