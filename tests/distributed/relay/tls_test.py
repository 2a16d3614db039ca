"""What each side of a handshake asks for."""

import ssl

import pytest

from attn_agents.distributed import run_key
from attn_agents.distributed.relay import tls


@pytest.fixture(name='logdir', scope='module')
def _logdir(tmp_path_factory):
  logdir = tmp_path_factory.mktemp('run')
  run_key.make_or_load(logdir)
  return logdir


@pytest.mark.parametrize('role', [run_key.LEARNER, run_key.ACTOR])
def test_each_side_wants_the_others_key_and_nothing_old(logdir, role):
  made = tls.context(run_key.load(run_key.paths(logdir)[role], role), ['q'])
  answers = role == run_key.LEARNER
  assert made.protocol == (
    ssl.PROTOCOL_TLS_SERVER if answers else ssl.PROTOCOL_TLS_CLIENT
  )
  assert made.minimum_version == ssl.TLSVersion.TLSv1_3
  assert made.verify_mode == ssl.CERT_REQUIRED
  assert not made.check_hostname
  # Nobody resumes a session, so that who answers offers none.
  assert made.num_tickets == 0 or not answers
