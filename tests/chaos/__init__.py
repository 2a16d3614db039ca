"""Breaks real runs at random, for hours, and judges what they make of it.

    python -m tests.chaos --hours=1 --root=/tmp/chaos
    python -m tests.chaos --malformed --root=/tmp/chaos
    python -m tests.chaos --soak=120 --root=/tmp/chaos
    python -m tests.chaos --report --root=/tmp/chaos

Each of the first three adds lines to files below --root, and the same command
goes on where it stopped. pytest collects only the tests of the judges.
"""
