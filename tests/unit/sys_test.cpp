// SPDX-License-Identifier: Apache-2.0
// What of sys can be tried without root: descriptors, bounded reads, and the container's root.
#include "support/ground.hpp"
#include "support/outcome.hpp"
#include "sys/fd.hpp"
#include "sys/file.hpp"
#include "sys/held_file.hpp"
#include "sys/host_fs.hpp"
#include "sys/lock.hpp"
#include "sys/root_dir.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

using namespace grapnel;
using namespace grapnel::sys;
using test::contains;
using test::error_of;
using test::Ground;
using Type = FileFacts::Type;

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

int some_descriptor() {
    return ::open("/dev/null", O_RDWR | O_CLOEXEC);
}

struct Pipe {
    Fd out;
    Fd in;
};

Pipe pipe_with(std::string_view text) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    Pipe made{Fd(ends[0]), Fd(ends[1])};
    REQUIRE(write_all(made.in.ref(), text, "pipe"));
    made.in = Fd();
    return made;
}

} // namespace

// --- descriptors ---

TEST_CASE("the last owner closes a descriptor once") {
    const int first = some_descriptor();
    const int second = some_descriptor();
    {
        Fd a(first);
        CHECK(a.valid());
        Fd b(std::move(a));
        CHECK(b.ref().value == first);
        b = Fd(second); // the old one is closed at once
        CHECK_FALSE(is_open(first));
        CHECK(is_open(second));
        auto& same = b;
        b = std::move(same);
        CHECK(is_open(second));
        Fd c;
        c.swap(b);
        CHECK_FALSE(b.valid());
        CHECK(c.ref().value == second);
    }
    CHECK_FALSE(is_open(second));
    CHECK_FALSE(Fd().valid());
}

// --- files ---

TEST_CASE("a file past its limit is refused") {
    struct Row {
        std::size_t size;
        std::size_t limit;
        bool read;
    };
    const Row rows[] = {
        {0, 0, true},
        {1, 0, false},
        {10, 10, true},
        {11, 10, false},
        {10, 11, true},
        {16384, 16384, true},
        {16385, 16384, false},
        {200000, 200000, true},
        {200001, 200000, false},
        {200000, 1 << 20, true},
    };
    const Ground ground;
    for (const auto& row : rows) {
        CAPTURE(row.size);
        CAPTURE(row.limit);
        const std::string content(row.size, 'x');
        ground.write("f", content);
        const auto text = read_host_file(host_path(ground.path("f")), row.limit);
        CHECK(text.has_value() == row.read);
        if (row.read)
            CHECK(*text == content);
        else
            CHECK(contains(error_of(text),
                           "f is longer than " + std::to_string(row.limit) + " bytes"));
    }
}

TEST_CASE("a stream is read whole, in pieces") {
    const std::string text(60000, 'y');
    const auto pipe = pipe_with(text);
    CHECK(read_all(pipe.out.ref(), 100000, "pipe") == text);
    const auto longer = pipe_with(text);
    CHECK(contains(error_of(read_all(longer.out.ref(), 59999, "the pipe")), "the pipe is longer"));
    CHECK(read_all({-1}, 1, "nothing").error().sys == EBADF);
}

TEST_CASE("only regular files are opened, without blocking") {
    const Ground ground;
    REQUIRE(::mkfifo(ground.path("fifo").c_str(), 0644) == 0);
    CHECK(contains(error_of(open_host_file(host_path(ground.path("fifo")))), "not a regular file"));
    CHECK(contains(error_of(open_host_file(host_path(ground.path("r")))), "is a directory"));
    CHECK(contains(error_of(open_host_file(host_path("/dev/null"))), "not a regular file"));
    CHECK(is_missing(open_host_file(host_path(ground.path("none"))).error()));
    CHECK(is_missing(open_host_file(host_path(ground.path("secret/x"))).error()));
    CHECK(open_host_file(host_path(ground.path("secret"))));
}

TEST_CASE("facts describe a link itself") {
    const Ground ground;
    ground.link("l", "secret");
    const auto top = open_host_path(host_path(ground.path("")));
    REQUIRE(top);
    CHECK(facts(top->ref(), "l")->type == Type::link);
    CHECK(facts(top->ref(), "secret")->type == Type::regular);
    CHECK(facts(top->ref(), "secret")->size == 11);
    CHECK(facts(top->ref(), "")->type == Type::directory);
    CHECK(is_missing(facts(top->ref(), "none").error()));
    const auto null = facts({AT_FDCWD}, "/dev/null");
    REQUIRE(null);
    CHECK(null->type == Type::character_device);
    CHECK(null->major == 1);
    CHECK(null->minor == 3);
}

