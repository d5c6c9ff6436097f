#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Loads a policy, with Debian's own tools, for the last of the security modules that lsm= names. mediated.c tests it, and
# lists what it allows to whom. This program and all others are unconfined.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
security=/sys/kernel/security
mount -t securityfs securityfs $security

apparmor()
{
	cat >/policy <<-END &&
		profile confined /confined {
		  file,
		  capability,
		}
		profile allowed /allowed {
		  file,
		  capability,
		  mount fstype=tmpfs -> /new/,
		  mount options=(rw, bind) /bound/ -> /new/,
		  mount options=(rw, move) /new/ -> /other/,
		  mount options=(ro, remount, bind) -> /new/,
		  umount /new/,
		  pivot_root oldroot=/new/ /new/,
		}
	END
	apparmor_parser --config-file=/dev/null --policy-features=$security/apparmor/features \
		--skip-cache --replace /policy &&
	grep_line 'confined (enforce)' $security/apparmor/profiles
}

# The policy allows everybody the permissions that it does not name.
selinux()
{
	sids='kernel security unlabeled fs file file_labels init any_socket port netif netmsg node igmp_packet
		icmp_socket tcp_socket sysctl_modprobe sysctl sysctl_fs sysctl_kernel sysctl_net sysctl_net_unix
		sysctl_vm sysctl_dev kmod policy scmp_packet devnull'
	{
		for sid in $sids; do
			echo "(sid $sid)"
			[ "$sid" = unlabeled ] || echo "(sidcontext $sid free)"
		done
		for type in free confined powerless allowed file rootfs unlabeled; do
			echo "(type ${type}_t) (roletype r ${type}_t) (context $type (u r ${type}_t ((s) (s))))"
		done
		cat <<-END
			(sidorder ($sids))
			(sidcontext unlabeled unlabeled)
			(handleunknown allow)
			(mls false)
			(sensitivity s) (sensitivityorder (s)) (category c) (categoryorder (c)) (sensitivitycategory s (c))
			(user u) (role r) (userrole u r) (userlevel u (s)) (userrange u ((s) (s)))
			(class process (transition dyntransition))
			(class filesystem (mount remount unmount))
			(class dir (mounton))
			(class capability (sys_admin))
			(classorder (process filesystem dir capability))
			(typeattribute any) (typeattributeset any (all))
			(typeattribute mighty) (typeattributeset mighty (free_t allowed_t))
			(allow free_t any (process (transition dyntransition)))
			(allow mighty any (filesystem (mount remount unmount)))
			(allow mighty any (dir (mounton)))
			(allow mighty self (capability (sys_admin)))
			(allow confined_t self (capability (sys_admin)))
			(allow powerless_t any (filesystem (mount remount unmount)))
			(allow powerless_t any (dir (mounton)))
			(fsuse trans tmpfs file)
			(fsuse xattr ext4 file)
			(genfscon rootfs "/" rootfs)
		END
	} >/policy.cil
	mount -t selinuxfs selinuxfs /sys/fs/selinux &&
	secilc --output=/policy --filecontext=/dev/null /policy.cil &&
	dd if=/policy of=/sys/fs/selinux/load bs=1M &&	# by a single write()
	echo 1 >/sys/fs/selinux/enforce &&
	grep_line 1 /sys/fs/selinux/enforce
}

tomoyo()
{
	rule='grant_log=no reject_log=no'
	mkdir -p /etc/tomoyo &&
	cat >/etc/tomoyo/profile.conf <<-END &&
		<kernel> PROFILE_VERSION=20150505
		<kernel> 0-CONFIG={ mode=disabled $rule }
		<kernel> 1-CONFIG={ mode=disabled $rule }
		<kernel> 1-CONFIG::file::mount={ mode=enforcing $rule }
		<kernel> 1-CONFIG::file::unmount={ mode=enforcing $rule }
		<kernel> 1-CONFIG::file::pivot_root={ mode=enforcing $rule }
	END
	cat >/etc/tomoyo/exception_policy.conf <<-END &&
		<kernel> initialize_domain /confined from any
		<kernel> initialize_domain /allowed from any
	END
	cat >/etc/tomoyo/domain_policy.conf <<-END &&
		<kernel>
		use_profile 0
		use_group 0

		<kernel> /confined
		use_profile 1
		use_group 0

		<kernel> /allowed
		use_profile 1
		use_group 0
		file mount any /new/ tmpfs 0x0
		file mount /bound/ /new/ --bind 0x0
		file mount /new/ /other/ --move 0x0
		file mount any /new/ --remount 0x1001
		file unmount /new/
		file pivot_root /new/ /new/
	END
	: >/etc/tomoyo/manager.conf &&
	: >/etc/tomoyo/stat.conf &&
	/usr/bin/true &&	# TOMOYO_trigger= names it, which makes the kernel run /sbin/tomoyo-init to load the policy
	grep_line '<kernel> /confined' $security/tomoyo/domain_policy
}

# grep_line LINE FILE
grep_line()
{
	while read -r line || [ "$line" ]; do	# the last line may lack its newline
		[ "$line" != "$1" ] || return 0
	done <"$2"
	echo "# $2: $line"
	return 1
}

echo TAP version 13
echo 1..1
# shellcheck disable=SC2154 # from the kernel command line
if output=$(${lsm##*,} 2>&1); then
	echo ok 1 loaded
else
	echo "$output" | while read -r line; do
		echo "# $line"
	done
	echo not ok 1 loaded
fi
