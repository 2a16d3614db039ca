"""What can be done to a run, drawn at random."""

import dataclasses
import os
import pathlib
import random
import shutil
import signal
import time
from collections.abc import Callable, Mapping

from attn_agents.runs import saved_runs
from tests.chaos import judging, sandbox, started

# When each kind may come, the more often named the likelier.
MOMENTS: Mapping[str, tuple[str, ...]] = {
  'kill': ('training', 'training', 'starting'),
  'pause': ('training',),
  'signals': ('training', 'training', 'starting'),
  'full_disk': ('training', 'between'),
  'read_only': ('training', 'between'),
  'damage': ('between',),
  'clock': ('training',),
  'two_starts': ('between',),
}
# Less than a pause of all processes.
STALL_SECONDS = 45.0
# How long a disk stays full or read-only under a run that trains.
_HOLD_SECONDS = 25.0
_FULL = r'(?i)no space|disk|full'
_READ_ONLY = r'(?i)read-only|permission|cannot be written'


def _nothing() -> None:
  """Undoes nothing."""


@dataclasses.dataclass(frozen=True)
class Fault:
  """One fault, ready to be made.

  Attributes:
    kind, detail: in words.
    allowed: see `judging.Observed`.
    make: does it and returns what undoes it.
    hold: seconds until it is undone, if the run goes on so long.
    remedy: what a person does if the next start is refused.
    rival: whether a second start comes at once with the next one.
  """

  kind: str
  detail: str
  allowed: Mapping[str, str]
  make: Callable[[], Callable[[], None]] = lambda: _nothing
  hold: float = 0.0
  remedy: Callable[[], None] | None = None
  rival: bool = False


@dataclasses.dataclass(frozen=True)
class Scene:
  """What a fault may be made of.

  Attributes:
    logdir: of the run.
    disk: what it lies on.
    run: None between runs.
    has_checkpoint: whether a stop leaves something to continue from.
    clock: file that sets the clock, see `clock_environment`.
  """

  logdir: pathlib.Path
  disk: pathlib.Path
  run: started.Started | None
  has_checkpoint: bool
  clock: pathlib.Path


def draw(kind: str, rng: random.Random, scene: Scene) -> Fault:
  """A fault of that kind, of what there is in the scene."""
  return _KINDS[kind](rng, scene)


def _kill(rng: random.Random, scene: Scene) -> Fault:
  run = _running(scene)
  pid, role = rng.choice(sorted(run.alive().items()))

  def make() -> Callable[[], None]:
    started.send(pid, signal.SIGKILL)
    return _nothing

  failed = {'1': '^failed: '}
  allowed = {
    started.PARENT: {'-9': ''},
    started.PROGRAM: failed,
    'learner': {'1': '^failed: (learner-0|the process)'},
    'reverb': {'1': '^failed: reverb-0'},
    'actor_supervisor': {'1': '^failed: actor-'},
    'actor': {judging.GOES_ON: ''},
    started.OTHER: {judging.GOES_ON: '', **failed},
  }[role]
  return Fault('kill', role, allowed, make)


def _pause(rng: random.Random, scene: Scene) -> Fault:
  run = _running(scene)
  alive = sorted(run.alive().items())
  everyone = rng.random() < 0.5
  pid, role = rng.choice(alive)
  seconds = STALL_SECONDS + 5 if everyone else rng.uniform(1, 10)

  def make() -> Callable[[], None]:
    victims = [p for p, _ in alive] if everyone else [pid]
    for number in (signal.SIGSTOP, signal.SIGCONT):
      for victim in victims:
        started.send(victim, number)
      if number == signal.SIGSTOP:
        time.sleep(seconds)
    return _nothing

  who = 'all' if everyone else role
  return Fault('pause', f'{who}, {seconds:.0f} s', {judging.GOES_ON: ''}, make)


