# SPDX-License-Identifier: GPL-2.0-only
"""The tests, as data: what is booted (or run on the host), and what is expected of it. tests/run carries them out.

A guest gets `expect=nullfs` or `expect=stock` on its command line, according to flavour and parameter, and runs its
programs (tests/guest) one after the other; each reports a TAP document of its own.
"""
import re
from dataclasses import dataclass
from errno import EBUSY, EMFILE, ENOENT, ENOMEM, EPERM

from vmtest.checks import conformance
from vmtest.checks import ktap
from vmtest.sources import table as kernels

VERSIONS = [row.name for row in kernels().values() if row.expected == 'applies']
DEFAULT_VERSIONS = ('6.12', '6.1')
CONFORMANCE_VERSIONS = (*DEFAULT_VERSIONS, '6.19')     # those that Documentation/conformance.md tells of
DEBUG_VERSIONS = ('6.12', '6.1')     # those for which there are DEBUG and KCSAN; of all but the first they take long
BOTH = ('stock', 'builtin')
ALL = ('stock', 'builtin', 'debug')
PATCHED = ('stock', 'builtin', 'loadable')
BUILTIN = ('builtin',)
LOADABLE = ('loadable',)
PACKAGED = ('packaged',)
DEBUG = ('debug', 'debug-loadable')
LSM = ('stock-lsm', 'lsm')
LSM_LOADABLE = ('lsm-loadable',)
LSM_VERSIONS = ('6.12',)
KCSAN = ('kcsan', 'kcsan-loadable')
RARE = (LSM + LSM_LOADABLE, KCSAN)      # kernels that few tests need
MEDIATING = ('apparmor', 'selinux', 'tomoyo')   # one at a time; Landlock and Yama are always with them
NATIVE = ('native',)            # a kernel that has nullfs itself; the version is of what is tried there
NATIVE_SERIES = '7'
SHORT = ('initramfs', 'empty', 'memory', 'load', 'load-empty', 'root-ext4', 'unselected')
FAULT_AT_BOOT = {'flavours': ('builtin', 'debug'), 'long': DEBUG}
FAULT_WHEN_LOADED = {'flavours': ('loadable', 'debug-loadable'), 'long': DEBUG, 'parameter': ''}
GUEST = ('guest', 'init=init')
MODULE = 'module {version} {flavour}'


SELECTED = r'immutable_rootfs: nullfs lies beneath the rootfs'
EMPTY = 'immutable_rootfs.empty_namespaces=1 empty=1'   # for the module, and for the tests
MAY_EMPTY = r'immutable_rootfs: users may unmount the root of their mount namespaces'
DEBIAN = ('debian12-initramfs-tools', 'debian12-dracut', 'debian13-dracut')
# Every device takes udev some time, and nobody looks at these.
DEBIAN_APPEND = 'root=/dev/vda ro fs=ext4 brd.rd_nr=0 loop.max_loop=0 8250.nr_uarts=2'
# In a mount namespace of its own udevd would keep a copy of a rootfs without nullfs beneath.
UDEV = r'Starting (?:\x1b\S*m)?systemd-udevd'
BEFORE_UDEV = rf'\A(?s:(?!{UDEV}).)*{SELECTED}(?s:.*){UDEV}'
ENDED = r'service: poweroff(?s:.*)reboot: Power down|service: reboot(?s:.*)reboot: Restarting system'
EXITRD = (r'exitrd: entered by pivot_root(?s:.*)Unmounted /oldroot',)


@dataclass
class Fault:
    """
    A function of the kernel that once does nothing but return an error, or NULL if that is 0: when it is called (by caller)
    after skip times (once another function has been called). The kernel's own fail_function takes only the few functions
    that are marked for it, and none before user space runs.
    """
    function: object            # its name, or those that it has in one kernel or another
    error: int
    caller: str = None
    skip: int = 0
    after: str = None

    def commands(self, system_map):
        """For gdb. System.map is in the order of addresses."""
        with open(system_map, encoding='ascii') as lines:
            symbols = [(int(address, 16), name) for address, kind, name in map(str.split, lines) if kind in 'tT']
        place = {name: number for number, (_, name) in enumerate(symbols)}
        names = (self.function,) if isinstance(self.function, str) else self.function
        function = next((name for name in names if name in place), names[0])
        condition = ''
        if self.caller:
            begin, end = (symbols[place[self.caller] + more][0] for more in (0, 1))
            condition = f' if *(unsigned long *)$rsp >= {begin:#x} && *(unsigned long *)$rsp < {end:#x}'
        first = [f'hbreak *{symbols[place[self.after]][0]:#x}', 'continue', 'delete'] if self.after else []
        return ['set architecture i386:x86-64', *first, f'hbreak *{symbols[place[function]][0]:#x}{condition}',
                f'ignore $bpnum {self.skip}', 'continue',
                f'set $rax = -{self.error}L', 'set $rip = *(unsigned long *)$rsp', 'set $rsp = $rsp + 8', 'delete']


