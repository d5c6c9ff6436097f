# SPDX-License-Identifier: GPL-2.0-only
"""Programs that leave the initramfs, and Debian systems that boot through their own."""
from vmtest.config import DEFAULT_VERSION

from .row import ALL, BOTH, BUILTIN, DEBUG, GUEST, LOADABLE, MODULE, PATCHED, SELECTED, Test
from .same import reported

# Each device takes time in udev, and no test uses these.
DEBIAN_APPEND = 'root=/dev/vda ro fs=ext4 brd.rd_nr=0 loop.max_loop=0 8250.nr_uarts=2'
# udevd has its own mount namespace, which would keep a copy of a rootfs without nullfs.
UDEV = r'Starting (?:\x1b\S*m)?systemd-udevd'
BEFORE_UDEV = rf'\A(?s:(?!{UDEV}).)*{SELECTED}(?s:.*){UDEV}'
ENDED = r'service: poweroff(?s:.*)reboot: Power down|service: reboot(?s:.*)reboot: Restarting system'
EXITRD = (r'exitrd: entered by pivot_root(?s:.*)Unmounted /oldroot',)


def debian(system, sentence, suffix='', variant='{variant}', moved=False, append='', programs=(), disks=(), console=(), **more):
    """A Debian system (see vmtest/userland.py) that boots through its own initramfs; moved: by MS_MOVE, even on nullfs."""
    return Test(
        system + suffix, sentence, programs=('handover', 'debian', 'status.sh', *programs),
        initrd=('large', f'initramfs {system} {{version}} {variant}'), disks=(system, f'boot {system} {{version}} {variant}', *disks),
        append=DEBIAN_APPEND + ' moved=1' * moved + append, memory=512, smp=1, timeout=600, once=True,
        long=True, console=(ENDED, *console), immutable_console=(BEFORE_UDEV,),
        absent=(r'\[(?:\x1b\S*m)?FAILED|Failed to (unmount|detach|finalize)|Could not (unmount|detach)|Cannot umount',
                r'recovering journal|EXT4-fs .*recovery'), **more)


