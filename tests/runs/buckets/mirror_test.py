"""Runs come back from a bucket whole, whenever the copying ended."""

import json
import pathlib
import shutil

import pytest

from attn_agents.runs import run_directory
from attn_agents.runs.buckets import addresses, mirror, restoring, stores
from configs import errors
from tests.runs.buckets import servers


class Killed(BaseException):
  """Ends what runs, as a kill does: nobody handles it."""


class Mortal:
  """A store that writes, deletes and gets so often, and then no more."""

  def __init__(self, store: stores.Store, left: int = 1_000_000):
    self._store, self.left, self.name = store, left, store.name

  def _spend(self) -> None:
    if not self.left:
      raise Killed
    self.left -= 1

  def put(self, name, content):
    self._spend()
    self._store.put(name, content)

  def get(self, name, target):
    self._spend()
    self._store.get(name, target)

  def delete(self, names):
    for name in names:
      self._spend()
      self._store.delete([name])

  def __getattr__(self, name):
    return getattr(self._store, name)


@pytest.fixture(name='scheme', scope='module', params=['s3', 'gs'])
def _scheme(request):
  with (
    pytest.MonkeyPatch.context() as patch,
    servers.SERVERS[request.param]() as environment,
  ):
    for name, value in environment.items():
      patch.setenv(name, value)
    yield request.param


@pytest.fixture(name='store')
def _store(scheme, request):
  path = request.node.name.replace('[', '-').replace(']', '')
  return stores.connect(addresses.Address(scheme, servers.BUCKET, path))


class Machine:
  """A machine with its own disk, which continues a run."""

  def __init__(self, root: pathlib.Path, store: stores.Store, keep=2):
    self.run = run_directory.RunDirectory(root)
    self.mirror = mirror.Mirror(self.run, store, keep)
    self.restore = restoring.Restoring(self.run, store).restore

  def start(self, time: str) -> str:
    said = self.restore()
    path = self.run.path / 'config.json'
    before = self.run.content()['started'] if path.exists() else []
    self.run.path.mkdir(exist_ok=True)
    config = {'agent': 'a', 'preset': 'p', 'algorithm': 'x'}
    self.run.write({'config': config, 'started': [*before, time]})
    return said

  def learn(self, step: int, size: int = 1000) -> None:
    """Writes a checkpoint, as Orbax does, and the row before it."""
    with open(self.run.metrics, 'a') as file:
      file.write(f'{step}\n')
    beside = self.run.checkpoints / f'{step}.orbax-checkpoint-tmp'
    for name in ('state/a', 'state/deep/b', 'meta/c'):
      (beside / name).parent.mkdir(parents=True, exist_ok=True)
      (beside / name).write_bytes(f'{step}{name}'.encode() * size)
    beside.rename(self.run.checkpoints / str(step))
    for old in self.steps()[:-2]:
      shutil.rmtree(self.run.checkpoints / str(old))

  def steps(self) -> list[int]:
    names = [p.name for p in self.run.checkpoints.glob('*')]
    return sorted(int(name) for name in names if name.isdigit())

  def require_whole(self, step: int, size: int = 1000) -> None:
    top = self.run.checkpoints / str(step)
    found = {
      p.relative_to(top).as_posix(): p.read_bytes()
      for p in top.rglob('*')
      if p.is_file()
    }
    assert found == {
      name: f'{step}{name}'.encode() * size
      for name in ('state/a', 'state/deep/b', 'meta/c')
    }
    rows = [int(row) for row in self.run.metrics.read_text().split()]
    assert rows[-1] >= step


def test_a_run_comes_back_on_a_machine_that_has_nothing(tmp_path, store):
  first = Machine(tmp_path / 'a', store)
  assert first.start('monday') == 'it is new there'
  (first.run.path / 'lock').touch()
  (first.run.path / 'status').mkdir()
  (first.run.path / 'status/learner-0.json').touch()
  # A bucket may be open to more people than the run is.
  for keys in ('keys', 'keys.cut_short'):
    (first.run.path / keys).mkdir()
    (first.run.path / keys / 'learner.pem').write_text('secret')
  (first.run.path / 'logs').mkdir()
  (first.run.path / 'logs/learner-0.log').write_text('told')
  for step in (1, 2, 3):
    first.learn(step)
    assert first.mirror.push()
  (first.run.replay / 'threads-3').mkdir(parents=True)
  (first.run.replay / 'threads-3/data').write_bytes(b'frames')
  (first.run.replay / 'unfinished').mkdir()
  (first.run.replay / 'unfinished/data').touch()
  assert first.mirror.push(everything=True)
  assert not first.mirror.push(everything=True)
  assert first.mirror.committed == 3
  # As many as are kept on disk.
  names = {name.split('/')[1] for name in store.sizes('checkpoints/')}
  assert names == {'2', '3'}

  second = Machine(tmp_path / 'b', store)
  assert second.start('tuesday') == 'checkpoint 3 was copied'
  second.require_whole(3)
  files = {
    p.relative_to(second.run.path).as_posix()
    for p in second.run.path.rglob('*')
    if p.is_file()
  }
  assert files == {
    *('config.json', 'metrics.csv', 'logs/learner-0.log'),
    *(f'checkpoints/3/{n}' for n in ('state/a', 'state/deep/b', 'meta/c')),
    'replay/threads-3/data',
  }
  assert second.run.content()['started'] == ['monday', 'tuesday']

  # The first machine, which knows nothing of the second, must not spoil it.
  second.learn(4)
  second.mirror.push()
  first.learn(5)
  before = store.sizes()
  with pytest.raises(mirror.TakenOverError, match='at tuesday'):
    first.mirror.push()
  assert store.sizes() == before
  # Started again, it goes on from where the second one is.
  assert first.start('wednesday') == 'checkpoint 4 was copied'
  assert first.steps() == [3, 4]
  first.require_whole(4)


