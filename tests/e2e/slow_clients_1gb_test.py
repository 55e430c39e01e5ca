#!/usr/bin/env python3
# deadline: 1200
# flavours: mysql
# slow
"""slow_clients_test with results of 1 GB: by name."""
import os
import sys

os.environ['WYE_RESULT_MB'] = '1000'

import slow_clients_test  # reads the variable

if __name__ == '__main__':
    sys.argv[1:] = sys.argv[1:] or ['large_results_to_slow_clients']
    sys.exit(slow_clients_test.main())
