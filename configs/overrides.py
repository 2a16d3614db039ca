"""Reads and writes configs: `section.field=value`, JSON, and differences."""

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from attn_agents.algorithms import registry
from configs import errors, schema

# What may change when a run is continued: its speed and length, not what it
# computes.
RESUMABLE = ('max_frames', 'max_hours', 'queue.', 'runtime.')
# Fields that are younger than some runs, with what those did without them:
# the defaults of their classes, whatever a preset has now.
YOUNGER: Mapping[str, Any] = {
  'environment.fire_after_lost_life': False,
  'environment.shared_actions': False,
  'environment.stagger_steps': 0,
  'learning.part_length': 0,
  'learning.reconstruction_cost': 0.5,
  'network.answer_sees_queries': True,
  'network.coupled_gates': False,
  'network.feature_norm': 'none',
  'network.head_sees_answer': False,
  'network.reconstruction_size': 0,
  'network.vision_blur': 0.0,
  'network.vision_forget_bias': 1.0,
}

_TRUE = ('true', '1', 'yes', 'on')
_FALSE = ('false', '0', 'no', 'off')
_NONE = ('none', 'null')
_S = TypeVar('_S')


def apply(config: schema.Config, settings: Iterable[str]) -> schema.Config:
  """Returns `config` with each 'section.field=value' of `settings` applied.

  Raises:
    ConfigError: a setting names no field, or its value has the wrong type.
  """
  for setting in settings:
    path, equals, text = setting.partition('=')
    if not equals:
      raise errors.ConfigError(
        f"--set {setting}: expected 'section.field=value'"
      )
    path = path.strip()
    _refuse_fields_of_other_algorithms(config, path)
    config = _replace(config, path, path, text.strip())
  return config


def _refuse_fields_of_other_algorithms(
  config: schema.Config, path: str
) -> None:
  """Names the algorithms that have a field which this one lacks."""
  section, _, name = path.partition('.')
  if section != 'learning' or hasattr(config.learning, name):
    return
  having = [
    other
    for other in registry.names_for(config.network.head)
    if hasattr(registry.get(other).section_class(), name)
  ]
  if having:
    raise errors.ConfigError(
      f"setting '{path}': {config.algorithm} has no '{name}'; it belongs to "
      + ' or '.join(f'--algorithm={other}' for other in having)
    )


def to_dict(config: schema.Config) -> dict[str, Any]:
  """The config as plain nested dicts, ready for JSON."""
  return dataclasses.asdict(config)


def from_dict(template: _S, values: Mapping[str, Any], prefix: str = '') -> _S:
  """Inverse of `to_dict`: `template` gives the types, `values` the values.

  A run from before a field under `RESUMABLE` takes the template's value: it
  does not change what the run computes. A run from before a field of `YOUNGER`
  takes the value given there.

  Args:
    template: a config, or a section of one.
    values: of all its fields.
    prefix: of its fields' names, 'section.', for messages.

  Raises:
    ConfigError: `values` lacks another field, has one that does not exist, or
      a value of another type.
  """
  if not isinstance(values, Mapping):
    raise errors.ConfigError(
      f'{prefix.rstrip(".") or "config"}={values!r}: expected an object in '
      'braces'
    )
  names = [f.name for f in dataclasses.fields(template)]  # type: ignore[arg-type]
  for name in values:
    if name not in names:
      raise errors.unknown('config field', name, names)
  kinds = {f.name: f.type for f in dataclasses.fields(template)}  # type: ignore[arg-type]
  changes = {}
  for name in names:
    path = f'{prefix}{name}'
    if name not in values:
      if path.startswith(RESUMABLE):
        continue
      if path in YOUNGER:
        changes[name] = YOUNGER[path]
        continue
      raise errors.ConfigError(f"config field '{name}' is missing")
    current, value = getattr(template, name), values[name]
    if dataclasses.is_dataclass(current):
      value = from_dict(current, value, f'{prefix}{name}.')
    else:
      value = _checked(kinds[name], path, value, current)
    changes[name] = value
  return dataclasses.replace(template, **changes)  # type: ignore[type-var]


