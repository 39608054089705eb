// SPDX-License-Identifier: Apache-2.0
// In the place of the host's ldconfig: it waits without end, by a call that its filter allows.
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
    int word = 0;
    for (;;)
        syscall(SYS_futex, &word, 0, 0, 0, 0, 0);
}
