// SPDX-License-Identifier: Apache-2.0
// Stands in for the driver's management library: answers what the file FACTS says.
//
//   gpu BUS UUID MINOR BRAND MAJOR MINOR MIG   BRAND -1: the GPU does not answer that
//   mig GPU INDEX GPU-INSTANCE COMPUTE-INSTANCE UUID
//   sick INDEX         the GPU of that index cannot be opened
//   init CODE          what nvmlInit answers
//   hang, crash, flood
//   type               the first UUID says whether it could type on the terminal
//   report             the UUIDs say what this process is and can do
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MOST 8

struct gpu {
    unsigned bus, minor, mig;
    int brand, major, low, sick;
    char uuid[96];
};
struct mig {
    unsigned gpu, index, gi, ci;
    char uuid[96];
};
static struct gpu gpus[MOST];
static struct mig migs[MOST];
static unsigned gpu_count, mig_count;
static int init_answer;

static const char* name(int error) {
    switch (error) {
    case 0: return "yes";
    case EROFS: return "EROFS";
    case ENOSYS: return "ENOSYS";
    case EPERM: return "EPERM";
    case EACCES: return "EACCES";
    case ENXIO: return "ENXIO";
    case EBADF: return "EBADF";
    case ENOTTY: return "ENOTTY";
    case EINVAL: return "EINVAL";
    default: return "other";
    }
}

static const char* outcome(long result) {
    return name(result < 0 ? errno : 0);
}

static void status_field(const char* key, char* value) {
    char line[256];
    FILE* file = fopen("/proc/self/status", "re");
    strcpy(value, "unknown");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0 && line[strlen(key)] == ':')
            sscanf(line + strlen(key) + 1, "%90s", strcpy(value, "none"));
    if (file != NULL)
        fclose(file);
}

