"""Every agent's name and presets. A new agent is one module and one line."""

import types
from collections.abc import Callable, Mapping

from configs import schema
from configs.agents import (
  darqn_hard,
  darqn_soft,
  dqn,
  drarl,
  drarl_simple,
  drqn,
  impala_ff,
  impala_large,
  impala_lstm,
  impala_shallow,
  s3ta,
  s3ta_fixed_query,
  s3ta_l2_keys,
)


def _presets(
  module: types.ModuleType, *more: str
) -> Mapping[str, Callable[[], schema.Config]]:
  names = ('paper', 'small', *more)
  return types.MappingProxyType({name: getattr(module, name) for name in names})


AGENTS: Mapping[str, Mapping[str, Callable[[], schema.Config]]] = (
  types.MappingProxyType(
    {
      's3ta': _presets(s3ta),
      's3ta_fixed_query': _presets(s3ta_fixed_query),
      's3ta_l2_keys': _presets(s3ta_l2_keys),
      'impala_ff': _presets(impala_ff, 's3ta_baseline'),
      'impala_lstm': _presets(impala_lstm, 's3ta_baseline'),
      'impala_large': _presets(impala_large),
      'impala_shallow': _presets(impala_shallow),
      'drarl': _presets(drarl),
      'drarl_simple': _presets(drarl_simple),
      'dqn': _presets(dqn),
      'drqn': _presets(drqn),
      'darqn_soft': _presets(darqn_soft),
      'darqn_hard': _presets(darqn_hard),
    }
  )
)


def make(agent: str, preset: str) -> schema.Config:
  """The named agent's preset, before any of the user's settings."""
  return AGENTS[agent][preset]()
