"""How alike a new network answers where the boxers of Boxing stand alike.

    python -m results.smoothness --agent=s3ta --set=network.vision_gain=1

Screens of random play are paired by how far apart the two boxers' places are.
What is printed is how far the logits of such pairs are apart, as a share of
what any two screens are (a variogram), and the same of what comes before the
logits: convolutions, vision core, hidden layer. Where screens whose boxers
stand alike are as far apart as any two, what is learned at one place says
nothing about the next. docs/sight.md has the table.
"""

import argparse
import functools
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from scipy import spatial

from attn_agents import experiment, types
from configs import errors, resolution, schema
from results import probes

# Pixels of a screen of 84 x 84, over both places of both boxers.
BOUNDS = (1.5, 3.0, 5.0, 8.0, 12.0, 20.0)
_GAMES, _STEPS, _SEEDS = 96, 1_792, 3
# Rows of a window, of which the first fill the memory.
ROWS, FILLING, _EVERY = 16, 12, 130
_FIRST = 300
_MOST_PAIRS = 20_000
# At once: pairs of whole maps are large.
_PAIRS = 500
# Parts of networks whose outputs are looked at, besides the logits.
STAGES = ('torso', 'vision_core', 'head')


def main() -> int:
  """Prints a line for each stage, with a share for each bound."""
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
  found = [_of_a_network(config, play, seed) for seed in range(_SEEDS)]
  print('boxers within', *(f'{bound:g}' for bound in BOUNDS), 'pixels', sep=' ')
  for stage in found[0]:
    mean = np.mean([each[stage] for each in found], axis=0)
    print(f'{stage:12}', *(f'{share:.2f}' for share in mean))
  return 0


def _of_a_network(
  config: schema.Config, play: probes.Play, seed: int
) -> dict[str, np.ndarray]:
  """`shares` of what each stage of a new network gives, float64 [bounds]."""
  agent = experiment.Experiment(config).agent
  params = agent.initial_params(jax.random.key(seed))
  look = jax.jit(functools.partial(at_stages, agent.unroll))
  seen, places, games = [], [], []
  places_of = probes.boxers(play.timestep.observation[..., -1])
  steps = len(play.action)
  for start in range(min(_FIRST, steps - ROWS), steps - ROWS + 1, _EVERY):
    rows = slice(start, start + ROWS)
    part = jax.tree.map(lambda x, rows=rows: x[rows], play)
    state = agent.initial_state(part.action.shape[1])
    made = look(params, part.timestep, part.action[:-1], state)
    seen.append(jax.tree.map(np.asarray, made))
    places.append(np.concatenate([x[rows][FILLING] for x in places_of], -1))
    games.append(np.arange(part.action.shape[1]))
  together = np.concatenate(places), np.concatenate(games)
  return {
    stage: shares(np.concatenate([each[stage] for each in seen]), *together)
    for stage in seen[0]
  }


def at_stages(
  unroll: Callable[..., types.NetworkOutput], *inputs: Any
) -> dict[str, jax.Array]:
  """What each stage gives at row `FILLING`.

  Args:
    unroll: of an agent.
    *inputs: its parameters, time steps, actions and state, of `ROWS` rows.

  Returns:
    float [B, anything] of each of `STAGES` that the network has, and last the
    'logits', less their mean over actions.
  """
  found = {}

  def record(
    method: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    context: nn.module.InterceptorContext,
  ) -> Any:
    outputs = method(*args, **kwargs)
    path = context.module.path
    if path and path[0] in STAGES and len(path) == 1:
      found[path[0]] = outputs[0] if isinstance(outputs, tuple) else outputs
    return outputs

  with nn.intercept_methods(record):
    made = unroll(*inputs)
  batch = made.policy_logits.shape[1]
  logits = made.policy_logits
  found['logits'] = logits - jnp.mean(logits, axis=-1, keepdims=True)
  return {
    stage: jnp.reshape(outputs, (ROWS, batch, -1))[FILLING]
    for stage, outputs in found.items()
  }


def shares(
  outputs: np.ndarray, places: np.ndarray, games: np.ndarray
) -> np.ndarray:
  """How far outputs are apart, as a share of what any two are.

  Args:
    outputs: float [N, anything].
    places: float [N, 4], x and y of both boxers; 0 where one was not found.
    games: int [N]; pairs within a game are left out.

  Returns:
    float64 [bounds], mean squared differences of pairs that are within a bound
    of `BOUNDS` and beyond the one before, over those of pairs beyond all; NaN
    without such pairs.
  """
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
    squares = [
      np.square(outputs[one[part]] - outputs[other[part]]).mean(-1)
      for part in np.split(which, range(_PAIRS, which.size, _PAIRS))
    ]
    apart.append(np.concatenate(squares).mean() if which.size else np.nan)
  return np.array(apart[:-1]) / apart[-1]


if __name__ == '__main__':
  sys.exit(main())
