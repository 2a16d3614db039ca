"""Writes an exported agent: whole, or not at all."""

import json
import os
import pathlib
import shutil

import numpy as np

from attn_agents.exporting import card, contents, evaluations
from attn_agents.runs import exported, tensor_files
from attn_agents.utils import disk


def write(given: contents.Contents, out: pathlib.Path) -> None:
  """Writes all files beside their place, reads them again, and moves them.

  Equal contents give equal bytes. A directory that has all of them already is
  left as it is.

  Args:
    given: what to write.
    out: the new directory.

  Raises:
    ConfigError: `out` has anything else.
    OSError: what was read is not what was written.
  """
  out = out.absolute()
  exported.require_new_or_exported('--out', out)
  beside = out.with_name(f'.{out.name}.exporting')
  shutil.rmtree(beside, ignore_errors=True)
  try:
    _write(given, beside)
    _require_same(given, beside)
    if _has_all(out, beside):
      return
    disk.require_new('--out', out)
    # It takes the place of an empty directory, too.
    os.rename(beside, out)
  finally:
    shutil.rmtree(beside, ignore_errors=True)


def _write(given: contents.Contents, out: pathlib.Path) -> None:
  out.mkdir(parents=True)
  text = json.dumps(given.content, indent=2) + '\n'
  (out / 'config.json').write_text(text)
  tensor_files.write(out / exported.PARAMETERS, given.params)
  tensor_files.write(out / exported.CHECK, given.check)
  for game, found in given.evaluations.items():
    directory = out / exported.EVALUATION / game
    directory.mkdir(parents=True)
    (directory / evaluations.TABLE).write_bytes(found.table)
    (directory / evaluations.SUMMARY).write_text(
      evaluations.summary_text(found)
    )
  (out / exported.CURVE).write_bytes(given.curve)
  (out / exported.FIGURE).write_bytes(given.figure)
  if given.evaluation_curve is not None:
    (out / exported.EVALUATION_CURVE).write_bytes(given.evaluation_curve)
  (out / exported.CARD).write_text(card.text(given))


def _require_same(given: contents.Contents, out: pathlib.Path) -> None:
  """Raises unless what can be read there is what was given."""
  found = contents.read(exported.ExportedAgent(out, out))
  for name, array in given.params.items():
    if array.tobytes() != np.asarray(found.params[name]).tobytes():
      raise OSError(f'{out / exported.PARAMETERS}: {name} is not as written')


def _has_all(out: pathlib.Path, written: pathlib.Path) -> bool:
  """Whether each file that was written is the same there."""
  return all(
    (there := out / path.relative_to(written)).is_file()
    and there.read_bytes() == path.read_bytes()
    for path in written.rglob('*')
    if path.is_file()
  )