def _signals(rng: random.Random, scene: Scene) -> Fault:
  run = _running(scene)
  number = rng.choice(
    [signal.SIGTERM, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1]
  )
  times = rng.randint(1, 5)
  # As Slurm signals a step.
  everyone = number == signal.SIGTERM and rng.random() < 0.5
  gaps = [rng.uniform(0, 0.3 / times) for _ in range(times)]

  def make() -> Callable[[], None]:
    for gap in gaps:
      for pid in run.alive() if everyone else [run.process.pid]:
        started.send(pid, number)
      time.sleep(gap)
    return _nothing

  allowed = {'75': '^stopped; '}
  if not scene.has_checkpoint:
    allowed[str(128 + number)] = '^stopped before it could save'
    # Before the command has read its flags.
    allowed[str(-number)] = ''
  who = 'everyone' if everyone else 'the parent'
  return Fault('signals', f'{times} x {number.name} to {who}', allowed, make)


def _full_disk(rng: random.Random, scene: Scene) -> Fault:
  del rng
  return _unwritable(
    'full_disk', _FULL, scene, lambda: sandbox.fill_disk(scene.disk)
  )


def _read_only(rng: random.Random, scene: Scene) -> Fault:
  del rng
  return _unwritable(
    'read_only', _READ_ONLY, scene,
    lambda: sandbox.make_read_only(scene.logdir),
  )  # fmt: skip


def _unwritable(
  kind: str, words: str, scene: Scene, make: Callable[[], Callable[[], None]]
) -> Fault:
  """A run outlives it or names it; a start may refuse it, too."""
  allowed = {'1': words, judging.GOES_ON: ''}
  if scene.run is None:
    allowed['2'] = words
  return Fault(kind, '', allowed, make, hold=_HOLD_SECONDS)


def _damage(rng: random.Random, scene: Scene) -> Fault:
  """Hurts a file of the newest checkpoint; the one before it stays whole."""
  directory = scene.logdir / 'checkpoints'
  newest = directory / str(saved_runs.steps(directory)[-1])
  victim = rng.choice(sorted(p for p in newest.rglob('*') if p.is_file()))
  how = rng.choice(['truncated', 'emptied', 'removed'])

  def make() -> Callable[[], None]:
    if how == 'removed':
      victim.unlink()
    else:
      os.truncate(victim, victim.stat().st_size // 2 if how[0] == 't' else 0)
    return _nothing

  named = rf'checkpoint.*{newest.name}|{newest.name}.*checkpoint'
  return Fault(
    'damage', f'{victim.relative_to(newest)} {how}',
    {judging.GOES_ON: '', '2': named, '1': named}, make,
    remedy=lambda: shutil.rmtree(newest),
  )  # fmt: skip


def _clock(rng: random.Random, scene: Scene) -> Fault:
  del rng

  def make() -> Callable[[], None]:
    scene.clock.write_text('-1h\n')
    return _nothing

  return Fault('clock', 'back 1 h', {judging.GOES_ON: ''}, make)


def clock_environment(clock: pathlib.Path) -> dict[str, str]:
  """Makes a run's clock follow a file, which is made and says 'as it is'."""
  library = sandbox.libfaketime()
  assert library is not None
  clock.write_text('+0\n')
  return {
    'LD_PRELOAD': library,
    'FAKETIME_TIMESTAMP_FILE': str(clock),
    'FAKETIME_CACHE_DURATION': '1',
    # No step of the clock moves this one.
    'FAKETIME_DONT_FAKE_MONOTONIC': '1',
    'NO_FAKE_STAT': '1',
  }


def _two_starts(rng: random.Random, scene: Scene) -> Fault:
  del rng, scene
  return Fault('two_starts', '', {'2': 'another run is using it'}, rival=True)


def _running(scene: Scene) -> started.Started:
  assert scene.run is not None
  return scene.run


_KINDS: Mapping[str, Callable[[random.Random, Scene], Fault]] = {
  'kill': _kill,
  'pause': _pause,
  'signals': _signals,
  'full_disk': _full_disk,
  'read_only': _read_only,
  'damage': _damage,
  'clock': _clock,
  'two_starts': _two_starts,
}
