"""Who may import what, and that the order of imports does not matter.

The trap: by itself rlax imports TensorFlow Probability, which refuses
TensorFlow 2.8 if that is loaded already, and Reverb loads it.
`attn_agents/utils/rlax_import.py` deals with it.
"""

import ast
import pathlib
import random
import subprocess
import sys
from collections.abc import Iterator

import pytest

_ROOT = pathlib.Path(__file__).parents[3]
_SOURCES = sorted(
  path
  for package in ('attn_agents', 'configs', 'launch')
  for path in (_ROOT / package).rglob('*.py')
)
_REVERB = _ROOT / 'attn_agents' / 'transport' / 'reverb'
_PROGRAM = _ROOT / 'attn_agents' / 'distributed' / 'programs' / 'launchpad.py'


def _python(code: str) -> subprocess.CompletedProcess:
  return subprocess.run(
    [sys.executable, '-c', code],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    check=False,
  )


def test_the_trap_is_still_there():
  done = _python('import reverb\nimport rlax')
  assert done.returncode
  assert 'TensorFlow Probability requires TensorFlow' in done.stderr


_TRANSPORT = 'attn_agents.transport.reverb'
# It is first in one of the orders below.
_USES_ALL = """
import tensorflow, reverb, rlax
import jax.numpy as jnp
print(tensorflow.constant([1.0]).numpy(), reverb.Table.queue('q', 1).name)
print(rlax.lambda_returns(*jnp.asarray([[1.0], [0.5], [2.0]])))
"""


def _modules() -> list[str]:
  return [
    '.'.join(path.relative_to(_ROOT).with_suffix('').parts).removesuffix(
      '.__init__'
    )
    for path in _SOURCES
    if path.relative_to(_ROOT).parts[0] != 'launch'
  ]


@pytest.mark.parametrize(
  'order',
  [
    # TensorFlow comes first; the rest is reversed.
    'transport',
    # Each order imports TensorFlow once more, 6 to 8 CPU-seconds.
    pytest.param('reversed', marks=pytest.mark.slow),
    pytest.param('sorted', marks=pytest.mark.slow),
    pytest.param('shuffled', marks=pytest.mark.slow),
  ],
)
def test_our_modules_import_in_any_order(order: str):
  modules = sorted(_modules())
  assert _TRANSPORT in modules
  if order in ('transport', 'reversed'):
    modules.reverse()
  elif order == 'shuffled':
    random.Random(0).shuffle(modules)
  if order == 'transport':
    modules.remove(_TRANSPORT)
    modules.insert(0, _TRANSPORT)
  imports = ''.join(f'import {name}\n' for name in modules)
  done = _python(imports + _USES_ALL)
  assert done.stdout == '[1.] q\n[2.]\n', done.stderr


def _imported(path: pathlib.Path) -> Iterator[str]:
  """Yields the top-level names a file imports, wherever in it."""
  for node in ast.walk(ast.parse(path.read_text())):
    names: list[str] = []
    if isinstance(node, ast.Import):
      names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
      names = [node.module or '']
      assert not node.level, f'{path}: relative import'
    elif isinstance(node, ast.Call) and node.args:
      function = node.func
      name = getattr(function, 'attr', getattr(function, 'id', ''))
      argument = node.args[0]
      called = name in ('import_module', '__import__')
      if called and isinstance(argument, ast.Constant):
        names = [argument.value]
    for name in names:
      yield name.split('.')[0]


def _importers(*libraries: str) -> set[pathlib.Path]:
  return {
    path for path in _SOURCES if not set(libraries).isdisjoint(_imported(path))
  }


def test_only_the_transport_imports_reverb_and_tensorflow():
  importers = _importers('reverb', 'tensorflow', 'tensorflow_probability')
  assert importers
  assert {path.parent for path in importers} == {_REVERB}


def test_only_the_program_imports_launchpad():
  assert _importers('launchpad', 'courier') == {_PROGRAM}


def test_isolation_imports_the_standard_library_only():
  path = _ROOT / 'attn_agents' / 'distributed' / 'isolation.py'
  assert set(_imported(path)) <= sys.stdlib_module_names
