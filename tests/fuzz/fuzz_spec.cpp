// SPDX-License-Identifier: Apache-2.0
// The bundle's config.json. Input: its JSON. What is read is compared with the JSON itself.
#include "fuzz.hpp"
#include "oci/json.hpp"
#include "oci/spec.hpp"

using namespace grapnel;
using fuzz::expect;

namespace {

using oci::Json;

const Json& at(const Json& object, const char* key) {
    static const Json missing;
    const auto found = object.find(key);
    return found == object.end() ? missing : *found;
}

void expect_number(const Json& written, const std::optional<std::uint32_t>& read) {
    if (written.is_null()) {
        expect(!read, "a missing number stands for any");
        return;
    }
    expect(written.is_number_integer(), "a device number is an integer");
    const bool negative = !written.is_number_unsigned() && written.get<std::int64_t>() < 0;
    expect(negative == !read, "a negative number, and no other, stands for any");
    if (read)
        expect(written.get<std::uint64_t>() == *read, "a device number is read as written");
}

void expect_rule(const Json& written, const DeviceRule& read) {
    expect(written.is_object(), "a rule is an object");
    expect_number(at(written, "major"), read.major);
    expect_number(at(written, "minor"), read.minor);
    const auto& allow = at(written, "allow");
    expect(read.allow == (allow.is_boolean() && allow.get<bool>()), "a rule allows what says so");
    expect(read.access >= 1 && read.access <= 7, "a rule has accesses, and no unknown ones");
    const auto& type = at(written, "type");
    if (type == "c" || type == "b")
        expect((read.type == DeviceRule::Type::block) == (type == "b"),
               "a type is read as written");
    if (read.type == DeviceRule::Type::all)
        expect(type.is_null() || type == "" || type == "a", "only a rule that says so is for all");
}

void expect_environment(const Spec& spec) {
    for (const auto& entry : spec.environment) {
        const auto equals = entry.find('=');
        if (equals == std::string::npos)
            continue;
        std::string_view last;
        for (const auto& other : spec.environment)
            if (other.starts_with(entry.substr(0, equals + 1)))
                last = std::string_view(other).substr(equals + 1);
        expect(spec.variable(entry.substr(0, equals)) == last, "the last value counts");
    }
}

} // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto text = fuzz::as_text(data, size);
    const auto spec = parse_spec(text, {""});
    if (!spec) {
        fuzz::expect_printable(spec.error());
        return 0;
    }
    const auto json = Json::parse(text, nullptr, false);
    if (json.is_discarded()) // by a mistake in a member that is not read
        return 0;
    expect(json.is_object() && at(json, "process").is_object(), "a specification is an object");
    expect(at(at(json, "root"), "path") == spec->root_path, "root.path is read as written");
    if (at(at(json, "process"), "env").is_array())
        expect(at(at(json, "process"), "env") == spec->environment, "process.env is read whole");
    for (const auto& [key, value] : spec->annotations)
        expect(at(at(json, "annotations"), key.c_str()) == value,
               "annotations are read as written");
    expect(at(json, "annotations").size() == spec->annotations.size(),
           "annotations are read whole");
    const auto& devices = at(at(at(json, "linux"), "resources"), "devices");
    auto read = spec->device_rules.begin();
    for (const auto& written : devices)
        if (at(written, "type") != "p") { // FIFOs are no matter of a device cgroup
            expect(read != spec->device_rules.end(), "every device rule is read");
            expect_rule(written, *read++);
        }
    expect(read == spec->device_rules.end(), "no device rule is made up");
    if (spec->environment.size() < 100)
        expect_environment(*spec);
    const auto bundle = host_path("/run/bundle");
    const auto rootfs = rootfs_path(*spec, bundle);
    if (!rootfs) {
        fuzz::expect_printable(rootfs.error());
        return 0;
    }
    fuzz::expect_normal(rootfs->text());
    return 0;
}