def live(name, sentence, layout, tool='pivot_init', fs='overlay', disk=None, needed='', console=(), **more):
    """A new root that is no plain disk; needed: what the initramfs has to keep for it."""
    served = disk is not None
    move = r'leaving the old root by MS_MOVE: '
    words = {'layout': layout, 'tool': tool, 'fs': fs, **({'moved': 1} if served or tool != 'pivot_init' else {})}
    parts = ('fuse-tools' if served else 'tools', 'large', 'root-directory' if needed else 'image')
    if tool == 'pivot_init' and not needed:
        console = (*console, 'deleting its files once init runs')
    if tool == 'pivot_init' and served:
        console = (*console, move + r'/\w+ is of type fuse\.')
    elif tool == 'pivot_init' and layout != 'directory':
        more = {'stock_console': (move + 'nothing lies beneath',), 'immutable_console': ('leaving the old root by pivot_root',)}
    return Test(name, sentence, programs=('kept',) if needed else ('handover', 'kept'),
                initrd=('bare', *parts, 'pivot_init', 'init=live.sh'), disks=(disk,) if served else (), memory=512, timeout=120,
                once=True, append=' '.join(f'{name}={value}' for name, value in words.items()) + f' needed=1 {needed}' * bool(needed),
                console=console, **more)


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
         programs=('refused',), initrd=('pivot_init', *GUEST), disks=('ext4',)),
    Test('pivot-init-shared', 'pivot_init leaves an initramfs whose root is shared for a new root on a private mount',
         programs=('leave',), initrd=('bare', 'pivot_init', 'large', 'init=leave'),
         append='rootfs=tmpfs how=shared', memory=512),
    Test('pivot-init-contained', 'pivot_init in a container deletes nothing of the host',
         programs=('contained.sh',), initrd=('pivot_init', 'tools', *GUEST), memory=512, timeout=120, once=True),
    *(Test(f'survivors-{tool}', f'of an initramfs that {tool} leaves, only what survivors use stays in memory',
           programs=('survivor',), initrd=('bare', 'tools', 'pivot_init', 'large', 'init=survivor'),
           append=f'rootfs=tmpfs tool={tool}', memory=512) for tool in ('pivot_init', 'busybox', 'klibc')),
    Test('load-survivors', 'of an initramfs that has loaded the module and that pivot_init leaves, only what survivors use stays',
         programs=('survivor',), flavours=LOADABLE,
         parameter='', initrd=(MODULE, 'bare', 'tools', 'pivot_init', 'large', 'init=survivor'),
         append='rootfs=tmpfs tool=pivot_init', memory=512),
    *(live(f'image-{tool}', f'{tool} hands over to a squashfs image that lies in the initramfs, with an overlay on it',
           'image', tool) for tool in ('pivot_init', 'busybox', 'util-linux', 'klibc')),
    live('image-moved', 'pivot_init deletes the initramfs if the layers of the new root have moved along, as in live systems', 'image-moved'),
    live('layer', 'pivot_init deletes nothing if an overlay of the new root has a layer in the initramfs', 'layer',
         console=('stay in memory: the overlay on /mnt needs its layer /root',), needed='has=/sbin/init'),
    live('layer-below', 'pivot_init deletes nothing if a layer of a layer of the new root lies in the initramfs', 'layer-below',
         console=('stay in memory: the overlay on /ro needs its layer /root',), needed='has=/sbin/init'),
    live('bound', 'pivot_init deletes nothing if a directory of the initramfs is mounted in the new root', 'bound', fs='tmpfs',
         console=('stay in memory: /mnt/bound shows files of it',), needed='has=/bound/sbin/init'),
    live('directory', 'pivot_init deletes nothing if the old root is only a directory of the initramfs', 'directory', fs='tmpfs',
         console=('deleting nothing: / is only the directory /root of a file system',), needed='beneath=/root/sbin/init'),
    *(live(layout + suffix, f'{tool} hands over to {what}, which processes of the initramfs serve', layout, tool, fs, disk)
      for tool, suffix in (('pivot_init', ''), ('busybox', '-busybox'))
      for layout, what, fs, disk in (
          ('mergerfs', 'a disk under mergerfs', 'fuse.mergerfs', 'ext4'),
          ('unionfs', 'a disk under unionfs-fuse', 'fuse.unionfs-fuse', 'ext4'),
          ('image-on-mergerfs', 'a squashfs image on mergerfs', 'squashfs', 'ext4-image'),
          ('overlay-on-mergerfs', 'an overlay on mergerfs', 'overlay', 'ext4'))),
    *(Test(f'switch-root-{tool}', f"{tool}'s way to leave the initramfs still works",
           programs=('handover',), initrd=('bare', 'tools', 'init=live.sh'), disks=('ext4',), memory=512,
           append=f'layout=disk tool={tool} moved=1 fs=ext4', flavours=ALL, long=DEBUG) for tool in ('busybox', 'util-linux', 'klibc')),
    *(Test(f'pivot-init-{generator}', f'pivot_init leaves an initramfs made by {generator}',
           programs=('handover',), initrd=(f'initramfs debian12-{generator} {{version}} pivot',), disks=('ext4',),
           memory=512, timeout=120, once=True, long=True, flavours=flavours, append='root=/dev/vda rw fs=ext4')
      for generator, flavours in (('initramfs-tools', BOTH), ('dracut', BUILTIN))),
    *(Test(f'return-{name}', f'{name} of a disk pivots back into the initramfs at shutdown, which unmounts the disk, ten times',
           programs=('return',), initrd=('bare', MODULE, 'init-tools', 'init=return'), disks=('root init-tools',),
           flavours=PATCHED, append=f'disk_init={name}', timeout=120, long=True, kernels=(DEFAULT_VERSION,))
      for name in ('sysvinit', 'busybox')),
    Test('pivot-init-capabilities', 'if initramfs-tools has to drop capabilities it uses its old program instead of pivot_init',
         programs=('handover',), initrd=('initramfs debian12-initramfs-tools {version} pivot',), disks=('ext4',),
         memory=512, timeout=120, once=True, long=True, flavours=BUILTIN,
         append='root=/dev/vda rw fs=ext4 moved=1 drop_capabilities=sys_rawio'),
    Test('pivot-init-plymouth', "of an initramfs that pivot_init leaves, only what Debian's plymouthd uses stays in memory",
         programs=('handover', 'daemon'), initrd=('large', 'initramfs debian12-plymouth {version} pivot'), disks=('ext4',),
         memory=512, timeout=180, once=True, long=True, append='root=/dev/vda rw fs=ext4 splash daemon=plymouthd'),
    Test('load-live-boot', "pivot_init leaves the initramfs of Debian's live-boot, which has loaded the module, for an image on a disk",
         programs=('handover', 'kept'), initrd=('large', 'initramfs debian12-live {version} module-pivot'), disks=('ext4-live',),
         memory=512, timeout=180, once=True, long=True, flavours=LOADABLE, parameter='', append='boot=live fs=overlay',
         console=(SELECTED,)),
    debian('debian12-initramfs-tools', 'Debian 12 boots through initramfs-tools, and the hook loads the module there',
           moved=True, flavours=PATCHED, same=reported),
    debian('debian12-dracut', 'Debian 12 boots through dracut, and enters its exitrd by pivot_root at shutdown',
           flavours=PATCHED, same=reported, console=EXITRD),
    debian('debian12-dracut', 'Debian 12 boots through dracut without systemd, where a hook loads the module',
           suffix='-without-systemd', variant='shell', moved=True, append=' rd.udev.info', flavours=LOADABLE),
    debian('debian13-dracut', 'Debian 13 boots through dracut with systemd 257',
           flavours=PATCHED, same=reported, console=EXITRD),
    debian('debian13-dracut', 'systemd of a Debian 13 on a disk starts again on another disk, and frees the first one',
           suffix='-soft-reboot', append=' next_root=/dev/vdc end=poweroff', programs=('next-disk',), disks=('debian13-dracut',),
           same=reported, console=(r'service: poweroff', *EXITRD)),
]
