"""How games are started and cut while scoring, whatever training did."""

import dataclasses
from typing import Any

from configs import errors, schema

_FRAME_CAP = 108_000


def check_names(protocol: str, policy: str) -> None:
  """Raises `errors.ConfigError`, naming the nearest, for names unknown here."""
  if protocol not in PROTOCOLS:
    raise errors.unknown('protocol', protocol, PROTOCOLS)
  if policy not in POLICIES:
    raise errors.unknown('policy', policy, POLICIES)


def apply(
  environment: schema.EnvironmentConfig, protocol: str
) -> schema.EnvironmentConfig:
  """The environment of a run, under a protocol.

  What the agent sees, its actions and their repetition stay as it was trained.

  Args:
    environment: of the run.
    protocol: 'noop', 1 to 30 no-ops at the start and nothing sticky (IMPALA,
      S3TA), or 'sticky', no random start, but each action is the previous one
      again with probability 0.25 (Machado et al. 2018). Both play whole games
      of at most 108,000 frames.

  Raises:
    ConfigError: there is no such protocol.
  """
  if protocol not in PROTOCOLS:
    raise errors.unknown('protocol', protocol, PROTOCOLS)
  return dataclasses.replace(
    environment.whole_games(),
    max_episode_frames=_FRAME_CAP,
    **PROTOCOLS[protocol],
  )


# How actions are selected; the random policy needs no agent.
POLICIES = ('sampled', 'greedy', 'random')

# EnvPool plays at least one no-op.
PROTOCOLS: dict[str, dict[str, Any]] = {
  'noop': {'noop_max': 30, 'sticky_action_probability': 0.0},
  'sticky': {'noop_max': 1, 'sticky_action_probability': 0.25},
}
