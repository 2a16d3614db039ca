"""What an export holds, and reading it from one."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from attn_agents.exporting import check, curve, evaluations, files
from attn_agents.runs import exported, named_trees, parameters
from configs import errors

_PNG = b'\x89PNG\r\n\x1a\n'


@dataclasses.dataclass(frozen=True)
class Contents:
  """All of an exported agent; see `exported` for the files.

  Attributes:
    content: of config.json.
    params: by name (`named_trees`).
    evaluations: by game.
    curve: training_curve.csv.
    figure: training_curve.png.
    check: see `check.record`.
    evaluation_curve: evaluation_curve.csv; None if there is none.
  """

  content: Mapping[str, Any]
  params: Mapping[str, np.ndarray]
  evaluations: Mapping[str, evaluations.Evaluation]
  curve: bytes
  figure: bytes
  check: Mapping[str, np.ndarray]
  evaluation_curve: bytes | None

  @property
  def facts(self) -> Mapping[str, Any]:
    """What config.json says under `exported`."""
    return self.content[exported.KEY]


def read(agent: exported.ExportedAgent) -> Contents:
  """All of an exported agent, of which every part is checked.

  Raises:
    ConfigError: a part is missing or damaged.
  """
  config, source = agent.config(), agent.source
  restored = parameters.restore(config, source, agent.facts()['checkpoint'])
  evaluation_curve = source / exported.EVALUATION_CURVE
  found = Contents(
    content=agent.content(),
    params=named_trees.flatten(restored.params),
    evaluations=evaluations.read(source / exported.EVALUATION, config),
    curve=files.read(source / exported.CURVE),
    figure=files.read(source / exported.FIGURE),
    check=check.read(source / exported.CHECK, config),
    evaluation_curve=(
      files.read(evaluation_curve) if evaluation_curve.exists() else None
    ),
  )
  curve.require_table(source / exported.CURVE)
  if not found.figure.startswith(_PNG):
    raise errors.ConfigError(
      f'{source / exported.FIGURE} is damaged; expected a PNG'
    )
  return found
