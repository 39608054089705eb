// SPDX-License-Identifier: Apache-2.0
#include "apply/cleanup_record.hpp"
#include "apply/record_header.hpp"
#include "apply/record_store.hpp"
#include "support/outcome.hpp"
#include "sys/process_identity.hpp"

#include <doctest/doctest.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using namespace grapnel;
using namespace grapnel::apply;
using test::contains;
using test::error_of;
using File = sys::FileFacts::Type;

sys::Creation made(const char* path, File type, std::uint64_t inode = 5) {
    return {.path = inside_path(path), .facts = {.type = type, .inode = inode, .size = 7}};
}

sys::Creation plan(const char* path, File type, std::string content = {}) {
    sys::Creation creation{.path = inside_path(path), .facts = {.type = type}};
    creation.planned = std::move(content);
    creation.parent_inode = 3;
    return creation;
}

const std::string header = header_line(host_path("/r"), {.inode = 2, .born_ns = 17});

std::vector<sys::Creation> folded(const std::vector<sys::Creation>& creations) {
    const auto record = parse_cleanup_record(header + creation_lines(creations));
    CAPTURE(error_of(record));
    REQUIRE(record);
    return record->creations;
}

void check_same(const sys::Creation& now, const sys::Creation& then) {
    CHECK(now.path == then.path);
    CHECK(now.facts.type == then.facts.type);
    CHECK(now.facts.inode == then.facts.inode);
    CHECK(now.facts.size == then.facts.size);
    CHECK(now.facts.modified_ns == then.facts.modified_ns);
    CHECK(now.planned == then.planned);
    CHECK(now.parent_inode == then.parent_inode);
    CHECK(now.former_target == then.former_target);
    CHECK(now.former_text == then.former_text);
    CHECK(now.former_name == then.former_name);
    CHECK(now.former.inode == then.former.inode);
    CHECK((!then.has_former() || now.former.modified_ns == then.former.modified_ns));
    CHECK(now.former.owner == then.former.owner);
    CHECK((!then.has_former() || now.former.mode == then.former.mode));
}

} // namespace

TEST_CASE("cleanup record is read back as written") {
    std::vector<sys::Creation> creations{
        made("/usr/lib/libcuda.so.1", File::link, ~std::uint64_t{0}),
        made("/usr/lib/x", File::regular), made("/dev", File::directory),
        plan("/usr/lib/y", File::link, "y\xff.so"), plan("/usr/lib/.y", File::other)};
    creations[0].former_target = "libcuda.so.470";
    creations[1].former_text = "a%\n\xff";
    creations[1].facts.modified_ns = 1'700'000'000'123'456'789;
    creations[1].former = {.inode = 77,
                           .mode = 0640,
                           .owner = {.user = 1000, .group = 50},
                           .modified_ns = 1'700'000'000'000'000'001};
    creations[1].former_name = ".x.grapnel-7";
    const auto back = folded(creations);
    REQUIRE(back.size() == creations.size());
    for (std::size_t i = 0; i < creations.size(); ++i)
        check_same(back[i], creations[i]);
    const auto record = parse_cleanup_record(header);
    REQUIRE(record);
    CHECK(record->rootfs == host_path("/r"));
    CHECK(record->root->is({.inode = 2, .born_ns = 17}));
    CHECK(record->creations.empty());
    CHECK(parse_cleanup_record("")->creations.empty());
}

TEST_CASE("a cut record keeps its whole lines") {
    const auto text = header + creation_line(made("/a", File::regular));
    for (std::size_t length = 0; length <= text.size(); ++length) {
        const auto record = parse_cleanup_record(text.substr(0, length));
        REQUIRE(record);
        CHECK(record->creations.size() == (length == text.size() ? 1 : 0));
        CHECK(record->rootfs.text() == (length < header.size() ? "/" : "/r"));
    }
}

TEST_CASE("old record is read back as written") {
    const CleanupRecord record{.rootfs = host_path("/r"),
                               .creations = {made("/a", File::regular), made("/b", File::link)}};
    const auto back = parse_old_record(old_record_text(record));
    REQUIRE(back);
    CHECK(back->rootfs == record.rootfs);
    REQUIRE(back->creations.size() == 2);
    check_same(back->creations[1], record.creations[1]);
}

TEST_CASE("a creation replaces its plan") {
    const auto creations = folded({plan("/a", File::regular), plan("/b", File::link, "x"),
                                   made("/a", File::regular, 1), made("/a", File::regular, 2)});
    REQUIRE(creations.size() == 2);
    CHECK(creations[0].path == inside_path("/b"));
    CHECK(creations[1].facts.inode == 2);
}

