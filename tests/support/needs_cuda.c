// SPDX-License-Identifier: Apache-2.0
// A program that is linked with libcuda.so.1, as CUDA programs are: says which file the loader
// took for it, in the form of look.c.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
    Dl_info info;
    char path[PATH_MAX] = "?";
    const char* name = dlsym(RTLD_DEFAULT, "grapnel_simulated");
    if (name != NULL && dladdr(name, &info) != 0 && realpath(info.dli_fname, path) == NULL)
        name = NULL;
    printf("{\"query\": \"needed\", \"result\": \"%s %s\"}\n", path, name == NULL ? "?" : name);
    return 0;
}
