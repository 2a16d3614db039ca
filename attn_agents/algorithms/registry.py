"""Every algorithm by its name. A new one is one module and one line."""

from attn_agents.algorithms import a2c, appo, base, ppo, q_learning, vtrace
from configs import errors

# Mutable: `register` adds algorithms of programs that build on this one.
ALGORITHMS: dict[str, base.Algorithm] = {}


def register(algorithm: base.Algorithm) -> None:
  """Adds an algorithm under its name.

  Raises:
    ValueError: the name is taken.
  """
  if algorithm.name in ALGORITHMS:
    raise ValueError(f'there is an algorithm {algorithm.name} already')
  ALGORITHMS[algorithm.name] = algorithm


def get(name: str) -> base.Algorithm:
  """The algorithm of that name.

  Raises:
    ConfigError: there is none; the nearest name is given.
  """
  if name not in ALGORITHMS:
    raise errors.unknown('algorithm', name, ALGORITHMS)
  return ALGORITHMS[name]


def names_for(head: str) -> list[str]:
  """Names of the algorithms that can train a network with that head."""
  return [name for name, found in ALGORITHMS.items() if found.head == head]


def metrics() -> list[str]:
  """What the updates of all algorithms measure, each name once."""
  return list(
    dict.fromkeys(
      name for found in ALGORITHMS.values() for name in found.metrics
    )
  )


for _algorithm in (
  appo.ALGORITHM,
  vtrace.ALGORITHM,
  a2c.ALGORITHM,
  ppo.ALGORITHM,
  q_learning.ALGORITHM,
):
  register(_algorithm)