TEST_CASE("atomic replace leaves nothing beside") {
    const Ground ground;
    const auto top = open_host_path(host_path(ground.path("r")));
    REQUIRE(top);
    ground.link("r/f", "../secret");
    REQUIRE(replace_file(top->ref(), "f", "new", 0640));
    CHECK(ground.type("r/f") == Type::regular);
    CHECK(read_file_in(top->ref(), "f", 10) == std::string("new"));
    CHECK(facts(top->ref(), "f")->mode == 0640);
    CHECK(read_host_file(host_path(ground.path("secret")), 100) == std::string("of the host"));
    CHECK(ground.names("r") == std::vector<std::string>{"f"});
    ground.directory("r/d");
    CHECK_FALSE(replace_file(top->ref(), "d", "new", 0640));
    CHECK(ground.names("r") == std::vector<std::string>{"d", "f"});
}

TEST_CASE("a held link becomes a file") {
    const Ground ground;
    REQUIRE(::chmod(ground.path("secret").c_str(), 04600) == 0);
    ground.link("r/f", "../secret");
    const auto held = HeldFile::open(ground.path("r"), "f", 100);
    REQUIRE(held);
    CHECK(held->text() == "of the host");
    REQUIRE(held->replace("new"));
    CHECK(ground.type("r/f") == Type::regular);
    CHECK(host_facts(host_path(ground.path("r/f")))->mode == 0600);
    CHECK(read_host_file(host_path(ground.path("r/f")), 10) == std::string("new"));
    CHECK(read_host_file(host_path(ground.path("secret")), 100) == std::string("of the host"));
    CHECK(ground.names("r") == std::vector<std::string>{"f"});
}

TEST_CASE("a held file stays in its directory") {
    const Ground ground;
    ground.write("r/f", "text");
    ground.directory("other");
    ground.write("other/f", "of another");
    const auto held = HeldFile::open(ground.path("r"), "f", 100);
    REQUIRE(held);
    REQUIRE(::rename(ground.path("r").c_str(), ground.path("moved").c_str()) == 0);
    ground.link("r", "other");
    REQUIRE(held->replace("new"));
    CHECK(read_host_file(host_path(ground.path("moved/f")), 10) == std::string("new"));
    CHECK(read_host_file(host_path(ground.path("other/f")), 10) == std::string("of another"));
}

TEST_CASE("a file below is read without links") {
    const Ground ground;
    const auto top = open_host_path(host_path(ground.path("r")));
    ground.link("r/l", "../secret");
    ground.directory("r/d");
    REQUIRE(::mkfifo(ground.path("r/fifo").c_str(), 0644) == 0);
    CHECK(read_file_in(top->ref(), "l", 100).error().sys == ELOOP);
    CHECK(contains(error_of(read_file_in(top->ref(), "d", 100)), "not a regular file"));
    CHECK(contains(error_of(read_file_in(top->ref(), "fifo", 100)), "not a regular file"));
}

TEST_CASE("missing directories are made for root alone") {
    const Ground ground;
    const auto made = make_host_directory(host_path(ground.path("a/b/c")));
    REQUIRE(made);
    CHECK(facts(made->ref(), "")->mode == 0700);
    CHECK(make_host_directory(host_path(ground.path("a/b/c"))));
    CHECK_FALSE(make_host_directory(host_path(ground.path("secret/b"))));
}

TEST_CASE("a locked part is exclusive until release") {
    const Ground ground;
    const auto top = open_host_directory(host_path(ground.path("r")));
    auto kept = lock_part(top->ref(), "lock", 7, 0);
    REQUIRE(kept);
    REQUIRE(kept->has_value());
    CHECK(facts(top->ref(), "lock")->mode == 0200);
    CHECK(lock_part(top->ref(), "lock", ~std::uint64_t{0}, 0)->has_value());
    CHECK_FALSE(lock_part(top->ref(), "lock", 7, 0)->has_value());
    CHECK_FALSE(lock_part(top->ref(), "lock", 7, 50)->has_value());
    kept->reset();
    CHECK(lock_part(top->ref(), "lock", 7, 0)->has_value());
}

