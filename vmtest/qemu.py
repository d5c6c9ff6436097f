# SPDX-License-Identifier: GPL-2.0-only
"""Boots a virtual machine, watches it, and reports how it ended.

    outcome = run(Machine(kernel=..., initrd=['tools.cpio', 'mine.cpio'], append='test=x',
                          disks=['root.ext4'], console='x.console', report='x.report'), timeout=60)
    outcome.end      'done', 'panic', 'hang', 'lost', or 'no fault' if gdb's commands did not succeed
    outcome.why      the reason, in one line
    outcome.splats   lines of the console in which the kernel complained (WARNING, BUG, KASAN, ...)

The guest's console is ttyS0; what it reports goes to ttyS1, and its last line there is END. Other architectures have
other devices, see config.py.
A guest that is done powers off or resets. Disks are /dev/vda, /dev/vdb ...; writes to them are discarded.
`Machine(console='stdio')` with `subprocess.run(machine.command(initrd_file))` is an interactive machine.
`Machine(gdb=[command, ...])` has gdb carry these out before the guest's first instruction and then lets it run.
`stopping.set()` from another thread or a signal handler ends all machines.
"""
import contextlib
import functools
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from .config import ARCHITECTURES, DEFAULT_MACHINE, Architecture

END = '# end of report'

STAMP = r'(?:<\d>)?(?:\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? )?'
KVM_TIMEOUT = 30
stopping = threading.Event()

PANIC = re.compile(r'Kernel panic - not syncing')
SPLAT = re.compile(
    rf'^{STAMP}(?:WARNING: |(?:\[ )?BUG: |INFO: (?:possible |trying to register|task .* blocked|suspicious |inconsistent )'
    r'|Oops|general protection fault|UBSAN: |rcu: INFO: .*stall|refcount_t: |list_(?:add|del) (?:corruption|double)'
    r'|kmemleak: .*suspected|ODEBUG: .*disabled|watchdog: BUG|Internal error: )'
    r'|kernel BUG at |KASAN: |Unable to handle kernel|unable to handle kernel| ilc:\d \[#\d+\]')


@dataclass
class Machine:
    kernel: str
    initrd: list = field(default_factory=list)   # files, concatenated
    append: str = ''
    disks: list = field(default_factory=list)
    memory: int = 512                            # MiB
    smp: int = 2
    console: str = 'console'                     # log file, or 'stdio'
    report: str = ''                             # file behind the device for that
    gdb: list = field(default_factory=list)      # commands for a debugger
    icount: bool = False                         # the guest's clocks count instructions; smp has to be 1
    architecture: Architecture = ARCHITECTURES[DEFAULT_MACHINE]
    accelerator: str = 'tcg'                     # or 'kvm'; with icount or gdb always tcg
    firmware: Any = None                         # a secure_boot.Firmware, which boots its own kernel

    @property
    def host_clock(self):
        # On a loaded host timer interrupts may come too late for the kernel's check of the timer, and a processor may
        # stall for longer than RCU's default.
        words = (*self.architecture.append, 'rcupdate.rcu_cpu_stall_timeout=300', '')
        return '' if self.icount else ' '.join(words)

    @property
    def words(self):
        return f'console={self.architecture.console} panic=-1 {self.host_clock}{self.append}'

    def write_initrd(self, path):
        with open(path, 'wb') as stream:
            for part in self.initrd:
                with open(part, 'rb') as source:
                    shutil.copyfileobj(source, stream, 1 << 20)
                stream.write(bytes(-stream.tell() % 4))

    def command(self, initrd=None, gdb=None, partition=None):
        serial = ['-serial', 'mon:stdio'] if self.console == 'stdio' else ['-monitor', 'none',
                                                                           '-serial', f'file:{self.console}']
        if self.report:
            serial += [option.format(report=self.report) for option in self.architecture.report_options]
        accelerator = 'tcg' if self.icount or self.gdb else self.accelerator
        argv = [self.architecture.qemu, '-accel', accelerator, *self.architecture.machine,
                '-m', str(self.memory), '-smp', str(self.smp),
                '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', *serial]
        if partition:
            argv += self.firmware.options(partition)
        else:
            argv += ['-kernel', self.kernel, '-append', self.words] + (['-initrd', initrd] if initrd else [])
        if self.icount:
            argv += ['-icount', 'shift=0,sleep=off', '-rtc', 'base=2000-01-01,clock=vm']
        for disk in self.disks:
            argv += ['-drive', f'file={disk},if=virtio,format=raw,snapshot=on']
        if gdb:
            argv += ['-S', '-gdb', f'unix:{gdb},server=on,wait=off']
        return argv

    def debugger(self, gdb):
        commands = [f'target remote {gdb}', *self.gdb, 'detach']
        return ['gdb', '-nx', '-batch', *(word for command in commands for word in ('-ex', command))]


