"""Times starts of a run: from the command to the end of its first update.

    python -m benchmarks.start --agent=s3ta --preset=small --rounds=3
    python -m benchmarks.start --agent=s3ta --before=/path/to/a/checkout

A new run has an empty directory, and nothing that XLA has compiled before. A
continued run has both.
"""

import contextlib
import functools
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from absl import flags

from attn_agents.distributed import lifecycle
from benchmarks import (
  clean_environment,
  harness,
  local_runs,
  other_checkout,
  runner,
  settings,
  system_flags,
)

_RUNTIME = flags.DEFINE_enum(
  'runtime', 'launchpad', system_flags.RUNTIMES, 'Of the runs.'
)

_NEW, _CONTINUED = 'new', 'continued'
_PATIENCE_SECONDS = 600.0
_POLL_SECONDS = 0.02


def make(stack: contextlib.ExitStack) -> harness.Benchmark:
  """New and continued runs of this checkout, and of another if there is one.

  Args:
    stack: removes what runs leave.
  """
  folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
  roots = {'': other_checkout.ROOT}
  if before := other_checkout.root():
    roots = {'before, ': before, '': other_checkout.ROOT}
  flags_of_run = system_flags.run_local(_RUNTIME.value)
  first = next(iter(roots))
  alternatives = []
  spent: dict[str, list[float]] = {}
  for prefix, root in roots.items():
    kept = folder / (prefix or 'now')
    # There is something to continue, and it is compiled.
    _start(root, kept, flags_of_run)
    for kind, run in (
      (_NEW, functools.partial(_start_new, root, flags_of_run)),
      (_CONTINUED, functools.partial(_start, root, kept, flags_of_run)),
    ):
      name = f'{prefix}{kind}'
      spent[name] = []
      alternatives.append(
        harness.Alternative(
          name,
          functools.partial(_noted, run, spent[name]),
          baseline='' if prefix == first else f'{first}{kind}',
        )
      )
  return harness.Benchmark(
    title=f'Starts: {settings.AGENT.value} on {settings.game()}, '
    f'{settings.PRESET.value}, --runtime={_RUNTIME.value}',
    unit='starts',
    alternatives=alternatives,
    details={'seconds': spent},
    notes=lambda: [
      f'{name}: {", ".join(f"{x:.1f}" for x in seconds)} s'
      for name, seconds in spent.items()
    ],
  )


def _noted(
  run: Callable[[], harness.Measurement], spent: list[float]
) -> harness.Measurement:
  done = run()
  spent.append(done.seconds)
  return done


def _start_new(
  root: pathlib.Path, flags_of_run: list[str]
) -> harness.Measurement:
  with tempfile.TemporaryDirectory() as folder:
    return _start(root, pathlib.Path(folder), flags_of_run)


def _start(
  root: pathlib.Path, folder: pathlib.Path, flags_of_run: list[str]
) -> harness.Measurement:
  """One start of the run in a folder, which is then stopped.

  Raises:
    FailedError: it made no update.
  """
  folder.mkdir(exist_ok=True)
  logdir = folder / 'run'
  begin, began = time.monotonic(), time.time()
  with _running(root, folder, [*flags_of_run, f'--logdir={logdir}']) as run:
    while time.monotonic() - begin < _PATIENCE_SECONDS:
      if _is_training(logdir, began):
        return harness.Measurement(1, time.monotonic() - begin)
      if run.poll() is not None:
        raise harness.FailedError(f'run_local ended with {run.returncode}')
      time.sleep(_POLL_SECONDS)
  raise harness.FailedError(f'no update in {_PATIENCE_SECONDS:g} s')


def _is_training(logdir: pathlib.Path, began: float) -> bool:
  return any(
    status.role == 'learner'
    and status.time > began
    and status.detail.startswith('training')
    for status in lifecycle.read_statuses(logdir)
  )


@contextlib.contextmanager
def _running(
  root: pathlib.Path, folder: pathlib.Path, flags_of_run: list[str]
) -> Iterator[subprocess.Popen]:
  run = subprocess.Popen(
    [sys.executable, str(root / 'launch' / 'run_local.py'), *flags_of_run],
    stdin=subprocess.DEVNULL,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.DEVNULL,
    env=environment(root, folder),
    cwd=root,
  )
  try:
    yield run
  finally:
    local_runs.stop(run)


def environment(root: pathlib.Path, folder: pathlib.Path) -> dict[str, str]:
  """Of a checkout's run, which keeps in a folder what it compiles."""
  return {
    **clean_environment.variables(),
    'PYTHONPATH': str(root),
    'XDG_CACHE_HOME': str(folder / 'cache'),
  }


if __name__ == '__main__':
  with contextlib.ExitStack() as left:
    code = runner.run(lambda: make(left))
  sys.exit(code)