def differences(
  old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
  """(field, old, new) wherever two runs' configs differ in what they compute.

  Fields under `RESUMABLE` are left out.
  """
  flat_old, flat_new = flatten(old), flatten(new)
  missing = '(absent)'
  rows = []
  for name in sorted({*flat_old, *flat_new}):
    if name.startswith(RESUMABLE):
      continue
    a = flat_old.get(name, YOUNGER.get(name, missing))
    b = flat_new.get(name, missing)
    if a != b:
      rows.append((name, a, b))
  return rows


def flatten(tree: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
  """Values of a config's dict by 'section.field'; tuples become lists."""
  flat: dict[str, Any] = {}
  for name, value in tree.items():
    if isinstance(value, Mapping):
      flat.update(flatten(value, f'{prefix}{name}.'))
    else:
      flat[prefix + name] = list(value) if isinstance(value, tuple) else value
  return flat


def _replace(section: Any, path: str, full_path: str, text: str) -> Any:
  name, dot, rest = path.partition('.')
  fields = {f.name: f for f in dataclasses.fields(section)}
  if name not in fields:
    raise errors.unknown(f'setting {full_path}:', name, fields)
  current = getattr(section, name)
  if dataclasses.is_dataclass(current):
    if not dot:
      inner = ', '.join(f.name for f in dataclasses.fields(current))
      raise errors.ConfigError(
        f"setting '{full_path}' is a section; name one of its fields: {inner}"
      )
    value = _replace(current, rest, full_path, text)
  elif dot:
    raise errors.ConfigError(f"setting '{full_path}': '{name}' has no fields")
  else:
    value = _parse(fields[name].type, full_path, text, current)
  return dataclasses.replace(section, **{name: value})


def _parse(kind: Any, path: str, text: str, current: object) -> Any:
  """Reads `text` as a value of that type.

  Args:
    kind: of the field, as declared: bool, int, float, str, a tuple of integers,
      or one of these or None.
    path: of the field.
    text: what the user gave.
    current: the field's value, an example in the error.
  """
  kinds = typing.get_args(kind)
  optional = type(None) in kinds
  if optional:
    kind = next(k for k in kinds if k is not type(None))
  try:
    if optional and text.lower() in _NONE:
      return None
    if kind is bool:
      if text.lower() not in _TRUE + _FALSE:
        raise ValueError
      return text.lower() in _TRUE
    if kind is int:
      return int(text.replace('_', ''))
    if kind is float:
      return float(text)
    if kind is str:
      return text
    return tuple(int(x) for x in text.strip('()[] ').split(',') if x.strip())
  except ValueError:
    names = {bool: 'true or false', int: 'an integer', float: 'a number'}
    expected = names.get(kind, 'integers separated by commas')
    expected += ' or none' if optional else ''
    raise errors.ConfigError(
      f"{path}='{text}': expected {expected}, like {current}"
    ) from None


def _checked(kind: Any, path: str, value: Any, current: object) -> Any:
  """A value from JSON, which must be of the declared type.

  Args:
    kind: as for `_parse`.
    path: of the field.
    value: what JSON says; a list for a tuple.
    current: the field's value, an example in the error.
  """
  kinds = typing.get_args(kind)
  optional = type(None) in kinds
  if optional:
    kind = next(k for k in kinds if k is not type(None))
  if value is None and optional:
    return None
  # A bool is an int to Python, but no number to a user.
  allowed = {float: (int, float), int: (int,), bool: (bool,), str: (str,)}
  names = {float: 'a number', int: 'an integer', str: 'a text'}
  names[bool] = 'true or false'
  expected = names.get(kind, 'a list of integers')
  expected += ' or null' if optional else ''
  items = [value] if kind in allowed else value
  fits = isinstance(items, list | tuple) and all(
    isinstance(item, allowed.get(kind, (int,)))
    and (kind is bool or not isinstance(item, bool))
    for item in items
  )
  errors.require(fits, path, repr(value), f'{expected}, like {current!r}')
  return value if kind in allowed else tuple(value)
