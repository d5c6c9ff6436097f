# SPDX-License-Identifier: GPL-2.0-only
"""What counts as a complaint of the kernel, how QEMU is called, and when KVM is used."""
import contextlib
import io
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from vmtest import Failure, qemu, runner
from vmtest.config import ARCHITECTURES, DEFAULT_MACHINE

from . import RECORDED, qemu as stand_in

HERE = ARCHITECTURES[DEFAULT_MACHINE]

# As kernels print them, with and without the time, the level and the caller.
COMPLAINTS = """\
WARNING: CPU: 0 PID: 1 at fs/namespace.c:1234 umount_tree+0x2f0/0x300
WARNING: possible circular locking dependency detected
WARNING: possible recursive locking detected
WARNING: suspicious RCU usage
BUG: kernel NULL pointer dereference, address: 0000000000000008
BUG: KASAN: slab-use-after-free in path_init+0x5e0/0xa80
BUG: KCSAN: data-race in store / load
BUG: sleeping function called from invalid context at kernel/locking/mutex.c:585
BUG: unable to handle page fault for address: ffffc90000000000
BUG: Bad page state in process init  pfn:01234
[ BUG: Invalid wait context ]
INFO: task init:1 blocked for more than 120 seconds.
INFO: possible recursive locking detected
INFO: trying to register non-static key.
Oops: 0000 [#1] PREEMPT SMP KASAN
Oops: general protection fault, probably for non-canonical address 0xdffffc0000000001: 0000 [#1]
general protection fault, maybe for address 0x0: 0000 [#1] SMP
UBSAN: array-index-out-of-bounds in fs/namespace.c:12:3
rcu: INFO: rcu_preempt detected stalls on CPUs/tasks: expedited stall
refcount_t: underflow; use-after-free.
list_add corruption. prev->next should be next (ffff), but was 0000.
list_del corruption, ffff888003aa1000->next is LIST_POISON1
kmemleak: 1 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
ODEBUG: Out of memory. ODEBUG disabled
watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [init:1]
Internal error: Oops: 0000000096000004 [#1] SMP
kernel BUG at fs/namespace.c:1300!
Unable to handle kernel NULL pointer dereference at virtual address 0000000000000008
illegal operation: 0001 ilc:1 [#1] SMP
""".splitlines()

# What merely looks like one.
HARMLESS = """\
Linux version 6.12.117 (immutable@rootfs)
Kernel command line: console=ttyS0 oops=panic panic_on_warn=1
a program prints WARNING: this
demo: BUG: nobody reads this
immutable_rootfs: nullfs lies beneath the rootfs
rcu: INFO: Hierarchical SRCU implementation.
INFO: lockdep is turned off.
kmemleak: Kernel memory leak detector initialized (mem pool available: 15679)
VFS: Cannot open root device "vda" or unknown-block(0,0): error -6
Warning: unable to open an initial console.
watchdog: Delayed init of the following cpumask failed: 1
""".splitlines()


class Patterns(unittest.TestCase):
    def test_complaints(self):
        for line in COMPLAINTS:
            for stamp in ('', '[    1.000000] ', '[   12.345678][    T1] ', '[    1.000000][  C0] ', '<4>[    1.000000] '):
                with self.subTest(line=stamp + line):
                    self.assertTrue(qemu.SPLAT.search(stamp + line))

    def test_harmless(self):
        for line in HARMLESS:
            with self.subTest(line=line):
                self.assertFalse(qemu.SPLAT.search('[    1.000000] ' + line))

    def test_panic(self):
        self.assertTrue(qemu.PANIC.search('[    1.338247] Kernel panic - not syncing: Attempted to kill init!'))
        self.assertFalse(qemu.PANIC.search('[    0.000000] Kernel command line: panic=-1'))

    def test_recorded(self):
        """Of the recorded consoles these complain, and the others do not."""
        complaining = {path.stem for path in RECORDED.glob('*.console')
                       if any(map(qemu.SPLAT.search, path.read_text(encoding='utf-8').splitlines()))}
        self.assertEqual(complaining, {'warning', 'lockdep', 'leak'})


