"""A host without other learners: it asks nobody, and hears nobody."""

import pytest

from attn_agents.learning import company


def test_alone_it_begins_every_update_and_none_for_others():
  alone = company.Alone()
  assert alone.leads is True
  assert alone.begin_update() is True
  assert alone.behind() == 0
  assert alone.wishes_to_stop() is False
  assert alone.wishes_to_save() is False
  assert alone.why == ''


def test_alone_it_saves_once_as_soon_as_it_is_asked():
  alone = company.Alone()
  assert alone.saves_after(3) is False
  alone.ask_to_save()
  assert alone.saves_after(3) is True
  assert alone.saves_after(4) is False


@pytest.mark.parametrize('has_actor_hosts', [False, True])
def test_it_leaves_only_if_actor_hosts_may_be_the_reason(has_actor_hosts):
  alone = company.Alone(has_actor_hosts)
  assert alone.leave_for('no data') is has_actor_hosts
  assert alone.why == ('no data' if has_actor_hosts else '')
