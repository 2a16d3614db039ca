"""What `launch/watch.py` and `launch/demo.py` start, with stand-ins."""

import sys
import types

import pytest

from attn_agents.runs import exported
from attn_agents.watching import server, session
from tests.launch import loading

_RUN = '--run=zoo:s3ta_catch'


@pytest.fixture(name='watch')
def _watch(monkeypatch, capsys):
  """Watches until a signal: (code, what was watched, said, was it closed)."""

  def watch(*arguments, number=2, line=''):
    seen = types.SimpleNamespace(closed=0)

    class Socket:
      def getsockname(self):
        return '127.0.0.1', 8000 + seen.port

      def close(self):
        seen.closed += 1

    def listen(port):
      seen.port = port
      return Socket()

    async def serve(watched, listening):
      assert isinstance(listening, Socket)
      seen.watched = watched
      return number

    monkeypatch.setattr(server, 'listen', listen)
    monkeypatch.setattr(session, 'serve', serve)
    with loading.command('watch', _RUN, *arguments) as command:
      monkeypatch.setattr(
        command.batch_job, 'ssh_line', lambda env, host, *ports: (
          line and f'{line} {ports}'
        ),
      )  # fmt: skip
      seen.code = command.main()
    seen.said = capsys.readouterr().out.splitlines()
    assert seen.closed == 1
    return seen

  return watch


def test_all_flags_are_in_the_plan(watch):
  seen = watch(
    '--seed=5', '--protocol=sticky', '--policy=greedy', '--fps=3', '--port=9',
    line='ssh',
  )  # fmt: skip
  plan = seen.watched.plan
  assert (plan.seed, plan.protocol, plan.policy) == (5, 'sticky', 'greedy')
  assert plan.rows_per_second == 3.0
  assert seen.watched.run.path.name == 's3ta_catch'
  assert seen.watched.trained.environment.game == 'catch'
  assert seen.watched.played.environment.game == 'catch'
  assert seen.said == [
    'run       zoo:s3ta_catch',
    'page      http://127.0.0.1:8009/',
    'from      your own machine, and TensorBoard, by ssh (8009, 6006)',
    'end       Ctrl-C',
  ]


@pytest.mark.parametrize(('number', 'code'), [(2, 0), (15, 143)])
def test_only_the_machine_ends_it_with_a_signals_code(watch, number, code):
  seen = watch('--port=0', number=number)
  assert (seen.code, len(seen.said)) == (code, 3)
  # Catch has a speed of its own.
  assert 0 < seen.watched.plan.rows_per_second <= 60


@pytest.fixture(name='demo')
def _demo(monkeypatch, capsys):
  """Runs main with children that say a line each: (code, commands, opened)."""

  def demo(*arguments, codes=(0, 143), display=':0', ctrl_c=False):
    left, started, opened = list(codes), [], []

    class Child:
      def __init__(self, command, stdout, text):
        assert stdout == -1 and text is True
        started.append(command[2:])
        script = command[1]
        lines = ['about\n', 'written   /a/b.html (3.1 MB)\n']
        if 'watch' in script:
          lines = ['page      http://x/\n']
        self.stdout = self._say(lines)

      def _say(self, lines):
        yield from lines
        if ctrl_c:
          raise KeyboardInterrupt

      def wait(self):
        return left.pop(0)

      def __enter__(self):
        return self

      def __exit__(self, *_):
        pass

    with loading.command('demo', *arguments) as command:
      monkeypatch.setattr(command.subprocess, 'Popen', Child)
      monkeypatch.setattr(command.tied, 'command', lambda given: given)
      monkeypatch.setattr(command.webbrowser, 'open', opened.append)
      monkeypatch.setattr(sys, 'platform', 'linux')
      monkeypatch.setenv('DISPLAY', display)
      monkeypatch.delenv('WAYLAND_DISPLAY', raising=False)
      code = command.main()
    return code, started, opened, capsys.readouterr().out.splitlines()

  return demo


def test_a_demo_is_a_report_and_then_a_page(demo):
  code, (analyze, watch), opened, said = demo(_RUN, '--max_steps=7', '--port=9')
  assert code == 143
  assert analyze[:3] == [
    _RUN, '--max_steps=7', '--analyses=heads,what_where,behaviour'
  ]  # fmt: skip
  assert watch == [_RUN, '--port=9']
  assert opened == ['file:///a/b.html', 'http://x/']
  assert said == [
    'about',
    'written   /a/b.html (3.1 MB)',
    'page      http://x/',
  ]


def test_a_demo_without_a_display_opens_nothing(demo, monkeypatch):
  code, started, opened, _ = demo(_RUN, '--nolive', display='', codes=(0,))
  assert (code, len(started), opened) == (0, 1, [])
  # Without a report there is no page.
  code, started, *_ = demo(_RUN, codes=(2,))
  assert (code, len(started)) == (2, 1)
  # What ships first is shown where nothing is said, or else another agent.
  assert demo()[1][0][0] == '--run=zoo:s3ta_pong'
  monkeypatch.setattr(exported, 'names', lambda: ['s3ta_boxing', 's3ta_catch'])
  assert demo()[1][0][0] == '--run=zoo:s3ta_boxing'


def test_ctrl_c_waits_for_what_has_heard_it_too(demo):
  code, started, *_ = demo(_RUN, codes=(130,), ctrl_c=True)
  assert (code, len(started)) == (130, 1)


def test_a_mac_has_a_display():
  with loading.command('demo') as command:
    assert command.has_display({}, 'darwin')
    assert not command.has_display({}, 'linux')
    # A line that only ends so names nothing.
    assert command.address_in('a page ', 'page ') == ''
