"""What `launch/plan.py` makes of a compiler's answers, worked out by hand."""

import json
import pathlib
import sys

import pytest

from attn_agents.algorithms import registry
from attn_agents.sizing import compiled, needs, work
from configs import errors
from tests.launch import loading

_ROOT = pathlib.Path(__file__).parents[2]
_SMALL = (
  '--preset=small', '--algorithm=vtrace', '--game=catch',
  '--set=learning.batch_size=8', '--set=learning.unroll_length=4',
)  # fmt: skip


def _batch(request):
  """The batch that is asked for, which the last of its settings says."""
  sizes = [x for x in request.settings if x.startswith('learning.batch_size=')]
  return int(sizes[-1].partition('=')[2])


@pytest.fixture(name='plan')
def _plan(monkeypatch, tmp_path, capsys):
  """Plans with a stand-in for the compiler: (code, said, the JSON file)."""

  def plan(*arguments, num_bytes=lambda request: 10**9):
    out = tmp_path / 'new' / 'plan.json'
    asked = []

    def update(request):
      assert request.runtime == 'threads'
      assert request.settings[0] == 'network.convolution=lax'
      asked.append(request)
      used = work.Work(1e12, 1e9, (), 0)
      size = num_bytes(request)
      program = compiled.Program('update', 1, size, 0, 0, 0, 0, used)
      return compiled.Update((program,), 7.0, {}, 1.0)

    with loading.command('plan', *arguments, f'--json={out}') as command:
      monkeypatch.setattr(command.compiler, 'require_libtpu', lambda: None)
      monkeypatch.setattr(command.compiler, 'request', lambda run, _: run)
      monkeypatch.setattr(command.compiler, 'compile_update', update)
      monkeypatch.setattr(sys, 'argv', ['plan.py', '--x'])
      assert command.main() == 0
    said = capsys.readouterr().out.splitlines()
    # People read the file, too.
    assert out.read_text().startswith('{\n "') and said[-1].strip()
    return asked, said, json.loads(out.read_text())

  return plan


def test_the_largest_batch_is_looked_for_on_all_devices(plan):
  asked, said, found = plan(
    *_SMALL, '--topology=v5e:2x2',
    num_bytes=lambda request: _batch(request) // 4 * 10**9,
  )  # fmt: skip
  assert said[0].startswith('compiling for v5e:2x2: 4 devices')
  most = found['chip']['memory_bytes'] // 10**9
  assert found['largest']['per_device'] == most
  sizes = [_batch(x) for x in asked]
  assert sizes[0] == 8 and 4 * most in sizes
  assert said[1] == f'looking for the largest batch: {sizes[1]} unrolls'
  assert found['run'] == 's3ta on catch, vtrace, preset small'
  assert (found['batch'], found['length']) == (8, 4)
  assert (found['dtype'], found['command']) == ('float32', 'plan.py --x')
  assert found['topology']['name'] == 'v5e:2x2'
  rate = needs.measured_rate(_ROOT / 'results' / 'speed', 's3ta', 'small')
  assert found['rate']['source'] == rate.source
  (lines,) = [x for x in said if x.startswith('batch')]
  assert lines == 'batch       8 unrolls x 4 steps: 8 a host, 2 a device'


@pytest.mark.parametrize('rate', ['0.5', '999999999'])
def test_a_rate_may_be_said(plan, rate):
  asked, _, found = plan(
    *_SMALL, '--gpu=mine:1:10:100', f'--actor_steps_per_core={rate}',
    '--nolargest',
  )  # fmt: skip
  # All of the memory is not too much.
  assert len(asked) == 1 and found['largest'] is None
  assert found['rate'] == {
    'steps_per_core': float(rate), 'source': '--actor_steps_per_core'
  }  # fmt: skip
  # 1 TFLOP at 10 TFLOP/s, 8 unrolls of 4 steps.
  assert found['needs']['steps_per_second'] == pytest.approx(320)
  assert found['needs']['cores'] == pytest.approx(320 / float(rate))


def test_a_replay_learns_from_each_step_several_times(plan):
  given = ('--agent=dqn', '--game=pong', '--preset=small', '--nolargest')
  with loading.command('plan', *given, '--gpu=h100') as command:
    _, config = command._resolve([], 1)
  replay = registry.get(config.algorithm).replay(config)
  _, _, found = plan(*given, '--gpu=mine:1:10:100')
  assert (found['batch'], found['length']) == (
    replay.batch_size, replay.sequence_length
  )  # fmt: skip
  steps = replay.batch_size * replay.sequence_length
  assert found['needs']['steps_per_second'] == pytest.approx(
    steps / replay.samples_per_insert / 0.1
  )


def test_shares_that_no_run_may_have_are_left_out(monkeypatch):
  allowed, asked = set(), []

  def resolve(settings, num_devices):
    batch = int(settings[-1].removeprefix('learning.batch_size='))
    asked.append((batch, num_devices))
    if batch not in allowed:
      raise errors.ConfigError('no')

  with loading.command('plan', *_SMALL) as command:
    monkeypatch.setattr(command, '_resolve', resolve)
    # No more than the range of the field.
    most = int(command.base.LearningConfig.RANGES['batch_size'].high)
    allowed.add(most)
    assert command._nearest(10**9, 4) == most // 4
    allowed.add(12)
    asked.clear()
    assert command._nearest(5, 4) == 3
    assert asked == [(20, 4), (16, 4), (12, 4)]
    # One is the least, whatever is said of it.
    assert command._nearest(2, 4) == 1


@pytest.mark.parametrize(
  ('given', 'line'),
  [
    (['--gpu=h100', '--topology=v5e:2x2'], 'expected either --topology'),
    (['--gpu=h100', '--actor_steps_per_core=1e9'], 'a number above 0'),
    (['--gpu=h100', '--agent=s4ta'], "unknown agent 's4ta'"),
    (
      ['--gpu=mine:0.5:10:100'],
      '8 unrolls a device (learning.batch_size=8 over 1)',
    ),
  ],
)
def test_what_cannot_be_planned_is_one_line(plan, given, line):
  with pytest.raises(errors.ConfigError) as caught:
    plan(*_SMALL, *given)
  assert line in str(caught.value)
