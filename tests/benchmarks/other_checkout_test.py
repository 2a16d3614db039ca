"""What `--before` takes."""

import pytest

from tests.benchmarks import cabled


@pytest.mark.parametrize('name', ['packed_queue', 'start'])
def test_a_checkout_that_is_none_is_refused(name):
  done = cabled.run(name, '--before=/no/such/checkout')
  assert done.returncode == 2
  assert '--before=/no/such/checkout: expected a checkout' in done.stderr