@dataclass
class Test:
    name: str
    sentence: str               # the rule that it checks
    programs: tuple = ()        # what runs in the guest, and has to report
    flavours: tuple = BOTH
    append: str = ''
    parameter: str = 'immutable_rootfs'     # on the command line of flavours that know it
    selects: bool = True        # whether that parameter puts nullfs beneath the rootfs
    initrd: tuple = GUEST       # parts of the initramfs, see Images and Case.images_of in tests/run
    disks: tuple = ()
    memory: int = 256
    smp: int = 2
    timeout: int = 60
    expect: str = 'passed'      # or another outcome of tests/run's judge()
    console: tuple = ()         # patterns that the console has to show
    immutable_console: tuple = ()   # and when nullfs is expected
    stock_console: tuple = ()       # and when it is not
    patched_console: tuple = ()     # and on a patched kernel
    absent: tuple = ()          # and patterns that it must not show
    stuck: str = None           # see vm.run()
    same: object = None         # outcome -> lines; they have to be the same as on stock
    conforms: object = None     # conformance or ktap, which compares what it reports with other flavours
    tells: object = None        # outcome -> lines about it to print
    once: bool = False          # one kernel is enough
    long: object = ()           # takes long, for it boots Debian, or needs more than the usual kernels: True, or the flavours that do
    kernels: tuple = ()         # those that it is for, if not for all
    operations: int = 0         # of the storm, if it is one, unless the environment says otherwise
    nightly: int = 0            # the same with --nightly
    kill: bool = False          # the runner kills its own QEMU
    fault: object = None        # Fault, a function that fails once

    def takes_long(self, flavour):
        return self.long is True or flavour in self.long


def host(script, sentence, initrd=(), **more):
    """tests/host/SCRIPT, which boots nothing and reports in the same way; initrd is what has to be made before."""
    return Test(f'host-{script}', sentence, programs=(script,), flavours=('host',), initrd=initrd, timeout=600, **more)


def debian(system, sentence, suffix='', variant='{variant}', moved=False, append='', console=(), **more):
    """A Debian system (see scripts/userland) that boots through its own initramfs; moved: by MS_MOVE, even on nullfs."""
    return Test(
        system + suffix, sentence, programs=('handover', 'debian'),
        initrd=('large', f'initramfs {system} {{version}} {variant}'), disks=(system, f'boot {system} {{version}} {variant}'),
        append=DEBIAN_APPEND + ' moved=1' * moved + append, memory=512, smp=1, timeout=600, once=True,
        long=True, console=(ENDED, *console), immutable_console=(BEFORE_UDEV,),
        absent=(r'\[FAILED\]|Failed to (unmount|detach|finalize)|Could not (unmount|detach)|Cannot umount',
                r'recovering journal|EXT4-fs .*recovery'), **more)


def storm(suffix, flavours, smp, operations, nightly, append='', **more):
    """Whoever finds that nullfs can be changed, a file that is covered, or a mount that is left prints it with the seed."""
    return Test(
        f'storm{suffix}', 'eight processes mount, move, pivot, unshare and unmount against each other, and nullfs stays empty',
        programs=('storm', 'nullfs'), initrd=(MODULE, *GUEST), flavours=flavours, operations=operations,
        nightly=nightly, smp=smp, append=f'rcupdate.rcu_expedited=1 oops=panic {append}', timeout=600, immutable_console=(SELECTED,), long=True, **more)


def reported(outcome):
    """What the guest wants compared; default sizes of a tmpfs follow the memory that the kernel image leaves."""
    return [re.sub(r'\b(size|nr_inodes)=\d+k?', r'\1=N', line) for line in outcome.report.splitlines()
            if line.startswith('# same: ')]


# nullfs takes a mount id and a device number, whatever becomes of it.
IDS = re.compile(r'(?<=mount: )(later )?\d+( \d+)? \d+:\d+|(?<=statx: mount )\d+|(?<=ids ).*?(?=, attributes)')


def reported_but_ids(outcome):
    return [IDS.sub('N', line) for line in reported(outcome)]


STAMP = re.compile(r'^\[ *\d+\.\d+\] ')


# These come at any time if the host is busy.
HOST_IS_BUSY = re.compile(r'hrtimer: interrupt took|PM-Timer running at invalid rate|perf: interrupt took too long'
                          r'|workqueue: \S+ hogged CPU|: quirk_\S+ took \d+ usecs')


def messages(outcome):
    return [STAMP.sub('', line) for line in outcome.console.splitlines()
            if STAMP.match(line) and not HOST_IS_BUSY.search(line)]


def root_panic(outcome):
    """The messages about the root, to the panic."""
    lines = messages(outcome)
    begin = re.compile(r'VFS: |Please append|List of all|[0-9a-f]{4} +\d+ \w')    # a partition and its size
    first = next((n for n, line in enumerate(lines) if begin.match(line)), len(lines))
    last = next((n for n, line in enumerate(lines) if 'Kernel panic' in line), len(lines))
    return lines[first:last + 1]


# Numbers that differ from boot to boot or from one kernel image to another, and the messages that consist of them.
NUMBERS = re.compile(r'0x[0-9a-f]+|\b[0-9a-f]{8,16}\b|\d+(\.\d+)?')
NOT_COMPARED = re.compile(
    r'Linux version|Command line|Kernel command line|Unknown kernel command line|tsc: |TSC found unstable|Calibrating|clocksource: '
    r'|APIC calibration|APIC delta|calibrate_delay|Probably due to long platform|smpboot: Total of|Performance Events'
    r'|random: crng|input: |Freeing unused|Memory: |\.\.\. MAX|rtc_cmos|Write protecting|sched_clock: Marking|Trying to unpack')


