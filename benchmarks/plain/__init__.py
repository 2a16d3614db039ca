"""The networks in plain Flax: what one writes before measuring.

The same functions of the same parameters as `attn_agents.networks`, but with
`nn.Conv` everywhere, the ConvLSTM with both of its convolutions inside
`nn.scan`, keys and values concatenated with the spatial basis before attention,
`nn.max_pool`, and gradients left to JAX. They use none of the fast forms, so
they are both what those are timed against and what they must be equal to
(`tests/networks/plain_equality_test.py`).

A module here mirrors the module of `attn_agents.networks` with the same name.
Its class `Plain` takes attributes of that network, by name.
"""

import dataclasses
import importlib
import importlib.util

from flax import linen as nn

from attn_agents.networks import factory
from configs import schema

# Attributes that Flax adds.
_OF_EVERY_MODULE = ('parent', 'name')


def form_of(config: schema.Config) -> str:
  """The name of the plain form of a config's network; '' if there is none."""
  network = factory.make_network(config, num_actions=1)
  package, _, name = type(network).__module__.rpartition('.')
  is_mirrored = package == 'attn_agents.networks' and importlib.util.find_spec(
    f'{__name__}.{name}'
  )
  return name if is_mirrored else ''


def make_network(config: schema.Config, num_actions: int) -> nn.Module:
  """The plain form of `attn_agents.networks.factory.make_network`.

  Raises:
    TypeError: there is none; see `form_of`.
  """
  name = form_of(config)
  if not name:
    raise TypeError(f'no plain network mirrors {config.network!r}')
  form = importlib.import_module(f'{__name__}.{name}').Plain
  network = factory.make_network(config, num_actions)
  return form(
    **{
      field.name: getattr(network, field.name)
      for field in dataclasses.fields(form)
      if field.name not in _OF_EVERY_MODULE
    }
  )
