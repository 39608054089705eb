// SPDX-License-Identifier: Apache-2.0
// Announces each creation before it is made.
#include "sys/directory.hpp"
#include "sys/former.hpp"
#include "sys/root_dir.hpp"

namespace grapnel::sys {

Status RootDir::announce(const Place& parent, Creation planned, std::string content) const {
    if (!announce_)
        return {};
    const auto directory = GRAPNEL_TRY(facts_of(parent));
    if (directory.mount != mount_)
        return {}; // it goes with its file system, or belongs to a volume
    planned.planned = std::move(content);
    planned.parent_inode = directory.inode;
    return announce_(planned);
}

Status RootDir::announce_temporary(const Place& parent, const InsidePath& path) const {
    return announce(parent, {.path = path.parent() / temporary_name(std::string(path.name()))});
}

Status RootDir::announce_former(const Place& parent, const Creation& creation) const {
    if (!creation.has_former())
        return {};
    if (creation.facts.type != FileFacts::Type::directory)
        return announce_temporary(parent, creation.path);
    const auto aside = creation.path.parent() / name_aside(std::string(creation.path.name()));
    GRAPNEL_TRY(announce_temporary(parent, aside));
    return announce(parent, {.path = aside});
}

Status RootDir::restore(const Place& parent, const Creation& creation) const {
    GRAPNEL_TRY(announce_temporary(parent, creation.path));
    return make_former(parent.fd.ref(), std::string(creation.path.name()), creation);
}

} // namespace grapnel::sys