TEST_CASE("the image's own comes back over several replacements") {
    auto first = made("/a", File::link, 10);
    first.former_target = "image";
    first.former.inode = 1;
    first.former_name = ".a.grapnel-1";
    auto second = made("/a", File::link, 20);
    second.former_target = "created"; // of the size in made()
    second.former.inode = 10;
    second.former_name = ".a.grapnel-2";
    for (const auto& order : {std::vector{first, second}, std::vector{second, first}}) {
        const auto creations = folded(order);
        REQUIRE(creations.size() == 1);
        CHECK(creations[0].facts.inode == 20);
        CHECK(creations[0].former_target == "image");
        CHECK(creations[0].former_name == ".a.grapnel-1");
    }
    auto killed = plan("/a", File::link, "created");
    killed.former_target = "image";
    const auto creations = folded({killed, second});
    REQUIRE(creations.size() == 1);
    CHECK(creations[0].former_target == "image");
}

TEST_CASE("a reused inode number is another file") {
    auto undone = made("/etc/ld-musl-x86_64.path", File::regular, 30);
    undone.facts.modified_ns = 100;
    undone.former_text = "/lib";
    undone.former = {.inode = 10, .modified_ns = 50};
    // the next start made its file with the number of the image's first one
    auto later = made("/etc/ld-musl-x86_64.path", File::regular, 10);
    later.facts.modified_ns = 200;
    later.former_text = "/lib";
    later.former = {.inode = 40, .modified_ns = 150};
    auto creations = folded({undone, later});
    REQUIRE(creations.size() == 1);
    CHECK(creations[0].facts.inode == 10);

    undone.former_text = "7 bytes"; // the same size
    creations = folded({undone, later});
    REQUIRE(creations.size() == 1);
    CHECK(creations[0].facts.inode == 10);
    CHECK(creations[0].former_text == "/lib");

    later.former_text = "restore"; // restored with the number that the first creation had
    later.former.inode = 30;
    creations = folded({undone, later});
    REQUIRE(creations.size() == 1);
    CHECK(creations[0].former_text == "restore");
}

TEST_CASE("a start's facts are read back as written") {
    const StartFacts start{
        .bundle = "/run/a \"b\"",
        .driver_version = "580.95.05",
        .gpus = {{.index = 1, .minor = 3, .uuid = "GPU-1", .mig = {"MIG-1", "1:2"}},
                 {.index = 2, .minor = 0, .uuid = "GPU-2"}},
    };
    const auto record =
        parse_cleanup_record(header_line(host_path("/r"), {.inode = 2, .born_ns = 17}, start));
    CAPTURE(error_of(record));
    REQUIRE(record);
    CHECK(record->start == start);
}

TEST_CASE("damaged start facts keep no record from cleanup") {
    const StartFacts start{.bundle = "/b", .driver_version = "1.2", .gpus = {{.uuid = "GPU-1"}}};
    const auto good = header_line(host_path("/r"), {}, start);
    for (const auto* const part : {"\"/b\"", "\"1.2\"", "\"GPU-1\"", "[{\"index\":0"}) {
        CAPTURE(part);
        auto text = good;
        const std::string damage = part[0] == '[' ? "[7,{\"index\":-1" : "null";
        text.replace(text.find(part), std::string(part).size(), damage);
        const auto record = parse_cleanup_record(text);
        REQUIRE(record);
        CHECK_FALSE(record->start == start);
        CHECK(record->rootfs == host_path("/r"));
    }
    CHECK(parse_cleanup_record(header)->start == StartFacts{});
}