def pairs(command):
    """What follows each option."""
    found: dict = {}
    for option, value in zip(command, command[1:]):
        found.setdefault(option, []).append(value)
    return found


class Command(unittest.TestCase):
    def machine(self, **words):
        return qemu.Machine(kernel='bzImage', console='c', report='r', **words)

    def test_plain(self):
        command = self.machine(append='test=x', memory=256).command('initrd')
        options = pairs(command)
        self.assertEqual(command[0], HERE.qemu)
        self.assertEqual(options['-accel'], ['tcg'])
        self.assertEqual(options['-m'], ['256'])
        self.assertEqual(options['-kernel'], ['bzImage'])
        self.assertEqual(options['-initrd'], ['initrd'])
        self.assertEqual(options['-serial'], ['file:c', 'file:r'])
        self.assertRegex(options['-append'][0], r'^console=ttyS0 panic=-1 .*test=x$')
        for option in ('-no-reboot', '-nodefaults', '-no-user-config'):
            self.assertIn(option, command)
        for option in ('-icount', '-gdb', '-S', '-drive'):
            self.assertNotIn(option, command)

    def test_no_initrd(self):
        self.assertNotIn('-initrd', self.machine().command())

    def test_kvm(self):
        self.assertEqual(pairs(self.machine(accelerator='kvm').command())['-accel'], ['kvm'])

    def test_counted_instructions_never_on_kvm(self):
        options = pairs(self.machine(accelerator='kvm', icount=True, smp=1).command())
        self.assertEqual(options['-accel'], ['tcg'])
        self.assertEqual(options['-icount'], ['shift=0,sleep=off'])
        self.assertNotIn('rcu_cpu_stall', options['-append'][0])

    def test_debugger_never_on_kvm(self):
        machine = self.machine(accelerator='kvm', gdb=['hbreak *1', 'continue'])
        command = machine.command(gdb='/socket')
        options = pairs(command)
        self.assertEqual(options['-accel'], ['tcg'])
        self.assertEqual(options['-gdb'], ['unix:/socket,server=on,wait=off'])
        self.assertIn('-S', command)
        words = machine.debugger('/socket')
        self.assertEqual(words[:3], ['gdb', '-nx', '-batch'])
        self.assertEqual(words[3:], ['-ex', 'target remote /socket', '-ex', 'hbreak *1', '-ex', 'continue', '-ex', 'detach'])

    def test_disks(self):
        """What is written to them is forgotten: all tests share them."""
        drives = pairs(self.machine(disks=['one', 'two']).command())['-drive']
        self.assertEqual(len(drives), 2)
        for drive, name in zip(drives, ('one', 'two')):
            self.assertEqual(set(drive.split(',')), {f'file={name}', 'if=virtio', 'format=raw', 'snapshot=on'})

    def test_architectures(self):
        for name, architecture in ARCHITECTURES.items():
            with self.subTest(name):
                command = self.machine(architecture=architecture).command()
                options = pairs(command)
                self.assertEqual(command[0], architecture.qemu)
                self.assertIn(f'console={architecture.console} ', options['-append'][0])
                self.assertIn('file:c', options['-serial'])
                behind = [word for word in command if word == 'file:r' or word.endswith('path=r')]
                self.assertEqual(len(behind), 1, 'the report has one file behind it')
                self.assertEqual(architecture.report == 'ttyS1', behind == ['file:r'])

    def test_interactive(self):
        options = pairs(qemu.Machine(kernel='bzImage', console='stdio').command())
        self.assertEqual(options['-serial'], ['mon:stdio'])

    def test_initrd(self):
        """Parts are concatenated, each padded to four bytes."""
        with tempfile.TemporaryDirectory() as work:
            parts = []
            for number, content in enumerate((b'12345', b'', b'1234')):
                parts.append(Path(work, str(number)))
                parts[-1].write_bytes(content)
            self.machine(initrd=parts).write_initrd(f'{work}/initrd')
            self.assertEqual(Path(work, 'initrd').read_bytes(), b'12345\0\0\x001234')


