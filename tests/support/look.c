// SPDX-License-Identifier: Apache-2.0
// Runs inside a container and says what a program there sees: one line of JSON a query.
//
//   open:PATH           opens a device node for reading and writing: the errno's name or "OK"
//   make:c:MAJOR:MINOR  makes a node of its own in /tmp and opens it
//   load:SONAME         dlopen: the file that was loaded, without links, and which library it is
//   list:PATH           the names in a directory
//   text:PATH           the content of a file
//   write:PATH          tries to open a file for writing
//   stat:PATH           type, permissions and size
//   env:NAME, mounts    as they are
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static void print_string(const char* text, size_t length) {
    putchar('"');
    for (size_t i = 0; i < length; ++i) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

static void result(const char* query, const char* text) {
    printf("{\"query\": ");
    print_string(query, strlen(query));
    printf(", \"result\": ");
    print_string(text, strlen(text));
    puts("}");
}

static const char* try_open(const char* path, int flags) {
    const int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return strerrorname_np(errno);
    close(fd);
    return "OK";
}

static void make(const char* query) {
    unsigned major = 0;
    unsigned minor = 0;
    sscanf(query, "make:c:%u:%u", &major, &minor);
    unlink("/tmp/made");
    if (mknod("/tmp/made", S_IFCHR | 0666, makedev(major, minor)) != 0) {
        char text[64];
        snprintf(text, sizeof text, "mknod %s", strerrorname_np(errno));
        result(query, text);
        return;
    }
    result(query, try_open("/tmp/made", O_RDWR));
    unlink("/tmp/made");
}

static void load(const char* query) {
    void* library = dlopen(query + 5, RTLD_NOW);
    if (library == NULL) {
        result(query, dlerror());
        return;
    }
    struct link_map* map = NULL;
    char* path = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 ? realpath(map->l_name, NULL) : NULL;
    const char* name = dlsym(library, "grapnel_simulated");
    char text[4200];
    snprintf(text, sizeof text, "%s %s", path == NULL ? "?" : path, name == NULL ? "?" : name);
    result(query, text);
}

static void list(const char* query) {
    struct dirent** entries;
    char text[65536] = "";
    const int count = scandir(query + 5, &entries, NULL, alphasort);
    if (count < 0) {
        result(query, strerrorname_np(errno));
        return;
    }
    for (int i = 0; i < count; ++i)
        if (entries[i]->d_name[0] != '.' && strlen(text) + 300 < sizeof text)
            sprintf(text + strlen(text), "%s%s", *text ? " " : "", entries[i]->d_name);
    result(query, text);
}

static void text(const char* query, const char* path) {
    static char content[1 << 20];
    FILE* file = fopen(path, "re");
    if (file == NULL) {
        result(query, strerrorname_np(errno));
        return;
    }
    content[fread(content, 1, sizeof content - 1, file)] = '\0';
    fclose(file);
    result(query, content);
}

static void status(const char* query) {
    struct stat found;
    char line[128];
    if (lstat(query + 5, &found) != 0) {
        result(query, strerrorname_np(errno));
        return;
    }
    const char* type = S_ISREG(found.st_mode)   ? "file"
                       : S_ISDIR(found.st_mode) ? "directory"
                       : S_ISLNK(found.st_mode) ? "link"
                       : S_ISCHR(found.st_mode) ? "character"
                                                : "other";
    snprintf(line, sizeof line, "%s %o %lld %u:%u", type, (unsigned)(found.st_mode & 07777),
             (long long)found.st_size, found.st_uid, found.st_gid);
    result(query, line);
}

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const char* query = argv[i];
        if (strncmp(query, "open:", 5) == 0)
            result(query, try_open(query + 5, O_RDWR));
        else if (strncmp(query, "make:", 5) == 0)
            make(query);
        else if (strncmp(query, "load:", 5) == 0)
            load(query);
        else if (strncmp(query, "list:", 5) == 0)
            list(query);
        else if (strncmp(query, "text:", 5) == 0)
            text(query, query + 5);
        else if (strncmp(query, "write:", 6) == 0)
            result(query, try_open(query + 6, O_WRONLY));
        else if (strncmp(query, "stat:", 5) == 0)
            status(query);
        else if (strncmp(query, "env:", 4) == 0)
            result(query, getenv(query + 4) == NULL ? "" : getenv(query + 4));
        else if (strcmp(query, "mounts") == 0)
            text(query, "/proc/self/mountinfo");
        else
            result(query, "unknown query");
    }
    return 0;
}
