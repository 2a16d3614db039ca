"""`launch/plan.py`, as a user would start it."""

import json
import subprocess
import sys

import pytest

from attn_agents.sizing import compiler, topologies
from configs import errors, resolution
from configs.agents import impala_ff, s3ta
from tests.launch import commands

_NARROW = (
  '--preset=small',
  '--algorithm=vtrace',
  '--game=catch',
  '--set=learning.unroll_length=4',
  '--set=learning.batch_size=8',
  *(f'--set={each}' for each in s3ta.S3TAConfig.quick_settings),
)

# Traced faster than an agent with attention.
_FAST = (
  '--agent=impala_ff',
  *_NARROW[:5],
  *(f'--set={each}' for each in impala_ff.ResNetConfig.quick_settings),
)


def _require_libtpu():
  try:
    compiler.require_libtpu()
  except errors.ConfigError as error:
    pytest.skip(str(error))


@pytest.mark.parametrize(
  ('args', 'says'),
  [
    (('--topology=v5e:4x5',), 'the nearest is v5e:4x4'),
    (('--gpu=h10',), "did you mean 'h100'?"),
    ((), 'expected either --topology'),
    (('--topology=v3:8x8',), 'the nearest that can is 128'),
    (('--gpu=h100', '--num_slices=2'), 'expected 1 with --gpu'),
    (('--gpu=h100', '--actor_steps_per_core=0'), 'expected a number above 0'),
    (('--gpu=h100', f'--json={__file__}/a.json'), f'--json={__file__}/a.json'),
  ],
)
def test_bad_input_is_one_line(args, says):
  assert says in commands.refused('plan', *args)


def test_a_missing_libtpu_is_one_line_that_says_what_to_do(
  monkeypatch, tmp_path
):
  monkeypatch.setattr(sys, 'prefix', str(tmp_path))
  asked = compiler.request(
    resolution.Request(), topologies.parse('--topology', 'v5e:2x2')
  )
  with pytest.raises(errors.ConfigError, match='`make setup-plan`') as caught:
    compiler.compile_update(asked)
  assert '\n' not in str(caught.value)


def test_one_gpu_is_arithmetic(tmp_path):
  out = tmp_path / 'plan.json'
  done = commands.run(
    'plan', *_FAST, '--gpu=mine:1:10:100', f'--json={out}',
    '--actor_steps_per_core=500', '--nolargest', timeout=600,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr
  assert 'arithmetic, nothing was compiled' in done.stdout
  found = json.loads(out.read_text())
  flops = found['update']['flops']
  assert found['needs']['compute_seconds'] == pytest.approx(flops / 10e12)
  rate = 8 * 4 / found['needs']['seconds']
  assert found['needs']['cores'] == pytest.approx(rate / 500)


# With a stand-in for the compiler, whose answer is the first argument.
_STUB = """
import sys
from attn_agents.sizing import compiled, compiler, work
from launch import command_line, plan

def answer(_):
  {answer}

compiler.require_libtpu = lambda: None
compiler.compile_update = answer
sys.exit(command_line.run(plan.main, ['plan', *sys.argv[1:]]))
"""


def _run_with(answer, *args):
  code = _STUB.format(answer=answer)
  return subprocess.run(
    [sys.executable, '-c', code, *_NARROW, '--topology=v5e:2x2', *args],
    cwd=commands.LAUNCH.parent, capture_output=True, text=True, timeout=120,
    check=False,
  )  # fmt: skip


_SHARE = '2 unrolls a device (learning.batch_size=8 over 4) do not fit into v5e'


def test_what_the_compiler_refuses_is_refused_with_its_sizes():
  done = _run_with('return compiled.Refused(19_460_000_000, 16_900_000_000)')
  assert done.returncode == 2
  (line,) = done.stderr.strip().splitlines()
  assert line.startswith(f'error: {_SHARE}, which has 16 GB: ')
  assert line.endswith(
    'temporaries alone take 19.5 GB, and the compiler has 16.9 GB for them'
  )


def test_what_waits_on_a_device_counts():
  done = _run_with(
    'return compiled.Update((compiled.Program("update", 1, 9 * 10**9, 10**9, '
    '0, 0, 7 * 10**9, work.Work(1.0, 1.0, (), 0)),), 1.0, {}, 1.0)'
  )
  assert done.returncode == 2
  (line,) = done.stderr.strip().splitlines()
  assert line.startswith(f'error: {_SHARE}')
  assert '7 GB batches that wait; together 17 GB of 16 GB' in line
  assert line.endswith('does not fit')


def test_a_compiler_that_fails_is_exit_code_1():
  done = _run_with('raise compiler.FailedError("it broke")')
  assert done.returncode == 1
  assert done.stdout.splitlines()[-1] == 'failed: it broke'


def test_an_update_is_compiled_for_a_slice_that_is_not_here(tmp_path):
  _require_libtpu()
  out = tmp_path / 'plan.json'
  done = commands.run(
    'plan', *_NARROW, '--topology=v5e:2x2', '--nolargest', f'--json={out}',
    timeout=900,
  )  # fmt: skip
  assert done.returncode == 0, done.stdout + done.stderr
  lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()[1:])
  assert lines['devices'] == 'v5e:2x2: 4 devices on 1 hosts, 4 each'
  assert lines['batch'] == '8 unrolls x 4 steps: 8 a host, 2 a device'
  assert lines['memory'].endswith('fits')
  found = json.loads(out.read_text())
  (program,) = found['update']['programs']
  # All gradients and metrics travel together; before them, of each cell of the
  # screen that is drawn again, three moments.
  collectives = program['work']['collectives']
  assert {(x['kind'], x['devices']) for x in collectives} == {('all-reduce', 4)}
  moments, gradients = sorted(x['num_bytes'] for x in collectives)
  assert moments == 3 * 4 * 14**2
  assert moments < gradients < program['argument_bytes']
  assert program['work']['unknown_loops'] == 0
  assert (
    found['update']['versions']['libtpu']
    in (compiler.require_libtpu().parents[2] / 'plan')
    .glob('libtpu-*')
    .__next__()
    .name
  )
