# SPDX-License-Identifier: GPL-2.0-only
KDIR ?= /lib/modules/$(shell uname -r)/build

# Through the environment, so that quotes in them reach the scripts as they are.
export KERNEL FLAVOUR MACHINE INITRD APPEND TEST LONG ALSO WITHIN UNTIL SEED OPERATIONS KDIR DESTDIR KERNELRELEASE UPSTREAM

help:
	@echo 'make boot         show an immutable rootfs at work beside a stock kernel, in QEMU'
	@echo '                  [KERNEL=6.12|6.1] [INITRD=file] [APPEND="boot parameters"]'
	@echo 'make check        run the tests on Linux 6.12 and 6.1 [TEST=name]; [LONG=1] also those that take long,'
	@echo '                  begun [UNTIL=minutes]; on other kernels [KERNEL=name,...|all]; on [MACHINE=...];'
	@echo '                  a short test of further kernels [ALSO=name,...|rest], begun [WITHIN=minutes]'
	@echo 'make coverage     run them on kernels that count what is executed, and tell what is not [KERNEL=name] [LONG=1]'
	@echo 'make storm        a million random operations on mounts and namespaces on kernels that look for mistakes, and'
	@echo '                  more on others, of Linux 6.12 and 6.1: two hours; [SEED=n] [OPERATIONS=n in each boot]'
	@echo '                  [KERNEL=name,...|all] [TEST=name] repeat one'
	@echo 'make -s image     print the path of a bootable kernel, built when it is missing'
	@echo '                  [KERNEL=6.12|6.1] [FLAVOUR=stock|builtin|loadable|debug|packaged]'
	@echo '                  [MACHINE=x86_64|arm64|i386|s390x]'
	@echo 'make -s ko        print the path of the loadable module [KERNEL=6.12|6.1] [MACHINE=...]'
	@echo 'make -s pivot_init print the path of pivot_init, which leaves an initramfs at once'
	@echo 'make -s empty-namespace'
	@echo '                  print the path of empty-namespace, which runs a program where there is no file'
	@echo 'make modules      build the module for the running kernel, or for [KDIR=directory]'
	@echo 'make load         build it for the running kernel, and load it there'
	@echo 'make dkms-install have dkms build and install it for the running kernel, or for [KERNELRELEASE=6.12.30]'
	@echo 'make dkms-remove  take away what that has installed'
	@echo 'make deb          make a Debian package of what dkms-install installs'
	@echo 'make install      install the hooks that load the module in the initramfs, for initramfs-tools'
	@echo '                  and dracut where they are there; all hooks below [DESTDIR=directory]'
	@echo 'make uninstall    remove them [DESTDIR=directory]'
	@echo 'make install-pivot_init'
	@echo '                  install pivot_init, and what lets initramfs-tools and dracut use it [DESTDIR=directory]'
	@echo 'make bench        measure leaving an initramfs: half an hour, and it goes on where it was interrupted'
	@echo 'make check-patch  try the patches on all kernels of tests/kernels [KERNEL=name]'
	@echo 'make distro-kernel boot Debian 12 on a patched kernel as Debian configures it; building that takes long'
	@echo 'make cost         count what a distribution carries, and by how much a kernel grows'
	@echo '                  [KERNEL=6.12|6.1] [UPSTREAM=mailbox of the upstream series]'
	@echo 'make check-style  check the sources with the tools of the kernel'
	@echo 'make clean        remove what was built in this directory'
	@echo 'make distclean    and the kernels and userlands kept in ~/.cache/immutable-rootfs'
	@echo
	@echo 'KERNEL_SRC=file takes the kernel from that tree or tar archive instead of from Debian.'

boot:
	@scripts/setup build boot
	@scripts/vmtest boot $${KERNEL:+--kernel "$$KERNEL"} $${INITRD:+--initrd "$$INITRD"} $${APPEND:+--append="$$APPEND"}

check:
	@scripts/setup build test style
	@scripts/vmtest test $${KERNEL:+--kernel "$$KERNEL"} $${MACHINE:+--machine "$$MACHINE"} $${TEST:+--test "$$TEST"} \
		$${LONG:+--long} $${UNTIL:+--until "$$UNTIL"} $${ALSO:+--also "$$ALSO"} $${WITHIN:+--within "$$WITHIN"}

coverage:
	@scripts/vmtest test --coverage $${KERNEL:+--kernel "$$KERNEL"} $${TEST:+--test "$$TEST"} $${LONG:+--long}

storm:
	@scripts/setup build test
	@scripts/vmtest test --long --nightly --test "$${TEST:-storm*}" $${KERNEL:+--kernel "$$KERNEL"}

image:
	@scripts/setup build
	@scripts/vmtest kernel image "$${KERNEL:-6.12}" "$${FLAVOUR:-builtin}" "$${MACHINE:-x86_64}"

ko:
	@scripts/setup build
	@scripts/vmtest kernel ko "$${KERNEL:-6.12}" loadable "$${MACHINE:-x86_64}"

pivot_init:
	@scripts/setup program
	@$(MAKE) -s --no-print-directory -C initramfs/$@ $@
	@echo '$(CURDIR)/initramfs/$@/$@'

empty-namespace:
	@scripts/setup program
	@$(CC) -static -O2 -Wall -o demo/$@ demo/$@.c
	@echo '$(CURDIR)/demo/$@'

install-pivot_init: pivot_init
	@$(MAKE) --no-print-directory -C initramfs/pivot_init install DESTDIR='$(DESTDIR)'

bench:
	@scripts/vmtest bench

distro-kernel:
	@scripts/setup build kernel-deb boot deb
	@scripts/vmtest distro

cost:
	@scripts/setup build
	@scripts/cost $$KERNEL

check-patch:
	@scripts/setup build
	@scripts/check-patch

check-style:
	@scripts/check-style

modules:
	@scripts/check-headers modules "$$KDIR" 'install them, or name others with KDIR='
	$(MAKE) -C "$$KDIR" M="$(CURDIR)/module" CONFIG_IMMUTABLE_ROOTFS=m modules

load: modules
	@scripts/load module/immutable_rootfs.ko

install:
	@initramfs/install

uninstall:
	@initramfs/install --remove

dkms-install dkms-remove:
	@scripts/dkms $(@:dkms-%=%)

deb:
	@scripts/setup deb
	@scripts/deb

clean:
	rm -rf module/*.o module/*.ko module/*.mod module/*.mod.c module/.*.cmd module/.*.d module/.tmp_versions \
		module/Module.symvers module/modules.order module/.module-common.o initramfs/pivot_init/pivot_init \
		demo/empty-namespace
	find . -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	@scripts/vmtest kernel clean

.PHONY: help boot check coverage storm image ko pivot_init empty-namespace install-pivot_init bench distro-kernel cost \
	check-patch check-style modules load install uninstall dkms-install dkms-remove deb clean distclean
