"""What is copied and when, and what comes back, with a bucket in memory."""

import json
import shutil
import types as stdlib_types

import pytest

from attn_agents.runs import run_directory
from attn_agents.runs.buckets import mirror, restoring, stores
from configs import errors


class Memory:
  """A `stores.Store` that keeps what was asked of it.

  Attributes:
    objects: their content by name.
    before_put: is called with each name that is written.
  """

  name = 'memory'

  def __init__(self):
    self.objects, self.asked = {}, []
    self.before_put = lambda name: None

  def put(self, name, content):
    self.asked.append(('put', name))
    self.before_put(name)
    if not isinstance(content, bytes):
      content = content.read_bytes()
    self.objects[name] = content

  def get(self, name, target):
    target.write_bytes(self.objects[name])

  def read(self, name):
    return self.objects.get(name)

  def sizes(self, prefix=''):
    self.asked.append(('sizes', prefix))
    return {x: len(y) for x, y in self.objects.items() if x.startswith(prefix)}

  def delete(self, names):
    self.asked += [('delete', name) for name in names]
    for name in names:
      del self.objects[name]

  def folder(self, name):
    """Names of the directories in a folder that count."""
    ends = (name, 'committed.json')
    split = [tuple(x.split('/')) for x in self.objects]
    return {x[1] for x in split if (x[0], x[-1]) == ends}


def _run(path, *started):
  path.mkdir(parents=True)
  run = run_directory.RunDirectory(path)
  config = {'agent': 'a', 'preset': 'p', 'algorithm': 'x'}
  run.write({'config': config, 'started': list(started)})
  return run


def _write(*places, content='data'):
  """Directories of two files each."""
  for place in places:
    place.mkdir(parents=True)
    for name in ('a', 'b'):
      (place / name).write_text(content)


@pytest.fixture(name='store')
def _store():
  return Memory()


@pytest.fixture(name='run')
def _fixture_run(tmp_path):
  return _run(tmp_path / 'run', 'monday')


@pytest.fixture(name='clock')
def _clock(monkeypatch):
  clock = stdlib_types.SimpleNamespace(now=0.0)
  clock.monotonic = lambda: clock.now
  monkeypatch.setattr(mirror, 'time', clock)
  return clock


def test_tables_are_copied_at_once_and_then_every_minute(run, store, clock):
  bucket = mirror.Mirror(run, store, 2)
  run.metrics.write_text('1')
  assert bucket.push() is True
  assert store.objects['metrics.csv'] == b'1'
  assert bucket.committed is None
  for now, everything, copied in (
    (59.9, False, False),
    (59.9, True, True),
    (119.8, False, False),
    (119.9, False, True),
  ):
    clock.now = now
    before = store.objects['metrics.csv']
    run.metrics.write_text(f'{before.decode()}+')
    assert bucket.push(everything=everything) is copied, now
    assert (store.objects['metrics.csv'] != before) == copied
  clock.now = 1000.0
  assert bucket.push() is False, 'nothing is new'
  # A new checkpoint does not wait, and tables come with it.
  run.metrics.write_text('2')
  _write(run.checkpoints / '7')
  assert bucket.push() is True
  assert store.objects['metrics.csv'] == b'2'
  assert bucket.committed == 7


def test_checkpoints_are_copied_newest_first_and_as_many_as_are_kept(
  run, store
):
  bucket = mirror.Mirror(run, store, 2)
  _write(*(run.checkpoints / step for step in ('9', '10', '11')))
  assert bucket.push()
  commits = [
    name.split('/')[1]
    for what, name in store.asked
    if what == 'put' and name.endswith('committed.json')
  ]
  assert commits == ['11'], 'an older one would be removed again'
  _write(run.checkpoints / '12')
  assert bucket.push()
  assert store.folder('checkpoints') == {'11', '12'}
  _write(run.checkpoints / '13')
  assert bucket.push()
  assert store.folder('checkpoints') == {'12', '13'}
  assert not any(name.startswith('checkpoints/11') for name in store.objects)


@pytest.mark.parametrize('keep', [None, 2])
def test_only_the_newest_replay_is_there(run, store, keep):
  bucket = mirror.Mirror(run, store, keep)
  _write(run.replay / 'threads-0')
  assert bucket.push()
  assert store.folder('replay') == {'threads-0'}
  _write(run.replay / 'threads-9', run.replay / 'threads-10')
  assert bucket.push()
  assert store.folder('replay') == {'threads-10'}
  assert ('put', 'replay/threads-9/a') not in store.asked


def test_the_best_is_the_one_that_lies_here_though_it_is_older(run, store):
  bucket = mirror.Mirror(run, store, 2)
  _write(run.best / '3', run.best / '5')
  assert bucket.push()
  assert store.folder('best') == {'5'}
  for removed, best in (('5', '4'), ('4', '5')):
    shutil.rmtree(run.best / removed)
    shutil.rmtree(run.best / '3', ignore_errors=True)
    _write(run.best / best)
    assert bucket.push()
    assert store.folder('best') == {best}