def boot_log(outcome):
    """The boot's messages, without numbers; what runs beside the boot (probing, asynchronously) comes in any order."""
    return sorted(NUMBERS.sub('N', line) for line in messages(outcome) if not NOT_COMPARED.search(line))


def lsm_messages(outcome):
    """What security modules say, but for what they forbid: how much of that is printed is a matter of time."""
    return reported(outcome) + [line for line in boot_log(outcome) if not line.startswith('audit: ')
                                and re.search(r'LSM|SELinux|AppArmor|TOMOYO|Mandatory|landlock|Yama|xattr|label', line)]


def same_as_stock(outcome):
    return reported(outcome) + boot_log(outcome)


RACES_ARE_FOUND = r'kcsan: enabled early(?s:.*)kcsan: selftest: (\d+)/\1 tests passed'
NOT_BENEATH = 'immutable_rootfs: no nullfs beneath the rootfs'
KZALLOC = ('__kmalloc_cache_noprof', 'kmalloc_trace')
SELFTESTS = {'memory': 1024, 'timeout': 900, 'conforms': ktap, 'tells': ktap.counts, 'long': True,
             'kernels': DEFAULT_VERSIONS}
ROOT_MOVED = r'immutable_rootfs: pivot_root into the real root failed: error -16; trying MS_MOVE'

