"""What a network can tell of Boxing's screen, without any reward.

    python -m results.probes --agent=s3ta --set=network.num_queries=16
    python -m results.probes --run=runs/boxing

The first trains a new network for some hundred updates to say where the boxers
stand, on screens of random play: each alone, and one beside the other. The
second takes a trained policy and shows it changed screens: how much its logits
change tells what of the screen they depend on. docs/sight.md has the tables.
"""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from attn_agents import experiment, types
from attn_agents.environments import registry as environments
from attn_agents.runs import parameters, saved_runs
from configs import errors, resolution, schema

_GAMES, _ROWS, _BATCH = 96, 16, 16
_LEARNING_RATE = 5e-4
_CLASSES = 5
# The ring within a screen of 84 x 84, and how far a boxer's grey is from its.
_RING = (slice(14, 71), slice(8, 76))
_CONTRAST = 12
# Rows that the policy's memory has to forget what was before.
_PLAYED, _SHOWN = 250, 64


class Play(NamedTuple):
  """Games played at random, time by game.

  Attributes:
    timestep: `types.TimeStep` [T, B].
    action: int32 [T, B], chosen at the rows.
  """

  timestep: types.TimeStep
  action: np.ndarray


def main() -> int:
  """Prints one line for each hundred updates, or each changed screen."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--agent', default='s3ta', help='whose network it is')
  parser.add_argument('--set', action='append', default=[], help='a setting')
  parser.add_argument('--run', help='shows changed screens to this run instead')
  parser.add_argument('--updates', type=int, default=600, help='of each probe')
  parser.add_argument('--steps', type=int, default=1_792, help='of each game')
  args = parser.parse_args()
  try:
    if args.run:
      show_changed_screens(args.run)
    else:
      _learn_places(args.agent, args.set, args.steps, args.updates)
  except errors.ConfigError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  return 0


def _learn_places(
  agent: str, settings: Sequence[str], steps: int, updates: int
) -> None:
  request = resolution.Request(
    agent=agent,
    game='boxing',
    preset='small',
    runtime='threads',
    settings=settings,
  )
  resolution.check_names(request)
  config = resolution.resolve(request, 'cpu', num_devices=1, cores=2)
  play = play_at_random(config.environment, _GAMES, steps)
  light, dark = boxers(play.timestep.observation[..., -1])
  kinds = {'each alone': dark, 'one beside the other': dark - light}
  for kind, places in kinds.items():
    labels = np.stack([_classes(places[..., i]) for i in range(2)], -1)
    print(f'{kind}, of {2 * np.log(_CLASSES):.2f} nats:')
    _train(config, play, labels, updates)


def play_at_random(
  config: schema.EnvironmentConfig, games: int, steps: int
) -> Play:
  """Plays all games at once, from their beginnings."""
  env = environments.make_environment(config, games, seed=1, num_threads=2)
  rng = np.random.default_rng(0)
  rows, actions = [env.reset().timestep], []
  for _ in range(steps):
    action = rng.integers(0, env.spec.num_actions, games, dtype=np.int32)
    actions.append(action)
    rows.append(env.step(action).timestep)
  env.close()
  return Play(
    jax.tree.map(lambda *x: np.stack(x), *rows[:-1]), np.stack(actions)
  )


def boxers(screens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Where the lighter and the darker boxer are.

  Args:
    screens: uint8 [T, B, 84, 84].

  Returns:
    Two of float32 [T, B, 2]: x and y of the middle of the pixels that are
    lighter, or darker, than the ring; 0 where there are none.
  """
  ring = screens[:, :, _RING[0], _RING[1]]
  ground = np.median(ring[::50].reshape(-1, *ring.shape[2:]), axis=0)
  y, x = np.mgrid[: ring.shape[2], : ring.shape[3]]
  found = []
  for sign in (1, -1):
    middle = np.zeros((*ring.shape[:2], 2), np.float32)
    # One row of all games at a time: the masks of all would take gigabytes.
    for t, row in enumerate(ring):
      mask = sign * (row - ground) > _CONTRAST
      count = np.maximum(mask.sum((1, 2)), 1)
      middle[t, :, 0] = (mask * x).sum((1, 2)) / count
      middle[t, :, 1] = (mask * y).sum((1, 2)) / count
    found.append(middle)
  return found[0], found[1]


def _classes(values: np.ndarray) -> np.ndarray:
  edges = np.quantile(values, np.arange(1, _CLASSES) / _CLASSES)
  return np.digitize(values, edges).astype(np.int32)


