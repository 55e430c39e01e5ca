"""Makes sessions: generate(seed, flavour, schemas). Each module has rules about one subject; a rule adds one or a few operations."""
from grammar import (commands, disguises, others, pins, prepared, previous, reads, routines, transactions, uservars, variables,  # noqa: F401
                     writes)
from grammar.scene import generate

__all__ = ['generate']
