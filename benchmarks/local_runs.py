"""Runs of `launch/run_local.py`, measured from outside over their steady part.

This process computes nothing meanwhile, and never uses a JAX device, since the
run needs it.
"""

import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from attn_agents.utils import metrics_table
from benchmarks import clean_environment, harness

_RUN_LOCAL = pathlib.Path(__file__).parents[1] / 'launch' / 'run_local.py'
# The first row of metrics.csv includes the compilation, the second what actors
# made meanwhile.
_WARMUP_ROWS = 2
# Until the first row, and between two.
_PATIENCE_SECONDS = 600.0
_STOP_SECONDS = 60.0
_SHARES = (
  'learner_wait_share',
  'learner_update_share',
  'actor_env_share',
  'actor_inference_share',
  'actor_wait_share',
)

Shares = dict[str, float]


def arm(
  flags: Sequence[str],
  seconds: float,
  row_seconds: float,
  tell: Callable[[Shares], None],
) -> Callable[[], harness.Measurement]:
  """A run from nothing, stopped once its steady part is long enough.

  Args:
    flags: of `run_local`, without --logdir.
    seconds: least length of the steady part.
    row_seconds: between two rows of metrics.csv.
    tell: is given the means of the shares of metrics.csv over that part.

  Returns:
    A function that runs; its units are agent steps the learner has taken.
  """
  flags = [*flags, f'--set=runtime.log_every_seconds={row_seconds}']

  def run() -> harness.Measurement:
    with tempfile.TemporaryDirectory(prefix='attn_agents_benchmark_') as folder:
      rows = _steady_rows(pathlib.Path(folder), flags, seconds)
    first, last = rows[0], rows[-1]
    tell({k: sum(x[k] for x in rows[1:]) / len(rows[1:]) for k in _SHARES})
    return harness.Measurement(
      last['agent_steps'] - first['agent_steps'],
      last['wall_time'] - first['wall_time'],
    )

  return run


def _steady_rows(
  folder: pathlib.Path, flags: Sequence[str], seconds: float
) -> list[metrics_table.Row]:
  """Two rows or more, the first of them the start of the steady part."""
  command = [sys.executable, str(_RUN_LOCAL), f'--logdir={folder / "run"}']
  output = folder / 'output'
  with open(output, 'w') as file:
    process = subprocess.Popen(
      [*command, *flags],
      stdin=subprocess.DEVNULL,
      stdout=file,
      stderr=subprocess.STDOUT,
      env=clean_environment.variables(),
    )
  try:
    return _watch(process, folder / 'run' / 'metrics.csv', output, seconds)
  finally:
    stop(process)


def _watch(
  process: subprocess.Popen,
  table: pathlib.Path,
  output: pathlib.Path,
  seconds: float,
) -> list[metrics_table.Row]:
  rows: list[metrics_table.Row] = []
  deadline = time.monotonic() + _PATIENCE_SECONDS
  while True:
    found = metrics_table.read(table)
    if len(found) > len(rows):
      deadline = time.monotonic() + _PATIENCE_SECONDS
    rows = found
    steady = rows[_WARMUP_ROWS - 1 :]
    passed = steady[-1]['wall_time'] - steady[0]['wall_time'] if steady else 0.0
    if len(steady) > 1 and passed >= seconds:
      return steady
    if process.poll() is not None:
      lines = output.read_text().strip().splitlines() or ['no output']
      raise harness.FailedError(
        f'run_local ended with {process.returncode}: {lines[-1]}'
      )
    if time.monotonic() > deadline:
      raise harness.FailedError(
        f'no new row of metrics.csv in {_PATIENCE_SECONDS:g} s'
      )
    time.sleep(0.1)


def stop(process: subprocess.Popen) -> None:
  """As Ctrl-C does, which saves; a run's children end with it either way."""
  if process.poll() is not None:
    return
  process.send_signal(signal.SIGINT)
  try:
    process.wait(_STOP_SECONDS)
  except subprocess.TimeoutExpired:
    process.kill()
    process.wait()