@dataclass
class Outcome:
    end: str
    why: str
    splats: list
    console: str
    report: str
    seconds: float


def read(path):
    try:
        with open(path, 'rb') as stream:
            return stream.read().decode(errors='replace').replace('\r', '')
    except FileNotFoundError:
        return ''


def run(machine, timeout, stuck=None, started=None, follow=None):
    """Boots machine and returns its Outcome.

    stuck:   pattern: when the console shows it, the guest gets 3 more seconds (to detect a hang early)
    started: called with QEMU's Popen
    follow:  called with each new piece of the console's text
    """
    for log in (machine.console, machine.report):
        if log:
            open(log, 'wb').close()
    with tempfile.TemporaryDirectory(prefix='vm-') as scratch:
        initrd = None
        if machine.initrd:
            initrd = os.path.join(scratch, 'initrd')
            machine.write_initrd(initrd)
        partition = None
        if machine.firmware:
            partition = os.path.join(scratch, 'partition')
            machine.firmware.write_partition(partition, initrd, machine.words)
        begin = time.monotonic()
        errors = os.path.join(scratch, 'errors')
        gdb = os.path.join(scratch, 'gdb') if machine.gdb else None
        processes: list[subprocess.Popen] = []
        try:
            qemu = start(processes, machine.command(initrd, gdb, partition), errors)
            if gdb:
                while not os.path.exists(gdb) and qemu.poll() is None:
                    time.sleep(0.02)
                start(processes, machine.debugger(gdb), errors + '.gdb')
            if started:
                started(qemu)
            ended = watch(qemu, machine, begin + timeout, stuck, follow)
            if ended:       # then gdb ends as well
                with contextlib.suppress(subprocess.TimeoutExpired):
                    processes[-1].wait(5)
        except OSError as error:
            return Outcome('lost', f'{error.filename}: {error.strerror}; install it: '
                           f'scripts/setup {" ".join(("boot test", *machine.architecture.groups))}', [], '', '', 0)
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                process.wait()
        console, report = read(machine.console), read(machine.report) if machine.report else ''
        splats = [line for line in console.splitlines() if SPLAT.search(line)]
        seconds = time.monotonic() - begin
        if PANIC.search(console):
            end, why = 'panic', next(line for line in console.splitlines() if PANIC.search(line))
        elif not ended:
            end, why = 'hang', f'still running after {seconds:.0f} s'
        elif qemu.returncode:
            said = read(errors).strip().replace('\n', '; ') or 'said nothing'
            how = f'by signal {-qemu.returncode}' if qemu.returncode < 0 else f'with status {qemu.returncode}'
            end, why = 'lost', f'QEMU ended {how}: {said}'
        elif any(process.returncode for process in processes):
            end, why = 'no fault', f'gdb: {" ".join(read(errors + ".gdb").split()) or "did not get to the end"}'
        elif machine.report and report.splitlines()[-1:] != [END]:
            end, why = 'lost', 'the machine went off without finishing its report and without a panic'
        else:
            end, why = 'done', 'powered off or reset'
        return Outcome(end, why, splats, console, report, seconds)


@functools.cache
def kvm_trouble(kernel, architecture):
    """Why the kernel does not boot on KVM here; empty if it does. /dev/kvm may be there and not work."""
    if architecture.name != os.uname().machine:
        return f'the host is no {architecture.name} machine'
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return '/dev/kvm is not there, or not for this user'
    with tempfile.TemporaryDirectory(prefix='vm-') as directory:
        machine = Machine(kernel=kernel, architecture=architecture, accelerator='kvm',
                          console=os.path.join(directory, 'console'))
        outcome = run(machine, KVM_TIMEOUT)
    # Without a root file system a boot ends in a panic.
    return '' if outcome.end == 'panic' and not outcome.splats else f'a trial boot on KVM ended so: {outcome.why}'


def start(processes, command, output):
    with open(output, 'wb') as stream:
        processes.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream))
    return processes[-1]


def watch(qemu, machine, deadline, stuck, follow):
    """True if QEMU ended by itself."""
    seen, text, panicked = 0, '', False
    while True:
        ended = qemu.poll() is not None
        with open(machine.console, 'rb') as stream:
            stream.seek(seen)
            read_now = stream.read()
        seen += len(read_now)
        new = read_now.decode(errors='replace')
        if follow and new:
            follow(new)
        text = text[-4096:] + new
        if ended or time.monotonic() > deadline or stopping.is_set():
            return ended
        if not panicked and PANIC.search(text):
            panicked = True    # panic=-1 ends it at once, unless the panic itself hangs
            deadline = min(deadline, time.monotonic() + 10)
        if stuck and re.search(stuck, text):
            stuck = None
            deadline = min(deadline, time.monotonic() + 3)
        time.sleep(0.05)