class Kvm(unittest.TestCase):
    """A /dev/kvm that is there may not work: only a boot tells."""

    def setUp(self):
        work = tempfile.TemporaryDirectory()
        self.addCleanup(work.cleanup)
        self.work = Path(work.name)
        qemu.kvm_trouble.cache_clear()

    def trouble(self, text, there=True):
        """With such a QEMU; it is called like that with -accel kvm only."""
        program = stand_in(self.work / 'qemu', f'case $* in *"-accel kvm "*) ;; *) echo not asked for KVM; exit 9 ;; esac\n{text}')
        with mock.patch.object(qemu.os, 'access', lambda path, mode: there), mock.patch.object(qemu, 'KVM_TIMEOUT', 1):
            return qemu.kvm_trouble('bzImage', replace(HERE, qemu=program))

    def test_works(self):
        """A kernel without a root panics: that far it has come."""
        self.assertEqual(self.trouble(f'cat "{RECORDED}/panic.console" >"$console"'), '')

    def test_not_there(self):
        self.assertRegex(self.trouble('exit 9', there=False), '^/dev/kvm is not there')

    def test_there_and_does_not_work(self):
        said = self.trouble('echo "ioctl(KVM_CREATE_VM) failed: 25"; exit 1')
        self.assertRegex(said, r'^a trial boot on KVM ended so: QEMU ended with status 1: ioctl\(KVM_CREATE_VM\) failed: 25$')

    def test_hangs(self):
        self.assertRegex(self.trouble('exec sleep 60'), 'still running after')

    def test_complains(self):
        said = self.trouble(f'cat "{RECORDED}/warning.console" "{RECORDED}/panic.console" >"$console"')
        self.assertNotEqual(said, '')

    def test_other_machine(self):
        self.assertRegex(qemu.kvm_trouble('Image', ARCHITECTURES['s390x']), 'the host is no s390x machine')

    def accelerator(self, accel, trouble, kernels=None):
        options = SimpleNamespace(accel=accel, machine=HERE)
        tried: list = []

        def try_it(kernel, machine):
            tried.append((kernel, machine))
            return trouble
        with mock.patch.object(qemu, 'kvm_trouble', try_it), contextlib.redirect_stdout(io.StringIO()) as output:
            found = runner.accelerator(options, {'x': 'bzImage'} if kernels is None else kernels)
        return found, output.getvalue(), tried

    def test_auto(self):
        self.assertEqual(self.accelerator('auto', '')[0], 'kvm')
        found, said, tried = self.accelerator('auto', 'it does not work')
        self.assertEqual(found, 'tcg')
        self.assertIn('it does not work', said)
        self.assertEqual(tried, [('bzImage', HERE)])

    def test_tcg(self):
        """Nothing is tried then."""
        self.assertEqual(self.accelerator('tcg', ''), ('tcg', '', []))

    def test_kvm(self):
        self.assertEqual(self.accelerator('kvm', '')[0], 'kvm')
        with self.assertRaisesRegex(Failure, '^KVM cannot be used: it does not work; take ACCEL=tcg$'):
            self.accelerator('kvm', 'it does not work')

    def test_no_kernel(self):
        self.assertEqual(self.accelerator('auto', '', {'x': Failure('not built')})[0], 'tcg')


class Stopping(unittest.TestCase):
    def test_all_machines_end(self):
        with tempfile.TemporaryDirectory() as work:
            program = stand_in(Path(work, 'qemu'), 'exec sleep 60')
            machine = qemu.Machine(kernel='k', console=f'{work}/c', architecture=replace(HERE, qemu=program))
            started: list = []

            def stop(process):
                started.append(process)
                qemu.stopping.set()
            self.addCleanup(qemu.stopping.clear)
            outcome = qemu.run(machine, 60, started=stop)
        self.assertEqual(outcome.end, 'hang')
        self.assertIsNotNone(started[0].returncode, 'QEMU still runs')

    def test_console_is_followed(self):
        with tempfile.TemporaryDirectory() as work:
            program = stand_in(Path(work, 'qemu'), 'echo one >"$console"; sleep 0.3; echo two >>"$console"')
            machine = qemu.Machine(kernel='k', console=f'{work}/c', architecture=replace(HERE, qemu=program))
            pieces: list = []
            qemu.run(machine, 20, follow=pieces.append)
        self.assertEqual(''.join(pieces), 'one\ntwo\n')
