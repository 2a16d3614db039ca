"""The table of docs/plan.md, from what `launch/plan.py --json` left."""

import json
import pathlib
from typing import Any

from attn_agents.evaluation.reporting import tables

_PLAN = pathlib.Path(__file__).parent / 'plan'


def slices() -> str:
  """What one update takes on slices of TPUs."""
  found = [json.loads(path.read_text()) for path in _PLAN.glob('*.json')]
  found.sort(
    key=lambda plan: (plan['topology']['name'], plan['dtype'] != 'float32')
  )
  rows = [_row(plan) for plan in found]
  commands = {plan['command'].split(' --topology')[0] for plan in found}
  (command,) = commands
  return (
    f'{tables.markdown(tables.from_rows(rows))}\n\n'
    f'`{command} --topology=...`, with '
    '`--set=network.dtype=bfloat16` for every other row.'
  )


def _row(plan: dict[str, Any]) -> dict[str, str]:
  update, needs = plan['update'], plan['needs']
  (program,) = update['programs']
  (exchange,) = program['work']['collectives']
  memory = plan['chip']['memory_bytes']
  share = plan['batch'] // plan['devices']
  largest = plan['largest']
  return {
    'slice': plan['topology']['name'],
    'dtype': plan['dtype'],
    'hosts x devices': f'{plan["hosts"]} x {plan["devices"] // plan["hosts"]}',
    'unrolls a device': str(share),
    'arguments, temporaries, code, MB': ', '.join(
      f'{program[kind] / 1e6:.0f}'
      for kind in ('argument_bytes', 'temporary_bytes', 'code_bytes')
    ),
    'of its memory': f'{update["num_bytes"] / memory:.1%}',
    'largest batch, if looked for': (
      f'{largest["per_device"] * plan["devices"]:,}' if largest else ''
    ),
    'GFLOP': f'{update["flops"] / 1e9:.0f}',
    'GB moved': f'{update["moved_bytes"] / 1e9:.2f}',
    'all-reduce': f'{exchange["num_bytes"] / 1e6:.2f} MB',
    'ms at peak / bandwidth': ' / '.join(
      f'{1e3 * needs[kind]:.2f}'
      for kind in ('compute_seconds', 'memory_seconds')
    ),
    'agent steps/s at most': f'{needs["steps_per_second"]:,.0f}',
    'cores that act': f'{needs["cores"]:,.0f}',
    'GB/s a host': f'{needs["arriving"] / plan["hosts"] / 1e9:.1f}',
  }
