# SPDX-License-Identifier: GPL-2.0-only
# gnuplot -c bench/plots.gnuplot DATA_DIRECTORY PLOT_DIRECTORY
data = ARG1
plots = ARG2

set datafile separator "\t"
set terminal svg size 800,500 dynamic background "white" font "sans-serif,14"
set grid lc rgb "#dddddd"
set border 3 lc rgb "#555555"
set tics nomirror

row(kernel, tool) = sprintf("<grep -P '^%s\\t%s\\t' '%s/handover.tsv'", kernel, tool, data)
curve(kernel, tool) = sprintf("<grep -P '^%s\\t%s\\t' '%s/samples.tsv'", kernel, tool, data)

set output plots."/handover.svg"
set title "From the last instruction of the old /init to the first of the new one"
set xlabel "files of 4 KiB in the initramfs"
set ylabel "ms (million instructions)"
set logscale xy
set xrange [80:65000]
set yrange [0.3:2000]
set key left top
plot row("stock", "busybox") using 3:($4/1e6) with linespoints lw 2 pt 7 lc rgb "#b2182b" title "busybox switch\\_root, stock", \
     row("stock", "klibc") using 3:($4/1e6) with linespoints lw 2 pt 5 dt 2 lc rgb "#ef8a62" title "klibc run-init, stock", \
     row("builtin", "pivot") using 3:($4/1e6) with linespoints lw 2 pt 9 lc rgb "#998ec3" title "pivot\\_root and umount, nullfs", \
     row("stock", "util-linux") using 3:($4/1e6) with linespoints lw 2 pt 13 lc rgb "#1b7837" title "util-linux switch\\_root, stock", \
     row("stock", "pivot_init") using 3:($4/1e6) with linespoints lw 2 pt 11 dt 2 lc rgb "#67a9cf" title "pivot\\_init, stock", \
     row("builtin", "pivot_init") using 3:($4/1e6) with linespoints lw 3 pt 7 lc rgb "#2166ac" title "pivot\\_init, nullfs"

set output plots."/memory.svg"
set title "What is left of an initramfs of 50,000 files (a dot: the new init starts)"
set xlabel "ms after the last instruction of the old /init"
set ylabel "MB in memory"
unset logscale
set xrange [0:800]
set yrange [0:*]
set key right top
first(kernel, tool) = sprintf("<grep -m1 -P '^%s\\t%s\\t' '%s/samples.tsv'", kernel, tool, data)
plot curve("stock", "busybox") using 3:4 with lines lw 2 lc rgb "#b2182b" notitle, \
     first("stock", "busybox") using 3:4 with points pt 7 lc rgb "#b2182b" title "busybox switch\\_root, stock", \
     curve("stock", "util-linux") using 3:4 with lines lw 2 lc rgb "#1b7837" title "util-linux switch\\_root, stock", \
     first("stock", "util-linux") using 3:4 with points pt 7 lc rgb "#1b7837" notitle, \
     curve("builtin", "pivot") using 3:4 with lines lw 2 lc rgb "#998ec3" notitle, \
     first("builtin", "pivot") using 3:4 with points pt 7 lc rgb "#998ec3" title "pivot\\_root and umount, nullfs", \
     curve("builtin", "pivot_init") using 3:4 with lines lw 3 lc rgb "#2166ac" title "pivot\\_init, nullfs", \
     first("builtin", "pivot_init") using 3:4 with points pt 7 lc rgb "#2166ac" notitle
