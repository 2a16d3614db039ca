"""What an update takes on devices that nobody has to own.

`lowering` and `child` trace and compile it; all other modules are pure.
"""
