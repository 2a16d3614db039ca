#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Scores a trained agent: whole games, unclipped, by the papers' protocol.

    launch/evaluate.py --run=runs/s3ta_appo_ms_pacman_small

Leaves evaluation.csv and summary.json in a directory of the run's evaluations/
and prints the summary. The same command gives the same numbers again. Exit
codes: 0 done, 1 failed, 2 bad input, 130/143 stopped with nothing written.
"""

import contextlib
import dataclasses
import pathlib
import sys
from typing import Any

import rich.console
import rich.progress
from absl import flags

from attn_agents.evaluation import protocols
from attn_agents.runs import exported, saved_runs
from attn_agents.utils import disk, machine, output
from configs import agents, errors, games, schema, validation
from launch import command_line, paths

_RUN = paths.define('run', None, command_line.RUN_HELP)
_GAME = flags.DEFINE_string(
  'game',
  None,
  'Game to play. If unset: the one it was trained on or, of several, each.',
)
_CHECKPOINT = flags.DEFINE_string(
  'checkpoint',
  'newest',
  'newest, best (kept by training with --evaluate_every), or a learner step.',
)
_EPISODES = flags.DEFINE_integer('episodes', 200, 'Whole games to play.')
_NUM_ENVS = flags.DEFINE_integer(
  'num_envs', 16, 'Environments that play side by side; each plays its share.'
)
_PROTOCOL = flags.DEFINE_string(
  'protocol',
  'noop',
  'noop (up to 30 no-ops at the start) or sticky (actions stick with '
  'probability 0.25).',
)
_POLICY = flags.DEFINE_string(
  'policy',
  'sampled',
  'sampled (of agents that learn by q_learning: epsilon-greedy) or greedy '
  'actions of the agent, or random, which needs no --run.',
)
_ACTION_REPEAT = flags.DEFINE_integer(
  'action_repeat',
  None,
  'Frames per action of a random policy without a run; 4 if unset. The random '
  'scores that papers print took 6 (Mnih et al. 2015).',
)
_MAX_EPISODE_FRAMES = flags.DEFINE_integer(
  'max_episode_frames',
  protocols.MAX_EPISODE_FRAMES,
  'Emulator frames after which a game is cut. Papers play half an hour; an '
  'agent that never ends a game plays all of it.',
)
_SEED = flags.DEFINE_integer('seed', 0, 'Seed of games and actions.')
_OUT = paths.define(
  'out', None, "Where the two files go; in the run's evaluations/ if unset."
)

# Between two lines about what it waits for.
_REMIND_SECONDS = 30.0
# EnvPool pools the last two frames of each; the most is a second of play.
_ACTION_REPEATS = (2, 60)


@dataclasses.dataclass(frozen=True)
class _Player:
  """Who plays.

  Attributes:
    config: of the run, with the game it was trained on.
    params: of the agent, None for the random policy.
    directory: where evaluations go by default.
    name: of the checkpoint, for the name of a directory there.
    facts: for summary.json.
  """

  config: schema.Config
  params: Any = None
  directory: pathlib.Path = pathlib.Path('evaluations')
  name: str = 'random'
  facts: dict[str, Any] = dataclasses.field(default_factory=dict)


def main() -> int:
  """Checks everything, plays, writes; returns the exit code."""
  _check_flags()
  if _RUN.value is None:
    player = _Player(agents.make('s3ta', 'small'))
  else:
    player = _trained(_RUN.value)
  disk.require_writable('--out', _OUT.value or player.directory)
  # Only now: JAX takes seconds to load.
  from attn_agents.evaluation import evaluator, results

  plan = evaluator.Plan(
    num_episodes=_EPISODES.value,
    num_envs=min(_NUM_ENVS.value, _EPISODES.value),
    num_threads=machine.describe().cores,
    protocol=_PROTOCOL.value,
    policy=_POLICY.value,
    seed=_SEED.value,
    max_episode_frames=_MAX_EPISODE_FRAMES.value,
  )
  names = _games(player.config)
  first = evaluator.Evaluator(_to_play(player.config, names[0]), plan)
  scorers = {
    _directory(player, game, len(names) > 1): first.of_game(game)
    for game in names
  }
  for out, scorer in scorers.items():
    facts = {**player.facts, **scorer.facts()}
    results.require_same(out, facts, plan.num_episodes)
  means = {
    scorer.environment.game: _score(scorer, player, out)
    for out, scorer in scorers.items()
  }
  if len(means) > 1:
    output.say(results.of_several_in_words(means))
  return 0


def _score(scorer: Any, player: _Player, out: pathlib.Path) -> float:
  """Plays one game, prints and writes; returns the mean return."""
  from attn_agents.evaluation import results

  plan, game = scorer.plan, scorer.environment.game
  action_repeat = scorer.spec.action_repeat
  played = _play(scorer, player.params)
  summary = results.summarise(game, played, action_repeat)
  # First, since the disk may be full.
  words = results.in_words(game, summary, plan.max_episode_frames)
  output.say(words)
  with disk.explaining(out):
    results.write(
      out,
      played,
      summary,
      first_seed=plan.seeds.environment,
      action_repeat=action_repeat,
      facts={**player.facts, **scorer.facts()},
    )
  output.say(f'written   {out}')
  return summary.mean


def _games(config: schema.Config) -> tuple[str, ...]:
  """What is to be played: of a run of several games, all unless one is said."""
  if _GAME.value is None:
    return games.members(config.environment.game)
  return (_GAME.value,)


def _directory(player: _Player, game: str, several: bool) -> pathlib.Path:
  """Where the evaluation of a game goes."""
  if _OUT.value is None:
    return player.directory / _name(game, player.name)
  return pathlib.Path(_OUT.value) / (game if several else '')


def _name(game: str, player: str) -> str:
  """Of the directory for what the flags ask for."""

  def unless_default(flag: Any) -> int | None:
    return None if flag.value in (None, flag.default) else flag.value

  return protocols.directory_name(
    game,
    player,
    _PROTOCOL.value,
    _EPISODES.value,
    _SEED.value,
    _MAX_EPISODE_FRAMES.value,
    envs=unless_default(_NUM_ENVS),
    repeat=unless_default(_ACTION_REPEAT),
  )


def _trained(path: str) -> _Player:
  """The agent of a run's checkpoint.

  Raises:
    ConfigError: there is no such run or checkpoint.
  """
  run, config = saved_runs.open_run(path)
  for game in _games(config):
    played = _to_play(config, game).environment
    command_line.check_actions(config.environment, played)
  directory, step = saved_runs.find(run, _CHECKPOINT.value)
  from attn_agents.runs import parameters

  restored = parameters.restore(config, directory, step)
  return _Player(
    config=config,
    params=restored.params,
    directory=run.evaluations,
    name=f'{step}_{_POLICY.value}',
    facts={
      'run': exported.address(directory),
      'agent': config.agent,
      'preset': config.preset,
      'algorithm': config.algorithm,
      'trained_game': config.environment.game,
      'training_seed': config.seed,
      'checkpoint': step,
      'frames': restored.counters.frames,
    },
  )


def _check_flags() -> None:
  """Raises `errors.ConfigError` for what can be seen without a run."""
  protocols.check_names(_PROTOCOL.value, _POLICY.value)
  for flag in (_EPISODES, _NUM_ENVS):
    errors.require(flag.value >= 1, f'--{flag.name}', flag.value, 'at least 1')
  errors.require(
    _NUM_ENVS.value <= schema.MAX_ENVS_PER_ACTOR,
    '--num_envs',
    _NUM_ENVS.value,
    f'at most {schema.MAX_ENVS_PER_ACTOR}',
  )
  errors.require(_SEED.value >= 0, '--seed', _SEED.value, '0 or more')
  if _GAME.value is not None:
    games.check(_GAME.value)
  if _RUN.value is None and (_POLICY.value != 'random' or _GAME.value is None):
    raise errors.ConfigError(
      '--run is missing: expected the --logdir of a training run, or '
      '--policy=random with a --game'
    )
  if _ACTION_REPEAT.value is not None:
    repeat = _ACTION_REPEAT.value
    low, high = _ACTION_REPEATS
    errors.require(
      low <= repeat <= high, '--action_repeat', repeat, f'{low} to {high}'
    )
    errors.require(
      _RUN.value is None,
      '--action_repeat',
      repeat,
      'no --run, whose own action repeat holds',
    )


def _to_play(config: schema.Config, game: str) -> schema.Config:
  """With a game, and the action repeat that was asked for.

  Raises:
    ConfigError: no step of the agent fits in `--max_episode_frames`.
  """
  config = saved_runs.with_game(config, game)
  environment = config.environment
  if _ACTION_REPEAT.value is not None:
    environment = dataclasses.replace(
      environment, action_repeat=_ACTION_REPEAT.value
    )
  validation.check_cap(
    '--max_episode_frames',
    _MAX_EPISODE_FRAMES.value,
    environment.action_repeat,
  )
  return dataclasses.replace(config, environment=environment)


def _play(scorer: Any, params: Any) -> list[Any]:
  """Plays, with a bar on a terminal, and a line now and then on stderr."""
  from attn_agents.evaluation import waiting

  console = rich.console.Console(stderr=True)
  columns = (
    *rich.progress.Progress.get_default_columns(),
    rich.progress.MofNCompleteColumn(),
    rich.progress.TextColumn('{task.fields[last]}'),
  )
  with rich.progress.Progress(
    *columns, console=console, disable=not console.is_terminal
  ) as progress:
    task = progress.add_task(
      scorer.environment.game, total=scorer.plan.num_episodes, last=''
    )

    def say(line: str) -> None:
      text = f'{line} (--max_episode_frames)'
      progress.console.print(text, highlight=False, soft_wrap=True)

    return scorer.evaluate(
      params,
      report=lambda episode: progress.update(
        task, advance=1, last=f'last {episode.game_return:g}'
      ),
      progress=waiting.Reminder(say, scorer.describe, _REMIND_SECONDS),
    )


if __name__ == '__main__':
  with contextlib.suppress(KeyboardInterrupt):
    sys.exit(command_line.run(main))
  sys.exit(130)