TESTS = [
    host('add-to-tree', 'the module goes into a patched kernel tree, comes out again, and goes nowhere else'),
    host('compat', 'the module refuses to be built for kernels that it is not for', once=True),
    host('check-patch', 'a patch that applies is told from one that does not', once=True),
    host('carry', "patch and module go into git, a quilt series (Debian's own package), a spec and a PKGBUILD", once=True,
         long=True),
    host('cost', 'the figures of what a distribution carries are right', initrd=('module {version} loadable',)),
    host('kernels', 'the patches apply to all the kernels that they are for', once=True),
    host('commands', 'what a command lacks it says in one line that names the cure', once=True),
    host('ktap', "what the kernel's selftests report is compared, and whatever is worse than on stock is found", once=True),
    host('races', 'of the data races that KCSAN reports, those fail a test that the project has a part in', once=True),
    host('coverage', 'a line that nothing reaches is told, and a wrong excuse for one as well', once=True),
    host('bench', 'the benchmark can still measure', once=True),
    host('initramfs', 'the hooks go where the generators look, and load the module unless told not to', once=True, long=True,
         initrd=tuple(f'initramfs {system} {{version}} module' for system in DEBIAN)),
    host('security', 'each test that Documentation/security.md names is there, and takes as long as it says', once=True),
    host('style', 'checkpatch, sparse and the compiler have nothing to say', once=True),
    host('deb', 'the Debian package is built, lintian has nothing to say, and all agree on the version', once=True),
    host('dkms', "Debian 12's dkms builds, signs, installs and removes the module, and skips other kernels", once=True, long=True),
    host('dkms-trixie', "so does Debian 13's", once=True, long=True),
    host('package', 'the Debian package installs the module and leaves nothing behind', once=True, long=True),

    Test('initramfs', 'nullfs as user space sees it, unprivileged namespaces, and three pivots out of the initramfs',
         programs=('devices', 'nullfs', 'unprivileged', 'pivot'), flavours=ALL, disks=('ext4',),
         append='initramfs_options=size=96M', immutable_console=(SELECTED,), same=reported),

    Test('empty', 'with empty_namespaces a user may leave nothing in a mount namespace of his own, and no attack shows what a mount covers',
         programs=('empty', 'unprivileged', 'nullfs', 'pivot'), flavours=ALL, append=EMPTY, long=DEBUG,
         initrd=('empty-namespace', *GUEST), disks=('ext4',), immutable_console=(SELECTED, MAY_EMPTY)),
    Test('empty-off', 'without it all is locked as ever, and the same attacks show nothing',
         programs=('empty',), flavours=('builtin', 'debug'), long=DEBUG,
         initrd=('empty-namespace', *GUEST), absent=(MAY_EMPTY,)),
    Test('empty-native', 'as on a kernel that has nullfs of its own', programs=('empty',), flavours=NATIVE, parameter='',
         initrd=('empty-namespace', *GUEST), once=True, long=True),
    Test('namespaces', 'an ordinary user uncovers nothing and changes nothing on nullfs, whatever namespaces it nests',
         programs=('namespaces',), smp=1, flavours=BOTH, append='rcupdate.rcu_expedited=1', timeout=600, long=True,
         same=reported),
    Test('load-namespaces', 'the same if the module was loaded', programs=('load', 'namespaces'), flavours=LOADABLE, smp=1,
         parameter='', initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1', timeout=600, long=True),
    Test('namespaces-empty', 'the same if users may unmount the root of their mount namespaces', programs=('namespaces',), smp=1,
         flavours=BUILTIN, append=f'rcupdate.rcu_expedited=1 {EMPTY}', timeout=600, long=True, console=(MAY_EMPTY,)),

    *(Test(f'lsm-{name}', f'{name}, Landlock and Yama decide over mounts and pivot_root as on stock',
           programs=('devices', 'nullfs', 'unprivileged', 'policy.sh', 'mediated', 'pivot'), flavours=LSM,
           append=f'initramfs_options=size=256M lsm=landlock,yama,{name} TOMOYO_trigger=/usr/bin/true',
           initrd=('lsm-tools', *GUEST), disks=('ext4',), memory=512, smp=1, timeout=120, immutable_console=(SELECTED,),
           same=lsm_messages, kernels=LSM_VERSIONS, long=True) for name in MEDIATING),
    *(Test(f'load-lsm-{name}', f'so they do where the module is loaded under the rule of {name}',
           programs=('policy.sh', 'load', 'unprivileged', 'mediated', 'pivot'), flavours=LSM_LOADABLE, parameter='',
           append=f'initramfs_options=size=256M lsm=landlock,yama,{name} TOMOYO_trigger=/usr/bin/true',
           initrd=(MODULE, 'lsm-tools', *GUEST), disks=('ext4',), memory=512, smp=1, timeout=120, console=(SELECTED,),
           kernels=LSM_VERSIONS, long=True) for name in MEDIATING),
    *(Test(f'lsm-{name}-root', f'with {name}, Landlock and Yama the kernel enters root= by pivot_root', programs=('handover',),
           initrd=(), disks=('ext4',), append=f'root=/dev/vda rw fs=ext4 lsm=landlock,yama,{name}', flavours=LSM,
           absent=(ROOT_MOVED,), kernels=LSM_VERSIONS, long=True) for name in MEDIATING),
    Test('lsm-asked', 'the kernel asks the security modules before it pivots, and moves the root over the rootfs if they forbid it',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 moved=1', flavours=('lsm',),
         fault=Fault('security_sb_pivotroot', EPERM), kernels=LSM_VERSIONS, long=True,
         console=('immutable_rootfs: pivot_root into the real root failed: error -1; trying MS_MOVE',)),

    Test('conform', 'whatever is tried on nullfs and on the mounts around it gives what it gives on native 7.x, or it is known why',
         programs=('conform',), flavours=('stock', 'native', 'builtin', 'loadable'), initrd=(MODULE, *GUEST),
         append='rcupdate.rcu_expedited=1', smp=1, timeout=1200, conforms=conformance, long=True,
         kernels=CONFORMANCE_VERSIONS),
    Test('conform-debug', 'whatever is tried on nullfs, the kernel has nothing to complain of', programs=('conform',),
         flavours=('debug',), initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1 only=nullfs', smp=1, timeout=600,
         long=True),
    Test('selftests', "what passes of the kernel's own tests in the initramfs on stock passes there on nullfs",
         programs=('selftests.sh',), initrd=('selftests-tools', 'selftests {version}', *GUEST), **SELFTESTS),
    Test('selftests-root', 'the same in a root that the kernel has entered', programs=('selftests.sh',), initrd=(),
         disks=('root-selftests {version}',), append='root=/dev/vda rw init=/init', **SELFTESTS),
    Test('memory', 'a 64 MB initramfs is given back after the handover (rootfs is tmpfs)',
         programs=('memory',), initrd=('bare', 'large', 'init=memory'), flavours=ALL, append='rootfs=tmpfs',
         memory=512),
    Test('memory-ramfs', 'a 64 MB initramfs is given back after the handover (rootfs is ramfs, four CPUs)',
         programs=('memory',), initrd=('bare', 'large', 'init=memory'), append='rootfs=ramfs root=/dev/vda', flavours=ALL, long=DEBUG,
         memory=512, smp=4),

    Test('load', 'the module, loaded in the initramfs, does there what it does built in',
         programs=('load', 'devices', 'nullfs', 'unprivileged', 'pivot'), flavours=LOADABLE, parameter='',
         initrd=(MODULE, *GUEST), disks=('ext4',), console=(SELECTED,)),
    Test('load-empty', 'loaded with empty_namespaces it lets users leave nothing in a mount namespace, too',
         programs=('load', 'empty', 'unprivileged', 'nullfs', 'pivot'), flavours=('loadable', 'debug-loadable'), parameter='',
         long=DEBUG, append='empty=1', initrd=(MODULE, 'empty-namespace', *GUEST), disks=('ext4',), console=(SELECTED, MAY_EMPTY)),
    Test('load-empty-off', 'loaded without it, it does not', programs=('load', 'empty'), flavours=LOADABLE, parameter='',
         initrd=(MODULE, 'empty-namespace', *GUEST), absent=(MAY_EMPTY,)),
    Test('load-busy', 'the module, loaded from another namespace while others mount, unmount, unshare and walk, disturbs nobody',
         programs=('load-busy', 'nullfs', 'pivot'), flavours=('loadable', 'debug-loadable', 'kcsan-loadable'), parameter='',
         long=KCSAN,
         initrd=(MODULE, *GUEST), disks=('ext4',), timeout=120, console=(SELECTED,)),
    Test('load-faults', 'while an allocation fails the module is refused, and leaves nothing behind',
         programs=('load-faults', 'nullfs'), flavours=('debug-loadable',), parameter='', initrd=(MODULE, *GUEST), smp=1,
         kernels=('6.12',),     # failslab of 6.1 can't be told which stacks, not on x86-64
         append='root=/dev/vda', console=('immutable_rootfs: no nullfs .* error -12, nothing changed; free memory', SELECTED)),
    Test('load-refused', 'a kernel that lacks the hook, or has nullfs already, refuses the module and says why',
         programs=('load-refused',), initrd=(MODULE, 'renamed-' + MODULE, *GUEST), smp=1,
         stock_console=('immutable_rootfs: Unknown symbol rootfs_mount_beneath',),
         immutable_console=('immutable_rootfs: module is already loaded',
                            'immutable_nullfs: nullfs lies beneath the rootfs already, nothing changed')),
    Test('load-native', 'so does a kernel that has nullfs of its own, whatever module it is given',
         programs=('load-refused',), initrd=(MODULE, 'renamed-' + MODULE, *GUEST), flavours=NATIVE, parameter='', smp=1,
         console=('module immutable_rootfs: .* must match|immutable_rootfs: version magic',), once=True),
    *(Test('load-script' + suffix, '`make load` loads it, or says in one line why it cannot be', programs=('load-script',),
           flavours=flavours, parameter='', initrd=(MODULE, 'load-script', 'tools', *GUEST), memory=512, smp=1, **more)
      for suffix, flavours, more in (('', PATCHED, {}), ('-native', NATIVE, {'once': True}))),
    Test('load-twice', 'the module that is loaded already refuses another one, whatever that is called',
         programs=('load', 'load-refused'), flavours=LOADABLE, parameter='', initrd=(MODULE, 'renamed-' + MODULE, *GUEST), smp=1,
         console=(SELECTED, 'immutable_nullfs: nullfs lies beneath the rootfs already, nothing changed')),
    Test('load-privilege', 'whoever lacks CAP_SYS_MODULE cannot load it, and loading it changes no namespace that others have',
         programs=('load-privilege', 'nullfs', 'pivot'), flavours=LOADABLE, parameter='', initrd=(MODULE, *GUEST),
         disks=('ext4',), console=(SELECTED,)),
    Test('load-late', 'loaded after the initramfs has been left, it says so and changes nothing that one sees',
         programs=('load-late', 'handover'), flavours=LOADABLE, parameter='', initrd=(MODULE, 'tools', 'switch-root'),
         disks=('ext4',), memory=512, append='tool=busybox moved=1 fs=ext4',
         console=('immutable_rootfs: nullfs lies beneath the rootfs, but the boot has left that already',)),
    Test('load-memory', 'a 64 MB initramfs is given back after the handover if the module was loaded in it',
         programs=('memory',), flavours=LOADABLE, parameter='', append='rootfs=tmpfs', memory=512,
         initrd=(MODULE, 'bare', 'large', 'init=memory')),
    Test('load-memory-ramfs', 'the same if the rootfs is ramfs, four CPUs',
         programs=('memory',), flavours=LOADABLE, parameter='', append='rootfs=ramfs root=/dev/vda', memory=512, smp=4,
         initrd=(MODULE, 'bare', 'large', 'init=memory')),

    Test('load-memory-again', 'a load that has failed leaves nothing in the way of the next one, nor of unmounting the rootfs',
         programs=('memory',), append=f'rootfs=ramfs root=/dev/vda fails={ENOENT}', memory=512, smp=1, **FAULT_WHEN_LOADED,
         initrd=(MODULE, 'bare', 'large', 'init=memory'),
         # the first to call it is kdevtmpfs
         fault=Fault('d_set_mounted', ENOENT, caller='rootfs_mount_beneath', skip=1),
         console=('immutable_rootfs: no nullfs beneath the rootfs: error -2, nothing changed', SELECTED)),

    *(Test(f'load-memory-again-{what}', f'the same for a load that has failed for lack of {lacks}',
           programs=('memory',), append=f'rootfs=ramfs root=/dev/vda fails={error or ENOMEM}', memory=512, smp=1,
           **FAULT_WHEN_LOADED, initrd=(MODULE, 'bare', 'large', 'init=memory'), kernels=DEFAULT_VERSIONS,
           fault=Fault(function, error, caller, after='do_init_module'),
           console=(f'{NOT_BENEATH}: error -{error or ENOMEM}, nothing changed', SELECTED))
      for what, lacks, function, error, caller in (     # slabs are what load-faults is about
          ('device', 'a device number', 'set_anon_super_fc', EMFILE, None),
          ('id', 'a mount id', 'ida_alloc_range', ENOMEM, 'alloc_vfsmnt'),
          ('percpu', 'memory for per-CPU counters', ('pcpu_alloc_noprof', '__alloc_percpu'), 0, 'alloc_vfsmnt'))),

    Test('pivot-init', 'pivot_init leaves a 64 MB initramfs, and all of its memory is given back (rootfs is tmpfs)',
         programs=('leave',), initrd=('bare', 'pivot_init', 'large', 'init=leave'),
         append='rootfs=tmpfs how=plain', memory=512),
    Test('pivot-init-rough', 'the same under hard conditions (rootfs is ramfs, one CPU)',
         programs=('leave',), initrd=('bare', 'pivot_init', 'large', 'init=leave'),
         append='rootfs=ramfs root=/dev/vda how=rough', memory=512, smp=1),
    Test('load-pivot-init', 'pivot_init, if the module was loaded in the initramfs',
         programs=('leave',), initrd=(MODULE, 'bare', 'pivot_init', 'large', 'init=leave'), flavours=LOADABLE,
         parameter='', append='rootfs=tmpfs how=plain', memory=512),
    Test('pivot-init-refused', 'pivot_init refuses bad use before it changes anything',
         programs=('refused',), initrd=('pivot_init', *GUEST), disks=('ext4',), once=True),

    # Emulating four CPUs takes a kernel with KASAN and lockdep long, so most operations are made on one.
    storm('-debug-one-cpu', DEBUG, 1, 10000, 250000),
    storm('-debug', DEBUG, 4, 2000, 10000),
    storm('-races', KCSAN, 4, 5000, 25000, console=(RACES_ARE_FOUND,)),
    storm('', PATCHED, 4, 2000, 50000),
    storm('-one-cpu', PATCHED, 1, 4000, 100000),
    storm('-empty', ('builtin', 'loadable'), 4, 2000, 50000, append=EMPTY, console=(MAY_EMPTY,)),
    Test('races', 'four processes that do the same with nullfs at the same time do not race in it', programs=('races', 'nullfs'),
         flavours=KCSAN, smp=4, initrd=(MODULE, *GUEST), append='rcupdate.rcu_expedited=1', timeout=120, long=True,
         console=(SELECTED, RACES_ARE_FOUND)),

    Test('load-signed', 'on a kernel that takes signed modules only, so does the module that dkms has built and signed',
         programs=('load', 'devices', 'nullfs', 'unprivileged', 'pivot'), flavours=PACKAGED, parameter='',
         initrd=('signed-' + MODULE, *GUEST), disks=('ext4',), console=(SELECTED,), once=True, long=True),
    Test('load-unsigned', 'without its signature that module is refused, and nothing changes',
         programs=('load-refused',), flavours=PACKAGED, parameter='', selects=False,
         initrd=('unsigned-' + MODULE, 'renamed-' + MODULE, *GUEST),
         console=('Loading of unsigned module is rejected',), absent=('nullfs lies',), once=True, long=True),

    Test('root-ext4', 'without an initramfs the kernel enters root= by pivot_root (rootdelay= does not matter)',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw rootdelay=1 fs=ext4',
         flavours=ALL, absent=(ROOT_MOVED,)),
    Test('root-squashfs', 'the same for a read-only root, and rootwait for a disk that is there',
         programs=('handover',), initrd=(), disks=('squashfs',), append='root=/dev/vda rootwait fs=squashfs',
         flavours=ALL, long=DEBUG, absent=(ROOT_MOVED,)),
    Test('no-init', 'an initramfs without /init falls through to root=',
         programs=('handover',), initrd=('bare',), disks=('ext4',), append='root=/dev/vda rw fs=ext4',
         flavours=ALL, long=DEBUG, absent=(ROOT_MOVED,)),
    Test('linuxrc', 'an old-style initrd runs its /linuxrc, then the kernel enters root=',
         programs=('handover',), initrd=('initrd.ext2',), disks=('ext4',), append='root=/dev/vda rw fs=ext4',
         flavours=ALL, long=DEBUG,
         console=('using deprecated initrd support', 'linuxrc was here')),
    Test('ram0', 'an old-style initrd can be the root itself',
         programs=('handover',), initrd=('initrd.ext2',), append='root=/dev/ram0 rw fs=ext2',
         flavours=ALL, long=DEBUG,
         console=('RAMDISK: ext2 filesystem found',), absent=(ROOT_MOVED,)),

    Test('root-none', 'without any root the kernel panics as stock does',
         initrd=(), expect='panic', same=root_panic),
    Test('root-wrong', 'a root device that does not exist: the same panic as on stock',
         initrd=(), append='root=/dev/vdz', disks=('ext4',), expect='panic', same=root_panic,
         console=(r'Cannot open root device "(/dev/)?vdz"',)),
    Test('root-broken', 'a root device without a file system: the same panic as on stock',
         initrd=(), append='root=/dev/vda', disks=('zeros',), expect='panic', same=root_panic,
         console=('Unable to mount root fs',)),
    Test('root-nfs', 'a root file system that this kernel has no driver for: the failed pivot leaves all as on stock',
         initrd=(), append='root=/dev/nfs', expect='panic', console=('No working init found|Unable to mount root fs',),
         immutable_console=(ROOT_MOVED + '|Unable to mount root fs',)),
    Test('root-later', 'rootwait waits for a disk that does not come',
         initrd=(), append='root=/dev/vdz rootwait', disks=('ext4',), expect='hang',
         stuck='Waiting for root device /dev/vdz', console=('Waiting for root device /dev/vdz',)),

    Test('no-memory', 'if there is no memory for nullfs the kernel says so and boots as stock',
         programs=('parameter',), selects=False, smp=1, append=EMPTY, **FAULT_AT_BOOT, fault=Fault('nullfs_kern_mount', ENOMEM),
         console=('immutable_rootfs: no nullfs beneath the rootfs: error -12; booting without it',
                  'immutable_rootfs: empty_namespaces changes nothing'), absent=('nullfs lies', MAY_EMPTY)),
    # All that can fail while nullfs is made at boot. On other kernels than these the ids that follow are not stock's.
    *(Test(f'not-made-{what}', f'if the kernel cannot make nullfs for lack of {lacks} it says so and boots as stock',
           programs=('unselected', 'devices'), flavours=ALL, selects=False, smp=1, same=reported,
           fault=Fault(function, error, after='nullfs_kern_mount'), kernels=DEFAULT_VERSIONS, long=DEBUG,
           absent=('nullfs lies',), patched_console=(f'{NOT_BENEATH}: error -{error or ENOMEM}; booting without it',))
      for what, lacks, function, error in (
          ('context', 'memory for the context', 'alloc_fs_context', ENOMEM),
          ('source', 'memory for its name', 'kmemdup_nul', 0),
          ('super-block', 'memory for the super block', 'alloc_super', 0),
          ('device', 'a device number', 'set_anon_super_fc', EMFILE),
          ('inode', 'an inode', 'new_inode', 0),
          ('dentry', 'a dentry', '__d_alloc', 0),
          ('mount', 'memory for the mount', 'alloc_vfsmnt', 0))),
    Test('not-attached', 'the same if nullfs cannot be put beneath the rootfs; nothing of it is left behind',
         programs=('unselected', 'devices'), flavours=ALL, selects=False, smp=1, same=reported_but_ids,
         append='rootfs=ramfs root=/dev/vda', fault=Fault('d_set_mounted', ENOENT, caller='rootfs_mount_beneath'),
         patched_console=(f'{NOT_BENEATH}: error -2; booting without it',), absent=('nullfs lies',)),
    Test('not-attached-mountpoint', 'the same if there is no memory for the mountpoint on nullfs',
         programs=('unselected', 'devices'), flavours=ALL, long=DEBUG, selects=False, smp=1, same=reported_but_ids,
         fault=Fault(KZALLOC, 0, caller='rootfs_mount_beneath'),
         patched_console=(f'{NOT_BENEATH}: error -12; booting without it',), absent=('nullfs lies',)),
    Test('kdevtmpfs-stays', 'if kdevtmpfs cannot leave the rootfs it stays there, and a patched kernel is a stock kernel',
         programs=('unselected', 'devices'), parameter='', selects=False, smp=1, same=reported,
         fault=Fault('rootfs_mount_beneath', ENOMEM, caller='devtmpfs_setup')),
    Test('kdevtmpfs-keeps-rootfs', 'nor is it any different if kdevtmpfs cannot unmount the rootfs',
         programs=('unselected', 'devices'), parameter='', selects=False, smp=1, same=reported,
         fault=Fault('init_umount', ENOMEM, caller='devtmpfs_setup')),
    Test('root-not-pivoted', 'if the kernel cannot pivot into the root it is moved over the rootfs, as on stock',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 moved=1', **FAULT_AT_BOOT,
         fault=Fault('do_pivot_root', EPERM),
         console=('immutable_rootfs: pivot_root into the real root failed: error -1; trying MS_MOVE',)),
    *(Test(f'root-not-pivoted-{what}', f'the same if {lacks}',
           programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 moved=1', **FAULT_AT_BOOT,
           fault=fault, console=('immutable_rootfs: pivot_root into the real root failed: error -12; trying MS_MOVE',))
      for what, lacks, fault in (
          ('new', 'the new root cannot be looked up', Fault('kernel_path_at', ENOMEM)),
          ('old', 'the place of the old root cannot be looked up', Fault('kernel_path_at', ENOMEM, skip=1)),
          ('mountpoint', 'there is no memory for a mountpoint', Fault('get_mountpoint', ENOMEM, after='do_pivot_root')))),
    Test('root-not-unmounted', 'if the kernel cannot unmount the old rootfs then it says so and boots',
         programs=('handover',), initrd=(), disks=('ext4',), append='root=/dev/vda rw fs=ext4 stays=1', **FAULT_AT_BOOT,
         fault=Fault('init_umount', EBUSY, caller='pivot_into_real_root'),
         console=('immutable_rootfs: the rootfs stays mounted on /: error -16; its memory is not given back',)),

    # The debug kernels of 6.1 lack BPF, which crun and runc need.
    *(Test(name, 'bubblewrap, crun and runc run from the initramfs, which is not to be found in there; on stock they fail',
           programs=(*first, 'containers.sh'), initrd=(*files, 'tools', *GUEST), memory=512, timeout=120, **more)
      for name, first, files, more in (
          ('containers', (), (), {'flavours': BOTH}),
          ('containers-debug', (), (), {'flavours': ('debug',), 'long': True, 'kernels': ('6.12',)}),
          ('load-containers', ('load',), (MODULE,), {'flavours': LOADABLE, 'parameter': ''}))),
    *(Test(f'switch-root-{tool}', f"{tool}'s way to leave the initramfs still works",
           programs=('handover',), initrd=('tools', 'switch-root'), disks=('ext4',), memory=512,
           append=f'tool={tool} moved=1 fs=ext4', flavours=ALL, long=DEBUG) for tool in ('busybox', 'util-linux', 'klibc')),

    *(Test(f'pivot-init-{generator}', f'pivot_init leaves an initramfs that {generator} made',
           programs=('handover',), initrd=(f'initramfs debian12-{generator} {{version}} pivot',), disks=('ext4',),
           memory=512, timeout=120, once=True, long=True, flavours=flavours, append='root=/dev/vda rw fs=ext4')
      for generator, flavours in (('initramfs-tools', BOTH), ('dracut', BUILTIN))),
    Test('pivot-init-capabilities', 'where initramfs-tools has to drop capabilities, it is left by the old program',
         programs=('handover',), initrd=('initramfs debian12-initramfs-tools {version} pivot',), disks=('ext4',),
         memory=512, timeout=120, once=True, long=True, flavours=BUILTIN,
         append='root=/dev/vda rw fs=ext4 moved=1 drop_capabilities=sys_rawio'),

    debian('debian12-initramfs-tools', 'Debian 12 boots through initramfs-tools, and the hook loads the module there',
           moved=True, flavours=PATCHED, same=reported),
    debian('debian12-dracut', 'Debian 12 boots through dracut, and its exitrd is entered by pivot_root at shutdown',
           flavours=PATCHED, same=reported, console=EXITRD),
    debian('debian12-dracut', 'the same without systemd in the initramfs, where a hook loads the module',
           suffix='-without-systemd', variant='shell', moved=True, append=' rd.udev.info', flavours=LOADABLE),
    debian('debian13-dracut', 'Debian 13 boots through dracut with systemd 257',
           flavours=PATCHED, same=reported, console=EXITRD),

    *(Test(f'parameter-{value}', f'{value} on the command line selects nullfs', programs=('parameter',),
           flavours=BUILTIN, parameter=value, smp=1, immutable_console=(SELECTED,))
      for value in ('immutable_rootfs=1', 'immutable_rootfs=on', 'immutable_rootfs=y', 'nullfs_rootfs')),
    *(Test(f'parameter-{value}', f'{value} on the command line leaves everything as on stock', programs=('parameter',),
           flavours=BUILTIN, parameter=value, selects=False, smp=1, absent=('nullfs lies',))
      for value in ('immutable_rootfs=0', 'immutable_rootfs=off', 'immutable_rootfs=n')),
    Test('parameter-empty-alone', 'empty_namespaces without nullfs changes nothing, and the kernel says so', programs=('parameter',),
         flavours=BUILTIN, parameter='', append='immutable_rootfs.empty_namespaces=1', selects=False, smp=1,
         console=('immutable_rootfs: empty_namespaces changes nothing without nullfs beneath the rootfs',), absent=(MAY_EMPTY,)),
    Test('parameter-wrong', 'a wrong value is reported with the right ones, and changes nothing',
         programs=('parameter',), flavours=('builtin', 'debug'), long=DEBUG, parameter='immutable_rootfs=maybe', selects=False, smp=1,
         console=(r'immutable_rootfs: .*maybe.*\b1, on, y\b.*\b0, off, n\b',), absent=('nullfs lies',)),
    Test('unselected', 'without the parameter a patched kernel is a stock kernel: mount table, errors, boot log',
         programs=('unselected', 'devices'), flavours=ALL, parameter='', selects=False, smp=1, same=same_as_stock, absent=('nullfs',)),

    # The runner itself: each way in which a guest can go wrong has to be seen as what it is.
    *(Test(f'runner-{name}', f'the runner sees {what}', programs=('misbehave',), flavours=('stock',),
           initrd=('guest', 'init=misbehave'), append=f'how={how}', smp=1, expect=expect, once=True,
           stuck='misbehaving' if how == 'hang' else None, kill=name == 'lost-vm')
      for name, how, expect, what in (
          ('hang', 'hang', 'hang', 'a guest that hangs'),
          ('panic', 'panic', 'panic', 'a kernel that panics'),
          ('lost-vm', 'hang', 'lost VM', 'a virtual machine that dies'),
          ('silent-end', 'silence', 'lost VM', 'a guest that goes off without finishing its report'),
          ('warning', 'warning', 'kernel complaint', 'a WARNING on the console, whatever the results say'),
          ('lockdep', 'lockdep', 'kernel complaint', 'a complaint of lockdep in brackets, which is no WARNING'),
          ('missing-plan', 'no-plan', 'missing plan', 'results without a plan'),
          ('too-few', 'too-few', 'too few results', 'fewer results than planned'),
          ('nothing-run', 'nothing', 'nothing run', 'a plan of nothing'),
          ('failed-check', 'failed', 'failed check', 'a failed check'),
          ('bad-status', 'status', 'failed check', 'a program that failed although all its results are good'))),
    Test('runner-leak', 'the runner sees memory that the kernel has lost', programs=('leak',), flavours=('debug',), smp=1,
         initrd=('leaking-' + MODULE, *GUEST), expect='leak', once=True),
    Test('runner-no-fault', 'the runner sees that a fault which is part of the test did not happen', programs=('devices',),
         flavours=BUILTIN, smp=1, fault=Fault('emergency_restart', EPERM), expect='no fault', once=True),
    Test('runner-missing-program', 'the runner sees a program that did not report at all',
         programs=('nonsuch',), flavours=('stock',), smp=1, expect='missing plan', once=True),
]

# Which of the tests, by test and flavour: that run on an architecture, with --short, or with --coverage.
SELECTIONS = {
    'all': lambda test, flavour: True,
    # Neither need a debugger for x86-64, nor a Debian system that runs on the host, nor a native kernel,
    # nor selftests, which are built for x86-64.
    'guest': lambda test, flavour: flavour in PATCHED and not test.fault and not test.conforms
        and not any(name.startswith('initramfs ') for name in test.initrd),
    'short': lambda test, flavour: flavour in PATCHED and test.name in SHORT,
    # The initramfs that a generator makes has the module of loadable, which this kernel does not take.
    'coverage': lambda test, flavour: flavour != 'coverage-loadable'
        or not any(name.startswith('initramfs ') for name in test.initrd),
}
