// SPDX-License-Identifier: Apache-2.0
// Stands in for nvidia-smi -L: lists the GPUs of the simulated driver whose node can be opened, as
// far as the kernel without a driver can tell (ENXIO: the call got through). The driver would tell
// which there are; here make_driver.py does, by GPUS: {minor, "UUID"}, ...
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const struct {
    int minor;
    const char* uuid;
} gpus[] = {GPUS};

static int may_open(const char* path) {
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno == ENXIO;
}

int main(void) {
    if (!may_open("/dev/nvidiactl")) {
        puts("Failed to initialize NVML: Unknown Error");
        return 255;
    }
    int listed = 0;
    for (unsigned i = 0; i < sizeof gpus / sizeof gpus[0]; ++i) {
        char path[32];
        snprintf(path, sizeof path, "/dev/nvidia%d", gpus[i].minor);
        if (may_open(path))
            printf("GPU %d: NVIDIA H200 (UUID: %s)\n", listed++, gpus[i].uuid);
    }
    if (listed == 0)
        puts("No devices found.");
    return 0;
}
