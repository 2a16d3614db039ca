"""Reading locks, against a lock written by hand and pip's own view."""

import importlib.metadata
import json
import pathlib
import re
import subprocess
import sys

import pytest

from attn_agents.diagnostics import locks

_LOCK = """\
# comment with some==thing in it
numpy==1.26.4 \\
    --hash=sha256:0000
etils[epath, epy]==1.13.0 ; python_version < '4' \\
    --hash=sha256:1111
no-such-package==9.9
old==1.0 ; python_full_version < '3.11' \\
    --hash=sha256:2222
old==2.0 ; python_full_version >= '3.11' \\
    --hash=sha256:3333
other==3.0 ; sys_platform == 'win32' \\
    --hash=sha256:4444
"""


def test_pins_are_read(monkeypatch, tmp_path):
  (tmp_path / 'cpu.txt').write_text(_LOCK)
  monkeypatch.setattr(locks, 'REQUIREMENTS', tmp_path)
  assert locks.pins('cpu') == {
    'numpy': '1.26.4',
    'etils': '1.13.0',
    'no-such-package': '9.9',
    'old': '1.0' if sys.version_info < (3, 11) else '2.0',
  }


def test_differences_name_both_versions(monkeypatch, tmp_path):
  (tmp_path / 'cpu.txt').write_text('numpy==0.1\nno-such-package==9.9\n')
  monkeypatch.setattr(locks, 'REQUIREMENTS', tmp_path)
  numpy = importlib.metadata.version('numpy')
  assert locks.differences('cpu') == [
    f'numpy {numpy} (lock: 0.1)',
    'no-such-package missing (lock: 9.9)',
  ]


def test_this_environment_is_its_lock():
  assert locks.differences(locks.installed_variant()) == []
  listed = subprocess.run(
    [sys.executable, '-m', 'pip', 'list', '--format=json'],
    capture_output=True,
    text=True,
    check=True,
  )
  installed = {
    re.sub(r'[-_.]+', '-', p['name']).lower(): p['version']
    for p in json.loads(listed.stdout)
  }
  assert locks.pins(locks.installed_variant()).items() <= installed.items()


@pytest.mark.parametrize('variant', locks.VARIANTS)
def test_locks_carry_hashes_and_no_addresses(variant: str):
  text = (locks.REQUIREMENTS / f'{variant}.txt').read_text()
  # Those of `core` have one per Python.
  pins = len(re.findall('^[A-Za-z].*==', text, re.MULTILINE))
  blocks = re.split(r'\n(?=\S)', text.strip())
  assert pins >= len(locks.pins(variant)) > 50
  assert len([b for b in blocks if '--hash=sha256:' in b]) == pins
  for name in pathlib.Path(locks.REQUIREMENTS).iterdir():
    assert not re.search(r'https?:|index-url|pypi', name.read_text()), name


@pytest.mark.parametrize(
  ('packages', 'variant'),
  [
    ({'dm-launchpad'}, 'cpu'),
    ({'dm-launchpad', 'jax-cuda12-plugin'}, 'cuda12'),
    ({'dm-launchpad', 'libtpu'}, 'tpu'),
    (set(), 'core'),
    ({'jax-cuda13-plugin'}, 'core-cuda'),
    ({'jax-cuda12-plugin'}, 'core-cuda'),
  ],
)
def test_the_variant_is_told_from_its_packages(monkeypatch, packages, variant):
  def version(name: str) -> str:
    if name not in packages:
      raise importlib.metadata.PackageNotFoundError(name)
    return '1.0'

  monkeypatch.setattr(importlib.metadata, 'version', version)
  assert locks.installed_variant() == variant
