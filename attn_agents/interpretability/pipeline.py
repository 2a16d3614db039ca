"""From a recording to its report: every analysis that is asked for."""

import pathlib
from collections.abc import Callable, Collection

from attn_agents.interpretability import context, registry
from attn_agents.interpretability.report import assembly, report


def run(
  given: context.Context,
  names: Collection[str],
  command: str,
  *,
  started: Callable[[str], None] = lambda name: None,
  ended: Callable[[str, str], None] = lambda name, reason: None,
) -> pathlib.Path:
  """Analyses a recording, and writes what was found and the report.

  Each analysis leaves numbers, arrays and figures in a directory of its name.

  Args:
    given: the recording and who played it.
    names: of `registry.ANALYSES`.
    command: how this was called, for the report.
    started: called with the name of each analysis before it begins.
    ended: called with its name and '', or why it does not apply.

  Returns:
    The report: report.html, with the names of the analyses in its own unless
    it holds all of them.
  """
  done: list[assembly.Done] = []
  skipped: dict[str, str] = {}
  for name, analysis in registry.ANALYSES.items():
    if name not in names:
      skipped[name] = 'not requested'
      continue
    started(name)
    try:
      found = analysis.run(given)
    except context.DoesNotApplyError as error:
      skipped[name] = str(error)
    else:
      drawn = found.save(given.directory / name)
      done.append(assembly.Done(name, found, drawn))
    ended(name, skipped.get(name, ''))
  wanted = [name for name in registry.ANALYSES if name in names]
  some = (
    '' if len(wanted) == len(registry.ANALYSES) else '_'.join(['', *wanted])
  )
  path = given.directory / f'report{some}.html'
  report.write(assembly.assemble(given, done, skipped, command), path)
  return path
