import pathlib
import subprocess
import sys

_ROOT = pathlib.Path(__file__).parents[2]
_BENCHMARKS = (
  'acting',
  'data_path',
  'frame_packing',
  'learner_update',
  'peak',
  'recurrent_convolution',
  'replay',
  'scaling',
  'whole_system',
)


def test_every_benchmark_runs():
  done = subprocess.run(
    [sys.executable, '-m', 'benchmarks.smoke'],
    cwd=_ROOT,
    capture_output=True,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stderr
  lines = done.stdout.splitlines()
  for name in _BENCHMARKS:
    assert any(line.startswith(f'{name}: ') for line in lines), name
