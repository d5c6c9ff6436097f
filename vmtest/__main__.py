# SPDX-License-Identifier: GPL-2.0-only
"""python3 -m vmtest COMMAND WORD..."""
import importlib
import sys

MODULES = {'kernel': 'kernel', 'userland': 'userland', 'test': 'runner', 'boot': 'demonstration', 'distro': 'distro', 'bench': 'bench',
           'cost': 'cost', 'check-patch': 'check_patch', 'debian-source': 'debian_source'}

if __name__ == '__main__':
    name, *words = sys.argv[1:] or ['']
    if name not in MODULES:
        sys.exit(f'vmtest: no command "{name}", there are {", ".join(MODULES)}')
    sys.argv = [f'vmtest {name}', *words]
    importlib.import_module(f'vmtest.{MODULES[name]}').command()
