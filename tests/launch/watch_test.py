"""`launch/watch.py` as a user runs it, beside a learner that the test plays."""

import asyncio
import json
import signal
import socket
import urllib.request

import aiohttp
import psutil
import pytest

from tests.launch import commands, watching
from tests.watching import messages, runs


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return runs.Run(tmp_path_factory.mktemp('runs') / 'catch', agent='impala_ff')


def _refused(run, *args):
  return commands.refused('watch', f'--run={run.directory.path}', *args)


def test_bad_input_gets_one_line(run):
  assert '--run is missing' in commands.refused('watch')
  beside = run.directory.path.parent / 'catsch'
  assert "did you mean 'catch'?" in commands.refused('watch', f'--run={beside}')
  for flag, says in {
    '--policy=random': "unknown value of --policy 'random'",
    '--protocol=nop': "did you mean 'noop'?",
    '--game=pogn': "did you mean 'pong'?",
    '--fps=0': '--fps=0.0: expected above 0',
    '--seed=-1': '--seed=-1: expected 0 or more',
    '--port=65536': '--port=65536: expected 0 to 65535',
    '--port=-1': '--port=-1: expected 0 to 65535',
  }.items():
    assert says in _refused(run, flag), flag
  with socket.create_server(('127.0.0.1', 0)) as other:
    port = other.getsockname()[1]
    assert f'--port={port} is in use' in _refused(run, f'--port={port}')


def test_a_game_with_other_actions_is_refused(run):
  line = _refused(run, '--game=pong', '--port=0')
  assert (
    'an agent trained on catch cannot play pong: its actions are left' in line
  )


def test_it_waits_for_the_first_checkpoint_and_goes_on_with_the_next(run):
  async def follow(process, url):
    async with (
      aiohttp.ClientSession() as session,
      session.ws_connect(f'{url}ws') as viewer,
    ):
      facts = json.loads(await viewer.receive_str(timeout=10))
      assert (facts['stage'], facts['newest']) == ('waiting', None)
      assert (facts['game'], facts['agent']) == ('catch', 'impala_ff')
      stages = []
      for step in (4, 9):
        await asyncio.to_thread(run.save, step)
        await _reaches(viewer, step, stages)
      assert {'waiting', 'preparing'} >= set(stages[: stages.index('playing')])
      assert set(stages[stages.index('playing') :]) == {'playing'}
      assert 'preparing' in stages
      # Ended while somebody watches, who is told.
      ending = asyncio.to_thread(watching.end, process, signal.SIGTERM)
      ended = asyncio.ensure_future(ending)
      while (await viewer.receive(timeout=30)).type != aiohttp.WSMsgType.CLOSE:
        pass
      assert await ended == ''
      assert viewer.close_code == 1001

  with watching.watch(run.directory.path, '--fps=30') as (process, url):
    with urllib.request.urlopen(url) as reply:
      assert b'<canvas id="game"' in reply.read()
    listening = [
      c.laddr.ip
      for c in psutil.Process(process.pid).net_connections('inet')
      if c.status == psutil.CONN_LISTEN
    ]
    assert listening == ['127.0.0.1']
    asyncio.run(asyncio.wait_for(follow(process, url), 120))


async def _reaches(viewer, step, stages):
  """Takes frames until one is played by that checkpoint; notes the stages."""
  row = -1
  while True:
    message = await viewer.receive(timeout=60)
    if message.type != aiohttp.WSMsgType.BINARY:
      stages.append(json.loads(message.data)['stage'])
      continue
    await viewer.send_str(str(int.from_bytes(message.data[:4], 'little')))
    facts, maps, frame = messages.decode(message.data[4:])
    assert not maps and frame.shape == (210, 160, 3)
    # In order, and the game goes on with other parameters.
    assert facts['row'] > row
    row = facts['row']
    if facts['checkpoint'] == step:
      assert facts['training_frames'] == 40 * step
      return
