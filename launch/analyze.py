#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Shows what a trained agent looks at: one recording, every analysis, a report.

    launch/analyze.py --run=runs/s3ta_vtrace_ms_pacman_small

Records play once and leaves, in a directory of the run's analyses/, the
recording, for each analysis its numbers, arrays and figures, videos, and
report.html, which any browser opens from disk. The same command again takes the
recording as it is, and goes on with one that was broken off. Exit codes: 0
done, 2 bad input, 130 interrupted.
"""

import contextlib
import pathlib
import re
import shlex
import sys
import time
from typing import Any

import rich.console
import rich.progress
from absl import flags

from attn_agents.evaluation import protocols
from attn_agents.interpretability import registry
from attn_agents.runs import saved_runs
from attn_agents.utils import interrupt, machine
from configs import errors, games, schema
from launch import command_line

_LARGE = 40e6
_NAMES = tuple(registry.ANALYSES)
# A thing, its colour, and where it can be.
_THING = r'(\w+)=([0-9a-fA-F]{6})(?:@(\d+),(\d+),(\d+),(\d+))?'

_RUN = flags.DEFINE_string('run', None, 'The --logdir of a training run.')
_CHECKPOINT = flags.DEFINE_string(
  'checkpoint', 'newest', 'newest, best, or a learner step.'
)
_GAME = flags.DEFINE_string(
  'game', None, 'Game to play; the one it was trained on if unset.'
)
_EPISODES = flags.DEFINE_integer('episodes', 5, 'Whole games, at most.')
_MAX_STEPS = flags.DEFINE_integer(
  'max_steps', 900, 'Agent steps, at most; 15 are a second of play.'
)
_ANALYSES = flags.DEFINE_list(
  'analyses', ['all'], f'all, or some of {", ".join(_NAMES)}.'
)
_BASELINE = flags.DEFINE_string(
  'baseline',
  None,
  'The --logdir of another run of the game, to compare saliency and gradients '
  'with; its newest checkpoint is taken.',
)
_POLICY = flags.DEFINE_string('policy', 'sampled', 'sampled or greedy actions.')
_PROTOCOL = flags.DEFINE_string('protocol', 'noop', 'noop or sticky.')
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of games and actions.')
_SALIENCY_MAPS = flags.DEFINE_integer(
  'saliency_maps', 60, 'Moments whose saliency is mapped, spread evenly.'
)
_HARD_EPISODES = flags.DEFINE_integer(
  'hard_episodes', 15, 'Whole games at each threshold of hard attention.'
)
_THRESHOLDS = flags.DEFINE_list(
  'thresholds', ['0', '0.1', '0.5'], 'Of hard attention, from 0 to 1.'
)
_INJECTION = flags.DEFINE_string(
  'injection',
  None,
  'JSON file that says which sprite appears where; a fish from the left if '
  'unset.',
)
_TRACK = flags.DEFINE_multi_string(
  'track',
  [],
  'NAME=RRGGBB or NAME=RRGGBB@TOP,LEFT,BOTTOM,RIGHT: a thing, by its colour '
  'and where it can be, that heads are measured against. In Pong: '
  'player=5cba5c@34,0,194,160.',
)
_STATES = flags.DEFINE_boolean(
  'states', False, 'Record recurrent state too, for other programs.'
)
_OUT = flags.DEFINE_string(
  'out', None, "Where all of it goes; in the run's analyses/ if unset."
)


def main() -> int:
  """Checks everything, records, studies, writes; returns the exit code."""
  wanted = _check_flags()
  assert _RUN.value is not None
  run, trained = saved_runs.open_run(_RUN.value)
  directory, step = saved_runs.find(run, _CHECKPOINT.value)
  played = saved_runs.with_game(trained, _GAME.value)
  game = played.environment.game
  command_line.check_actions(trained.environment, played.environment)
  other = _find_baseline(played)
  injected = _injection()
  tracked = [_tracked(text) for text in _TRACK.value]
  out = pathlib.Path(
    _OUT.value
    or run.path
    / 'analyses'
    / f'{game}_{step}_{_POLICY.value}_{_PROTOCOL.value}_seed{_SEED.value}'
  )
  errors.require(out.is_dir() or not out.exists(), '--out', out, 'a directory')
  # Only now: JAX takes seconds to load.
  from attn_agents.interpretability import context
  from attn_agents.interpretability.recordings import record, trained_agent

  agent = trained_agent.restore(trained, played, directory, step)
  plan = record.Plan(
    num_episodes=_EPISODES.value,
    max_steps=_MAX_STEPS.value,
    seed=_SEED.value,
    protocol=_PROTOCOL.value,
    policy=_POLICY.value,
    with_states=_STATES.value,
  )
  given = context.Context(
    played=agent,
    recorded=_record(agent, plan, out / 'recording'),
    plan=plan,
    directory=out,
    trained=trained,
    checkpoints=run.checkpoints,
    options=_options(plan, injected, tracked),
    other=None if other is None else trained_agent.restore(*other),
  )
  return _study(given, wanted)


def _record(agent: Any, plan: Any, path: pathlib.Path) -> Any:
  """The recording, with a bar on a terminal while it is made."""
  from attn_agents.interpretability.recordings import record, recording

  with _progress() as progress:
    task = progress.add_task('recording', total=plan.max_steps)

    def report(row: int) -> None:
      _INTERRUPT.check()
      progress.update(task, completed=row)

    try:
      return record.record(agent, plan, path, report=report)
    except recording.RecordingError as error:
      raise errors.ConfigError(str(error)) from error


def _options(plan: Any, injected: Any, tracked: list[Any]) -> Any:
  from attn_agents.evaluation import evaluator
  from attn_agents.interpretability import context

  return context.Options(
    saliency_rows=_SALIENCY_MAPS.value,
    thresholds=tuple(map(float, _THRESHOLDS.value)),
    hard_plan=evaluator.Plan(
      num_episodes=_HARD_EPISODES.value,
      num_envs=min(_HARD_EPISODES.value, 15),
      num_threads=machine.describe().cores,
      protocol=plan.protocol,
      policy=plan.policy,
      seed=plan.seed,
    ),
    injected=injected,
    tracked=tuple(context.Tracked(*thing) for thing in tracked),
  )


def _study(given: Any, wanted: tuple[str, ...]) -> int:
  """Does the studies and writes the report."""
  from attn_agents.interpretability import context
  from attn_agents.interpretability.report import assembly, report

  command = shlex.join(['launch/analyze.py', *sys.argv[1:]])
  done, skipped = (
    [],
    {name: 'not asked for' for name in registry.ANALYSES if name not in wanted},
  )
  with _progress() as progress:
    task = progress.add_task('', total=len(wanted))
    given.say = lambda line: progress.update(task, description=line)
    for name in wanted:
      _INTERRUPT.check()
      given.say(name)
      start = time.monotonic()
      try:
        found = registry.ANALYSES[name].run(given)
      except context.DoesNotApplyError as error:
        skipped[name] = str(error)
        progress.console.print(f'{name}: does not apply, {error}')
      else:
        done.append(
          assembly.Done(name, found, found.save(given.directory / name))
        )
        progress.console.print(f'{name}: {time.monotonic() - start:.1f} s')
      progress.advance(task)
  data = assembly.assemble(given, done, skipped, command)
  some = '' if wanted == _NAMES else '_' + '_'.join(wanted)
  path = given.directory / f'report{some}.html'
  size = report.write(data, path)
  print(f'written   {path} ({size / 1e6:.1f} MB)')
  if size > _LARGE:
    print('browsers are slow with that much; fewer --max_steps make it smaller')
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
  for flag in (_EPISODES, _MAX_STEPS, _SALIENCY_MAPS, _HARD_EPISODES):
    errors.require(flag.value >= 1, f'--{flag.name}', flag.value, 'at least 1')
  errors.require(_SEED.value >= 0, '--seed', _SEED.value, '0 or more')
  if _GAME.value is not None:
    games.check(_GAME.value)
  for text in _THRESHOLDS.value:
    errors.require(_is_share(text), '--thresholds', text, 'numbers from 0 to 1')
  for name in _ANALYSES.value or ['']:
    if name not in ('all', *_NAMES):
      raise errors.unknown('analysis', name, ('all', *_NAMES))
  if 'all' in _ANALYSES.value:
    return _NAMES
  return tuple(name for name in _NAMES if name in _ANALYSES.value)


def _tracked(text: str) -> tuple[str, Any, Any]:
  """What `context.Tracked` takes, of a --track."""
  found = re.fullmatch(_THING, text)
  if found is None:
    raise errors.ConfigError(
      f'--track={text}: expected NAME=RRGGBB or '
      'NAME=RRGGBB@TOP,LEFT,BOTTOM,RIGHT, such as ball=ececec@34,0,194,160'
    )
  name, colour, *region = found.groups()
  named = [other for other in _TRACK.value if other.startswith(f'{name}=')]
  errors.require(len(named) == 1, '--track', text, 'each name once')
  if region[0] is None:
    return name, tuple(bytes.fromhex(colour)), None
  top, left, bottom, right = map(int, region)
  errors.require(
    top < bottom <= 210 and left < right <= 160,
    '--track', text, 'top above bottom within 210 rows, left of right within '
    '160 columns',
  )  # fmt: skip
  return name, tuple(bytes.fromhex(colour)), (top, left, bottom, right)


def _is_share(text: str) -> bool:
  try:
    return 0 <= float(text) <= 1
  except ValueError:
    return False


def _find_baseline(
  played: schema.Config,
) -> tuple[schema.Config, schema.Config, pathlib.Path, int] | None:
  """What `subject.restore` takes, of the agent to compare with, if any.

  Raises:
    ConfigError: it plays by other rules, so that it cannot be shown the game.
  """
  if _BASELINE.value is None:
    return None
  run, trained = saved_runs.open_run(_BASELINE.value)
  directory, step = saved_runs.find(run, 'newest')
  theirs = saved_runs.with_game(trained, played.environment.game)
  command_line.check_actions(trained.environment, theirs.environment)
  for name in ('action_repeat', 'full_action_space', 'fire_reset', 'max_pool'):
    ours = getattr(played.environment, name)
    errors.require(
      getattr(theirs.environment, name) == ours, '--baseline', _BASELINE.value,
      f'a run with environment.{name}={ours}, as that of --run',
    )  # fmt: skip
  return trained, theirs, directory, step


def _injection() -> Any:
  """The novel object of a file, None for the default."""
  if _INJECTION.value is None:
    return None
  from attn_agents.interpretability.injection import compute as injection

  return injection.load(pathlib.Path(_INJECTION.value))


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