def _train(
  config: schema.Config, play: Play, labels: np.ndarray, updates: int
) -> None:
  """Trains a new network on the labels int32 [T, B, 2]."""
  agent = experiment.Experiment(config).agent
  params = agent.initial_params(jax.random.key(0))
  optimizer = optax.adam(_LEARNING_RATE)

  def loss(params: Any, rows: Play, labels: jax.Array) -> jax.Array:
    start = agent.initial_state(_BATCH)
    unroll = agent.unroll(params, rows.timestep, rows.action[:-1], start)
    logits = unroll.policy_logits[..., : 2 * _CLASSES]
    logits = logits.reshape(*labels.shape, _CLASSES)
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits, labels)
    return jnp.mean(jnp.sum(entropy, axis=-1))

  @jax.jit
  def update(
    params: Any, state: Any, rows: Play, labels: jax.Array
  ) -> tuple[Any, Any, jax.Array]:
    value, gradient = jax.value_and_grad(loss)(params, rows, labels)
    step, state = optimizer.update(gradient, state, params)
    return optax.apply_updates(params, step), state, value

  state, losses, rng = optimizer.init(params), [], np.random.default_rng(1)
  for count in range(1, updates + 1):
    t = int(rng.integers(0, len(labels) - _ROWS))
    games = rng.choice(labels.shape[1], _BATCH, replace=False)
    rows, part = jax.tree.map(
      functools.partial(_part, start=t, games=games), (play, labels)
    )
    params, state, value = update(params, state, rows, part)
    losses.append(float(value))
    if count % 100 == 0 or count == updates:
      learned = 2 * np.log(_CLASSES) - np.mean(losses[-100:])
      print(f'  after {count} updates {learned:.2f} nats', flush=True)


def _part(x: np.ndarray, start: int, games: np.ndarray) -> np.ndarray:
  return x[start : start + _ROWS][:, games]


def show_changed_screens(path: str) -> None:
  """Prints how much each change of `CHANGES` changes a run's logits."""
  run, config = saved_runs.open_run(path)
  made = experiment.Experiment(config)
  restored = parameters.restore(config, *saved_runs.find(run, 'newest'))
  agent, games = made.agent, _BATCH
  env = environments.make_environment(
    config.environment, games, seed=7, num_threads=1
  )
  step = jax.jit(agent.step)
  timestep, state = env.reset().timestep, agent.initial_state(games)
  key, start, rows, actions = jax.random.key(0), None, [], []
  for t in range(_PLAYED + _SHOWN):
    key, now = jax.random.split(key)
    if t == _PLAYED:
      start = state
    output, state = step(restored.params, now, timestep, state)
    if t >= _PLAYED:
      rows.append(timestep)
      actions.append(np.asarray(output.action))
    timestep = env.step(np.asarray(output.action)).timestep
  env.close()
  shown = jax.tree.map(lambda *x: np.stack(x), *rows)
  unroll = jax.jit(agent.unroll)

  def logits(timestep: types.TimeStep, action: np.ndarray) -> np.ndarray:
    made = unroll(restored.params, timestep, action[:-1], start)
    return np.asarray(made.policy_logits[_SHOWN // 2 :])

  action = np.stack(actions)
  for name, change in CHANGES.items():
    changed = change(Play(shown, action))
    apart = difference(logits(*changed), logits(shown, action))
    print(f'{name}: {apart:.3f}', flush=True)


def difference(one: np.ndarray, other: np.ndarray) -> float:
  """How far logits [..., A] are apart, in deviations of what is independent.

  The root of half the mean square, after the mean over actions is taken off:
  the standard deviation of the logits, if the two have nothing in common.
  """
  apart = one - other
  apart = apart - apart.mean(-1, keepdims=True)
  return float(np.sqrt(np.mean(np.square(apart)) / 2))


def _with_screens(
  change: Callable[[np.ndarray], np.ndarray],
) -> Callable[[Play], Play]:
  def changed(play: Play) -> Play:
    screens = change(play.timestep.observation)
    return play._replace(timestep=play.timestep._replace(observation=screens))

  return changed


def _ring_moved(screens: np.ndarray) -> np.ndarray:
  moved = screens.copy()
  ring = slice(13, 72)
  moved[:, :, ring] = np.roll(screens[:, :, ring], 2, axis=3)
  return moved


def _top_of_others(screens: np.ndarray) -> np.ndarray:
  changed = screens.copy()
  changed[:, :, :13] = np.roll(screens[:, :, :13], 1, axis=1)
  return changed


CHANGES: dict[str, Callable[[Play], Play]] = {
  'screens of another game': _with_screens(lambda x: np.roll(x, 1, axis=1)),
  'score and clock of another game': _with_screens(_top_of_others),
  'the ring two pixels to the right': _with_screens(_ring_moved),
  'actions of another game': lambda play: play._replace(
    action=np.roll(play.action, 1, axis=1)
  ),
}


if __name__ == '__main__':
  sys.exit(main())
