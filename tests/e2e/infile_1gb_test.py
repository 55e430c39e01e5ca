#!/usr/bin/env python3
# deadline: 1200
# flavours: mysql
# slow
"""infile_test with a file of 1 GB: by name."""
import os

os.environ['WYE_FILE_MB'] = '1000'

import infile_test  # reads the variable

if __name__ == '__main__':
    infile_test.main()
