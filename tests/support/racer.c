// SPDX-License-Identifier: Apache-2.0
// Exchanges two things in a directory, again and again, until its stdin is closed:
//
//   racer ONE OTHER
//
// It says how often on stdout.
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>

int main(int argc, char** argv) {
    if (argc != 3)
        return 2;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    unsigned long count = 0;
    unsigned long failures = 0;
    do {
        for (int i = 0; i < 64; ++i) {
            if (renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE) == 0)
                ++count;
            else
                ++failures;
        }
    } while (poll(&input, 1, 0) == 0);
    printf("%lu %lu\n", count, failures);
    return 0;
}
