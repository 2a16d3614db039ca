"""rlax loads no distrax, which whoever wants gets, beside any TensorFlow."""

import pathlib
import subprocess
import sys

import pytest

_ROOT = pathlib.Path(__file__).parents[2]
_CODE = """
import sys
import attn_agents
{first}
import rlax
print([x for x in ('distrax', 'tensorflow_probability') if x in sys.modules])
def tensorflows():
  return {{k: v for k, v in sys.modules.items() if k.startswith('tensorflow.')
          or k == 'tensorflow'}}
before = tensorflows()
{then}
print(distrax.Categorical.__name__, type(distrax).__name__)
print(bool(before), tensorflows() == before)
"""
_ASKED = """
import jax
rlax.epsilon_greedy(0.1).sample(jax.random.key(0), jax.numpy.zeros(3))
import distrax
"""


@pytest.mark.parametrize(
  ('first', 'then'),
  [
    ('', _ASKED),
    ('from attn_agents.transport import reverb', 'import distrax'),
  ],
  ids=['by rlax', 'after Reverb'],
)
def test_distrax_comes_when_it_is_asked_for(first, then):
  if first:
    pytest.importorskip('reverb')
  done = subprocess.run(
    [sys.executable, '-c', _CODE.format(first=first, then=then)],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout.splitlines() == [
    '[]', 'Categorical module', f'{bool(first)} True',
  ]  # fmt: skip


def test_what_is_loaded_already_stays():
  code = """
import sys
sys.modules['tensorflow'] = None
import distrax, attn_agents, rlax
print(sys.modules['distrax'] is distrax is rlax._src.distributions.distrax)
"""
  done = subprocess.run(
    [sys.executable, '-c', code],
    cwd=_ROOT, capture_output=True, text=True, check=False,
  )  # fmt: skip
  assert done.stdout == 'True\n', done.stderr
