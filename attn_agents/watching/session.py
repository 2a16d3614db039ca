"""The live view as a whole: it loads checkpoints, plays, and serves viewers."""

import asyncio
import dataclasses
import socket as sockets
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web

from attn_agents.environments import registry as environments
from attn_agents.interpretability.drawing import overlays
from attn_agents.runs import exported, run_directory
from attn_agents.utils import stopping
from attn_agents.watching import audience as audience_lib
from attn_agents.watching import following, games, pace, server
from configs import schema


@dataclasses.dataclass(frozen=True)
class Watched:
  """What is watched.

  Attributes:
    run: the run, training or not.
    trained: its config.
    played: the same with the game to be played.
    plan: how it is played.
  """

  run: run_directory.RunDirectory
  trained: schema.Config
  played: schema.Config
  plan: games.Plan

  def facts(self) -> dict[str, Any]:
    """What the page is told; `stage`, `newest` and `problem` change later."""
    spec = environments.spec(self.played.environment)
    return {
      'run': self.run.path.name,
      'path': exported.address(self.run.checkpoints),
      'agent': self.trained.agent,
      'preset': self.trained.preset,
      'algorithm': self.trained.algorithm,
      'trained_game': self.trained.environment.game,
      'game': self.played.environment.game,
      'action_repeat': spec.action_repeat,
      'actions': spec.actions,
      'screen': spec.screen_shape[:2],
      'colours': overlays.HEAD_COLOURS,
      'checkpoint_every_seconds': self.trained.runtime.checkpoint_every_seconds,
      **dataclasses.asdict(self.plan),
      'stage': 'waiting',
      'newest': None,
      'problem': '',
    }


async def serve(watched: Watched, listening: sockets.socket) -> int:
  """Plays to all viewers until a signal asks it to stop.

  Args:
    watched: what to play.
    listening: from `server.listen`.

  Returns:
    The number of that signal.

  Raises:
    Exception: the error that ended the player or the follower.
  """
  loop = asyncio.get_running_loop()
  ended = asyncio.Event()
  asked: list[int] = []

  def end(number: int) -> None:
    asked.append(number)
    ended.set()

  for number in stopping.heard():
    loop.add_signal_handler(number, end, number)
  audience = audience_lib.Audience(watched.facts())
  runner = web.AppRunner(
    server.make_app(audience), access_log=None, shutdown_timeout=1.0
  )
  await runner.setup()
  await web.SockSite(runner, listening).start()
  stop = threading.Event()
  threads = [
    asyncio.ensure_future(asyncio.to_thread(task))
    for task in _tasks(watched, audience, stop, loop)
  ]
  waiting = asyncio.ensure_future(ended.wait())
  await asyncio.wait([waiting, *threads], return_when=asyncio.FIRST_COMPLETED)
  waiting.cancel()
  stop.set()
  await runner.cleanup()
  await asyncio.gather(*threads)
  return asked[0] if asked else 0


def _tasks(
  watched: Watched,
  audience: audience_lib.Audience,
  stop: threading.Event,
  loop: asyncio.AbstractEventLoop,
) -> tuple[Callable[[], None], Callable[[], None]]:
  """What the follower and the player do in their threads until `stop`."""

  def tell(news: dict[str, Any]) -> None:
    loop.call_soon_threadsafe(audience.tell, news)

  def show(frame: bytes) -> None:
    loop.call_soon_threadsafe(audience.show, frame)

  follower = following.Follower(
    watched.run, watched.trained, watched.played, tell
  )

  def play() -> None:
    while (first := follower.newest) is None:
      if stop.wait(0.1):
        return
    tell({'stage': 'preparing'})
    rows = games.play(
      watched.played.environment,
      watched.plan,
      lambda: follower.newest or first,
    )
    try:
      pace.show_rows(
        rows,
        watched.plan.rows_per_second,
        show,
        audience.watched,
        stop,
        ready=lambda: tell({'stage': 'playing'}),
      )
    finally:
      rows.close()

  return lambda: follower.follow(audience.watched, stop), play
