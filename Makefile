# SPDX-License-Identifier: GPL-2.0-only
KDIR ?= /lib/modules/$(shell uname -r)/build

# Through the environment, so that quotes in them reach the scripts as they are.
export KERNEL FLAVOUR MACHINE INITRD APPEND TEST LONG ALSO BUDGET LIST SMOKE ACCEL SEED OPERATIONS KDIR DESTDIR KERNELRELEASE UPSTREAM TREE VERSION CONFIG LOCALVERSION DEBUG_INFO

# Options of vmtest that are variables here.
TEST_OPTIONS = $${KERNEL:+--kernel "$$KERNEL"} $${FLAVOUR:+--flavour "$$FLAVOUR"} $${TEST:+--test "$$TEST"} \
	$${MACHINE:+--machine "$$MACHINE"} $${ACCEL:+--accel "$$ACCEL"} $${LONG:+--long} $${ALSO:+--also "$$ALSO"} \
	$${BUDGET:+--budget "$$BUDGET"} $${LIST:+--list} $${SMOKE:+--smoke}
# All tests run, and none was chosen: then what is quick goes first.
QUICK = $(if $(TEST)$(FLAVOUR)$(LIST)$(SMOKE),,quick)

help:
	@cat scripts/help.txt
	@scripts/setup --missing build boot

boot:
	@scripts/setup build boot
	@scripts/vmtest boot $${KERNEL:+--kernel "$$KERNEL"} $${INITRD:+--initrd "$$INITRD"} $${APPEND:+--append="$$APPEND"}

check: $(QUICK)
	@scripts/vmtest test $(TEST_OPTIONS)

quick:
	@scripts/setup lint
	@$(MAKE) -s -j2 -Otarget --no-print-directory lint unit

lint:
	@scripts/setup lint
	@scripts/lint

unit:
	@scripts/setup build
	@python3 -B -m unittest discover -s tests/unit -t . -b

coverage:
	@scripts/vmtest test --coverage $(TEST_OPTIONS)

storm:
	@TEST="$${TEST:-storm*}" LONG=1 && export TEST LONG && scripts/vmtest test --nightly $(TEST_OPTIONS)

image:
	@scripts/vmtest kernel image $${KERNEL:+"$$KERNEL"} $${FLAVOUR:+--flavour "$$FLAVOUR"} $${MACHINE:+--machine "$$MACHINE"}

ko:
	@scripts/vmtest kernel ko $${KERNEL:+"$$KERNEL"} $${FLAVOUR:+--flavour "$$FLAVOUR"} $${MACHINE:+--machine "$$MACHINE"}

pivot_init:
	@scripts/setup program
	@$(MAKE) -s --no-print-directory -C initramfs/$@ $@
	@echo '$(CURDIR)/initramfs/$@/$@'

empty-namespace:
	@scripts/setup program
	@$(CC) -static -O2 -Wall -Wextra -o demo/$@ demo/$@.c
	@echo '$(CURDIR)/demo/$@'

install-pivot_init: pivot_init
	@$(MAKE) -s --no-print-directory -C initramfs/pivot_init install DESTDIR='$(DESTDIR)'

uninstall-pivot_init:
	@$(MAKE) -s --no-print-directory -C initramfs/pivot_init uninstall DESTDIR='$(DESTDIR)'

bench:
	@scripts/vmtest bench $${SMOKE:+--smoke}

engines:
	@scripts/vmtest engines $${SMOKE:+--smoke}

kernel-deb:
	@scripts/vmtest kernel-deb $${CONFIG:+--config "$$CONFIG"} $${KERNEL:+--kernel "$$KERNEL"} \
		$${LOCALVERSION:+--localversion="$$LOCALVERSION"} $${DEBUG_INFO:+--debug-info} $${SMOKE:+--smoke}

distro-kernel:
	@scripts/vmtest distro $${SMOKE:+--smoke}

cost:
	@scripts/setup build
	@scripts/cost $$KERNEL $${SMOKE:+--smoke}

check-patch:
	@scripts/setup build
	@scripts/check-patch $$TREE

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

release:
	@scripts/setup deb
	@scripts/release "$$VERSION"

clean:
	rm -rf module/*.o module/*.ko module/*.mod module/*.mod.c module/.*.cmd module/.*.d module/.tmp_versions \
		module/Module.symvers module/modules.order module/.module-common.o initramfs/pivot_init/pivot_init \
		demo/empty-namespace tests/guest/build
	find . -name __pycache__ -prune -exec rm -rf {} +

distclean: clean
	@scripts/vmtest kernel clean

.PHONY: help boot check quick lint unit coverage storm image ko pivot_init empty-namespace install-pivot_init \
	uninstall-pivot_init bench engines kernel-deb distro-kernel cost check-patch check-style modules load install uninstall \
	dkms-install dkms-remove deb release clean distclean
