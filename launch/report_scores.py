#!/usr/bin/env -S sh -c 'exec "$(dirname "$0")/../.venv/bin/python" "$0" "$@"'
"""Makes tables and figures of finished runs, beside published scores.

    launch/report_scores.py --runs=runs/compare --out=reports/compare

Writes scores.csv and .md (a row per game and agent), aggregates.csv and .md
(median, interquartile mean and mean over games, with 95 % intervals),
curves.csv, and curves over frames and over wall time as PNG. Scores come from
`launch/evaluate.py`; runs that were not evaluated appear in the curves only.
Exit codes: 0 done, 2 bad input.
"""

import pathlib
import sys
from collections.abc import Sequence
from typing import Any

from absl import flags

from attn_agents.evaluation import protocols
from attn_agents.utils import disk, output
from configs import errors, validation
from launch import command_line, paths

_RUNS = paths.define_list(
  'runs', None, 'Directories of runs, or directories that hold runs.'
)
_OUT = paths.define('out', 'report', 'Directory for the files.')
_PROTOCOL = flags.DEFINE_string(
  'protocol', 'noop', 'Protocol of the evaluations to report.'
)
_POLICY = flags.DEFINE_string(
  'policy', 'sampled', 'Policy of the evaluations to report.'
)
_MAX_EPISODE_FRAMES = flags.DEFINE_integer(
  'max_episode_frames',
  protocols.MAX_EPISODE_FRAMES,
  'Cap of the games of the evaluations to report.',
)


def main() -> int:
  """Reads the runs and writes the files; returns the exit code."""
  if not _RUNS.value:
    raise errors.ConfigError(
      '--runs is missing: expected directories of runs, or directories that '
      'hold runs'
    )
  protocols.check_names(_PROTOCOL.value, _POLICY.value)
  validation.check_cap('--max_episode_frames', _MAX_EPISODE_FRAMES.value, 1)
  out = pathlib.Path(_OUT.value)
  disk.require_writable('--out', out)
  # Plotting takes a second to load.
  from attn_agents.evaluation.reporting import run_results, telling_apart

  results = telling_apart.label(
    [
      result
      for path in run_results.find(_RUNS.value)
      for result in run_results.read(
        path, _PROTOCOL.value, _POLICY.value, _MAX_EPISODE_FRAMES.value
      )
    ]
  )
  with disk.explaining(out):
    text = _write(out, results)
  # Last, since nobody may read it to its end.
  with output.may_be_lost():
    print(text)
    print(f'written to {out}', flush=True)
  return 0


def _write(out: pathlib.Path, results: Sequence[Any]) -> str:
  """Writes tables and figures of labelled runs; returns what to print."""
  from attn_agents.evaluation.reporting import (
    curves,
    run_results,
    tables,
    telling_apart,
  )

  out.mkdir(parents=True, exist_ok=True)
  seeds, repeated = telling_apart.without_repeated_seeds(results)
  said = []
  for name, table in (
    ('scores', tables.per_game(seeds)),
    ('aggregates', tables.over_games(seeds)),
  ):
    tables.write_csv(out / f'{name}.csv', table)
    text = tables.markdown(table)
    (out / f'{name}.md').write_text(text + '\n')
    said.append(text + '\n')
  run_results.write_curves(out / 'curves.csv', results)
  curves.draw(out / 'curves_frames.png', seeds, 'frames')
  curves.draw(out / 'curves_seconds.png', seeds, 'seconds')
  said += [*repeated, *tables.left_out(seeds), *_not_scored(results)]
  return '\n'.join(said)


def _not_scored(results: Sequence[Any]) -> list[str]:
  """Lines about runs without a score, or without one of their end."""
  lines = []
  without = [run.name for run in results if run.summary is None]
  if without:
    lines.append(f'not evaluated, so only in the curves: {", ".join(without)}')
  for run in results:
    scored = run.scored_frames
    if scored is not None and scored < run.frames:
      lines.append(
        f'{run.name}: the score is of {scored:,} frames, and training '
        f'went on to {run.frames:,}, which is not evaluated'
      )
  return lines


if __name__ == '__main__':
  sys.exit(command_line.run(main))
