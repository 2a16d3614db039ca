"""What a learner host's terminal says of actor hosts."""

from attn_agents.distributed.relay import attendance


class _Roll:
  def __init__(self):
    self.now = 0.0
    self.roll = attendance.Attendance(lambda: self.now)

  def after(self, seconds, *hosts):
    self.now += seconds
    self.roll.see(hosts)
    return self.roll.describe()


def test_hosts_join_leave_and_come_back():
  roll = _Roll()
  assert roll.after(0.5) == ''
  assert roll.after(0.5, 'a') == 'for actor hosts: a joined; 1 there'
  said = 'for actor hosts: b joined, a joined; 2 there'
  assert roll.after(0.5, 'a', 'b') == said
  # An actor that is started again is no host that has left.
  assert roll.after(5.0, 'b') == said
  assert roll.after(0.1, 'a', 'b') == said
  assert roll.after(5.5, 'b') == ('for actor hosts: a left, b joined; 1 there')
  assert roll.after(60, 'a', 'b') == (
    'for actor hosts: a came back, b joined; 2 there'
  )


def test_of_many_the_newest_are_named():
  roll = _Roll()
  four = 'for actor hosts: d joined, c joined, b joined, a joined; 4 there'
  assert roll.after(0, *'abcd') == four
  assert roll.after(0, *'abcde') == (
    'for actor hosts: e joined, d joined, c joined, b joined, and 1 before; 5 '
    'there'
  )
  roll.after(0, *'abcdef')
  assert roll.after(9, *'bcdef') == (
    'for actor hosts: a left, f joined, e joined, d joined, and 2 before; 5 '
    'there'
  )