TEST_CASE("a lock is no link to another file") {
    const Ground ground;
    ground.link("r/lock", "../secret");
    const auto top = open_host_directory(host_path(ground.path("r")));
    CHECK(lock_part(top->ref(), "lock", 7, 0).error().sys == ELOOP);
}

TEST_CASE("a path is missing without links or files") {
    const Ground ground;
    ground.link("l", "r");
    CHECK(is_missing(host_path(ground.path("r/x"))));
    CHECK(is_missing(host_path(ground.path("x/y"))));
    for (const auto* const name : {"r", "secret", "secret/x", "l", "l/x"})
        CHECK_FALSE(is_missing(host_path(ground.path(name))));
}

TEST_CASE("log lines are never appended through links") {
    const Ground ground;
    const auto log = host_path(ground.path("log"));
    REQUIRE(append_line(log, "one"));
    REQUIRE(append_line(log, "two"));
    CHECK(read_host_file(log, 100) == std::string("one\ntwo\n"));
    ground.link("l", "secret");
    CHECK(append_line(host_path(ground.path("l")), "x").error().sys == ELOOP);
    const auto directory = open_host_directory(host_path(ground.path("")));
    REQUIRE(append_line_in(directory->ref(), "log", "three"));
    CHECK(read_host_file(log, 100) == std::string("one\ntwo\nthree\n"));
    CHECK(append_line_in(directory->ref(), "l", "x").error().sys == ELOOP);
}

TEST_CASE("the host's files are seen as they are") {
    const Ground ground;
    const LinuxHostFs host;
    ground.directory("r/d");
    ground.write("r/f", "content");
    ground.write("r/empty", "");
    ground.link("r/l", "d/../f");
    const auto at = [&](const char* name) { return host_path(ground.path(name)); };
    CHECK(host.read(at("r/f")) == std::string("content"));
    CHECK(host.map(at("r/f"))->bytes() == "content");
    CHECK(host.map(at("r/l"))->bytes() == "content");
    CHECK(host.map(at("r/empty"))->bytes().empty());
    CHECK(host.list(at("r")) == std::vector<std::string>{"d", "empty", "f", "l"});
    CHECK(host.stat(at("r/l"))->type == Type::regular);
    CHECK(host.resolve(at("r/l")) == at("r/f"));
    for (const auto* const missing : {"r/none", "r/f/x"}) {
        CAPTURE(missing);
        CHECK(is_missing(host.read(at(missing)).error()));
        CHECK(is_missing(host.map(at(missing)).error()));
        CHECK(is_missing(host.list(at(missing)).error()));
        CHECK(is_missing(host.stat(at(missing)).error()));
        CHECK(is_missing(host.resolve(at(missing)).error()));
    }
}

// --- the container's root ---

TEST_CASE("no link leads out of the root") {
    const Ground ground;
    ground.directory("r/dir");
    ground.write("r/dir/secret", "of the image");
    ground.link("r/absolute", "/dir");
    ground.link("r/climbing", "../../../../../../../../dir");
    ground.link("r/dir/up", "..");
    ground.link("r/out", ground.path(""));
    ground.link("r/loop", "loop");
    ground.link("r/dangling", "/nowhere");
    ground.link("r/to-file", "dir/secret");
    struct Row {
        const char* path;
        std::string content; ///< empty: nothing is read
    };
    const Row rows[] = {
        {"/dir/secret", "of the image"},
        {"/absolute/secret", "of the image"},
        {"/climbing/secret", "of the image"},
        {"/dir/up/dir/secret", "of the image"},
        {"/dir/up/up/dir/secret", ""},
        {"/to-file", "of the image"},
        {"/out/secret", ""},
        {"/dangling/secret", ""},
        {"/dangling", ""},
        {"/dir/secret/x", ""},
        {"/dir", ""},
    };
    for (const auto& row : rows) {
        CAPTURE(row.path);
        auto root = ground.root();
        const auto text = root.read_linked(inside_path(row.path), 100);
        CAPTURE(error_of(text));
        REQUIRE(text);
        CHECK(text->value_or("") == row.content);
    }
    auto root = ground.root();
    CHECK(root.read_linked(inside_path("/loop"), 100).error().sys == ELOOP);
    CHECK(root.read(inside_path("/dir/secret"), 100)->value_or("") == "of the image");
    for (const auto* const link : {"/to-file", "/dangling", "/loop"})
        CHECK_FALSE(root.read(inside_path(link), 100)->has_value());
    CHECK(root.directory(inside_path("/loop/x")).error().sys == ELOOP);
    CHECK(root.directory(inside_path("/out")).error().sys == ENOENT);
}

