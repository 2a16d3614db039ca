"""The page and its socket, as a browser and as others would use them."""

import asyncio
import json
import re
import socket as sockets

import aiohttp
import pytest
from aiohttp import test_utils

from attn_agents.watching import audience as audience_lib
from attn_agents.watching import server
from configs import errors
from tests import lingering

_TYPES = {
  '/': 'text/html',
  'css': 'text/css',
  'js': 'text/javascript',
  'svg': 'image/svg+xml',
}


def _with_client(use):
  """Runs `use(client, audience)` on a server of its own."""

  async def run():
    audience = audience_lib.Audience({'run': 'a run', 'stage': 'waiting'})
    app = server.make_app(audience)
    async with test_utils.TestClient(test_utils.TestServer(app)) as client:
      await use(client, audience)

  asyncio.run(asyncio.wait_for(run(), 30))


async def _facts(socket):
  return json.loads(await socket.receive_str(timeout=5))


async def _frame(socket):
  """A frame's number and content."""
  data = await socket.receive_bytes(timeout=5)
  return int.from_bytes(data[:4], 'little'), data[4:]


async def _nothing_comes(socket):
  with pytest.raises(asyncio.TimeoutError):
    await socket.receive(timeout=0.1)


def _shown(audience, first, last):
  for number in range(first, last + 1):
    audience.show(b'frame %d' % number)


def test_the_page_is_whole_and_of_this_machine_only():
  async def use(client, _):
    found, left = {}, ['/']
    while left:
      path = left.pop()
      reply = await client.get(path)
      assert reply.status == 200, path
      assert "default-src 'self'" in reply.headers['Content-Security-Policy']
      assert reply.headers['X-Content-Type-Options'] == 'nosniff'
      assert reply.content_type == _TYPES[path.rsplit('.', 1)[-1]]
      found[path] = await reply.text()
      assert not re.search(r'https?://(?!www\.w3\.org/2000/svg)', found[path])
      named = re.findall(
        r'(?:src|href)="([^"]+)"|from \'\./([^\']+)\'', found[path]
      )
      left += [f'/{a or b}' for a, b in named if f'/{a or b}' not in found]
    assert {p.rsplit('.', 1)[-1] for p in found} == {
      '/', 'css', 'js', 'svg',
    }  # fmt: skip
    assert len(found) == 7
    assert (await client.get('/%2e%2e/server.py')).status == 404

  _with_client(use)


@pytest.mark.parametrize(
  ('host', 'status'),
  [
    ('127.0.0.1:{port}', 200),
    ('localhost:{port}', 200),
    ('localhost:9', 200),  # A forwarded port.
    ('evil.example:{port}', 403),
    ('127.0.0.1.evil.example', 403),
    ('', 403),
  ],
)
def test_no_other_name_may_point_here(host, status):
  async def use(client, _):
    host_ = host.format(port=client.port)
    for path in ('/', '/ws', '/main.js'):
      reply = await client.get(path, headers={'Host': host_})
      # Without an upgrade a socket's request is a bad one.
      expected = 400 if path == '/ws' and status == 200 else status
      assert reply.status == expected, path

  _with_client(use)


def test_no_other_page_may_open_the_socket():
  async def use(client, _):
    ours = f'http://127.0.0.1:{client.port}'
    async with client.ws_connect('/ws', headers={'Origin': ours}) as socket:
      assert (await _facts(socket))['run'] == 'a run'
    for origin in ('http://evil.example', 'http://127.0.0.1:9', 'null'):
      with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await client.ws_connect('/ws', headers={'Origin': origin})
      assert refused.value.status == 403

  _with_client(use)


def test_a_slow_viewer_misses_frames_but_sees_no_old_ones():
  async def use(client, audience):
    async with client.ws_connect('/ws') as socket:
      await _facts(socket)
      # Two, and no more before it has shown them.
      for number in (1, 2):
        audience.show(b'frame %d' % number)
        assert await _frame(socket) == (number, b'frame %d' % number)
      _shown(audience, 3, 50)
      await _nothing_comes(socket)
      await socket.send_str('1')
      assert await _frame(socket) == (50, b'frame 50')
      _shown(audience, 51, 60)
      await _nothing_comes(socket)
      # It may skip what it has, too; the next is the newest in any case.
      await socket.send_str('50')
      assert await _frame(socket) == (60, b'frame 60')
      await _nothing_comes(socket)

  _with_client(use)


def test_one_slow_viewer_does_not_hold_up_another():
  async def use(client, audience):
    async with (
      client.ws_connect('/ws') as slow,
      client.ws_connect('/ws') as fast,
    ):
      await _facts(slow)
      await _facts(fast)
      for number in range(1, 20):
        audience.show(b'%d' % number)
        assert await _frame(fast) == (number, b'%d' % number)
        await fast.send_str(str(number))
      assert [(await _frame(slow))[0] for _ in range(2)] == [1, 2]
      await _nothing_comes(slow)

  _with_client(use)


def test_news_reach_viewers_now_and_to_come():
  async def use(client, audience):
    async with client.ws_connect('/ws') as socket:
      assert (await _facts(socket))['stage'] == 'waiting'
      audience.tell({'stage': 'playing', 'newest': 3})
      expected = {'run': 'a run', 'stage': 'playing', 'newest': 3}
      assert await _facts(socket) == expected
      async with client.ws_connect('/ws') as other:
        assert await _facts(other) == expected

  _with_client(use)


def test_it_is_known_whether_anybody_watches():
  async def use(client, audience):
    async def is_watched(expected):
      for _ in range(200):
        if audience.watched.is_set() == expected:
          return True
        await asyncio.sleep(0.01)
      return False

    assert not audience.watched.is_set()
    one, other = [await client.ws_connect('/ws') for _ in range(2)]
    assert await is_watched(True)
    await one.close()
    assert not await is_watched(False)
    await other.close()
    assert await is_watched(False)

  _with_client(use)


def test_nonsense_ends_a_viewer_and_no_other():
  async def use(client, audience):
    async with client.ws_connect('/ws') as other:
      await _facts(other)
      async with client.ws_connect('/ws') as socket:
        await _facts(socket)
        await socket.send_str('x')
        ended = await socket.receive(5)
        assert ended.type == aiohttp.WSMsgType.CLOSE
        assert ended.extra == 'expected the number of a frame'
      async with client.ws_connect('/ws', compress=15) as socket:
        # Frames are compressed already.
        assert not socket.compress
        await _facts(socket)
        # No number of a frame is so long.
        await socket.send_str('1' * 65)
        assert (await socket.receive(5)).data == (
          aiohttp.WSCloseCode.MESSAGE_TOO_BIG
        )
      audience.show(b'frame')
      assert await _frame(other) == (1, b'frame')

  _with_client(use)


def test_a_fixed_port_is_free_once_its_server_has_ended():
  port = lingering.port('127.0.0.1')
  with server.listen(port) as listening:
    assert listening.getsockname() == ('127.0.0.1', port)


def test_only_loopback_is_listened_on():
  with server.listen(0) as listening:
    address, port = listening.getsockname()
    assert address == '127.0.0.1'
    with pytest.raises(errors.ConfigError, match=f'--port={port} is in use'):
      server.listen(port)
  with sockets.socket() as other:
    other.bind(('127.0.0.1', 0))
    other.listen()
    with pytest.raises(errors.ConfigError):
      server.listen(other.getsockname()[1])
