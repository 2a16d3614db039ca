"""How games are started and cut while scoring, whatever training did."""

import dataclasses
import pathlib
from typing import Any

from attn_agents.utils import metrics_table
from configs import errors, schema

# Half an hour of play, as in the papers.
MAX_EPISODE_FRAMES = 108_000
# The column of evaluation_curve.csv with the cap of each score.
CAP_COLUMN = 'max_episode_frames'


def check_names(protocol: str, policy: str) -> None:
  """Raises `errors.ConfigError`, naming the nearest, for names unknown here."""
  if protocol not in PROTOCOLS:
    raise errors.unknown('protocol', protocol, PROTOCOLS)
  if policy not in POLICIES:
    raise errors.unknown('policy', policy, POLICIES)


def apply(
  environment: schema.EnvironmentConfig,
  protocol: str,
  max_episode_frames: int = MAX_EPISODE_FRAMES,
) -> schema.EnvironmentConfig:
  """The environment of a run, under a protocol.

  What the agent sees, its actions and their repetition stay as it was trained.

  Args:
    environment: of the run.
    protocol: 'noop', 1 to 30 no-ops at the start and nothing sticky (IMPALA,
      S3TA), or 'sticky', no random start, but each action is the previous one
      again with probability 0.25 (Machado et al. 2018). Both play whole games.
    max_episode_frames: emulator frames of a game, at most.

  Raises:
    ConfigError: there is no such protocol.
  """
  if protocol not in PROTOCOLS:
    raise errors.unknown('protocol', protocol, PROTOCOLS)
  return dataclasses.replace(
    environment.whole_games(),
    max_episode_frames=max_episode_frames,
    **PROTOCOLS[protocol],
  )


def require_same_cap(curve: pathlib.Path, max_episode_frames: int) -> None:
  """Refuses to add a score to those of games that were cut elsewhere.

  Args:
    curve: evaluation_curve.csv of a run; it need not exist. Without a column of
      caps, all games were of at most `MAX_EPISODE_FRAMES`.
    max_episode_frames: of the games to come.

  Raises:
    ConfigError: with both caps.
  """
  for row in metrics_table.read(curve):
    there = int(row.get(CAP_COLUMN, MAX_EPISODE_FRAMES))
    if there != max_episode_frames:
      raise errors.ConfigError(
        f'runtime.evaluation_max_episode_frames={max_episode_frames}: expected '
        f'{there}, with which {curve} began; launch/evaluate.py '
        '--max_episode_frames cuts games elsewhere'
      )


def directory_name(
  game: str,
  player: str,
  protocol: str,
  episodes: int,
  seed: int,
  max_episode_frames: int = MAX_EPISODE_FRAMES,
  **unusual: int | None,
) -> str:
  """Where an evaluation is kept: one name for each way to play.

  Args:
    game: played.
    player: the checkpoint's step and the policy.
    protocol: its name.
    episodes: whole games.
    seed: of games and actions.
    max_episode_frames: named where it is not the usual one.
    **unusual: by its short name, what else is not as usual; None where it is.
  """
  name = f'{game}_{player}_{protocol}_{episodes}_seed{seed}'
  if max_episode_frames != MAX_EPISODE_FRAMES:
    name += f'_max{max_episode_frames}'
  for short, value in unusual.items():
    name += '' if value is None else f'_{short}{value}'
  return name


# How actions are selected; the random policy needs no agent.
POLICIES = ('sampled', 'greedy', 'random')

# EnvPool plays at least one no-op.
PROTOCOLS: dict[str, dict[str, Any]] = {
  'noop': {'noop_max': 30, 'sticky_action_probability': 0.0},
  'sticky': {'noop_max': 1, 'sticky_action_probability': 0.25},
}