@pytest.mark.parametrize(
  'when', ['checkpoints/7/a', 'checkpoints/7/b', 'at its end', 'empty']
)
def test_a_checkpoint_that_goes_while_it_is_copied_does_not_count(
  run, store, when, monkeypatch
):
  place = run.checkpoints / '7'
  if when == 'empty':
    place.mkdir(parents=True)
  else:
    _write(place)
  digest = mirror.layout.digest_of

  def go_at_its_end(path):
    found = digest(path)
    if when == 'at its end' and path == place / 'b':
      shutil.rmtree(place)
    return found

  def go(name):
    if name == when:
      shutil.rmtree(place)

  monkeypatch.setattr(mirror.layout, 'digest_of', go_at_its_end)
  store.before_put = go
  bucket = mirror.Mirror(run, store, 2)
  assert bucket.push()
  assert store.folder('checkpoints') == set()
  assert bucket.committed is None
  # Those of an earlier step are copied, and what is left of it goes.
  shutil.rmtree(place, ignore_errors=True)
  _write(run.checkpoints / '6')
  assert bucket.push()
  assert store.folder('checkpoints') == {'6'}
  assert not any(name.startswith('checkpoints/7') for name in store.objects)


def test_a_bucket_is_tried_as_a_run_needs_it(run, store):
  restoring.Restoring(run, store).check()
  assert store.asked == [
    ('sizes', 'config.json'), ('put', 'probe'), ('delete', 'probe'),
  ]  # fmt: skip
  assert store.objects == {}


def test_what_comes_back_belongs_together(run, store, tmp_path):
  bucket = mirror.Mirror(run, store, 2)
  _write(run.checkpoints / '2', run.best / '1', run.replay / 'threads-2')
  assert bucket.push()
  # Left by a start that was cut short, and what no run has written.
  store.put('probe', b'')
  store.put('checkpoints/x/committed.json', b'{"files": {}}')
  place = tmp_path / 'deep' / 'down' / 'run'
  here = run_directory.RunDirectory(place)
  restore = restoring.Restoring(here, store).restore
  assert restore() == 'checkpoint 2 was copied'
  files = {
    path.relative_to(place).as_posix()
    for path in place.rglob('*')
    if path.is_file()
  }
  assert files == {
    'config.json',
    *(f'checkpoints/2/{name}' for name in 'ab'),
    *(f'best/1/{name}' for name in 'ab'),
    *(f'replay/threads-2/{name}' for name in 'ab'),
  }
  assert restore() == 'this machine has all of it'
  # A replay of another step is of no use.
  _write(run.checkpoints / '3')
  assert bucket.push()
  shutil.rmtree(place)
  assert restore() == 'checkpoint 3 was copied'
  assert not (place / 'replay').exists()
  # It has an older one, then none.
  (place / 'checkpoints' / '3').rename(place / 'checkpoints' / '2')
  assert restore() == 'checkpoint 3 was copied'
  shutil.rmtree(place / 'checkpoints')
  assert restore() == 'checkpoint 3 was copied'
  # It has a newer one, which the bucket is still to get.
  (place / 'checkpoints' / '3').rename(place / 'checkpoints' / '4')
  assert restore() == 'this machine has all of it'


def test_a_run_without_checkpoints_comes_back(run, store, tmp_path):
  assert mirror.Mirror(run, store, 2).push()
  here = run_directory.RunDirectory(tmp_path / 'other')
  restore = restoring.Restoring(here, store).restore
  assert restore() == 'it was copied'
  assert here.content() == run.content()
  assert restore() == 'this machine has all of it'


def test_nothing_is_left_of_what_is_damaged(run, store, tmp_path, capsys):
  _write(run.checkpoints / '2')
  assert mirror.Mirror(run, store, 2).push()
  store.put('checkpoints/2/b', b'other')
  here = run_directory.RunDirectory(tmp_path / 'other')
  assert restoring.Restoring(here, store).restore() == 'it was copied'
  assert list(here.checkpoints.iterdir()) == []
  assert capsys.readouterr().out == (
    'memory/checkpoints/2 is damaged: b has another content\n'
  )


def test_a_config_of_no_run_is_refused(run, store):
  store.put('config.json', json.dumps({'begun': []}).encode())
  with pytest.raises(errors.ConfigError, match=r'^memory: config\.json is dam'):
    restoring.Restoring(run, store).restore()


def test_after_an_error_the_bucket_is_asked_again(run, store):
  def fail(name):
    raise stores.BucketError('no network')

  bucket = mirror.Mirror(run, store, 2)
  _write(run.checkpoints / '2')
  store.before_put = fail
  with pytest.raises(stores.BucketError, match='no network'):
    bucket.push()
  store.before_put = lambda name: None
  store.asked.clear()
  assert bucket.push()
  assert store.asked[0] == ('sizes', 'checkpoints/')
  assert bucket.committed == 2