def test_a_disk_that_stays_is_not_read_again(tmp_path, store):
  machine = Machine(tmp_path / 'a', store)
  machine.start('monday')
  machine.learn(1)
  machine.mirror.push()
  machine.learn(2)
  again = Machine(tmp_path / 'a', store)
  assert again.start('tuesday') == 'this machine has all of it'
  assert again.steps() == [1, 2]
  again.mirror.push()
  assert again.mirror.committed == 2
  # Somebody empties the place: all of it is copied again.
  store.delete(store.sizes())
  again.learn(3)
  again.mirror.push()
  third = Machine(tmp_path / 'c', store)
  assert third.start('wednesday') == 'checkpoint 3 was copied'


def test_two_runs_are_never_mixed(tmp_path, store):
  for name, time in (('a', 'monday'), ('b', 'tuesday')):
    machine = Machine(tmp_path / name, store)
    machine.run.path.mkdir()
    machine.run.write({'config': {}, 'started': [time]})
    if name == 'a':
      store.put('config.json', machine.run.path / 'config.json')
  with pytest.raises(errors.ConfigError, match='hold two runs'):
    machine.restore()


def test_kept_are_all_where_all_are_wanted(tmp_path, store):
  machine = Machine(tmp_path / 'a', store, keep=None)
  machine.start('monday')
  for step in (1, 2, 3):
    machine.learn(step)
  machine.mirror.push()
  machine.learn(4)
  machine.mirror.push()
  names = {name.split('/')[1] for name in store.sizes('checkpoints/')}
  assert names == {'2', '3', '4'}


def test_a_kill_at_any_moment_leaves_what_was_committed(tmp_path, store):
  mortal = Mortal(store)
  machine = Machine(tmp_path / 'a', mortal)
  machine.start('0')
  machine.learn(1)
  machine.mirror.push()
  step, seen = 1, set()
  for left in (*range(8), 10, 40):
    # A kill after so many writes and deletions, then a look from elsewhere.
    machine = Machine(tmp_path / 'a', mortal)
    step += 1
    machine.learn(step)
    mortal.left = left
    try:
      machine.mirror.push()
    except Killed:
      seen.add('killed')
    else:
      seen.add('ended')
    mortal.left = 1_000_000
    other = Machine(tmp_path / f'other{left}', store)
    other.restore()
    (found,) = other.steps()
    seen.add(step - found)
    assert found in (step - 1, step)
    other.require_whole(found)
    machine = Machine(tmp_path / 'a', mortal)
    machine.mirror.push()
    assert machine.mirror.committed == step
  # Kills before the commit and after it, and none at all.
  assert seen == {'killed', 'ended', 0, 1}
  machine.learn(step + 1)
  machine.mirror.push()
  directories = {name.split('/')[1] for name in store.sizes('checkpoints/')}
  assert directories == {str(step), str(step + 1)}


def test_a_kill_while_it_comes_back_does_no_harm(tmp_path, store):
  first = Machine(tmp_path / 'a', store)
  first.start('monday')
  first.learn(1)
  first.mirror.push()
  machine = Machine(tmp_path / 'b', Mortal(store))
  machine.start('tuesday')
  machine.mirror.push()
  for step in (2, 3):
    first.start(f'day {step}')
    first.learn(step)
    first.mirror.push()
  # Three files of the checkpoint, and metrics.csv.
  for left in range(5):
    other = Machine(tmp_path / f'other{left}', Mortal(store, left))
    shutil.copytree(machine.run.path, other.run.path)
    try:
      other.restore()
    except Killed:
      assert left < 4
    else:
      assert left == 4
    assert other.steps() in ([], [3])
    if left < 4:
      # Of a file that the checkpoint does not have.
      older = other.run.checkpoints / '3.orbax-checkpoint-tmp/state/older'
      older.parent.mkdir(parents=True, exist_ok=True)
      older.touch()
    other = Machine(other.run.path, store)
    other.start('later')
    other.require_whole(other.steps()[-1])
    assert other.steps() == [3]
    assert other.run.metrics.read_text().split() == ['1', '2', '3']


@pytest.mark.parametrize('damage', ['cut', 'gone', 'other', 'commit'])
def test_what_is_damaged_is_passed_over(tmp_path, store, capsys, damage):
  machine = Machine(tmp_path / 'a', store)
  machine.start('monday')
  for step in (1, 2):
    machine.learn(step)
    machine.mirror.push()
  name = 'checkpoints/2/state/a'
  if damage == 'cut':
    store.put(name, b'2')
  elif damage == 'gone':
    store.delete([name])
  elif damage == 'other':
    store.put(name, b'1state/a' * 1000)
  else:
    store.put('checkpoints/2/committed.json', b'{"files": 3')
  other = Machine(tmp_path / 'b', store)
  assert other.restore() == 'checkpoint 1 was copied'
  other.require_whole(1)
  assert other.steps() == [1]
  assert 'checkpoints/2 is damaged: ' in capsys.readouterr().out


def test_a_name_that_leads_elsewhere_is_refused(tmp_path, store):
  machine = Machine(tmp_path / 'a', store)
  machine.start('monday')
  machine.learn(1)
  machine.mirror.push()
  commit = json.loads(store.read('checkpoints/1/committed.json'))
  commit['files']['../../../../evil'] = commit['files']['meta/c']
  store.put('checkpoints/1/committed.json', json.dumps(commit).encode())
  other = Machine(tmp_path / 'b', store)
  other.restore()
  assert other.steps() == []
  assert not (tmp_path / 'evil').exists()
