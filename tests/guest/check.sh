# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=sh
# For scripts that report what programs do. `plan` is their last command.
number=0

# run COMMAND...: sets output and status, and reports the output
run()
{
	number=$((number + 1))
	output=$("$@" 2>&1 </dev/null)
	status=$?
	echo "$output" | sed "s/^/# $name: /"
}

# check NAME LINE|fails COMMAND...: it prints that line, or fails in pivot_root with EINVAL
check()
{
	name=$1 expected=$2 verdict='not ok'
	shift 2
	run "$@"
	case $expected:$status:$output in
	fails:0:*) ;;
	fails:*[Pp]ivot*[Ii]'nvalid argument'*) verdict=ok ;;
	*:0:*) ! echo "$output" | grep -qx "$expected" || verdict=ok ;;
	esac
	echo "$verdict $number $name"
}

# pivots LINE: the expectation of a program that prints this line after it has left the initramfs by pivot_root
pivots()
{
	# shellcheck disable=SC2154 # from the kernel command line
	case $expect in
	nullfs) echo "$1" ;;
	*) echo fails ;;
	esac
}

plan()
{
	echo "1..$number"
}
