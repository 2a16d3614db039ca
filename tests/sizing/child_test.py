"""What the child answers, with stand-ins for what is traced and compiled."""

import json
import os
import types

import jax
import jax.numpy as jnp
import pytest
from jax.experimental import topologies as jax_topologies

from attn_agents.sizing import (
  child,
  compiled,
  compiler,
  lowering,
  topologies,
  work,
)
from configs import resolution

# One product of [2, 3] and [3, 4]: 48 FLOPs.
_HLO = """HloModule m

ENTRY %main (a: f32[2,3], b: f32[3,4]) -> f32[2,4] {
  %a = f32[2,3]{1,0} parameter(0)
  %b = f32[3,4]{1,0} parameter(1)
  %d = f32[2,4]{1,0} dot(%a, %b), lhs_contracting_dims={1}
  ROOT %sum = f32[2,4]{1,0} all-reduce(%d), replica_groups={{0,1}}
}
"""
_SIZES = types.SimpleNamespace(
  argument_size_in_bytes=1_000,
  temp_size_in_bytes=200,
  output_size_in_bytes=50,
  alias_size_in_bytes=30,
  generated_code_size_in_bytes=7,
)


class _Lowered:
  """A stage that is traced; it is its own compiled form."""

  def __init__(self, error=None, sizes=_SIZES):
    self.error, self.sizes = error, sizes
    # 2 x 3 floats, and 5 bytes.
    self.in_avals = (
      jax.ShapeDtypeStruct((2, 3), jnp.float32),
      jax.ShapeDtypeStruct((5,), jnp.int8),
    )

  def compile(self):
    if self.error:
      raise self.error
    return self

  def memory_analysis(self):
    return self.sizes

  def as_text(self, form='hlo'):
    assert form == 'hlo'
    return _HLO


def _stage(name='step', lowered=None, **changes):
  values = {
    'name': name,
    'lowered': lowered or _Lowered(),
    'times': 12,
    'keeps_batch': True,
    'differentiated': 0.25,
  }
  return types.SimpleNamespace(**{**values, **changes})


@pytest.fixture
def answer(monkeypatch):
  """What the child writes for these stages, on a slice or on one GPU."""
  said = {}

  def described(**asked):
    said.update(asked)
    return types.SimpleNamespace(devices=('a device',))

  def ask(*stages, topology=None):
    def trace(config, devices):
      said.update(config=config, traced_for=list(devices))
      return lowering.Traced(list(stages), 600, 40, 2.5)

    monkeypatch.setattr(jax_topologies, 'get_topology_desc', described)
    monkeypatch.setattr(lowering, 'trace', trace)
    monkeypatch.setattr(lowering, 'residual_bytes', lambda _: 402)
    monkeypatch.setattr(os, '_exit', lambda code: said.update(code=code))
    receiving, sending = os.pipe()
    run = resolution.Request(game='catch', preset='small', runtime='threads')
    child.main([str(sending), compiler.request(run, topology).to_json()])
    with os.fdopen(receiving) as answers:
      found = json.load(answers)
    assert said.pop('code') == 0
    return found, said

  return ask


_SLICE = topologies.parse('--topology', 'v4:2x2x1', 2)


def test_a_compiled_update_has_the_compilers_sizes(answer):
  found, said = answer(
    _stage('prepare', times=1, keeps_batch=False), _stage(), topology=_SLICE
  )
  counted = work.Work(
    48.0,
    4.0 * (6 + 12 + 8 + 8 + 8),
    (work.Collective('all-reduce', 32, 2, 1),),
    0,
  )
  update = compiled.from_json(found['update'])
  assert update.programs == (
    compiled.Program('prepare', 1, 1_000, 200, 20, 7, 40, counted),
    compiled.Program('step', 12, 1_000, 200, 20, 7, 640, counted),
  )
  assert update.step_bytes == 2.5
  assert update.versions['jax'] == jax.__version__
  assert 0 <= update.seconds < 60
  assert said['traced_for'] == ['a device']
  assert (said['platform'], said['topology_name']) == ('tpu', 'v4:2x2x1')
  assert said['chips_per_host_bounds'] == (2, 2, 1)
  assert (said['chip_config_name'], said['num_slices']) == ('megacore', 2)
  assert said['config'].environment.game == 'catch'


def test_a_count_takes_what_is_kept_as_written_and_read_again(answer):
  found, said = answer(_stage())
  (program,) = compiled.from_json(found['update']).programs
  # A quarter of 402 bytes, rounded; arguments are read once.
  kept, arguments = 100, 24 + 5
  assert program == compiled.Program(
    'step', 12, arguments, kept, 0, 0, 640,
    work.Work(48.0, arguments + 2.0 * kept, (), 0),
  )  # fmt: skip
  assert found['update']['step_bytes'] == 2.5
  assert [device.platform for device in said['traced_for']] == ['cpu']


def test_a_program_that_is_too_large_is_refused_with_its_sizes(answer):
  error = jax.errors.JaxRuntimeError('x Used 24.00G of 15.75G hbm. y')
  found, _ = answer(_stage(lowered=_Lowered(error)), topology=_SLICE)
  assert found == {'refused': {'used': '24.00G', 'available': '15.75G'}}


@pytest.mark.parametrize(
  ('lowered', 'why'),
  [
    (_Lowered(jax.errors.JaxRuntimeError('INTERNAL')), 'Error: INTERNAL'),
    (_Lowered(sizes=None), 'RuntimeError: the compiler does not tell sizes'),
  ],
)
def test_what_fails_is_told_with_its_kind(answer, lowered, why):
  found, _ = answer(_stage(lowered=lowered), topology=_SLICE)
  assert list(found) == ['failed']
  assert found['failed'].endswith(why)
