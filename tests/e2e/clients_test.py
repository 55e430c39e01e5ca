#!/usr/bin/env python3
# deadline: 1500
# flavours: mysql mariadb
# slow
"""Each client's program prints the same direct and through wye: tests/clients. By name: CLIENTS=pymysql,go ./dev test clients."""
import os
import sys

from sandbox import REPOSITORY

sys.path.insert(0, str(REPOSITORY / 'tests/clients'))
import table  # noqa: E402

if __name__ == '__main__':
    sys.exit(table.main(only=[n for n in os.environ.get('CLIENTS', '').split(',') if n]))