static int open_descriptors(void) {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static int interfaces(void) {
    char line[256];
    int count = -2; // two lines of head
    FILE* file = fopen("/proc/self/net/dev", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        ++count;
    if (file != NULL)
        fclose(file);
    return count;
}

static void report(void) {
    char groups[96], eff[96], bound[96], nnp[96], seccomp[96];
    status_field("Groups", groups);
    status_field("CapPrm", eff);
    status_field("CapBnd", bound);
    status_field("NoNewPrivs", nnp);
    status_field("Seccomp", seccomp);
    snprintf(gpus[0].uuid, 96, "GPU-%d/%d/%s/prm/%s/bnd/%s/nnp/%s/seccomp/%s", getuid(), getegid(),
             groups, eff, bound, nnp, seccomp);
    const char* write_to_run = outcome(open("/run/owned", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const char* write_to_opt = outcome(open("/tmp/owned", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    const char* make_node = outcome(mknod("/tmp/node", S_IFCHR | 0600, makedev(195, 0)));
    const char* connect_to = outcome(socket(AF_UNIX, SOCK_STREAM, 0));
    const char* start = outcome(syscall(SYS_fork));
    const char* device = outcome(open("/dev/nvidiactl", O_RDWR | O_CLOEXEC));
    const char* ask = outcome(ioctl(1, 0x46));
    snprintf(gpus[1].uuid, 96, "GPU-run/%s/tmp/%s/mknod/%s/socket/%s/fork/%s/dev/%s/ioctl/%s/%d/%d/%d",
             write_to_run, write_to_opt, make_node, connect_to, start, device, ask, (int)getpid(),
             open_descriptors(), interfaces());
}

static void type(void) {
    const int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
    const char* opened = outcome(terminal);
    snprintf(gpus[0].uuid, 96, "GPU-tty/%s/type/%s", opened, outcome(ioctl(terminal, TIOCSTI, "X")));
}

static void flood(void) {
    for (int i = 0; i < 100000; ++i)
        puts("gpu and more of it");
}

static void read_facts(void) {
    char line[256];
    FILE* file = fopen(FACTS, "re");
    if (file == NULL) {
        init_answer = 999;
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        struct gpu* g = &gpus[gpu_count % MOST];
        struct mig* m = &migs[mig_count % MOST];
        unsigned index;
        if (sscanf(line, "gpu %x %95s %u %d %d %d %u", &g->bus, g->uuid, &g->minor, &g->brand,
                   &g->major, &g->low, &g->mig) == 7)
            ++gpu_count;
        else if (sscanf(line, "mig %u %u %u %u %95s", &m->gpu, &m->index, &m->gi, &m->ci, m->uuid)
                 == 5)
            ++mig_count;
        else if (sscanf(line, "sick %u", &index) == 1)
            gpus[index % MOST].sick = 1;
        else if (strncmp(line, "init ", 5) == 0)
            init_answer = atoi(line + 5);
        else if (strcmp(line, "hang\n") == 0)
            for (;;)
                clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){1, 0}, NULL);
        else if (strcmp(line, "crash\n") == 0)
            *(volatile int*)8 = 0;
        else if (strcmp(line, "flood\n") == 0)
            flood();
        else if (strcmp(line, "type\n") == 0)
            type();
        else if (strcmp(line, "report\n") == 0)
            report();
    }
    fclose(file);
}

int nvmlInit_v2(void) {
    read_facts();
    return init_answer;
}

const char* nvmlErrorString(int code) {
    return code == 9 ? "Driver Not Loaded" : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char* text, unsigned size) {
    snprintf(text, size, "580.159.04");
    return 0;
}

int nvmlSystemGetCudaDriverVersion_v2(int* version) {
    *version = 13000;
    return 0;
}

int nvmlDeviceGetCount_v2(unsigned* count) {
    *count = gpu_count;
    return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void** device) {
    *device = &gpus[index];
    return gpus[index].sick ? 15 : 0; // NVML_ERROR_GPU_IS_LOST
}

static int is_mig(const void* device) {
    return device >= (const void*)migs && device < (const void*)(migs + MOST);
}

struct pci_info {
    char legacy[16];
    unsigned domain, bus, device, device_id, subsystem;
    char bus_id[32];
};

int nvmlDeviceGetPciInfo_v3(void* device, struct pci_info* info) {
    *info = (struct pci_info){.bus = ((struct gpu*)device)->bus, .device = 6};
    return 0;
}

int nvmlDeviceGetUUID(void* device, char* text, unsigned size) {
    snprintf(text, size, "%s",
             is_mig(device) ? ((struct mig*)device)->uuid : ((struct gpu*)device)->uuid);
    return 0;
}

int nvmlDeviceGetMinorNumber(void* device, unsigned* minor) {
    *minor = ((struct gpu*)device)->minor;
    return 0;
}

int nvmlDeviceGetBrand(void* device, int* brand) {
    *brand = ((struct gpu*)device)->brand;
    return *brand < 0 ? 15 : 0;
}

int nvmlDeviceGetCudaComputeCapability(void* device, int* major, int* low) {
    *major = ((struct gpu*)device)->major;
    *low = ((struct gpu*)device)->low;
    return 0;
}

int nvmlDeviceGetMigMode(void* device, unsigned* current, unsigned* pending) {
    *current = *pending = ((struct gpu*)device)->mig;
    return 0;
}

int nvmlDeviceGetMaxMigDeviceCount(void* device, unsigned* count) {
    (void)device;
    *count = 7;
    return 0;
}

int nvmlDeviceGetMigDeviceHandleByIndex(void* device, unsigned index, void** out) {
    for (unsigned i = 0; i < mig_count; ++i)
        if (&gpus[migs[i].gpu] == device && migs[i].index == index) {
            *out = &migs[i];
            return 0;
        }
    return 6; // NVML_ERROR_NOT_FOUND
}

int nvmlDeviceGetGpuInstanceId(void* device, unsigned* id) {
    *id = ((struct mig*)device)->gi;
    return 0;
}

int nvmlDeviceGetComputeInstanceId(void* device, unsigned* id) {
    *id = ((struct mig*)device)->ci;
    return 0;
}
