#!/usr/bin/env python3
# deadline: 300
# flavours: mysql mariadb
"""The clients that need no big toolchain print the same direct and through wye (clients_test.py has all)."""
import sys

from sandbox import REPOSITORY

sys.path.insert(0, str(REPOSITORY / 'tests/clients'))
import table  # noqa: E402

if __name__ == '__main__':
    sys.exit(table.main(fast=True))
