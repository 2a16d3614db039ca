"""Exported agents: directories that play as runs do, on any machine.

    README.md             the model card
    config.json           of the run, and under `exported` what was exported
    model.safetensors     parameters by name (`named_trees`)
    check.safetensors     some steps of play, and the outputs at each
    evaluation/<game>/    of `launch/evaluate.py`
    training_curve.csv, training_curve.png
    evaluation_curve.csv  of runs that have one

`launch/export.py` writes them. Those of `attn_agents/zoo/` ship, and are named
`zoo:<name>`. Nothing in such a directory is ever executed.

Imports no JAX.
"""

import math
import pathlib
from collections.abc import Mapping
from typing import Any

from attn_agents.runs import run_directory
from attn_agents.utils import disk
from configs import errors, schema, validation

FORMAT = 1
PREFIX = schema.ZOO_PREFIX
CARD = 'README.md'
PARAMETERS = 'model.safetensors'
CHECK = 'check.safetensors'
CURVE = 'training_curve.csv'
FIGURE = 'training_curve.png'
EVALUATION = 'evaluation'
EVALUATION_CURVE = 'evaluation_curve.csv'
# Of config.json, by which a directory is known.
KEY = 'exported'

_ZOO = pathlib.Path(__file__).parents[1] / 'zoo'
# Below the working directory: what is made of a shipped agent.
_OUTPUTS = pathlib.Path('runs') / 'zoo'
_COUNTERS = ('agent_steps', 'frames', 'learner_steps', 'games', 'wall_time')
_MOST = 2**63
_DIGEST_LENGTH = 64


class ExportedAgent(run_directory.RunDirectory):
  """An exported agent as commands take a run: it has one checkpoint.

  Attributes:
    source: the directory of its files, which is only read.
    path: where evaluations and analyses go by default.
  """

  def __init__(self, source: pathlib.Path, path: pathlib.Path):
    """Stores the paths; reads nothing."""
    super().__init__(path)
    self.source = source.absolute()

  @property
  def config_path(self) -> pathlib.Path:
    """Its config.json."""
    return self.source / 'config.json'

  @property
  def checkpoints(self) -> pathlib.Path:
    """Where its only checkpoint lies."""
    return self.source

  @property
  def best(self) -> pathlib.Path:
    """The same: it has no other."""
    return self.source

  def config(self) -> schema.Config:
    """The config that it was trained with.

    Raises:
      ConfigError: config.json is damaged, or asks for what this version does
        not have or allow.
    """
    config = super().config()
    self.facts()
    try:
      validation.validate(config, num_devices=1)
    except errors.ConfigError as error:
      raise errors.ConfigError(f'{self.config_path}: {error}') from error
    return config

  def facts(self) -> dict[str, Any]:
    """What config.json says under `exported`.

    Returns:
      `checkpoint`, the learner step; `counters` as in checkpoints;
      `parameters`, a digest (`named_trees.digest`); `name`; and what the card
      says besides.

    Raises:
      ConfigError: it is damaged, or of a later version.
    """
    facts = self.content().get(KEY)
    if not isinstance(facts, dict):
      raise self._damaged(KEY, 'an object in braces')
    found = facts.get('format')
    if isinstance(found, int) and found > FORMAT:
      raise errors.ConfigError(
        f'{self.source} was exported by a later version (format {found}, this '
        f'version reads {FORMAT}); update this program'
      )
    if not _is_count(found) or found != FORMAT:
      raise self._damaged('format', str(FORMAT))
    if not _is_count(facts.get('checkpoint')):
      raise self._damaged('checkpoint', 'a learner step')
    counters = facts.get('counters')
    if (
      not isinstance(counters, dict)
      or sorted(counters) != sorted(_COUNTERS)
      or not all(map(_is_total, counters.values()))
    ):
      raise self._damaged('counters', f'numbers of {", ".join(_COUNTERS)}')
    for name in ('parameters', 'name'):
      if not isinstance(facts.get(name), str) or not facts[name]:
        raise self._damaged(name, 'a text')
    if len(facts['parameters']) != _DIGEST_LENGTH:
      raise self._damaged('parameters', 'a SHA-256 in hexadecimal')
    return facts

  def _damaged(self, name: str, expected: str) -> errors.ConfigError:
    where = name if name == KEY else f'{KEY}.{name}'
    return errors.ConfigError(
      f'{self.config_path} is damaged: {where}: expected {expected}'
    )


def require_new_or_exported(flag: str, path: pathlib.Path) -> None:
  """Refuses a directory that holds something else than an exported agent.

  Args:
    flag: that names it.
    path: of the directory, which need not exist.

  Raises:
    ConfigError: it has files, and no parameters among them.
  """
  if not (path / PARAMETERS).is_file():
    disk.require_new(flag, path)


def find(path: str) -> ExportedAgent | None:
  """The exported agent that a user names; None where there is none.

  Args:
    path: of its directory, or `zoo:` and the name of one that ships.

  Raises:
    ConfigError: none of that name ships, with the nearest that does.
  """
  if path.startswith(PREFIX):
    name = path.removeprefix(PREFIX)
    if name not in names():
      raise errors.unknown(
        'trained agent', path, [f'{PREFIX}{known}' for known in names()]
      )
    return ExportedAgent(_ZOO / name, _OUTPUTS / name)
  directory = pathlib.Path(path)
  return ExportedAgent(directory, directory) if is_one(directory) else None


def is_one(directory: pathlib.Path) -> bool:
  """Whether a directory says that it is an exported agent, whole or not."""
  if not (directory / 'config.json').is_file():
    return False
  try:
    content = run_directory.RunDirectory(directory).content_of_any_format()
  except errors.ConfigError:
    return False
  return KEY in content


def names() -> tuple[str, ...]:
  """Those that ship, without `zoo:`."""
  return tuple(sorted(p.parent.name for p in _ZOO.glob('*/config.json')))


def address(directory: pathlib.Path) -> str:
  """What commands call the run that has this directory of checkpoints."""
  if not is_one(directory):
    return str(directory.parent)
  if directory.parent == _ZOO:
    return f'{PREFIX}{directory.name}'
  return str(directory)


def checkpoint(directory: pathlib.Path) -> int:
  """Learner step of the agent in a directory of which `is_one` is true."""
  facts: Mapping[str, Any] = ExportedAgent(directory, directory).facts()
  return facts['checkpoint']


def _is_count(value: object) -> bool:
  return (
    isinstance(value, int)
    and not isinstance(value, bool)
    and 0 <= value < _MOST
  )


def _is_total(value: object) -> bool:
  if isinstance(value, float):
    return math.isfinite(value) and value >= 0
  return _is_count(value)
