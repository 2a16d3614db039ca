"""What the compiling child is asked, and what its answers are taken for."""

import json
import os
import pathlib
import sys

import pytest

from attn_agents.sizing import child, compiled, compiler, topologies
from configs import resolution

_GIB = 2**30


@pytest.mark.parametrize(
  ('message', 'used', 'available'),
  [
    (
      'RESOURCE_EXHAUSTED: XLA:TPU compile permanent error. Ran out of memory '
      'in memory space hbm. Used 24.00G of 15.75G hbm. Exceeded hbm capacity '
      'by 8.25G.\n\nTotal hbm usage >= 24.25G:\n    reserved        258.00M',
      24 * _GIB,
      round(15.75 * _GIB),
    ),
    (
      'RESOURCE_EXHAUSTED: Allocation (size=19327352832) would exceed memory '
      '(size=17179869184) :: #allocation5 [shape = bf16[98304,98304]]',
      19_327_352_832,
      16 * _GIB,
    ),
  ],
)
def test_sizes_of_a_refusal(message, used, available):
  """As libtpu 0.0.11.4 words it."""
  found = child.too_large(message)
  assert compiler.num_bytes(found['used']) == used
  assert compiler.num_bytes(found['available']) == available


def test_other_errors_are_no_refusal():
  assert child.too_large('INTERNAL: something of size=5') is None
  with pytest.raises(compiler.FailedError, match='cannot be read: much'):
    compiler.num_bytes('much')


def test_a_request_reaches_the_child_whole():
  asked = compiler.request(
    resolution.Request(settings=['learning.batch_size=64']),
    topologies.parse('--topology', 'v4:2x2x4', 2),
  )
  again = compiler.Request.from_json(asked.to_json())
  assert resolution.Request(**again.run) == resolution.Request(
    settings=['learning.batch_size=64']
  )
  assert again.devices == 32
  assert again.options == {
    'chips_per_host_bounds': [2, 2, 1],
    'chip_config_name': 'megacore',
    'num_slices': 2,
  }


@pytest.mark.parametrize(
  ('text', 'size'),
  [
    ('512', 512), ('7B', 7), ('3K', 3 * 2**10), ('2.5MB', 2.5 * 2**20),
    ('1.5G', 1.5 * 2**30), ('1T', 2**40),
  ],
)  # fmt: skip
def test_sizes_are_read_in_every_unit(text, size):
  assert compiler.num_bytes(text) == size


def test_a_gpu_is_one_device_and_nothing_is_compiled():
  asked = compiler.request(resolution.Request(), None)
  assert (asked.devices, asked.topology, asked.options) == (1, '', {})


class _Child:
  """In the place of the process that compiles: what it says, and its end."""

  def __init__(self, says, writes=b''):
    self.says, self.writes = says, writes
    self.command, self.environment = [], {}
    self.ended = False

  def __call__(self, command, *, env, pass_fds, stdout, stderr, **_):
    self.command, self.environment = command, env
    (sending,) = pass_fds
    os.write(sending, self.says.encode())
    stdout.write(self.writes)
    stdout.flush()
    assert stderr is stdout
    return self

  def kill(self):
    self.ended = True

  def wait(self):
    assert self.ended
    return -6


@pytest.fixture
def compile_with(monkeypatch, tmp_path):
  """Compiles for a topology or for none, with a stand-in for the child."""
  place = tmp_path / 'plan' / 'libtpu'
  place.mkdir(parents=True)
  (place / 'libtpu.so').touch()
  (tmp_path / 'plan' / 'libtpu-0.0.11.4.dist-info').mkdir()
  monkeypatch.setattr(sys, 'prefix', str(tmp_path))
  monkeypatch.setenv('XLA_FLAGS', '--xla_cpu_only')

  def run(made, topology=None):
    asked = compiler.request(resolution.Request(game='pong'), topology)
    monkeypatch.setattr(compiler.subprocess, 'Popen', made)
    try:
      return compiler.compile_update(asked)
    finally:
      assert made.ended
      assert made.command[-1] == asked.to_json()

  return run


_UPDATE = {
  'programs': [],
  'step_bytes': 3.0,
  'versions': {'jax': '1.2'},
  'seconds': 4.0,
}
_SLICE = topologies.parse('--topology', 'v5e:4x4')


def test_a_child_compiles_with_the_library_alone(compile_with, tmp_path):
  made = _Child(json.dumps({'update': _UPDATE}))
  found = compile_with(made, _SLICE)
  assert found.versions == {'jax': '1.2', 'libtpu': '0.0.11.4'}
  assert (found.programs, found.step_bytes, found.seconds) == ((), 3.0, 4.0)
  environment = made.environment
  library = tmp_path / 'plan' / 'libtpu' / 'libtpu.so'
  assert environment['TPU_LIBRARY_PATH'] == str(library)
  assert environment['JAX_PLATFORMS'] == 'cpu'
  # Flags of this machine's backend are not the other's.
  assert 'XLA_FLAGS' not in environment
  assert environment['PATH'] == os.environ['PATH']
  root, *rest = environment['PYTHONPATH'].split(os.pathsep)
  assert (pathlib.Path(root) / 'attn_agents').is_dir()
  assert rest == sys.path
  assert 'attn_agents.sizing.child' in made.command


def test_counting_needs_no_library(compile_with):
  made = _Child(json.dumps({'update': _UPDATE}))
  assert compile_with(made).versions == {'jax': '1.2'}
  assert 'TPU_LIBRARY_PATH' not in made.environment


def test_a_refusal_has_both_sizes(compile_with):
  says = {'refused': {'used': '24.00G', 'available': '16M'}}
  found = compile_with(_Child(json.dumps(says)), _SLICE)
  assert found == compiled.Refused(24 * _GIB, 16 * 2**20)


@pytest.mark.parametrize(
  ('child', 'line'),
  [
    (_Child('', b'first\nlast words\n'), r'\(code -6\): last words$'),
    (_Child('', b'x' * 400), rf': {"x" * 300}$'),
    (_Child(''), r'\(code -6\): no message$'),
    (_Child(json.dumps({'failed': 'E: a\n  b'})), '^E: a b$'),
    (_Child(json.dumps({'failed': 'y' * 600})), rf'^{"y" * 500}$'),
  ],
)
def test_a_child_that_fails_is_one_line(compile_with, child, line):
  with pytest.raises(compiler.FailedError, match=line):
    compile_with(child)