TEST_CASE("a damaged record is refused with the culprit") {
    const std::string entry = R"({"path":"/x","type":"file","inode":2,"size":0})";
    const auto good = header + entry + "\n";
    REQUIRE(parse_cleanup_record(good));
    struct Row {
        const char* part;
        const char* damage;
        const char* culprit;
    };
    const Row rows[] = {
        {"{\"version", "[\"version", "version"},
        {"\"version\"", "\"edition\"", "version"},
        {"\"/r\"", "1", "rootfs"},
        {"\"/r\"", "\"r\"", "not absolute"},
        {"rootfs", "root", "rootfs"},
        {"\"root_inode\":2", "\"root_inode\":-2", "root_inode"},
        {"\"root_born\":17", "\"root_born\":null", "root_born"},
        {"\"/x\"", "\"/../x\"", "'..'"},
        {"\"/x\"", "null", "path"},
        {"\"file\"", "\"fifo\"", "type"},
        {"\"file\"", "\"temporary\"", "type"},
        {"\"file\"", "1", "type"},
        {"\"inode\":2", "\"inode\":2.5", "inode"},
        {"\"size\":0", "\"length\":0", "size"},
        {"\"size\":0", "\"size\":0,\"former_target\":1", "former_target"},
        {"\"size\":0", "\"size\":0,\"former_text\":\"%0\"", "former_text"},
        {"\"size\":0", "\"size\":0,\"former_name\":\"../a\"", "former_name"},
        {"\"size\":0", "\"size\":0,\"former_inode\":1,\"former_user\":4294967296", "former_user"},
        {"\"size\":0", "\"size\":0,\"modified\":\"1\"", "modified"},
        {"\"size\":0", "\"planned\":\"\"", "parent"},
    };
    for (const auto& row : rows) {
        CAPTURE(row.damage);
        auto text = good;
        text.replace(text.rfind(row.part), std::string(row.part).size(), row.damage);
        const auto error = error_of(parse_cleanup_record(text));
        CAPTURE(error);
        CHECK(contains(error, row.culprit));
        CHECK_FALSE(error.empty());
    }
    CHECK_FALSE(parse_cleanup_record(entry + "\n"));
    CHECK_FALSE(parse_cleanup_record(header + header));
    CHECK_FALSE(parse_cleanup_record(header + "[]\n"));
    CHECK(parse_cleanup_record(header + "{\"path\":\"/y\",\n" + entry + "\n")->creations.size()
          == 1);
}

TEST_CASE("a record's header is read while parsing") {
    const StartFacts whole{
        .bundle = "/run/b",
        .driver_version = "580.95.05",
        .gpus = {{.index = 0, .minor = 3, .uuid = "GPU-1"}, {.index = 7, .mig = {"MIG-1", "7:0"}}},
        .process = sys::ProcessIdentity{12, 34, 56}};
    auto of_earlier_version = whole;
    of_earlier_version.process.reset();
    const StartFacts without_gpu{.bundle = "/b"};
    for (const auto& start : {whole, of_earlier_version, without_gpu}) {
        const auto line = header_line(host_path("/r"), {.inode = 2, .born_ns = -17}, start);
        CAPTURE(line);
        const auto read = read_record_header(line);
        REQUIRE(read);
        CHECK(read->rootfs == "/r");
        CHECK(read->start == start);
        CHECK(parse_cleanup_record(line)->start == start);
        CHECK_FALSE(read_record_header(line + line));
        for (std::size_t size = 0; size < line.size(); ++size)
            CHECK_FALSE(read_record_header(line.substr(0, size)));
    }
    CHECK_FALSE(read_record_header(header_line(host_path("/a b%\"'"), {}, whole)));
    CHECK_FALSE(read_record_header(header)); // has no facts
}

TEST_CASE("a later process of an ID is another") {
    const auto own = sys::process_identity(getpid());
    REQUIRE(own);
    CHECK_FALSE(sys::has_ended(*own));
    CHECK(sys::parse_process_identity(sys::to_text(*own)) == own.value());
    auto later = *own;
    ++later.start_time;
    CHECK(sys::has_ended(later));
    auto elsewhere = later;
    ++elsewhere.pid_namespace;
    CHECK_FALSE(sys::has_ended(elsewhere));
    for (const auto* const text : {"", "1-2", "1-2-3-4", "-1-2-3", "0-2-3", "1-x-3"})
        CHECK_FALSE(sys::parse_process_identity(text));
}

TEST_CASE("a container's record name fits a file name") {
    const State state{.id = std::string(1000, 'a'), .bundle = host_path("/b")};
    CHECK(record_name(record_key(state)).size() < 64);
    CHECK(record_key({.id = "c1", .bundle = host_path("/b")}).starts_with("c1-"));
}

TEST_CASE("a missing path means the rootfs is gone") {
    const auto gone = [](const std::vector<MountInfo>& mounts, const char* rootfs) {
        return is_gone(host_path(rootfs), mounts);
    };
    const MountInfo disk{.point = "/", .type = "ext4"};
    CHECK(gone({disk}, "/nonexistent/a/rootfs"));
    CHECK_FALSE(gone({disk}, "/usr"));
    for (const auto* const type : {"nfs4", "fuse.sshfs", "autofs", "cifs", "a new one"}) {
        CAPTURE(type);
        CHECK_FALSE(gone({disk, {.point = "/nonexistent", .type = type}}, "/nonexistent/rootfs"));
        CHECK_FALSE(gone({{.point = "/", .type = type}, {.point = "/nonexistent", .type = "xfs"}},
                         "/nonexistent/rootfs"));
        CHECK(gone({disk, {.point = "/nonexistent", .type = type}}, "/nonexistent-too/rootfs"));
    }
    // it is mounted: in use
    CHECK_FALSE(
        gone({disk, {.point = "/nonexistent/rootfs", .type = "overlay"}}, "/nonexistent/rootfs"));
}