TEST_CASE("magic links are not followed") {
    const auto base = open_host_path(host_path("/"));
    auto root = RootDir::open(base->ref(), host_path("/"));
    REQUIRE(root);
    for (const auto* const path : {"/proc/self/root", "/proc/self/cwd", "/proc/self/fd/0"}) {
        CAPTURE(path);
        CHECK(root->directory(inside_path(path)).error().sys == ELOOP);
        CHECK_FALSE(root->read(inside_path(path), 100)->has_value());
        CHECK_FALSE(root->read_linked(inside_path(path), 100).value_or(std::nullopt));
    }
}

TEST_CASE("a read is bounded, and of files alone") {
    const Ground ground;
    ground.write("r/f", "12345");
    REQUIRE(::mkfifo(ground.path("r/fifo").c_str(), 0644) == 0);
    auto root = ground.root();
    CHECK(root.read(inside_path("/f"), 5)->value() == "12345");
    CHECK(contains(error_of(root.read(inside_path("/f"), 4)), "longer than 4 bytes"));
    CHECK(root.read(inside_path("/fifo"), 100)->value_or("nothing") == "nothing");
}

TEST_CASE("a mount point is reused or made") {
    const Ground ground;
    ground.directory("r/dir");
    ground.write("r/file", "kept");
    REQUIRE(::mkfifo(ground.path("r/fifo").c_str(), 0644) == 0);
    ground.link("r/link", ground.path("secret"));
    ground.link("r/out", "/");
    struct Row {
        const char* path;
        bool directory;
        bool given;
        bool made;
        Type type;
    };
    const Row rows[] = {
        {"/file", false, true, false, Type::regular},
        {"/file", true, false, false, Type::regular},
        {"/dir", true, true, false, Type::directory},
        {"/dir", false, false, false, Type::directory},
        {"/fifo", false, true, false, Type::other},
        {"/new", false, true, true, Type::regular},
        {"/newdir", true, true, true, Type::directory},
        {"/link", false, true, true, Type::regular},
    };
    for (const auto& row : rows) {
        CAPTURE(row.path);
        CAPTURE(row.directory);
        auto root = ground.root();
        const auto place = root.mount_point(inside_path(row.path), row.directory);
        CAPTURE(error_of(place));
        CHECK(place.has_value() == row.given);
        CHECK(root.creations().size() == (row.made ? 1 : 0));
        CHECK(ground.type("r" + std::string(row.path)) == row.type);
    }
    CHECK(read_host_file(host_path(ground.path("secret")), 100) == std::string("of the host"));
    CHECK(read_host_file(host_path(ground.path("r/file")), 100) == std::string("kept"));
}

TEST_CASE("directories of a mount point are recorded") {
    const Ground ground;
    ground.link("r/usr", "/real");
    ground.directory("r/real");
    auto root = ground.root();
    REQUIRE(root.mount_point(inside_path("/usr/lib/x/libcuda.so.1"), false));
    CHECK(ground.type("r/real/lib/x/libcuda.so.1") == Type::regular);
    std::string made;
    for (const auto& one : root.creations())
        made += one.path.text() + " ";
    CHECK(made == "/usr/lib /usr/lib/x /usr/lib/x/libcuda.so.1 ");
    CHECK(root.mount_point(inside_path("/usr/lib/x/again"), false));
    CHECK(root.creations().size() == 4);
}

TEST_CASE("a dangling link's target is not made") {
    const Ground ground;
    ground.link("r/usr", ground.path("made-by-mistake"));
    auto root = ground.root();
    CHECK_FALSE(root.mount_point(inside_path("/usr/lib/x"), false));
    CHECK_FALSE(ground.exists("made-by-mistake"));
    CHECK(ground.names("r") == std::vector<std::string>{"usr"});
}

