"""Configurations: plain frozen dataclasses, one module per agent.

`schema` and `algorithms` say what there is, `agents` lists the agents and their
presets, `resolution` turns a
request into a complete config, `overrides` reads and writes them, `validation`
refuses what cannot work.
"""
