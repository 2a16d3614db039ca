"""How `launch/export.py` uploads, with a stand-in for the hub."""

import types

import pytest

from attn_agents.exporting import pushing
from tests.launch import loading


@pytest.mark.parametrize('fails', [False, True])
def test_an_upload_is_told_or_why_there_is_none(
  monkeypatch, tmp_path, capsys, fails
):
  def upload():
    if fails:
      raise pushing.PushError('no such repository')
    return 'me/agent at 1'

  asked = []
  push = types.SimpleNamespace(upload=upload, in_words=lambda: 'me/agent: 3')
  monkeypatch.setattr(
    pushing, 'plan', lambda *given: asked.append(given) or push
  )
  with loading.command('export') as command:
    code = command._push(tmp_path, 'me/agent')
  said = capsys.readouterr()
  if fails:
    assert (code, said.out) == (1, '')
    assert said.err == 'failed: no such repository\n'
  else:
    assert (code, said.out) == (0, 'uploaded  me/agent at 1\n')
  with loading.command('export', '--dry_run') as command:
    assert command._push(tmp_path, 'me/agent') == 0
  assert capsys.readouterr().out == 'would be uploaded to me/agent: 3\n'
  assert asked == [(tmp_path, 'me/agent')] * 2
