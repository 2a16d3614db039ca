"""The documents refer to what exists, and the check sees where they do not."""

import pytest

from docs import check_links


def test_the_documents_refer_to_what_exists():
  assert check_links.problems(check_links.ROOT) == []


@pytest.fixture
def tree(tmp_path):
  """A small repository in which all is well."""
  files = {
    'README.md': '[a page](docs/page.md#a-heading) `attn_agents/thing.py`',
    'mkdocs.yml': 'nav:\n  - Home: index.md\n  - A page: page.md\n',
    'docs/index.md': '# Home\n[page](page.md)\n![drawn](images/a.png)\n',
    'docs/page.md': '# Page\n## A heading\n[up](#page) [code](../setup.py)\n',
    'docs/images/a.png': '',
    'attn_agents/thing.py': 'def work():\n  pass\n',
    'setup.py': '',
  }
  for name, text in files.items():
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
  check_links._sources.cache_clear()
  assert check_links.problems(tmp_path) == []
  return tmp_path


@pytest.mark.parametrize(
  'name, text, found',
  [
    ('README.md', '[gone](docs/gone.md)', 'README.md: link to docs/gone.md'),
    ('docs/page.md', '![gone](images/b.png)', 'link to images/b.png'),
    ('docs/page.md', '[gone](index.md#nothing)', 'no such heading'),
    ('docs/page.md', '[gone](#nothing)', 'no such heading'),
    ('docs/page.md', '[gone](../setup.py#L3)', 'only documents have anchors'),
    ('docs/page.md', '[gone][here]\n\n[here]: gone.md', 'link to gone.md'),
    ('docs/page.md', '<img src="images/b.png">', 'link to images/b.png'),
    ('README.md', 'see `attn_agents/other.py`', 'no attn_agents/other.py'),
    ('README.md', 'see attn_agents/others/ too', 'no attn_agents/others/'),
    ('README.md', 'see `other.py`', 'no file is called other.py'),
    ('README.md', '    python -m attn_agents.other', 'no attn_agents.other'),
    ('README.md', 'see `attn_agents.thing.play`', 'no attn_agents.thing.play'),
    ('docs/lost.md', '# Lost', 'docs/lost.md: no other document links to it'),
    ('docs/lost.md', '# Lost', 'docs/lost.md: is not in the navigation'),
    (
      'docs/page.md',
      '::: attn_agents\n::: attn_agents.thing',
      'attn_agents.thing is shown by attn_agents already',
    ),
    ('mkdocs.yml', '  - More: more.md', 'mkdocs.yml: there is no docs/more.md'),
  ],
)
def test_what_is_missing_is_found(tree, name, text, found):
  path = tree / name
  before = path.read_text() if path.exists() else ''
  path.write_text(f'{before}\n{text}\n')
  assert any(found in line for line in check_links.problems(tree))


@pytest.mark.parametrize(
  'text',
  [
    'https://example.org/gone and [away](https://example.org/gone)',
    '`[no](link.md)`',
    '```\n[no](link.md)\n```',
    'write `attn_agents/<name>.py` or `attn_agents/*.py`',
    '`attn_agents/thing.py` and `thing.py` and `attn_agents.thing.work`',
    'a run leaves `config.json`',
    '[a page](docs/page.md "with a title")',
  ],
)
def test_what_is_no_reference_is_left_alone(tree, text):
  path = tree / 'README.md'
  path.write_text(f'{path.read_text()}\n{text}\n')
  assert check_links.problems(tree) == []


def test_a_page_that_only_links_to_itself_is_lost(tree):
  (tree / 'docs/lost.md').write_text('# Lost\n[me](lost.md) [me](#lost)\n')
  found = check_links.problems(tree)
  assert 'docs/lost.md: no other document links to it' in found


def test_the_history_may_name_what_is_gone(tree):
  (tree / 'CHANGELOG.md').write_text('`attn_agents/gone.py` is gone\n')
  assert check_links.problems(tree) == []


def test_a_fault_is_printed_and_fails(tree, monkeypatch, capsys):
  monkeypatch.setattr(check_links, 'ROOT', tree)
  assert check_links.main() == 0
  (tree / 'README.md').write_text('[gone](gone.md)')
  assert check_links.main() == 1
  assert 'README.md: link to gone.md' in capsys.readouterr().out


def test_anchors_are_those_of_the_forge_and_the_site():
  text = '# My run stopped. What now?\n## `small`: [a](b.md)\n```\n# no\n```\n'
  assert check_links.anchors(text) == {
    'my-run-stopped-what-now',
    'small-a',
  }
  # A forge keeps both dashes here, the site joins them.
  assert check_links.anchors('# This - that') == set()
