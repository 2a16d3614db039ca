"""How fast actors must be for a device to be busy, and what must arrive."""

import dataclasses
import json
import pathlib

from attn_agents.sizing import chips, compiled


@dataclasses.dataclass(frozen=True)
class Rate:
  """Agent steps/s of one core that acts.

  Attributes:
    steps_per_core: how many.
    source: where the number is from, with its machine.
  """

  steps_per_core: float
  source: str


@dataclasses.dataclass(frozen=True)
class Needs:
  """What an update that runs as fast as the chip can wants to be fed with.

  Attributes:
    compute_seconds: of an update at the chip's peak.
    memory_seconds: of an update at the bandwidth of its memory.
    steps_per_second: agent steps that all updates together learn from.
    arriving: bytes/s, over all hosts, before any packing.
    cores: that act; None if no rate is known.
  """

  compute_seconds: float
  memory_seconds: float
  steps_per_second: float
  arriving: float
  cores: float | None

  @property
  def seconds(self) -> float:
    """No update can be shorter; a real one is longer."""
    return max(self.compute_seconds, self.memory_seconds)


def at_most(
  update: compiled.Update,
  chip: chips.Chip,
  dtype: str,
  steps_per_update: float,
  rate: Rate | None,
) -> Needs:
  """The needs at the chip's published peak and bandwidth.

  Args:
    update: of one device.
    chip: that device.
    dtype: `network.dtype`.
    steps_per_update: new agent steps of all devices' updates.
    rate: of actors, if one is known.
  """
  compute = update.flops / chip.peak[dtype]
  memory = update.moved_bytes / chip.bandwidth
  steps = steps_per_update / max(compute, memory)
  return Needs(
    compute_seconds=compute,
    memory_seconds=memory,
    steps_per_second=steps,
    arriving=steps * update.step_bytes,
    cores=steps / rate.steps_per_core if rate else None,
  )


def measured_rate(
  results: pathlib.Path, agent: str, preset: str
) -> Rate | None:
  """The best rate that `benchmarks.acting` has left for an agent.

  That of whole actors, or of their policy alone where no more was measured.

  Args:
    results: the directory of JSON files.
    agent: its name.
    preset: its sizes.
  """
  wanted = {f'--agent={agent}', f'--preset={preset}'}
  best: tuple[int, float, str, str] | None = None
  for path in sorted(results.glob('*.json')):
    content = json.loads(path.read_text())
    machine = content['machine']
    words = set(machine['command'].split())
    if 'benchmarks.acting' not in words or not wanted <= words:
      continue
    for name, each in content['alternatives'].items():
      kind = (
        ('policy', 'actor').index(name.split()[0])
        if name.startswith(('policy', 'actor'))
        else -1
      )
      rate = each['rate']['median'] / machine['cores']
      source = (
        f'results/{results.name}/{path.name}: {name}, {machine["cores"]} cores '
        f'of {machine["cpu"]}'
      )
      if kind >= 0 and (best is None or (kind, rate) > best[:2]):
        best = kind, rate, name, source
  return Rate(best[1], best[3]) if best else None
