# SPDX-License-Identifier: GPL-2.0-only
"""Programs that leave the initramfs, and Debian systems that boot through their own."""
from .row import ALL, BOTH, BUILTIN, DEBUG, GUEST, LOADABLE, MODULE, PATCHED, SELECTED, Test
from .same import reported

# Each device takes time in udev, and no test uses these.
DEBIAN_APPEND = 'root=/dev/vda ro fs=ext4 brd.rd_nr=0 loop.max_loop=0 8250.nr_uarts=2'
# udevd has its own mount namespace, which would keep a copy of a rootfs without nullfs.
UDEV = r'Starting (?:\x1b\S*m)?systemd-udevd'
BEFORE_UDEV = rf'\A(?s:(?!{UDEV}).)*{SELECTED}(?s:.*){UDEV}'
ENDED = r'service: poweroff(?s:.*)reboot: Power down|service: reboot(?s:.*)reboot: Restarting system'
EXITRD = (r'exitrd: entered by pivot_root(?s:.*)Unmounted /oldroot',)


def debian(system, sentence, suffix='', variant='{variant}', moved=False, append='', console=(), **more):
    """A Debian system (see vmtest/userland.py) that boots through its own initramfs; moved: by MS_MOVE, even on nullfs."""
    return Test(
        system + suffix, sentence, programs=('handover', 'debian'),
        initrd=('large', f'initramfs {system} {{version}} {variant}'), disks=(system, f'boot {system} {{version}} {variant}'),
        append=DEBIAN_APPEND + ' moved=1' * moved + append, memory=512, smp=1, timeout=600, once=True,
        long=True, console=(ENDED, *console), immutable_console=(BEFORE_UDEV,),
        absent=(r'\[FAILED\]|Failed to (unmount|detach|finalize)|Could not (unmount|detach)|Cannot umount',
                r'recovering journal|EXT4-fs .*recovery'), **more)


TESTS = [
    Test('pivot-init', 'pivot_init leaves a 64 MB initramfs and frees all of it (rootfs is tmpfs)',
         programs=('leave',), initrd=('bare', 'pivot_init', 'large', 'init=leave'),
         append='rootfs=tmpfs how=plain', memory=512),
    Test('pivot-init-rough', 'pivot_init leaves a 64 MB initramfs under hard conditions (rootfs is ramfs, one CPU)',
         programs=('leave',), initrd=('bare', 'pivot_init', 'large', 'init=leave'),
         append='rootfs=ramfs root=/dev/vda how=rough', memory=512, smp=1),
    Test('load-pivot-init', 'pivot_init leaves a 64 MB initramfs that has loaded the module',
         programs=('leave',), initrd=(MODULE, 'bare', 'pivot_init', 'large', 'init=leave'), flavours=LOADABLE,
         parameter='', append='rootfs=tmpfs how=plain', memory=512),
    Test('pivot-init-refused', 'pivot_init refuses wrong use before it changes anything',
         programs=('refused',), initrd=('pivot_init', *GUEST), disks=('ext4',), once=True),
    *(Test(f'switch-root-{tool}', f"{tool}'s way to leave the initramfs still works",
           programs=('handover',), initrd=('tools', 'switch-root'), disks=('ext4',), memory=512,
           append=f'tool={tool} moved=1 fs=ext4', flavours=ALL, long=DEBUG) for tool in ('busybox', 'util-linux', 'klibc')),
    *(Test(f'pivot-init-{generator}', f'pivot_init leaves an initramfs made by {generator}',
           programs=('handover',), initrd=(f'initramfs debian12-{generator} {{version}} pivot',), disks=('ext4',),
           memory=512, timeout=120, once=True, long=True, flavours=flavours, append='root=/dev/vda rw fs=ext4')
      for generator, flavours in (('initramfs-tools', BOTH), ('dracut', BUILTIN))),
    Test('pivot-init-capabilities', 'if initramfs-tools has to drop capabilities it uses its old program instead of pivot_init',
         programs=('handover',), initrd=('initramfs debian12-initramfs-tools {version} pivot',), disks=('ext4',),
         memory=512, timeout=120, once=True, long=True, flavours=BUILTIN,
         append='root=/dev/vda rw fs=ext4 moved=1 drop_capabilities=sys_rawio'),
    debian('debian12-initramfs-tools', 'Debian 12 boots through initramfs-tools, and the hook loads the module',
           moved=True, flavours=PATCHED, same=reported),
    debian('debian12-dracut', 'Debian 12 boots through dracut, and enters its exitrd by pivot_root at shutdown',
           flavours=PATCHED, same=reported, console=EXITRD),
    debian('debian12-dracut', 'Debian 12 boots through dracut without systemd, where a hook loads the module',
           suffix='-without-systemd', variant='shell', moved=True, append=' rd.udev.info', flavours=LOADABLE),
    debian('debian13-dracut', 'Debian 13 boots through dracut with systemd 257',
           flavours=PATCHED, same=reported, console=EXITRD),
]
