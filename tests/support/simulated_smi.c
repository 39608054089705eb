// SPDX-License-Identifier: Apache-2.0
// Stands in for nvidia-smi -L: lists the GPUs of /proc/driver/nvidia whose node can be opened,
// as far as the kernel without a driver can tell (ENXIO: the call got through).
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int may_open(const char* path) {
    const int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0)
        close(fd);
    return fd >= 0 || errno == ENXIO;
}

static void list(const char* directory, const char* pci, int index) {
    char path[512];
    char line[256];
    char uuid[128] = "?";
    int minor = -1;
    snprintf(path, sizeof path, "%s/%s/information", directory, pci);
    FILE* file = fopen(path, "re");
    if (file == NULL)
        return;
    while (fgets(line, sizeof line, file) != NULL) {
        sscanf(line, "GPU UUID: %127s", uuid);
        sscanf(line, "Device Minor: %d", &minor);
    }
    fclose(file);
    snprintf(path, sizeof path, "/dev/nvidia%d", minor);
    if (may_open(path))
        printf("GPU %d: NVIDIA H200 (UUID: %s)\n", index, uuid);
}

int main(void) {
    const char* directory = "/proc/driver/nvidia/gpus";
    struct dirent** entries;
    if (!may_open("/dev/nvidiactl")) {
        puts("Failed to initialize NVML: Unknown Error");
        return 255;
    }
    const int count = scandir(directory, &entries, NULL, alphasort);
    int index = 0;
    for (int i = 0; i < count; ++i)
        if (entries[i]->d_name[0] != '.')
            list(directory, entries[i]->d_name, index++);
    if (index == 0)
        puts("No devices found.");
    return 0;
}
