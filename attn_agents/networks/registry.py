"""From an agent's name to its network; a new agent is one line here."""

from collections.abc import Callable

from flax import linen as nn

from attn_agents.networks import s3ta
from configs import schema

_FACTORIES: dict[str, Callable[[schema.Config, int], nn.Module]] = {
  's3ta': s3ta.from_config,
}


def make_network(config: schema.Config, num_actions: int) -> nn.Module:
  """Makes the network that `config.agent` names.

  Args:
    config: the whole run; the network reads its own section, the size of
      observations and the reward clip.
    num_actions: size of the policy.

  Returns:
    A module with `__call__(types.NetworkInput [T, B], core_state) ->
    (types.NetworkOutput [T, B], core_state)` and `initial_state(batch_size)`.

  Raises:
    ValueError: if the agent is unknown.
  """
  if config.agent not in _FACTORIES:
    raise ValueError(
      f'agent is {config.agent!r}, must be one of {sorted(_FACTORIES)}.'
    )
  return _FACTORIES[config.agent](config, num_actions)
