// SPDX-License-Identifier: Apache-2.0
// Starts one program many times at the same moment, each time with another file as its standard
// input:
//
//   at_once FILE... -- PROGRAM [ARGUMENT]...
//   at_once --spin MICROSECONDS    a program that does nothing but use that processor time
//
// The first prints, in microseconds, the time from that moment until all have ended, the median time until
// one has ended, and the median processor time of one. Fails if one of them does.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { most = 1024 };

static void die(const char* what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static double processor_time(const struct rusage* usage) {
    const struct timeval parts[] = {usage->ru_utime, usage->ru_stime};
    double sum = 0;
    for (int i = 0; i < 2; ++i)
        sum += (double)parts[i].tv_sec * 1e6 + (double)parts[i].tv_usec;
    return sum;
}

static int by_value(const void* a, const void* b) {
    const double difference = *(const double*)a - *(const double*)b;
    return difference < 0 ? -1 : difference > 0;
}

static double median(double* values, int count) {
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static void start(const char* file, char** command, const int gate[2]) {
    const pid_t pid = fork();
    if (pid < 0)
        die("fork");
    if (pid > 0)
        return;
    const int input = open(file, O_RDONLY);
    char closed;
    close(gate[1]);
    if (input < 0 || dup2(input, 0) < 0 || read(gate[0], &closed, 1) != 0)
        die(file);
    close(gate[0]);
    close(input);
    execv(command[0], command);
    die(command[0]);
}

static void spin(double microseconds) {
    struct timespec used;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    while ((double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3 < microseconds);
}

int main(int argc, char** argv) {
    if (argc == 3 && strcmp(argv[1], "--spin") == 0) {
        spin(strtod(argv[2], NULL));
        return 0;
    }
    static double ends[most];
    static double processor[most];
    int count = 0;
    while (count + 1 < argc && strcmp(argv[count + 1], "--") != 0)
        ++count;
    int gate[2];
    if (count == 0 || count > most || count + 2 >= argc || pipe(gate) != 0)
        die("usage: at_once FILE... -- PROGRAM [ARGUMENT]...");
    for (int i = 0; i < count; ++i)
        start(argv[i + 1], argv + count + 2, gate);
    usleep(100000); // until each waits at the gate
    const double opened = now();
    close(gate[0]);
    close(gate[1]);
    for (int i = 0; i < count; ++i) {
        int status = 0;
        struct rusage usage;
        if (wait4(-1, &status, 0, &usage) < 0 || status != 0)
            die("one of them failed");
        ends[i] = now() - opened;
        processor[i] = processor_time(&usage);
    }
    const double last = ends[count - 1];
    printf("%.0f %.0f %.0f\n", last, median(ends, count), median(processor, count));
    return 0;
}
