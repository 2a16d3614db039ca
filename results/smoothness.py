"""How alike a new network answers where the boxers of Boxing stand alike.

    python -m results.smoothness --agent=s3ta --set=network.vision_gain=1

Screens of random play are paired by how far apart the two boxers' places are.
What is printed is how far the logits of such pairs are apart, as a share of
what any two screens are (a variogram). Where screens whose boxers stand alike
are as far apart as any two, what is learned at one place says nothing about the
next. docs/sight.md has the table.
"""

import argparse
import sys

import jax
import numpy as np
from scipy import spatial

from attn_agents import experiment
from configs import errors, resolution, schema
from results import probes

# Pixels of a screen of 84 x 84, over both places of both boxers.
BOUNDS = (1.5, 3.0, 5.0, 8.0, 12.0, 20.0)
_GAMES, _STEPS, _SEEDS = 96, 1_792, 3
# Rows of a window, of which the first fill the memory.
_ROWS, _FILLING, _EVERY = 16, 12, 130
_FIRST = 300
_MOST_PAIRS = 20_000


def main() -> int:
  """Prints one line for each bound."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--agent', default='s3ta', help='whose network it is')
  parser.add_argument('--set', action='append', default=[], help='a setting')
  parser.add_argument('--steps', type=int, default=_STEPS, help='of each game')
  args = parser.parse_args()
  request = resolution.Request(
    agent=args.agent,
    game='boxing',
    preset='small',
    runtime='threads',
    settings=args.set,
  )
  try:
    resolution.check_names(request)
    config = resolution.resolve(request, 'cpu', num_devices=1, cores=2)
  except errors.ConfigError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  play = probes.play_at_random(config.environment, _GAMES, args.steps)
  found = np.mean(
    [_of_a_network(config, play, seed) for seed in range(_SEEDS)], axis=0
  )
  for bound, share in zip(BOUNDS, found, strict=True):
    print(f'boxers within {bound:g} pixels: {share:.2f}')
  return 0


def _of_a_network(
  config: schema.Config, play: probes.Play, seed: int
) -> np.ndarray:
  """`shares` of a new network's logits, float64 [bounds]."""
  agent = experiment.Experiment(config).agent
  params = agent.initial_params(jax.random.key(seed))
  unroll = jax.jit(agent.unroll)
  logits, places, games = [], [], []
  places_of = probes.boxers(play.timestep.observation[..., -1])
  steps = len(play.action)
  for start in range(min(_FIRST, steps - _ROWS), steps - _ROWS + 1, _EVERY):
    rows = slice(start, start + _ROWS)
    part = jax.tree.map(lambda x, rows=rows: x[rows], play)
    state = agent.initial_state(part.action.shape[1])
    made = unroll(params, part.timestep, part.action[:-1], state)
    logits.append(np.asarray(made.policy_logits[_FILLING]))
    places.append(np.concatenate([x[rows][_FILLING] for x in places_of], -1))
    games.append(np.arange(part.action.shape[1]))
  return shares(*map(np.concatenate, (logits, places, games)))


def shares(
  logits: np.ndarray, places: np.ndarray, games: np.ndarray
) -> np.ndarray:
  """How far logits are apart, as a share of what any two are.

  Args:
    logits: float [N, A].
    places: float [N, 4], x and y of both boxers; 0 where one was not found.
    games: int [N]; pairs within a game are left out.

  Returns:
    float64 [bounds], mean squared differences of pairs that are within a bound
    of `BOUNDS` and beyond the one before, over those of pairs beyond all; NaN
    without such pairs.
  """
  logits = logits - logits.mean(-1, keepdims=True)
  rng = np.random.default_rng(0)
  near = spatial.cKDTree(places).query_pairs(BOUNDS[3], output_type='ndarray')
  any_two = rng.integers(0, len(places), (3 * _MOST_PAIRS, 2))
  pairs = np.concatenate([near, any_two])
  is_found = (places > 0).all(-1)
  one, other = pairs[:, 0], pairs[:, 1]
  keep = (games[one] != games[other]) & is_found[one] & is_found[other]
  one, other = one[keep], other[keep]
  distance = np.linalg.norm(places[one] - places[other], axis=-1)
  apart = []
  for low, high in zip((0.0, *BOUNDS), (*BOUNDS, np.inf), strict=True):
    which = np.flatnonzero((distance >= low) & (distance < high))[:_MOST_PAIRS]
    squares = np.square(logits[one[which]] - logits[other[which]])
    apart.append(squares.mean() if which.size else np.nan)
  return np.array(apart[:-1]) / apart[-1]


if __name__ == '__main__':
  sys.exit(main())
