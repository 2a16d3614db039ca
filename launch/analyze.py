#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Shows what a trained agent looks at: one recording, every analysis, a report.

    launch/analyze.py --run=runs/s3ta_appo_ms_pacman_small

Plays once and leaves the recording in a directory of the run's analyses/, with
numbers, arrays and figures of each analysis, videos, and report.html, which any
browser opens from disk. The same command again uses the recording as it is, and
continues one that was interrupted. Exit codes: 0 done, 1 failed, 2 bad input,
130/143 stopped without a report.
"""

import contextlib
import pathlib
import shlex
import sys
import time
from typing import Any

import rich.console
import rich.progress
from absl import flags

from attn_agents.environments import registry as environments
from attn_agents.evaluation import protocols
from attn_agents.interpretability import options, registry
from attn_agents.runs import saved_runs
from attn_agents.utils import disk, interrupt
from configs import errors, games, schema
from launch import command_line, paths

_LARGE = 40e6
_NAMES = tuple(registry.ANALYSES)
_OPTIONS = [
  kind
  for kind in (each.options_class() for each in registry.ANALYSES.values())
  if kind is not None
]

_RUN = paths.define('run', None, command_line.RUN_HELP)
_CHECKPOINT = flags.DEFINE_string(
  'checkpoint', 'newest', 'newest, best, or a learner step.'
)
_GAME = flags.DEFINE_string(
  'game', None, 'Game to play; the one it was trained on if unset.'
)
_EPISODES = flags.DEFINE_integer('episodes', 5, 'Whole games, at most.')
_MAX_STEPS = flags.DEFINE_integer(
  'max_steps', 900, 'Agent steps, at most; 15 are a second of Atari.'
)
_ANALYSES = flags.DEFINE_list(
  'analyses', ['all'], f'all, or some of {", ".join(_NAMES)}.'
)
_BASELINE = paths.define(
  'baseline',
  None,
  'The --logdir of another run of the game, to compare saliency and gradients '
  'with; its newest checkpoint is taken.',
)
_POLICY = flags.DEFINE_string('policy', 'sampled', 'sampled or greedy actions.')
_PROTOCOL = flags.DEFINE_string('protocol', 'noop', 'noop or sticky.')
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of games and actions.')
_STATES = flags.DEFINE_boolean(
  'states', False, 'Record recurrent state too, for other programs.'
)
_OUT = paths.define(
  'out', None, "Where all of it goes; in the run's analyses/ if unset."
)
# Those of single analyses.
_ANALYSIS_FLAGS = {
  flag.name: (
    paths.define
    if flag.kind == 'path'
    else getattr(flags, f'DEFINE_{flag.kind}')
  )(flag.name, flag.default, flag.help)
  for kind in _OPTIONS
  for flag in options.flags(kind)
}


def main() -> int:
  """Checks everything, records, analyses, writes; returns the exit code."""
  wanted = _check_flags()
  chosen = _chosen()
  assert _RUN.value is not None
  run, trained = saved_runs.open_run(_RUN.value)
  directory, step = saved_runs.find(run, _CHECKPOINT.value)
  played = saved_runs.with_game(trained, _GAME.value)
  game = played.environment.game
  command_line.check_actions(trained.environment, played.environment)
  height, width, _ = environments.spec(played.environment).screen_shape
  for each in chosen:
    each.check((height, width))
  other = _find_baseline(played, run.path, step)
  out = pathlib.Path(
    _OUT.value
    or run.path
    / 'analyses'
    / f'{game}_{step}_{_POLICY.value}_{_PROTOCOL.value}_seed{_SEED.value}'
  )
  disk.require_writable('--out', out)
  # Only now: JAX takes seconds to load.
  from attn_agents.interpretability import context
  from attn_agents.interpretability.recordings import record, trained_agent
  from attn_agents.interpretability.report import size

  agent = trained_agent.restore(trained, played, directory, step)
  size.require_fitting(agent, wanted, _MAX_STEPS.value, _EPISODES.value)
  plan = record.Plan(
    num_episodes=_EPISODES.value,
    max_steps=_MAX_STEPS.value,
    seed=_SEED.value,
    protocol=_PROTOCOL.value,
    policy=_POLICY.value,
    with_states=_STATES.value,
  )
  with disk.explaining(out):
    given = context.Context(
      played=agent,
      recorded=_record(agent, plan, out / 'recording'),
      plan=plan,
      directory=out,
      trained=trained,
      checkpoints=run.checkpoints,
      chosen=chosen,
      other=None if other is None else trained_agent.restore(*other),
    )
    return _analyse(given, wanted)


def _record(agent: Any, plan: Any, path: pathlib.Path) -> Any:
  """The recording, with a bar on a terminal while it is made."""
  from attn_agents.interpretability.recordings import parts, record

  with _progress() as progress:
    task = progress.add_task('recording', total=plan.max_steps)

    def report(row: int) -> None:
      _INTERRUPT.check()
      progress.update(task, completed=row)

    try:
      return record.record(agent, plan, path, report=report)
    except parts.RecordingError as error:
      raise errors.ConfigError(str(error)) from error


def _analyse(given: Any, wanted: tuple[str, ...]) -> int:
  """Runs the analyses and writes the report."""
  from attn_agents.interpretability import pipeline

  start = time.monotonic()
  with _progress() as progress:
    task = progress.add_task('', total=len(wanted))
    given.say = lambda line: progress.update(task, description=line)

    def started(name: str) -> None:
      nonlocal start
      _INTERRUPT.check()
      given.say(name)
      start = time.monotonic()

    def ended(name: str, reason: str) -> None:
      said = f'{time.monotonic() - start:.1f} s'
      if reason:
        said = f'does not apply, {reason}'
      progress.console.print(f'{name}: {said}')
      progress.advance(task)

    path = pipeline.run(
      given,
      wanted,
      shlex.join(['launch/analyze.py', *sys.argv[1:]]),
      started=started,
      ended=ended,
    )
  size = path.stat().st_size
  print(f'written   {path} ({size / 1e6:.1f} MB)')
  if size > _LARGE:
    print(
      'large reports are slow in browsers; fewer --max_steps make it smaller'
    )
  return 0


def _check_flags() -> tuple[str, ...]:
  """The analyses that are wanted.

  Raises:
    ConfigError: for what can be seen without a run.
  """
  protocols.check_names(_PROTOCOL.value, _POLICY.value)
  errors.require(
    _POLICY.value != 'random', '--policy', _POLICY.value, 'sampled or greedy'
  )
  if _RUN.value is None:
    raise errors.ConfigError(
      '--run is missing: expected the --logdir of a training run'
    )
  for flag in (_EPISODES, _MAX_STEPS):
    errors.require(flag.value >= 1, f'--{flag.name}', flag.value, 'at least 1')
  errors.require(_SEED.value >= 0, '--seed', _SEED.value, '0 or more')
  if _GAME.value is not None:
    games.check(_GAME.value)
  for name in _ANALYSES.value or ['']:
    if name not in ('all', *_NAMES):
      raise errors.unknown('analysis', name, ('all', *_NAMES))
  if 'all' in _ANALYSES.value:
    return _NAMES
  return tuple(name for name in _NAMES if name in _ANALYSES.value)


def _chosen() -> list[options.Options]:
  """Options of single analyses, as their flags say them."""
  values = {name: flag.value for name, flag in _ANALYSIS_FLAGS.items()}
  return [options.from_flags(kind, values) for kind in _OPTIONS]


def _find_baseline(
  played: schema.Config, ours: pathlib.Path, our_step: int
) -> tuple[schema.Config, schema.Config, pathlib.Path, int] | None:
  """What `trained_agent.restore` takes, of the agent to compare with, if any.

  Args:
    played: config of --run.
    ours: its directory.
    our_step: its checkpoint.

  Raises:
    ConfigError: it is that checkpoint, or plays by other rules, so that it
      cannot be shown the game.
  """
  if _BASELINE.value is None:
    return None
  run, trained = saved_runs.open_run(_BASELINE.value)
  directory, step = saved_runs.find(run, 'newest')
  errors.require(
    (run.path.resolve(), step) != (ours.resolve(), our_step),
    '--baseline',
    _BASELINE.value,
    f'another run, or an older --checkpoint than {step} of --run: it is the '
    'same agent',
  )
  theirs = saved_runs.with_game(trained, played.environment.game)
  command_line.check_actions(trained.environment, theirs.environment)
  for name in ('action_repeat', 'full_action_space', 'fire_reset', 'max_pool'):
    ours = getattr(played.environment, name)
    errors.require(
      getattr(theirs.environment, name) == ours,
      '--baseline',
      _BASELINE.value,
      f'a run with environment.{name}={ours}, as that of --run',
    )
  return trained, theirs, directory, step


def _progress() -> rich.progress.Progress:
  console = rich.console.Console(stderr=True)
  return rich.progress.Progress(
    *rich.progress.Progress.get_default_columns(),
    console=console,
    disable=not console.is_terminal,
  )


_INTERRUPT = interrupt.Interrupt()


if __name__ == '__main__':
  _INTERRUPT.listen()
  with contextlib.suppress(KeyboardInterrupt):
    sys.exit(command_line.run(main))
  sys.exit(130)
