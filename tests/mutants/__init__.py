"""Changes single lines of the package at random, and sees which test notices.

    python -m tests.mutants --root=/tmp/mutants --seed=1 --count=100

The first call records which lines each test executes, in about twice the time
of `make test`. Below --root lie the record, the copies of the tree that are
changed and SEED.jsonl, a line for each change; the same command goes on where
it stopped. pytest collects only the tests of this tool.
"""
