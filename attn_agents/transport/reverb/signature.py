"""A Reverb signature derived from the project's own types."""

from typing import Any

import tensorflow as tf
import tree

from attn_agents import types


def from_spec(spec: types.Nest) -> types.Nest:
  """Turns a tree of shaped, typed leaves into the same tree of TensorSpecs.

  Args:
    spec: a tree whose leaves have `shape` and `dtype`, e.g. the
      `types.Trajectory` of `jax.ShapeDtypeStruct` that
      `Experiment.trajectory_spec` makes.
  """

  def leaf(path: tuple[Any, ...], x: Any) -> tf.TensorSpec:
    name = '/'.join(str(p) for p in path)
    return tf.TensorSpec(x.shape, tf.as_dtype(x.dtype), name=name)

  return tree.map_structure_with_path(leaf, spec)