TEST_CASE("a link is made, kept, or replaced") {
    const Ground ground;
    ground.link("r/same", "libx.so.2");
    ground.link("r/other", "libx.so.1");
    ground.write("r/file", "kept");
    ground.directory("r/dir");
    struct Row {
        const char* path;
        bool linked;
        std::size_t creations;
        std::optional<std::string> former;
    };
    const Row rows[] = {
        {"/new", true, 1, {}},   {"/same", true, 0, {}}, {"/other", true, 1, "libx.so.1"},
        {"/file", false, 0, {}}, {"/dir", false, 0, {}},
    };
    for (const auto& row : rows) {
        CAPTURE(row.path);
        auto root = ground.root();
        const auto linked = root.link(inside_path(row.path), "libx.so.2");
        CAPTURE(error_of(linked));
        REQUIRE(linked);
        CHECK(*linked == row.linked);
        CHECK(root.creations().size() == row.creations);
        if (row.creations == 1) {
            CHECK(root.creations().front().former_target == row.former);
            CHECK(root.creations().front().is_link());
        }
        CHECK(ground.target("r" + std::string(row.path)) == (row.linked ? "libx.so.2" : ""));
    }
    CHECK(ground.names("r") == std::vector<std::string>{"dir", "file", "new", "other", "same"});
}

TEST_CASE("creations are removed newest first, originals restored") {
    const Ground ground;
    ground.link("r/l", "before");
    auto root = ground.root();
    REQUIRE(root.link(inside_path("/l"), "after"));
    REQUIRE(root.mount_point(inside_path("/a/b/f"), false));
    REQUIRE(root.mount_point(inside_path("/a/d"), true));
    const auto made = root.creations();
    for (auto one = made.rbegin(); one != made.rend(); ++one) {
        CAPTURE(one->path.text());
        CHECK(root.remove(*one) == true);
    }
    CHECK(ground.names("r") == std::vector<std::string>{"l"});
    CHECK(ground.target("r/l") == "before");
    for (const auto& one : made)
        if (!one.former_target)
            CHECK(root.remove(one) == false);
}

TEST_CASE("what is not what was made stays") {
    struct Row {
        const char* what;
        void (*change)(const Ground&);
        const char* kept;
    };
    const Row rows[] = {
        {"a file that was written to", [](const Ground& g) { g.write("r/d/f", "x"); }, "r/d/f"},
        {"another file of that name",
         [](const Ground& g) {
             g.write("r/d/other", "");
             ::rename(g.path("r/d/other").c_str(), g.path("r/d/f").c_str());
         },
         "r/d/f"},
        {"a link in its place",
         [](const Ground& g) {
             ::unlink(g.path("r/d/f").c_str());
             g.link("r/d/f", "../../secret");
         },
         "r/d/f"},
        {"a directory with something in it", [](const Ground& g) { g.write("r/d/more", ""); },
         "r/d"},
        {"a directory that was moved away, with a link in its place",
         [](const Ground& g) {
             ::rename(g.path("r/d").c_str(), g.path("r/moved").c_str());
             g.link("r/d", "..");
         },
         "r/moved"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.what);
        const Ground ground;
        std::vector<Creation> made;
        {
            auto root = ground.root();
            REQUIRE(root.mount_point(inside_path("/d/f"), false));
            made = root.creations();
        }
        REQUIRE(made.size() == 2);
        row.change(ground);
        auto root = ground.root();
        for (auto one = made.rbegin(); one != made.rend(); ++one)
            (void)root.remove(*one);
        CHECK(ground.exists(row.kept));
        CHECK(ground.exists("secret"));
    }
}

TEST_CASE("nothing is recorded where nothing was made") {
    const Ground ground;
    ground.directory("r/etc");
    auto root = ground.root();
    REQUIRE(root.write(inside_path("/etc/ld.so.cache"), "cache", 0644));
    REQUIRE(root.make_directory(inside_path("/etc")));
    CHECK(root.creations().empty());
    CHECK(root.facts(inside_path("/etc/ld.so.cache"))->mode == 0644);
    CHECK_FALSE(root.write(inside_path("/none/x"), "", 0644));
}

TEST_CASE("a root must be an existing directory") {
    const Ground ground;
    const auto base = open_host_path(host_path("/"));
    CHECK(RootDir::open(base->ref(), host_path(ground.path("none"))).error().sys == ENOENT);
    CHECK(RootDir::open(base->ref(), host_path(ground.path("secret"))).error().sys == ENOTDIR);
}
