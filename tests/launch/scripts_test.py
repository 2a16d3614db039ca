"""How commands of `launch/` end by Ctrl-C, as files that a user starts."""

import runpy

import pytest

from tests.launch import commands, loading

# The first two have no other end.
_ENDED_BY_CTRL_C = {'demo': 0, 'watch': 0, 'evaluate': 130, 'analyze': 130}


def _end(script, monkeypatch, run):
  """The exit code, where `command_line.run` is a stand-in."""
  with loading.alone(f'{script}.py'):
    from launch import command_line

    monkeypatch.setattr(command_line, 'run', run)
    with pytest.raises(SystemExit) as caught:
      runpy.run_path(str(commands.LAUNCH / f'{script}.py'), run_name='__main__')
  return caught.value.code


@pytest.mark.usefixtures('restored_handlers')
@pytest.mark.parametrize('script', _ENDED_BY_CTRL_C)
def test_ctrl_c_at_any_moment_ends_it(script, monkeypatch):
  def interrupted(main):
    raise KeyboardInterrupt

  code = _ENDED_BY_CTRL_C[script]
  assert _end(script, monkeypatch, interrupted) == code


@pytest.mark.usefixtures('restored_handlers')
def test_ctrl_c_is_how_the_page_ends_before_it_is_served(monkeypatch):
  assert _end('watch', monkeypatch, lambda main: 130) == 0
