"""Trees of arrays by name, as checkpoints keep them.

A name is the path to an array: the keys of dicts, the fields of named tuples
and the positions in lists, e.g. 'params/torso/conv_0/kernel' or
'opt_state/inner_state/1/0/mu/torso/conv_0/kernel'.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import traverse_util

from attn_agents import types

# (dtype, shape) of an array, fit for JSON.
Spec = tuple[str, Sequence[int]]

_SEPARATOR = '/'
# A message lists so many names and the number of the others.
_NAMES_LISTED = 6


def flatten(tree: types.Nest) -> dict[str, Any]:
  """The leaves of a tree by name, in the tree's order.

  Raises:
    ValueError: two leaves have the same name.
  """
  leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
  named = {_name(path): leaf for path, leaf in leaves}
  if len(named) < len(leaves):
    raise ValueError('two arrays of the tree have the same name')
  return named


def digest(tree: types.Nest) -> str:
  """SHA-256, in hexadecimal, of all names, dtypes, shapes and values."""
  total = hashlib.sha256()
  for name, leaf in sorted(flatten(tree).items()):
    array = np.asarray(leaf)
    total.update(f'{name} {array.dtype} {array.shape} '.encode())
    total.update(array.tobytes())
  return total.hexdigest()


def nest(named: Mapping[str, Any]) -> dict[str, Any]:
  """Nested dicts with the same names."""
  return traverse_util.unflatten_dict(dict(named), sep=_SEPARATOR)


def fill(template: types.Nest, named: Mapping[str, Any]) -> types.Nest:
  """A tree of `template`'s structure with the leaves of `named`, by name."""
  return jax.tree_util.tree_map_with_path(
    lambda path, _: named[_name(path)], template
  )


def specs(tree: types.Nest) -> dict[str, Spec]:
  """Dtype and shape of each array, or `jax.ShapeDtypeStruct`, by name."""
  return {
    name: (str(leaf.dtype), list(leaf.shape))
    for name, leaf in flatten(tree).items()
  }


def misfits(
  found: Mapping[str, Spec], expected: Mapping[str, Spec]
) -> list[str]:
  """What is missing, not expected, or of another shape or dtype; by name."""
  # In the order of the expected tree, so that parameters come first; a renamed
  # array's two names stand close together.
  parts = list(dict.fromkeys(map(_part, (*expected, *found))))
  names = sorted({*found, *expected}, key=lambda x: (parts.index(_part(x)), x))
  lines = [_misfit(x, found.get(x), expected.get(x)) for x in names]
  return [line for line in lines if line]


def listed(lines: Sequence[str]) -> str:
  """The first lines as one, with the number of the others."""
  more = len(lines) - _NAMES_LISTED
  return '; '.join(
    [*lines[:_NAMES_LISTED], *([f'and {more} more'] if more > 0 else [])]
  )


def _misfit(name: str, found: Spec | None, expected: Spec | None) -> str:
  if found is None:
    return f'{name}: missing'
  if expected is None:
    return f'{name}: not expected'
  # JSON makes lists of tuples.
  (dtype, shape), (other_dtype, other_shape) = found, expected
  there, now = list(shape), list(other_shape)
  if dtype != other_dtype:
    return f'{name}: {dtype} {there} there, {other_dtype} {now} now'
  return f'{name}: {there} there, {now} now' if there != now else ''


def _part(name: str) -> str:
  return name.partition(_SEPARATOR)[0]


def _name(path: tuple[Any, ...]) -> str:
  return jax.tree_util.keystr(path, simple=True, separator=_SEPARATOR)
