"""The page and its socket, for browsers on this machine only.

The server listens on loopback. A page of another site can still make a browser
connect to loopback. Therefore a request must name this machine as its host, and
a socket must come from our page.
"""

import errno
import pathlib
import socket as sockets
import urllib.parse
from collections.abc import Awaitable, Callable

from aiohttp import web

from attn_agents.watching import audience as audience_lib
from configs import errors

_PAGE = pathlib.Path(__file__).parent / 'page'
_TYPES = {
  '.html': 'text/html',
  '.css': 'text/css',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
}
_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'self'; "
  "connect-src 'self' ws://127.0.0.1:* ws://localhost:*; "
  "frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def listen(port: int) -> sockets.socket:
  """Opens a listening socket on 127.0.0.1.

  Args:
    port: 0 takes a free one.

  Raises:
    ConfigError: the port is in use or refused.
  """
  ours = sockets.socket()
  # The port is free again at once after the server ends. Not for port 0, which
  # could then be a port that is about to be used.
  ours.setsockopt(sockets.SOL_SOCKET, sockets.SO_REUSEADDR, int(port != 0))
  try:
    ours.bind(('127.0.0.1', port))
    ours.listen(16)
  except OSError as error:
    ours.close()
    taken = error.errno == errno.EADDRINUSE
    why = 'in use' if taken else f'refused ({error.strerror})'
    raise errors.ConfigError(
      f'--port={port} is {why}; expected a free port, or 0 to take one'
    ) from None
  return ours


def make_app(audience: audience_lib.Audience) -> web.Application:
  """Serves the page at /, its files, and the socket at /ws."""
  app = web.Application(middlewares=[_from_this_machine])
  open_sockets: set[web.WebSocketResponse] = set()

  async def attend(request: web.Request) -> web.WebSocketResponse:
    _check_origin(request)
    # Frames are compressed already.
    socket = web.WebSocketResponse(
      heartbeat=20.0, compress=False, max_msg_size=64
    )
    await socket.prepare(request)
    open_sockets.add(socket)
    try:
      await audience.attend(socket)
    finally:
      open_sockets.discard(socket)
    return socket

  async def hang_up(_: web.Application) -> None:
    for socket in list(open_sockets):
      await socket.close(code=1001, message=b'the command has ended')

  app.on_shutdown.append(hang_up)
  app.router.add_get('/ws', attend)
  app.router.add_get('/', _serve(_PAGE / 'index.html'))
  for path in _PAGE.iterdir():
    app.router.add_get(f'/{path.name}', _serve(path))
  return app


def _serve(path: pathlib.Path) -> _Handler:
  async def respond(_: web.Request) -> web.Response:
    return web.Response(
      text=path.read_text(), content_type=_TYPES[path.suffix], headers=_HEADERS
    )

  return respond


@web.middleware
async def _from_this_machine(
  request: web.Request, handler: _Handler
) -> web.StreamResponse:
  if request.host.rsplit(':', 1)[0] not in ('127.0.0.1', 'localhost'):
    raise web.HTTPForbidden(text='only for http://127.0.0.1 or localhost\n')
  return await handler(request)


def _check_origin(request: web.Request) -> None:
  """Browsers always send an origin; a program without one is no page."""
  origin = request.headers.get('Origin')
  if origin and urllib.parse.urlsplit(origin).netloc != request.host:
    raise web.HTTPForbidden(text='only for the page at /\n')
