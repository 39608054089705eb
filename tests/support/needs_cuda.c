// SPDX-License-Identifier: Apache-2.0
// A program that is linked with libcuda.so.1, as CUDA programs are. Built with glibc or musl; says
// in the form of look.c which file the loader took for it ("needed"), and for each argument
// load:SONAME which file dlopen takes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static void say(const char* query, void* library) {
    Dl_info info;
    char path[PATH_MAX] = "?";
    const char* name = library == NULL ? NULL : dlsym(library, "grapnel_simulated");
    if (name != NULL && dladdr(name, &info) != 0 && realpath(info.dli_fname, path) == NULL)
        name = NULL;
    printf("{\"query\": \"%s\", \"result\": \"%s %s\"}\n", query, path, name == NULL ? "?" : name);
}

int main(int argc, char** argv) {
    say("needed", dlopen(NULL, RTLD_NOW));
    for (int i = 1; i < argc; ++i)
        say(argv[i], dlopen(argv[i] + 5, RTLD_NOW));
    return 0;
}
